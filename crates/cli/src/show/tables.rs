//! Runs, outputs, reasons: as tables.

use std::io::Write;

use agendum_types::{Duration, Money};
use agendum_wire::v1::{Compensation, Part, Run, RunDetail, TaskLine, Turn, WaitLine, Why, WhyNode, WhyTask, names};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::Value as Json;

use super::column::Column;
use super::{children, compensation, err, out, plain};
use crate::failure::Failure;
use crate::next;

/// Characters of a reason at most, and of the sentence about a run, which may tell one: some are whole pages.
const REASON_MAX: usize = 200;
const SENTENCE_MAX: usize = 1_000;
/// Columns of the bars.
const BAR: usize = 32;

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
fn taken_back(out: &mut impl Write, told: Option<&Compensation>) -> Result<(), Failure> {
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

/// A row of the timeline: a task, or all items and rounds of one.
struct Row<'w> {
    name: String,
    critical: bool,
    ready: f64,
    waited: f64,
    end: f64,
    took: String,
    /// For the order of rows.
    place: (f64, &'w str),
}

/// Instances of a task up to which each has a row of its own.
const ROWS_EACH: u64 = 8;
/// Rows of the timeline at most.
const ROWS_MAX: usize = 40;

fn rows(why: &Why) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let many: Vec<&WhyNode> = why.nodes.iter().filter(|node| node.count > ROWS_EACH).collect();
    for node in &many {
        let end = node.ended_ms.unwrap_or(why.wall_ms);
        rows.push(Row {
            name: format!("{} ×{}", node.task, node.count),
            critical: why.critical_path.iter().any(|path| names(path) == node.task),
            ready: node.ready_ms,
            waited: 0.0,
            end,
            took: format!("{}, {}", millis(end - node.ready_ms), spread(node)),
            place: (node.ready_ms, &node.task),
        });
    }
    let asked = |task: &WhyTask| task.parts.iter().any(|part| part.cause == "person");
    for task in why.tasks.iter().filter(|task| !task.attempts.is_empty() || asked(task)) {
        if is_one_of(&many, &task.task) {
            continue;
        }
        let end = task.ended_ms.unwrap_or(task.wall_ms);
        let idle = task.parts.iter().filter(|part| part.cause != "running" && part.cause != "dependency");
        rows.push(Row {
            name: task.task.clone(),
            critical: why.critical_path.contains(&task.task),
            ready: task.ready_ms,
            waited: idle.map(|part| part.ms).sum(),
            end,
            took: millis(end - task.ready_ms),
            place: (task.ready_ms, &task.task),
        });
    }
    rows.sort_by(|one, other| one.place.0.total_cmp(&other.place.0).then(one.place.1.cmp(other.place.1)));
    rows
}

/// True if the path names an item or a round of one of these.
fn is_one_of(many: &[&WhyNode], path: &str) -> bool {
    let names = names(path);
    many.iter().any(|node| node.task == names)
}

/// What attempts took.
fn spread(node: &WhyNode) -> String {
    format!(
        "ran {} in all, p50 {}, p95 {}, max {}",
        millis(node.ran_ms),
        millis(node.p50_ms),
        millis(node.p95_ms),
        millis(node.max_ms)
    )
}

/// A bar for each task that ran; false if none did.
fn bars(out: &mut impl Write, why: &Why) -> Result<bool, Failure> {
    let rows = rows(why);
    let any = !rows.is_empty();
    let names = Column::of(rows.iter().map(|row| &*row.name));
    let place = |ms: f64| ((ms / why.wall_ms.max(0.001)) * BAR as f64).round().clamp(0.0, BAR as f64) as usize;
    let hidden = rows.len().saturating_sub(ROWS_MAX);
    for row in rows.into_iter().take(ROWS_MAX) {
        let critical = if row.critical { "●" } else { " " };
        let (from, to) = (place(row.ready), place(row.end).max(place(row.ready) + 1).min(BAR));
        let from = from.min(to.saturating_sub(1));
        let wait = place(row.ready + row.waited).clamp(from, to) - from;
        let bar =
            format!("{}{}{}{}", " ".repeat(from), "░".repeat(wait), "█".repeat(to - from - wait), " ".repeat(BAR - to));
        writeln!(out, "{critical} {} │{}│ {}", names.fit(&row.name), bar.cyan(), row.took)?;
    }
    if hidden > 0 {
        writeln!(out, "  … and {hidden} more")?;
    }
    Ok(any)
}

