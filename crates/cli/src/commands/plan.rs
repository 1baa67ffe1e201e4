//! `plan`: other parameters for a while: what is wrong with documents, what is in force, what was.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agendum_planner::{Figure, Finding, Lint, lint};
use agendum_spec::policy::plan::{self, Checked};
use agendum_spec::policy::{Difference, differences};
use agendum_spec::{Diagnostic, Severity};
use agendum_store_sqlite::Directory;
use agendum_types::{Limits, Policy};
use agendum_wire::v1::{PlanLine, Plans, Publish, Withdrawn};
use serde_json::{Value as Json, json};

use super::replay::There;
use super::{Context, propose, runs};
use crate::args::Plan as Command;
use crate::failure::{Failure, USAGE};
use crate::hosting::{Need, Session, tell};
use crate::show::{self, MORE, counted};
use crate::{next, source};

pub(crate) async fn plan(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Check { files } => check(context, &files),
        Command::Publish { file } => publish(context, &file).await,
        Command::Withdraw { why } => withdraw(context, why).await,
        Command::Ls { limit } => ls(context, limit).await,
        Command::Show { number } => {
            let mut query = vec![("limit", "1".to_owned())];
            query.extend(number.map(|number| ("before", number.saturating_add(1).to_string())));
            listed(context, query, async |plans| show(context, number, &plans)).await
        }
        Command::Propose(asked) => propose::propose(context, &asked).await,
    }
}

/// A document of a plan, checked against the policy in force.
struct Document {
    name: String,
    text: String,
    checked: Checked,
    lint: Lint,
}

impl Document {
    fn read(path: &Path, policy: &Policy, limits: &Limits) -> Result<Self, Failure> {
        let (name, text) = source::read(path, limits)?;
        let checked = plan::check(&text, policy, limits);
        let lint = checked.accepted.as_ref().map(|accepted| lint(&accepted.plan, policy)).unwrap_or_default();
        Ok(Self { name, text, checked, lint })
    }

    fn is_fit(&self) -> bool {
        self.checked.accepted.is_some() && self.lint.refused.is_empty()
    }

    /// What is wrong with it, and what whoever takes it should know; on stderr.
    fn tell(&mut self) -> std::io::Result<()> {
        show::diagnostics(&self.name, &self.text, std::mem::take(&mut self.checked.diagnostics))?;
        for finding in &self.lint.refused {
            tell(&format!("{}: error: {}{}", self.name, finding.message, help(finding)));
        }
        for finding in &self.lint.flags {
            tell(&format!("{}: note: {}{}", self.name, finding.message, help(finding)));
        }
        Ok(())
    }

    /// In a line.
    fn summary(&self, policy: &Policy) -> String {
        let count =
            |severity| self.checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let errors = count(Severity::Error) + self.lint.refused.len();
        let warnings = count(Severity::Warning) + self.lint.flags.len();
        let mut parts = Vec::new();
        if let Some(accepted) = &self.checked.accepted {
            let plan = &accepted.plan;
            // Of another policy it is not known here what it changes.
            let changes = match *plan.policy == *policy.version() {
                true => counted(differences(policy, &plan.rules).len(), "parameter"),
                false => "parameters".to_owned(),
            };
            parts.push(format!("{}, changes {changes} of {} for {}", plan.version(), plan.policy, plan.lasts));
        }
        parts.extend((errors > 0).then(|| counted(errors, "error")));
        parts.extend((warnings > 0).then(|| counted(warnings, "note")));
        let more = if self.checked.more { format!("; {MORE}") } else { String::new() };
        format!("{}: {}{more}", self.name, parts.join(", "))
    }

    fn json(&self, policy: &Policy) -> Json {
        let finding = |of: &Finding| json!({ "code": of.code, "message": of.message, "help": of.help });
        let accepted = self.checked.accepted.as_ref();
        json!({
            "document": self.name,
            "publishable": self.is_fit(),
            "plan": accepted.map(|of| json!({ "name": &*of.plan.name, "hash": of.plan.hash.to_string(), "policy": &*of.plan.policy })),
            "changes": accepted.map(|of| changes(policy, &of.plan.rules)),
            "refused": self.lint.refused.iter().map(finding).collect::<Vec<_>>(),
            "flags": self.lint.flags.iter().map(finding).collect::<Vec<_>>(),
            "diagnostics": self.checked.diagnostics.iter().map(Diagnostic::json).collect::<Vec<_>>(),
            "more": self.checked.more,
        })
    }
}

