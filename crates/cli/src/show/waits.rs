//! What waits for people and signals, and the commands that answer it.

use std::io::Write as _;

use agendum_wire::v1::{Asks, Awaits, Event, WaitLine, Waits};
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
        let what = wait.money.as_ref().map_or_else(|| what(&wait.awaits), asks);
        let parent = wait.parent.as_ref().map_or_else(String::new, |of| format!("  (for {} of {})", of.task, of.run));
        writeln!(out, "{}  {graph}  {}  {}{queue}, for {waited}{expires}{parent}", wait.run, wait.task.bold(), what)?;
        if let (Some(attempt), Some(doubt)) = (wait.attempt, &wait.doubt) {
            let key = wait.key.as_ref().map_or_else(String::new, |key| format!("; look for the key {key}"));
            writeln!(out, "    attempt {attempt}: {}{key}", line(doubt))?;
        }
        if let Some(show) = &wait.show {
            let text = show.as_str().map_or_else(|| show.to_string(), str::to_owned);
            writeln!(out, "    {}", line(&text))?;
        }
        let answer = wait
            .money
            .as_ref()
            .map_or_else(|| answer(&wait.run, &wait.task, &wait.awaits, wait.attempt), |asks| raise(&wait.run, asks));
        writeln!(out, "    {}", answer.dimmed())?;
    }
    if let Some(from) = &found.next {
        writeln!(err(), "there may be more: the same with --from {from}")?;
    }
    Ok(())
}

/// What it asks for.
pub(super) fn asks(asks: &Asks) -> String {
    format!("{}:{} would do", asks.sentence(), asks.enough())
}

/// What of it is told at the run itself; for more there is a list of its own.
const ASKING_MAX: usize = 20;

/// A line for each that asks for money in a run, or waits inside a child run of it.
pub(super) fn all_asking(of: &str, waits: &[WaitLine]) -> Vec<String> {
    let more = waits.len().saturating_sub(ASKING_MAX);
    let more = (more > 0).then(|| format!("… and {more} more: {} waits --run {of}", next::reading()));
    waits.iter().take(ASKING_MAX).map(|wait| asking(of, wait)).chain(more).collect()
}

/// That a task asks for money, or waits inside a child run of this one, and how that is answered.
fn asking(of: &str, wait: &WaitLine) -> String {
    let inside = if wait.run == of { String::new() } else { format!(" of child run {}", wait.run) };
    let (said, answer) = match &wait.money {
        Some(money) => (asks(money), raise(&wait.run, money)),
        None => {
            (format!("waits for {}", what(&wait.awaits)), answer(&wait.run, &wait.task, &wait.awaits, wait.attempt))
        }
    };
    format!("{}{inside} {said}: {answer}", wait.task)
}

/// How it is raised, or refused.
fn raise(run: &str, asks: &Asks) -> String {
    format!("{} runs raise {run}{}, or --refuse", next::hosting(), asks.enough())
}

/// That somebody raised a budget, or did not.
pub(super) fn raised(event: &Event) -> std::io::Result<()> {
    let by = event.by.as_deref().unwrap_or_default();
    match event.note.as_deref() {
        Some(raised) => {
            let of = event.task.as_deref().map_or_else(String::new, |task| format!(" of {task}"));
            writeln!(err(), "  {} {by}: the budget{of} is {raised}", "✓".green())
        }
        None => writeln!(err(), "  {} {by} refused more money", "✗".yellow()),
    }
}

/// A name as it stands in an address.
fn in_address(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = name.bytes();
    each.map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
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
    let name = awaits.name.as_deref().unwrap_or_default();
    match awaits.of.as_str() {
        "approval" => {
            let task = next::quoted(task);
            format!("{program} approve {run} {task}, or {program} reject {run} {task}")
        }
        "signal" => format!("{program} signal {run} {} JSON", next::quoted(name)),
        "effect" => {
            let task = next::quoted(task);
            let attempt = attempt.map_or_else(String::new, |attempt| format!(" --attempt {attempt}"));
            format!("{program} resolve {run} {task}{attempt} --happened [--output JSON], or --nothing, or --unknown")
        }
        "webhook" => format!("POST /v1/hooks/{run}/{}", in_address(name)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{Asks, Awaits};
    use serde_json::{from_value, json};

    use super::{answer, asks, raise};

    #[test]
    fn a_raise_is_of_what_the_budget_limits() {
        let usd = |left: f64| json!({ "needs_usd": 0.64, "of_usd": 1.1, "left_usd": left });
        let tokens = json!({ "needs_tokens": 66, "of_tokens": 60, "left_tokens": 60 });
        let both = |left: f64| {
            let mut both = usd(left);
            both.as_object_mut().unwrap().extend(tokens.as_object().unwrap().clone());
            both
        };
        // As it comes out of numbers that are off by a hair.
        let near = json!({ "needs_usd": 0.1, "of_usd": 0.1, "left_usd": 0.04 });
        let told = [usd(0.3), tokens.clone(), both(0.3), both(1.0), near].map(|given| {
            let given: Asks = from_value(given).unwrap();
            format!("{}\n  {}", asks(&given), raise("R", &given))
        });
        insta::assert_snapshot!(told.join("\n"), @"
        asks for money: needs $0.64 at least, $0.3000 left of $1.10 of the run: --usd 0.34 would do
          agendum runs raise R --usd 0.34, or --refuse
        asks for tokens: needs 66 at least, 60 left of 60 of the run: --tokens 6 would do
          agendum runs raise R --tokens 6, or --refuse
        asks for money: needs $0.64 at least, $0.3000 left of $1.10 of the run: --usd 0.34 --tokens 6 would do
          agendum runs raise R --usd 0.34 --tokens 6, or --refuse
        asks for tokens: needs 66 at least, 60 left of 60 of the run: --tokens 6 would do
          agendum runs raise R --tokens 6, or --refuse
        asks for money: needs $0.1 at least, $0.0400 left of $0.1000 of the run: --usd 0.06 would do
          agendum runs raise R --usd 0.06, or --refuse
        ");
    }

    #[test]
    fn a_name_is_written_as_its_place_takes_it() {
        let told = ["webhook", "signal"].map(|of| {
            let awaits: Awaits = from_value(json!({ "for": of, "name": "paid & sent" })).unwrap();
            answer("R", "t", &awaits, None)
        });
        insta::assert_snapshot!(told.join("\n"), @"
        POST /v1/hooks/R/paid%20%26%20sent
        agendum signal R 'paid & sent' JSON
        ");
    }
}