/// The sentence, the bars, the table. Of tasks with many items or rounds a line for all of them, unless single ones are asked for.
pub(crate) fn why(why: &Why, each: bool) -> Result<(), Failure> {
    let mut out = out();
    let why = &out.harmless_value(why);
    match why.tasks.as_slice() {
        // Asked about one task, the answer is about that task.
        [task] if each => writeln!(out, "{}\n", about(task))?,
        _ => writeln!(out, "{}\n", one_line(&why.sentence, SENTENCE_MAX))?,
    }
    if let Some(child) = why.waits_for_resume.as_ref().filter(|_| !each) {
        writeln!(out, "{}\n", children::stopped(child))?;
    }
    if why.compensation.is_some() && !each {
        taken_back(&mut out, why.compensation.as_ref())?;
        writeln!(out)?;
    }
    if bars(&mut out, why)? {
        writeln!(out)?;
    }
    let many: Vec<&WhyNode> = why.nodes.iter().filter(|node| node.count > ROWS_EACH).collect();
    for node in &many {
        together(&mut out, node)?;
    }
    for task in &why.tasks {
        if !each && is_one_of(&many, &task.task) {
            continue;
        }
        alone(&mut out, why, task)?;
    }
    if let Some(node) = many.first().filter(|_| !each) {
        writeln!(err(), "next: {} why {} {}   for single ones", next::reading(), why.run, node.task)?;
    } else if let Some(from) = why.next {
        writeln!(err(), "next: the same with --from {from}, for there are more tasks")?;
    }
    if let Some(next) = children::look_into(why) {
        writeln!(err(), "{next}")?;
    }
    Ok(())
}

/// A paragraph on all items and rounds of a task.
fn together(out: &mut impl Write, node: &WhyNode) -> Result<(), Failure> {
    let statuses: Vec<String> = node.statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let caught = if node.caught > 0 { format!(" ({} caught)", node.caught) } else { String::new() };
    writeln!(out, "  {} ×{}  {}{caught}: {}", node.task.bold(), node.count, statuses.join(", "), parts(&node.parts))?;
    writeln!(
        out,
        "      {} attempts, {}, {}, {} tokens",
        node.attempts,
        spread(node),
        dollars(node.cost_usd),
        node.tokens
    )?;
    Ok(())
}

/// A task's story in a sentence.
fn about(task: &WhyTask) -> String {
    let reason = task.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", line(reason)));
    let attempts = match task.attempts.len() {
        0 | 1 => String::new(),
        count => format!(", in {count} attempts"),
    };
    let own: Vec<Part> = task.parts.iter().filter(|part| part.cause != "dependency").cloned().collect();
    let spent = if own.is_empty() { String::new() } else { format!("; since it was ready: {}", parts(&own)) };
    format!("{} {}{reason}{attempts}{spent}", task.task, task.status)
}

fn alone(out: &mut impl Write, why: &Why, task: &WhyTask) -> Result<(), Failure> {
    let mark = if why.critical_path.contains(&task.task) { "●" } else { " " };
    let reason = task.reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", line(reason)));
    let took = if task.wall_ms > 0.0 { millis(task.wall_ms) } else { "at once".to_owned() };
    let name = task.task.bold();
    writeln!(out, "{mark} {name}  {}{reason}  {took}: {}", task.status, parts(&task.parts))?;
    for attempt in &task.attempts {
        let took = attempt.ms.map_or_else(|| "still running".to_owned(), millis);
        let above = |over| format!(", {} of it billed above the hold", dollars(over));
        let over = if attempt.over_usd > 0.0 { above(attempt.over_usd) } else { String::new() };
        let child = attempt.child.as_ref().map_or_else(String::new, |run| format!(" run {run}"));
        let beside = if attempt.beside { ", sent beside one that was slow" } else { "" };
        let lower = if attempt.lower { ", a preferred target was passed over" } else { "" };
        let failed = attempt.failed.as_ref().map_or(String::new(), |failed| format!(", {}", line(failed)));
        writeln!(
            out,
            "      {}{child} {took}, {}{over}, {} tokens{beside}{lower}{failed}",
            attempt.target,
            dollars(attempt.cost_usd),
            attempt.tokens
        )?;
        for of in [&attempt.gave_way, &attempt.preempted].into_iter().flatten() {
            writeln!(out, "        {}", of.sentence)?;
        }
        if let Some(expected) = attempt.expected_ms {
            writeln!(out, "        expected {}", millis(expected))?;
        }
        if let Some(choice) = &attempt.choice {
            writeln!(out, "        {}", choice.sentence)?;
        }
    }
    if let Some(queueing) = &task.queueing {
        writeln!(out, "      in the queue: {}", queueing.sentence)?;
    }
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

fn parts(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{} {}", part.cause, millis(part.ms))).collect::<Vec<_>>().join(" + ")
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