fn help(finding: &Finding) -> String {
    if finding.help.is_empty() { String::new() } else { format!(" ({})", finding.help) }
}

/// What a plan has otherwise than the policy, a line each, with what it means.
fn changed(policy: &Policy, rules: &Policy) -> Result<(), Failure> {
    let mut out = show::out();
    for of in differences(policy, rules) {
        writeln!(out, "{}", out.harmless(&format!("    {of}  {}", of.meaning)))?;
    }
    Ok(())
}

/// What the one has otherwise than the other, for machines.
pub(super) fn changes(policy: &Policy, rules: &Policy) -> Vec<Json> {
    let change =
        |of: Difference| json!({ "path": of.path, "meaning": of.meaning, "from": of.values[0], "to": of.values[1] });
    differences(policy, rules).into_iter().map(change).collect()
}

fn check(context: &Context, files: &[PathBuf]) -> Result<(), Failure> {
    let policy = in_force(context)?;
    let mut wrong = Vec::new();
    for path in files {
        let mut document = Document::read(path, &policy, &context.config.limits.0)?;
        let (summary, is_fit) = (document.summary(&policy), document.is_fit());
        if context.json {
            show::json(&document.json(&policy))?;
        } else {
            document.tell()?;
        }
        if !is_fit {
            wrong.push(summary);
        } else if !context.json {
            writeln!(show::out(), "{summary}")?;
            if let Some(accepted) = &document.checked.accepted {
                changed(&policy, &accepted.plan.rules)?;
            }
            if document.name != "-" {
                tell(&format!("next: {} plan publish {}", next::hosting(), next::quoted(&document.name)));
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false if context.json => Err(Failure::silent(USAGE)),
        false => Err(Failure::new(USAGE, wrong.join("\n  "))),
    }
}

/// The policy in force where the data directory is.
pub(super) fn in_force(context: &Context) -> Result<Arc<Policy>, Failure> {
    Ok(There::of(context).policy(context)?.accepted.policy)
}

async fn publish(context: &Context, file: &Path) -> Result<(), Failure> {
    let policy = in_force(context)?;
    let mut document = Document::read(file, &policy, &context.config.limits.0)?;
    if !document.is_fit() {
        let summary = document.summary(&policy);
        if context.json {
            show::json(&document.json(&policy))?;
            return Err(Failure::silent(USAGE));
        }
        document.tell()?;
        return Err(Failure::new(USAGE, summary));
    }
    publish_text(context, std::mem::take(&mut document.text), async |line| told_of(context, line)).await
}

/// Puts a document in force that was found to be one.
pub(super) async fn publish_text(
    context: &Context,
    text: String,
    tells: impl AsyncFnOnce(&PlanLine) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let asked = Publish { document: Json::String(text) };
    runs::in_session(context, Need::Engine, async |session: &mut Session| {
        tells(&session.client.publish(&asked).await?).await
    })
    .await
}

/// What became of a plan.
pub(super) fn told_of(context: &Context, line: &PlanLine) -> Result<(), Failure> {
    if context.json { show::json(line) } else { told(line) }
}

async fn withdraw(context: &Context, why: Option<String>) -> Result<(), Failure> {
    if !Directory::look(&context.data).exists() {
        return not_withdrawn(context, &Withdrawn::default());
    }
    let query: Vec<_> = why.map(|why| ("why", why)).into_iter().collect();
    runs::in_session(context, Need::Engine, async |session: &mut Session| {
        let withdrawn = session.client.withdraw(&query).await?;
        match &withdrawn.plan {
            Some(line) if !context.json => told(line),
            Some(_) | None => not_withdrawn(context, &withdrawn),
        }
    })
    .await
}

fn not_withdrawn(context: &Context, said: &Withdrawn) -> Result<(), Failure> {
    if context.json {
        return show::json(said);
    }
    tell("no plan is in force: the policy counts alone");
    Ok(())
}

/// Page by page: documents may be long.
async fn ls(context: &Context, limit: u32) -> Result<(), Failure> {
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let mut found = Plans::default();
        loop {
            let left = limit as usize - found.plans.len();
            let mut query = vec![("limit", left.to_string())];
            query.extend(found.next.map(|before| ("before", before.to_string())));
            let page = session.client.plans(&query).await?;
            found.next = page.next;
            let is_last = page.next.is_none() || page.plans.len() >= left;
            found.plans.extend(page.plans);
            if is_last {
                return list(context, &found);
            }
        }
    })
    .await
}

