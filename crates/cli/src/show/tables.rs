//! Runs, outputs, reasons: as tables.

use std::io::Write;

use agendum_types::{Duration, Money};
use agendum_wire::v1::{Compensation, Run, RunDetail, TaskLine, Turn, WaitLine, Why};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::Value as Json;

use super::why::bars;
use super::{children, compensation, err, out, plain};
use crate::failure::Failure;
use crate::next;

/// Characters of a reason at most: some are whole pages.
const REASON_MAX: usize = 200;

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    writeln!(out(), "{}", serde_json::to_string(value)?)?;
    Ok(())
}

/// Lists runs; of those that nobody hosts it says so.
pub(crate) fn runs(runs: &[Run], hosted: bool) -> Result<(), Failure> {
    let mut out = out();
    let idle = if hosted { 0 } else { runs.iter().filter(|run| !run.done).count() };
    for run in runs {
        let status = if run.damaged {
            "damaged"
        } else if idle > 0 && !run.done && run.elapsed_ms.is_none() {
            "not hosted"
        } else if run.quarantined {
            "quarantined"
        } else if (run.waits_for_person || run.waits_for_window.is_some()) && !run.paused {
            "waiting"
        } else {
            &run.status
        };
        let elapsed = run.elapsed_ms.map_or_else(|| "–".to_owned(), millis);
        let degraded = if run.degraded { " degraded" } else { "" };
        let parent = run.parent.as_ref().map_or_else(String::new, |of| format!("  for {} of {}", of.task, of.run));
        let parent = out.harmless(&parent).into_owned();
        writeln!(
            out,
            "{}  {:<10} {:>9}  {:>10}  {}  {}{degraded}{}{parent}",
            run.id,
            status,
            elapsed,
            dollars(run.spent_usd),
            run.submitted,
            run.graph,
            compensation::mark(run)
        )?;
    }
    if idle > 0 {
        let (what, them) = if idle == 1 {
            ("1 run is open and nobody hosts it".to_owned(), "it")
        } else {
            (format!("{idle} runs are open and nobody hosts them"), "them")
        };
        writeln!(err(), "{what}: {} serve goes on with {them}", next::hosting())?;
    }
    Ok(())
}

/// A run with its tasks, and what asks in it for money, or waits in its child runs.
pub(crate) fn detail(detail: &RunDetail, asking: &[WaitLine], hosted: bool, all: bool) -> Result<(), Failure> {
    runs(std::slice::from_ref(&detail.run), hosted)?;
    let mut out = out();
    let told = &out.harmless_value(detail);
    let is_shown = |task: &&TaskLine| all || !is_uncalled(task);
    for task in told.tasks.iter().filter(is_shown) {
        let waiting = task.waiting_on.as_ref().map_or(String::new(), |cause| format!("  waits: {cause}"));
        let attempts = if task.attempts > 1 { format!("  {} attempts", task.attempts) } else { String::new() };
        let reason = task.reason.as_ref().map_or_else(String::new, |reason| format!("  {}", line(reason)));
        let child = task.child.as_ref().map_or_else(String::new, |run| format!("  run {run}"));
        writeln!(out, "  {:<32} {}{child}{attempts}{waiting}{reason}", task.task, task.status)?;
    }
    let uncalled = told.tasks.iter().filter(|task| !is_shown(task)).count();
    if uncalled > 0 {
        writeln!(out, "  … {} that a call does not name: --all shows them", counted(uncalled, "tool"))?;
    }
    if told.run.quarantined {
        let (program, id) = (next::reading(), &told.run.id);
        let why = "it was at work in too many crashes of its host in a row, and may be their cause";
        writeln!(out, "  {why}: nothing of it is begun until `{program} runs resume {id}`")?;
    }
    if let Some(held) = &told.run.waits_for_turn {
        writeln!(out, "  {}", turn(held))?;
    }
    if let Some(from) = &told.run.waits_for_window {
        writeln!(out, "  {}", window_used_up(from))?;
    }
    if let Some(child) = &told.run.waits_for_resume {
        writeln!(out, "  {}", children::stopped(child))?;
    }
    for asks in super::waits::all_asking(&detail.run.id, asking) {
        writeln!(out, "  {}", out.harmless(&asks))?;
    }
    if told.over_usd > 0.0 {
        writeln!(out, "  {} of it billed above the hold", dollars(told.over_usd))?;
    }
    if told.bound.as_deref() == Some("estimated") {
        writeln!(out, "  its budget held as far as costs are known: the price of a target is not")?;
    }
    if let Some(error) = &told.error {
        let task = error.task.as_ref().map_or_else(String::new, |task| format!(" in {task}"));
        writeln!(out, "  {}{task}: {}", error.class.bold(), error.message)?;
    }
    taken_back(&mut out, told.run.compensation.as_ref())?;
    if let Some(other) = &told.went_on {
        let and = if told.run.compensation.is_some() { ", which takes back what is left if it fails too" } else { "" };
        writeln!(out, "  it went on as run {other}{and}")?;
    }
    if let Some(from) = detail.next {
        let (program, id) = (next::reading(), &detail.run.id);
        writeln!(err(), "  … there are more tasks: {program} runs show {id} --from {from}")?;
    }
    output(detail)
}

