//! `policy`: what is wrong with policy documents, what they say, and where two of them differ.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agendum_spec::policy::{Accepted, Checked, Difference, built_in, differences, parameters, plan};
use agendum_spec::{Diagnostic, Severity};
use agendum_store_sqlite::Directory;
use agendum_types::{Limits, Policy};
use agendum_wire::v1::PlanLine;
use serde_json::{Value as Json, json};

use super::{Context, runs};
use crate::args::Policy as Command;
use crate::failure::{Failure, USAGE};
use crate::hosting::{Need, Session};
use crate::in_force::InForce;
use crate::next;
use crate::policies::{Document, Found, Named};
use crate::show::{self, MORE, counted};

/// The one in force: that of the process that owns the data directory, else the configuration's; and the plan that changes it for a while.
pub(crate) async fn in_force(context: &Context) -> Result<(), Failure> {
    let (found, hosted) = match InForce::other(&context.data, &InForce::of(&context.config)) {
        Some((owner, theirs, _)) => (theirs.policy()?, Some(theirs.hosted(&owner, &context.data))),
        None => (context.config.sound_policy()?, None),
    };
    if !Directory::look(&context.data).exists() {
        return shown(context.json, &found, hosted.as_deref(), None);
    }
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let line = session.client.plan_in_force().await?;
        let planned = line.and_then(|line| Planned::read(line, &found.accepted.policy));
        shown(context.json, &found, hosted.as_deref(), planned.as_ref())
    })
    .await
}

/// A plan that is in force, and what counts under it.
struct Planned {
    line: PlanLine,
    rules: Arc<Policy>,
}

impl Planned {
    /// None if this release does not understand it.
    fn read(line: PlanLine, policy: &Policy) -> Option<Self> {
        let text = line.document.to_string();
        let limits = Limits { document_bytes_max: text.len(), ..Limits::STANDARD };
        plan::check(&text, policy, &limits)
            .accepted
            .map(|accepted| Self { line, rules: Arc::clone(&accepted.plan.rules) })
    }

    fn headline(&self) -> String {
        let PlanLine { name, number, until, .. } = &self.line;
        format!("plan {name}, number {number}, in force until {until}")
    }
}

/// What is asked of documents, whatever is in force.
pub(crate) fn documents(json: bool, command: Command, limits: &Limits) -> Result<(), Failure> {
    match command {
        Command::Check { files } => check(json, &files, limits),
        Command::Show { policy } => {
            let policy = policy.unwrap_or_else(|| PathBuf::from(Policy::BALANCED));
            shown(json, &found(json, &policy, limits)?, None, None)
        }
        Command::Diff { a, b } => {
            let (a, b) = match b {
                Some(b) => (a, b),
                None => (PathBuf::from(Policy::BALANCED), a),
            };
            diff(json, [&found(json, &a, limits)?, &found(json, &b, limits)?])
        }
    }
}

fn check(json: bool, files: &[PathBuf], limits: &Limits) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for path in files {
        let document = Document::read(path, limits)?;
        let summary = summary(&document.name, &document.checked);
        let accepted = document.checked.accepted.clone();
        if json {
            told(&document)?;
        } else {
            show::diagnostics(&document.name, &document.text, document.checked.diagnostics)?;
        }
        match accepted {
            None => wrong.push(summary),
            Some(_) if json => {}
            Some(_) => {
                writeln!(show::out(), "{summary}")?;
                if document.name != "-" {
                    writeln!(show::err(), "next: {} policy show {}", next::reading(), next::quoted(&document.name))?;
                }
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false if json => Err(Failure::silent(USAGE)),
        false => Err(Failure::new(USAGE, wrong.join("\n  "))),
    }
}

/// What came of it in a line.
fn summary(name: &str, Checked { accepted, diagnostics, more }: &Checked) -> String {
    let count = |severity| diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, not_yet, warnings) = (count(Severity::Error), count(Severity::NotYet), count(Severity::Warning));
    let mut parts = Vec::new();
    if let Some(Accepted { policy, .. }) = accepted {
        let changed = differences(&Policy::default(), policy).len();
        let changes = if changed == 0 { "no parameter".to_owned() } else { counted(changed, "parameter") };
        parts.push(format!(
            "{}, {}, {changes} not as in {}",
            policy.name,
            &policy.hash.to_string()[..12],
            Policy::BALANCED
        ));
    }
    parts.extend((errors > 0).then(|| counted(errors, "error")));
    parts.extend((not_yet > 0).then(|| format!("{not_yet} not yet supported")));
    parts.extend((warnings > 0).then(|| counted(warnings, "warning")));
    format!("{name}: {}{}", parts.join(", "), if *more { format!("; {MORE}") } else { String::new() })
}