async fn listed(
    context: &Context,
    query: Vec<(&str, String)>,
    tells: impl AsyncFnOnce(Plans) -> Result<(), Failure>,
) -> Result<(), Failure> {
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        tells(session.client.plans(&query).await?).await
    })
    .await
}

fn list(context: &Context, plans: &Plans) -> Result<(), Failure> {
    if context.json {
        return show::json(plans);
    }
    if plans.plans.is_empty() {
        tell(&format!("no plan was published yet: {} plan propose looks for one", next::reading()));
        return Ok(());
    }
    let mut out = show::out();
    for line in &out.harmless_value(plans).plans {
        writeln!(out, "{}", headline(line))?;
        writeln!(out, "    {}", show::one_line(&line.changes.join(", "), LINE_MAX))?;
    }
    if plans.next.is_some() {
        tell(&format!("the latest {}: -n shows more", plans.plans.len()));
    }
    Ok(())
}

/// Characters of the changes of a plan in a line.
const LINE_MAX: usize = 200;

/// `7  busy-hours  in force until …  by local at …`.
fn headline(line: &PlanLine) -> String {
    let ended = line.ended.as_deref().unwrap_or("–");
    let state = match &*line.state {
        PlanLine::IN_FORCE => format!("in force until {}", line.until),
        "other_policy" => format!("not in force, another policy is; ends {}", line.until),
        "withdrawn" => {
            let why = line.why.as_ref().map_or_else(String::new, |why| format!(": {}", show::in_line(why)));
            format!("withdrawn {ended} by {}{why}", line.withdrawn_by.as_deref().unwrap_or("–"))
        }
        state => format!("{state} {ended}"),
    };
    format!("{}  {}  {state}; published {} by {}, for {}", line.number, line.name, line.at, line.by, line.policy)
}

fn told(line: &PlanLine) -> Result<(), Failure> {
    let mut out = show::out();
    let line = &out.harmless_value(line);
    writeln!(out, "{}", headline(line))?;
    for change in &line.changes {
        writeln!(out, "    {change}")?;
    }
    for flag in &line.flags {
        tell(&format!("note: {flag}"));
    }
    Ok(())
}

fn show(context: &Context, number: Option<u64>, plans: &Plans) -> Result<(), Failure> {
    let is_it = |line: &&PlanLine| number.is_none_or(|number| number == line.number);
    let Some(line) = plans.plans.first().filter(is_it) else {
        let what = number
            .map_or_else(|| "no plan was published yet".to_owned(), |number| format!("there is no plan {number}"));
        return Err(Failure::usage(what).hint(format!("{} plan ls", next::reading())));
    };
    if context.json {
        return show::json(line);
    }
    told(line)?;
    let mut out = show::out();
    let line = &out.harmless_value(line);
    if let Some(description) = &line.description {
        writeln!(out, "{}", description.trim_end())?;
    }
    let document = &line.document;
    let evidence = &document["evidence"];
    if evidence["runs"].as_u64().unwrap_or_default() > 0 {
        let sure = document["confidence"].as_f64().unwrap_or_default() * 100.0;
        let (how, runs) = (evidence["how"].as_str().unwrap_or_default(), &evidence["runs"]);
        let attempts = evidence["attempts"].as_u64().filter(|attempts| *attempts > 0);
        let attempts = attempts.map_or_else(String::new, |attempts| format!(" with {attempts} attempts"));
        let sure = if sure > 0.0 { format!(", sure by {sure:.0} %") } else { String::new() };
        let how = if how.is_empty() { String::new() } else { format!("; {how}") };
        writeln!(out, "evidence: {runs} runs{attempts}{sure}{how}")?;
    }
    for (figure, change) in document["expected"].as_object().into_iter().flatten() {
        let change = change.as_f64().unwrap_or_default();
        let (sign, size) = (if change < 0.0 { "−" } else { "+" }, change.abs());
        let by = Figure::from_word(figure).map_or_else(|| format!("{:.1} %", size * 100.0), |of| of.told(size));
        writeln!(out, "expected: {figure} {sign}{by}")?;
    }
    Ok(())
}