/// True for a tool of an agent that was skipped because the call names another.
fn is_uncalled(task: &TaskLine) -> bool {
    let is_tool = task.task.rsplit_once('/').is_some_and(|(call, _)| call.ends_with(']') && call.contains("/calls["));
    is_tool && task.status == "skipped"
}

/// That all that a run waits for is the next window of a budget.
pub(super) fn window_used_up(from: &str) -> String {
    format!("[budgets] is used up: it may go on from {from}")
}

/// What a run waits for whose turn has not come.
pub(crate) fn turn(turn: &Turn) -> String {
    match turn.ahead {
        _ if turn.settling => format!("it settles: it begins at {}", turn.settles),
        1 => "it waits for its turn: 1 run of its group is ahead".to_owned(),
        ahead => format!("it waits for its turn: {ahead} runs of its group are ahead"),
    }
}

/// How far what a run has done was taken back.
pub(super) fn taken_back(out: &mut impl Write, told: Option<&Compensation>) -> Result<(), Failure> {
    for line in told.map(compensation::lines).unwrap_or_default() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// The output as people read it: an answer with its sources if it looks like one, else indented JSON; texts bare.
pub(crate) fn output(detail: &RunDetail) -> Result<(), Failure> {
    let (mut out, mut text) = (plain(), Vec::new());
    match &detail.output {
        None => {}
        Some(Json::String(said)) => writeln!(text, "{said}")?,
        Some(value) => match value["answer"].as_str() {
            Some(answer) => {
                writeln!(text, "{answer}")?;
                rest(&mut text, value)?;
            }
            None => writeln!(text, "{}", serde_json::to_string_pretty(value)?)?,
        },
    }
    let text = String::from_utf8_lossy(&text);
    write!(out, "{}", out.harmless(&text))?;
    Ok(())
}

/// The sources of an answer.
pub(super) fn citations(out: &mut impl Write, value: &Json) -> Result<(), Failure> {
    for citation in value["citations"].as_array().into_iter().flatten() {
        let (id, source) =
            (citation["id"].as_str().unwrap_or_default(), citation["source"].as_str().unwrap_or_default());
        let heading = citation["heading"].as_str().map_or(String::new(), |heading| format!("  {heading}"));
        writeln!(out, "  [{id}] {source}{heading}")?;
    }
    Ok(())
}

/// What else there is in an output that has an answer.
fn rest(out: &mut impl Write, value: &Json) -> Result<(), Failure> {
    citations(out, value)?;
    for (name, value) in value.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "answer" | "citations") && !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "  {name}: {}", text.trim_end().replace('\n', "\n    "))?;
        }
    }
    Ok(())
}

/// Bars over the run's time, its parts, its cost.
pub(crate) fn timeline(why: &Why, detail: &RunDetail) -> Result<(), Failure> {
    let out = &mut err();
    let why = &out.harmless_value(why);
    writeln!(out)?;
    bars(out, why)?;
    let parts = shares(why);
    let degraded = if detail.run.degraded { ", degraded" } else { "" };
    writeln!(
        out,
        "  {} {}, {}{degraded}{}{}",
        detail.run.status.bold(),
        within(why.wall_ms),
        dollars(detail.run.spent_usd),
        if parts.is_empty() { "" } else { " — " },
        parts
    )?;
    taken_back(out, why.compensation.as_ref())?;
    writeln!(out)?;
    Ok(())
}

/// In one line, of so many characters at most.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// A reason, in one line that is not too long.
pub(super) fn line(reason: &str) -> String {
    one_line(reason, REASON_MAX)
}

/// What the run's time went to.
pub(super) fn shares(why: &Why) -> String {
    let share = |ms: f64| ms / why.wall_ms.max(0.001) * 100.0;
    why.parts.iter().map(|part| format!("{:.0} % {}", share(part.ms), part.cause)).collect::<Vec<_>>().join(", ")
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// How long something took of which events tell to the millisecond.
pub(super) fn took(ms: f64) -> String {
    if ms < 1.0 { "<1ms".to_owned() } else { millis(ms) }
}

/// In what time something ended.
pub(super) fn within(ms: f64) -> String {
    if ms > 0.0 { format!("in {}", millis(ms)) } else { "at once".to_owned() }
}

pub(super) fn millis(ms: f64) -> String {
    Duration::micros((ms * 1_000.0).round() as u64).to_string()
}

pub(crate) fn dollars(usd: f64) -> String {
    Money::from_dollars(usd).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_page_becomes_a_line() {
        let page = "502: <html>\r\n<head>\n  <title>Bad</title>\n</head>\n";
        let cases = [(page, 100), (page, 14), ("short", 5), ("longer", 5), ("", 5)];
        let lines = cases.map(|(text, max)| one_line(text, max)).join("\n");
        insta::assert_snapshot!(lines, @r"
        502: <html> <head> <title>Bad</title> </head>
        502: <html> <h…
        short
        longe…
        ");
    }
}
