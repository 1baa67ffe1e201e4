//! `doctor`: what is present, what is not, how to get it.

use std::io::Write as _;
use std::path::Path;

use agendum_store_sqlite::Directory;
use clap::ValueEnum as _;
use owo_colors::OwoColorize as _;
use serde_json::json;

use super::Context;
use super::configuration::{self, Theirs};
use crate::client::Client;
use crate::failure::{FAILED, Failure};
use crate::host::made_indexes;
use crate::programs::{self, Example};
use crate::{next, show, targets};

struct Finding {
    what: String,
    ok: bool,
    said: String,
}

pub(crate) async fn doctor(context: &Context) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut add = |what: &str, ok: bool, said: String| findings.push(Finding { what: what.to_owned(), ok, said });
    add("configuration", true, configuration::file(context));
    let faults = context.config.faults();
    for fault in &faults {
        add("configuration", false, format!("{}; {}", fault.message, fault.hint));
    }
    if let Some(theirs) = Theirs::of(context) {
        add("in force", theirs.differences.is_empty(), theirs.sentence());
    }
    let names: Vec<_> = targets::declared(&context.config).iter().map(|target| target.name.to_string()).collect();
    add("targets", true, names.join(", "));
    let directory = Directory::look(&context.data);
    add("data", true, format!("{}{}", context.data.display(), if directory.exists() { "" } else { " (not made yet)" }));
    match directory.owner() {
        None => add("owner", true, "none: commands host the engine themselves".to_owned()),
        Some(owner) => {
            let answers = match Client::new(&owner.address, &owner.token) {
                Ok(client) => client.ping().await.is_ok(),
                Err(_) => false,
            };
            let said = if answers { "answers" } else { "does not answer: is it stopped?" };
            add("owner", answers, format!("process {} at {}: {said}", owner.pid, owner.address));
        }
    }
    let indexes = made_indexes(&context.data);
    add(
        "indexes",
        true,
        if indexes.is_empty() { format!("none: {} index add NAME PATH", next::reading()) } else { indexes.join(", ") },
    );
    let model = context.config.note_on_key().unwrap_or_else(|| {
        "offline/extractive is built in; for a neural one set OPENAI_API_KEY, or add a target to agendum.toml"
            .to_owned()
    });
    add("model", true, model);
    for example in Example::value_variants() {
        let found = example.look().await;
        let here = found.iter().filter(|one| one.place.is_some()).count();
        let said = format!("{here} of {} things it needs: agendum doctor {}", found.len(), example.name());
        add(&format!("examples/{}", example.name()), here == found.len(), said);
    }
    if context.json {
        let list: Vec<_> =
            findings.iter().map(|one| json!({ "what": one.what, "ok": one.ok, "detail": one.said })).collect();
        show::json(&list)?;
        return if faults.is_empty() { Ok(()) } else { Err(Failure::silent(FAILED)) };
    }
    let mut out = show::out();
    for Finding { what, ok, said } in findings {
        let mark = if ok { "✓".green().to_string() } else { "–".yellow().to_string() };
        writeln!(out, "{mark} {what:<24} {said}")?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::silent(FAILED)) }
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
