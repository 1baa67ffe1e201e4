//! What waits for people and signals, and the commands that answer it.

use std::io::Write as _;

use agendum_wire::v1::{Asks, Awaits, WaitLine, Waits};
use owo_colors::OwoColorize as _;

use super::tables::{dollars, line, millis};
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
        writeln!(out, "{}  {graph}  {}  {}{queue}, for {waited}{expires}", wait.run, wait.task.bold(), what)?;
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

/// Dollars that suffice: to the next millionth, so that whoever types them has enough.
fn up(usd: f64) -> f64 {
    (usd * 1e6).ceil().max(1.0) / 1e6
}

/// What it asks for.
pub(super) fn asks(asks: &Asks) -> String {
    let tokens = |of: Option<u64>| of.unwrap_or_default();
    let (needs, left) = (asks.needs_usd.unwrap_or_default(), asks.left_usd.unwrap_or_default());
    // What is not short is not asked for.
    let (of, short) = (asks.of_usd.map(dollars), asks.needs_usd > asks.left_usd);
    if let Some(of) = of.filter(|_| short || asks.of_tokens.is_none()) {
        return format!(
            "asks for money: needs ${} at least, {} left of {of} of the run: --usd {} would do",
            up(needs),
            dollars(left),
            up(needs - left)
        );
    }
    format!(
        "asks for tokens: needs {} at least, {} left of {} of the run: --tokens {} would do",
        tokens(asks.needs_tokens),
        tokens(asks.left_tokens),
        tokens(asks.of_tokens),
        tokens(asks.needs_tokens).saturating_sub(tokens(asks.left_tokens))
    )
}

/// That a task asks for money, and how it is answered.
pub(super) fn asking(wait: &WaitLine) -> Option<String> {
    let money = wait.money.as_ref()?;
    Some(format!("{} {}: {}", wait.task, asks(money), answer(&wait.run, &wait.task, &wait.awaits, None)))
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
        "money" => format!("{program} runs raise {run} --usd AMOUNT (or --tokens N), or --refuse"),
        "webhook" => format!("POST /v1/hooks/{run}/{name}"),
        _ => String::new(),
    }
}
