//! `doctor`: what is present, what is not, how to get it.

use std::io::Write as _;
use std::path::Path;

use agendum_engine::Room;
use agendum_store_sqlite::{Directory, SqliteStore};
use agendum_wire::v1::NoticeLine;
use clap::ValueEnum as _;
use owo_colors::OwoColorize as _;
use serde_json::json;

use super::configuration::{self, Theirs};
use super::{Context, notices};
use crate::client::Client;
use crate::failure::{FAILED, Failure};
use crate::host::{made_indexes, no_data_folder};
use crate::hosting::{Need, Session, reach};
use crate::programs::{self, Example};
use crate::{next, show, targets};

/// Characters of what is said of a plan.
const LINE_MAX: usize = 200;

/// How it is with something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    /// Not here, and not needed by everybody.
    Lacks,
    /// Commands will fail.
    Broken,
}

struct Finding {
    what: String,
    state: State,
    said: String,
}

pub(crate) async fn doctor(context: &Context) -> Result<(), Failure> {
    let findings = look(context).await;
    let ended =
        if findings.iter().any(|one| one.state == State::Broken) { Err(Failure::silent(FAILED)) } else { Ok(()) };
    if context.json {
        let list: Vec<_> = findings
            .iter()
            .map(|one| json!({ "what": one.what, "ok": one.state == State::Fine, "detail": one.said }))
            .collect();
        return show::json(&list).and(ended);
    }
    let mut out = show::out();
    for Finding { what, state, said } in findings {
        let mark = match state {
            State::Fine => "✓".green().to_string(),
            State::Lacks => "–".yellow().to_string(),
            State::Broken => "✗".red().to_string(),
        };
        writeln!(out, "{mark} {what:<24} {said}")?;
    }
    ended
}

async fn look(context: &Context) -> Vec<Finding> {
    use State::{Broken, Fine, Lacks};
    let mut findings = Vec::new();
    let mut add =
        |what: &str, state: State, said: String| findings.push(Finding { what: what.to_owned(), state, said });
    let faults = context.config.faults();
    add("configuration", if faults.is_empty() { Fine } else { Broken }, configuration::file(context));
    for fault in &faults {
        add("configuration", Broken, format!("{}; {}", fault.message, fault.hint));
    }
    if let Some(theirs) = Theirs::of(context) {
        add("in force", if theirs.differences.is_empty() { Fine } else { Lacks }, theirs.sentence());
    }
    if let Ok(policy) = context.config.policy() {
        add("policy", Fine, policy.to_string());
    }
    let names: Vec<_> = targets::declared(&context.config).iter().map(|target| target.name.to_string()).collect();
    add("targets", Fine, names.join(", "));
    let directory = Directory::look(&context.data);
    match opens(&directory, &context.data) {
        Ok(said) => {
            add("data", Fine, format!("{}{said}", context.data.display()));
            let (state, said) = room(&directory, context.config.limits.0.disk_reserve);
            add("room", state, said);
        }
        Err(failure) => add("data", Broken, failure.message().to_owned()),
    }
    match directory.owner() {
        None => add("owner", Fine, "none: commands host the engine themselves".to_owned()),
        Some(owner) => match reach(&owner, &context.data).await {
            Ok(_) => add("owner", Fine, format!("process {} at {}: answers", owner.pid, owner.address)),
            Err(failure) => add("owner", Broken, failure.message().to_owned()),
        },
    }
    let (failing, plan) = asked(context, &directory).await;
    if let Some(plan) = plan {
        add("plan", Fine, plan);
    }
    for (what, said) in failing {
        add(&what, Lacks, said);
    }
    add("indexes", Fine, indexes(context));
    add("model", Fine, model(context));
    for example in Example::value_variants() {
        let found = example.look().await;
        let here = found.iter().filter(|one| one.place.is_some()).count();
        let said = format!("{here} of {} things it needs: agendum doctor {}", found.len(), example.name());
        add(&format!("examples/{}", example.name()), if here == found.len() { Fine } else { Lacks }, said);
    }
    findings
}

