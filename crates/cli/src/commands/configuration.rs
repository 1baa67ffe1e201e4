//! `config check`: what the configuration amounts to, everything that is wrong with it, and whose is in force.

use std::io::Write as _;

use super::Context;
use crate::config::faulty;
use crate::failure::{Failure, listed};
use crate::in_force::InForce;
use crate::{show, targets};

/// The configuration of another process that has the data directory.
pub(super) struct Theirs {
    process: u32,
    file: String,
    /// What is not as it is here.
    pub(super) differences: Vec<String>,
}

impl Theirs {
    pub(super) fn of(context: &Context) -> Option<Self> {
        let (owner, theirs, differences) = InForce::other(&context.data, &InForce::of(&context.config))?;
        Some(Self { process: owner.pid, file: theirs.name(), differences })
    }

    pub(super) fn sentence(&self) -> String {
        let Self { process, file, differences } = self;
        let differs = if differences.is_empty() {
            "the same".to_owned()
        } else {
            format!("different: {}", differences.join(", "))
        };
        format!("{file}, of process {process} that owns the data directory; {differs}")
    }
}

pub(crate) fn file(context: &Context) -> String {
    context.config.file.as_ref().map_or_else(|| "none (defaults)".to_owned(), |file| file.display().to_string())
}

pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    if context.json {
        json(context)?
    } else {
        text(context)?
    }
    faulty(&context.config.faults()).map_or(Ok(()), Err)
}

/// The same of a configuration that cannot be read: all that is wrong is told, and nothing of what it amounts to.
pub(crate) fn unread(json: bool, failure: Failure) -> Failure {
    if let Some(faults) = failure.listed().filter(|_| json) {
        // Nobody is left to tell if stdout is closed.
        let _closed = show::json(&serde_json::json!({ "faults": faults }));
    }
    failure
}

fn json(context: &Context) -> Result<(), Failure> {
    let targets: Vec<_> = targets::declared(&context.config).iter().map(|target| target.name.to_string()).collect();
    let indexes: Vec<_> = context.config.indexes.keys().collect();
    let limits: serde_json::Map<_, _> =
        context.config.limits.lines().into_iter().map(|(name, value, ..)| (name.to_owned(), value.into())).collect();
    let budgets: serde_json::Map<_, _> =
        context.config.budgets.lines().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let pools: serde_json::Map<_, _> =
        context.config.pools.lines().map(|(name, units)| (name.to_owned(), units.into())).collect();
    let faults = listed(&context.config.faults());
    let theirs = Theirs::of(context).map(|theirs| {
        serde_json::json!({ "process": theirs.process, "file": theirs.file, "differences": theirs.differences })
    });
    let retention = context.config.retention.lines().map(|(name, age)| (name.to_owned(), age.into()));
    let retention: serde_json::Map<_, _> = retention.into_iter().collect();
    let cache = context.config.cache.lines().map(|(name, value)| (name.to_owned(), value.into()));
    let cache: serde_json::Map<_, _> = cache.into_iter().collect();
    let notices: serde_json::Map<_, _> =
        context.config.notices_lines().into_iter().map(|(name, line)| (name.to_owned(), line.into())).collect();
    let policy = context.config.policy().ok();
    let policy = policy.map(|of| serde_json::json!({ "name": of.name(), "hash": of.hash(), "file": of.file }));
    show::json(&serde_json::json!({
        "file": file(context), "data": context.data, "policy": policy, "targets": targets, "pools": pools, "indexes": indexes, "limits": limits,
        "budgets": budgets, "retention": retention, "cache": cache, "notices": notices,
        "overrides": context.config.overrides, "faults": faults, "in_force": theirs,
    }))
}

fn text(context: &Context) -> Result<(), Failure> {
    let mut out = show::out();
    writeln!(out, "configuration  {}\ndata           {}", file(context), context.data.display())?;
    if let Some(theirs) = Theirs::of(context) {
        writeln!(out, "in force       {}", theirs.sentence())?;
    }
    for variable in &context.config.overrides {
        writeln!(out, "environment    {variable}")?;
    }
    if let Some(note) = context.config.note_on_key() {
        writeln!(out, "environment    {note}")?;
    }
    if let Ok(policy) = context.config.policy() {
        writeln!(out, "policy         {policy}")?;
    }
    for target in targets::declared(&context.config) {
        let can: Vec<_> = target.capabilities.iter().map(|capability| capability.word()).collect();
        let mut said = format!("{}, {} at once", can.join(", "), target.concurrency_max);
        if let Some(cold) = target.cold {
            said.extend([format!(", loads {} once it had nothing to do for {}", cold.start, cold.after)]);
        }
        said.extend(target.bytes_per_s.map(|bytes| format!(", {bytes} bytes of inputs reach it in a second")));
        writeln!(out, "target         {} ({said})", target.name)?;
    }
    for (name, units) in context.config.pools.lines() {
        writeln!(out, "pool           {name} ({units} at once)")?;
    }
    for (name, index) in &context.config.indexes {
        for path in &index.paths {
            writeln!(out, "index          {name} ← {}", context.config.folder.join(path).display())?;
        }
    }
    for (name, value, bounds, changed) in context.config.limits.lines() {
        let mark = if changed { ", changed" } else { "" };
        writeln!(out, "limit          {name:<20} {value:>10}  ({bounds}{mark})")?;
    }
    for (name, value) in context.config.budgets.lines() {
        writeln!(out, "budget         {name:<20} {value:>10}")?;
    }
    for (name, age) in context.config.retention.lines() {
        writeln!(out, "retention      {name:<20} {age:>10}")?;
    }
    for (name, value) in context.config.cache.lines() {
        writeln!(out, "cache          {name:<20} {value:>10}")?;
    }
    for (name, line) in context.config.notices_lines() {
        writeln!(out, "notices        {name}: {line}")?;
    }
    Ok(())
}
