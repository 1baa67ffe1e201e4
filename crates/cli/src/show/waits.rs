//! What waits for people and signals, and the commands that answer it.

use std::io::Write as _;

use agendum_wire::v1::{Awaits, Waits};
use owo_colors::OwoColorize as _;

use super::tables::{line, millis};
use super::{err, out};
use crate::failure::Failure;
use crate::next;

/// A paragraph for each: what it is, since when, what is to be looked at, how to answer.
pub(crate) fn waits(found: &Waits) -> Result<(), Failure> {
    let mut out = out();
    let told = &out.harmless_value(found);
    for wait in &told.waits {
        let queue = wait.awaits.queue.as_ref().map_or_else(String::new, |queue| format!(", queue {queue}"));
        let expires = wait.expires.as_ref().map_or_else(String::new, |at| format!(", until {at}"));
        let (graph, waited) = (&wait.graph, millis(wait.waited_ms));
        writeln!(
            out,
            "{}  {graph}  {}  {}{queue}, for {waited}{expires}",
            wait.run,
            wait.task.bold(),
            what(&wait.awaits)
        )?;
        if let (Some(attempt), Some(doubt)) = (wait.attempt, &wait.doubt) {
            let key = wait.key.as_ref().map_or_else(String::new, |key| format!("; look for the key {key}"));
            writeln!(out, "    attempt {attempt}: {}{key}", line(doubt))?;
        }
        if let Some(show) = &wait.show {
            let text = show.as_str().map_or_else(|| show.to_string(), str::to_owned);
            writeln!(out, "    {}", line(&text))?;
        }
        writeln!(out, "    {}", answer(&wait.run, &wait.task, &wait.awaits, wait.attempt).dimmed())?;
    }
    if let Some(from) = &found.next {
        writeln!(err(), "there may be more: the same with --from {from}")?;
    }
    Ok(())
}

/// For what it waits.
pub(super) fn what(awaits: &Awaits) -> String {
    let name = awaits.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let who = if awaits.who.is_empty() { String::new() } else { format!(" of {}", awaits.who.join(" or ")) };
    let until = awaits.until.as_ref().map_or_else(String::new, |until| format!(" {until}"));
    format!("{}{name}{who}{until}", awaits.of)
}

/// How it is answered; of an attempt in doubt with its number, so that no other is meant.
pub(super) fn answer(run: &str, task: &str, awaits: &Awaits, attempt: Option<u32>) -> String {
    let program = next::hosting();
    let name = next::quoted(awaits.name.as_deref().unwrap_or_default());
    match awaits.of.as_str() {
        "approval" => {
            let task = next::quoted(task);
            format!("{program} approve {run} {task}, or {program} reject {run} {task}")
        }
        "signal" => format!("{program} signal {run} {name} JSON"),
        "effect" => {
            let task = next::quoted(task);
            let attempt = attempt.map_or_else(String::new, |attempt| format!(" --attempt {attempt}"));
            format!("{program} resolve {run} {task}{attempt} --happened [--output JSON], or --nothing, or --unknown")
        }
        "webhook" => format!("POST /v1/hooks/{run}/{name}"),
        _ => String::new(),
    }
}