/// What whoever has the directory says, or what is kept there: endpoints that do not take what they are told, and the plan in force.
async fn asked(context: &Context, directory: &Directory) -> (Vec<(String, String)>, Option<String>) {
    let Some(owner) = directory.owner() else {
        if !directory.exists() {
            return Default::default();
        }
        // Why it cannot be read is told above.
        let Ok(session) = Session::open(&context.config, &context.data, Need::Reading).await else {
            return Default::default();
        };
        let said = said_by(&session.client).await;
        session.stop().await;
        return said;
    };
    match reach(&owner, &context.data).await {
        Ok(client) => said_by(&client).await,
        Err(_told) => Default::default(),
    }
}

async fn said_by(client: &Client) -> (Vec<(String, String)>, Option<String>) {
    let endpoints = client.notices().await.unwrap_or_default().endpoints;
    let trouble = |line: &NoticeLine| {
        let trouble = notices::trouble(line)?;
        Some((format!("notices.{}", line.endpoint), format!("{trouble}; {} due", line.due)))
    };
    let in_force = client.plan_in_force().await.unwrap_or_default();
    let plan = in_force.map(|plan| {
        format!("{}, number {}, until {}: {}", plan.name, plan.number, plan.until, plan.changes.join(", "))
    });
    (endpoints.iter().filter_map(trouble).collect(), plan.map(|plan| show::one_line(&show::in_line(&plan), LINE_MAX)))
}

/// Whether a host would take runs in there.
fn room(directory: &Directory, reserve: u64) -> (State, String) {
    match directory.room() {
        Ok(left) => (if left < reserve { State::Broken } else { State::Fine }, Room { left, reserve }.to_string()),
        Err(error) => (State::Lacks, format!("not known: {error}")),
    }
}

/// Opens the data directory as a command that reads would; one without runs must be fit for the first.
fn opens(directory: &Directory, data: &Path) -> Result<&'static str, Failure> {
    if directory.exists() {
        SqliteStore::open(directory)?;
        directory.secret()?;
        return Ok("");
    }
    directory.has_not_lost_its_journal()?;
    directory.try_make().map(|()| " (not made yet)").map_err(|error| no_data_folder(data, &error))
}

/// Those that were made, and those of the configuration that a host will make.
fn indexes(context: &Context) -> String {
    let mut indexes = made_indexes(&context.data);
    let missing: Vec<String> = context.config.indexes.keys().filter(|name| !indexes.contains(name)).cloned().collect();
    indexes.extend(missing.iter().map(|name| format!("{name} (not made yet: the next run makes it)")));
    if indexes.is_empty() { format!("none: {} index add NAME PATH", next::reading()) } else { indexes.join(", ") }
}

/// Which model answers.
fn model(context: &Context) -> String {
    let own = context.config.own_models();
    context.config.note_on_key().unwrap_or_else(|| {
        if own.is_empty() {
            "offline/extractive is built in; for a neural one set OPENAI_API_KEY, or add a target to agendum.toml"
                .to_owned()
        } else {
            format!("configured: {}", own.join(", "))
        }
    })
}

/// How an example is run from here.
fn start(example: Example) -> String {
    let graph = format!("examples/{}/graph.yaml", example.name());
    if Path::new(&graph).is_file() {
        format!("{} run {graph}", next::graph())
    } else {
        format!("nothing is missing; the example is {graph} in Agendum's repository")
    }
}

/// What an example needs, piece by piece; a failure if something is missing.
pub(crate) async fn example(json: bool, example: Example) -> Result<(), Failure> {
    let found = example.look().await;
    let install = programs::install(&found);
    if json {
        let needs: Vec<_> = found
            .iter()
            .map(|one| {
                let (ok, place) = (one.place.is_some(), &one.place);
                json!({ "what": one.what, "ok": ok, "version": one.version, "place": place, "package": one.package })
            })
            .collect();
        show::json(&json!({ "example": example.name(), "ok": install.is_none(), "needs": needs, "install": install }))?;
    } else {
        let mut out = show::out();
        for one in &found {
            let mark = if one.place.is_some() { "✓".green().to_string() } else { "–".yellow().to_string() };
            let place = one.place.clone().unwrap_or_else(|| format!("missing: Debian's package {}", one.package));
            writeln!(out, "{mark} {:<24} {:<10} {place}", one.what, one.version.as_deref().unwrap_or_default())?;
        }
        match &install {
            Some(command) => writeln!(out, "\n{command}")?,
            None => writeln!(out, "\n{}", start(example))?,
        }
    }
    if install.is_some() { Err(Failure::silent(FAILED)) } else { Ok(()) }
}