/// The same for machines.
fn told(document: &Document) -> Result<(), Failure> {
    let Checked { accepted, diagnostics, more } = &document.checked;
    let list: Vec<Json> = diagnostics.iter().map(Diagnostic::json).collect();
    let policy = accepted
        .as_ref()
        .map(|Accepted { policy, .. }| json!({ "name": &*policy.name, "hash": policy.hash.to_string() }));
    show::json(&json!({
        "document": document.name, "runnable": accepted.is_some(), "policy": policy, "diagnostics": list, "more": more,
    }))
}

/// The policy that somebody names; of one that is wrong it says what.
pub(super) fn found(json: bool, word: &Path, limits: &Limits) -> Result<Found, Failure> {
    let path = match Named::of(word) {
        Named::BuiltIn(accepted) => return Ok(Found::built_in(accepted)),
        Named::File(path) => path,
    };
    let Document { name, text, checked } = Document::read(&path, limits)?;
    let summary = summary(&name, &checked);
    match checked.accepted {
        Some(accepted) => Ok(Found { accepted, file: Some(path) }),
        None => {
            let failure =
                Failure::new(USAGE, summary).diagnostics(checked.diagnostics.iter().map(Diagnostic::json).collect());
            Err(if json { failure } else { failure.located(&name, &text) })
        }
    }
}

fn head(found: &Found) -> Json {
    json!({ "name": found.name(), "hash": found.hash(), "file": found.file })
}

/// Every parameter as it counts; `hosted` says with which process it is in force.
fn shown(json: bool, found: &Found, hosted: Option<&str>, planned: Option<&Planned>) -> Result<(), Failure> {
    let Accepted { policy, description, document } = &found.accepted;
    let rules = planned.map_or(&**policy, |planned| &planned.rules);
    let other = |than: Option<&Policy>| than.map(|than| differences(than, rules)).unwrap_or_default();
    let changed = other(built_in(Policy::BALANCED).map(|balanced| &*balanced.policy));
    let by_plan = other(planned.map(|_| &**policy));
    let value =
        |among: &[Difference], path: &str| among.iter().find(|one| one.path == path).map(|one| one.values[0].clone());
    if json {
        let list: Vec<Json> = parameters(rules)
            .into_iter()
            .map(|one| {
                let usual = value(&changed, &one.path);
                let without = value(&by_plan, &one.path);
                let mut row = json!({
                    "path": one.path, "value": one.value, "meaning": one.meaning, "changed": usual.is_some(),
                    "balanced": usual.unwrap_or_else(|| Some(one.value.clone())),
                });
                if planned.is_some() {
                    row["without_plan"] = without.unwrap_or_else(|| Some(one.value)).into();
                }
                row
            })
            .collect();
        let document: Json = serde_json::from_str(&document.0)?;
        return show::json(&json!({
            "policy": head(found), "description": description.as_deref(), "in_force": hosted, "plan": planned.map(|of| &of.line),
            "parameters": list, "document": document,
        }));
    }
    let mut out = show::out();
    writeln!(out, "{}", out.harmless(&found.to_string()))?;
    if let Some(description) = description {
        writeln!(out, "{}", out.harmless(description.trim_end()))?;
    }
    if let Some(hosted) = hosted {
        writeln!(out, "in force: {hosted}")?;
    }
    if let Some(planned) = planned {
        let changes = planned.line.changes.join(", ");
        writeln!(out, "{}", out.harmless(&format!("with {}: {changes}", planned.headline())))?;
    }
    writeln!(out)?;
    show::parameters(&parameters(rules), |path| show::Otherwise {
        policy: value(&by_plan, path),
        balanced: value(&changed, path),
    })
}

fn diff(json: bool, [one, other]: [&Found; 2]) -> Result<(), Failure> {
    let found = differences(&one.accepted.policy, &other.accepted.policy);
    if json {
        let list: Vec<Json> = found
            .iter()
            .map(|of| json!({ "path": of.path, "meaning": of.meaning, "a": of.values[0], "b": of.values[1] }))
            .collect();
        return show::json(&json!({ "a": head(one), "b": head(other), "differences": list }));
    }
    let mut out = show::out();
    writeln!(out, "{}\n{}\n", out.harmless(&format!("a  {one}")), out.harmless(&format!("b  {other}")))?;
    if found.is_empty() {
        writeln!(out, "the same rules")?;
        return Ok(());
    }
    show::differences(&found)
}
