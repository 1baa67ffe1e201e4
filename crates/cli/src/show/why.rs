//! The reasons behind a run: the sentence, bars over its time, each task.

use std::io::Write;

use agendum_wire::v1::{Part, Queueing, Why, WhyNode, WhyTask, names};
use owo_colors::OwoColorize as _;

use super::column::Column;
use super::tables::{dollars, line, millis, taken_back};
use super::{children, err, one_line, out};
use crate::failure::Failure;
use crate::next;

/// Characters of the sentence about a run, which may tell a reason that is a whole page.
const SENTENCE_MAX: usize = 1_000;
/// Columns of the bars.
const BAR: usize = 32;
/// Tasks that wait alike are told together from this many on.
const ALIKE: usize = 3;

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

/// Tasks of which all instances have one row. Where single ones are not told, as of those who ask about all of them, that is all of them.
fn told_together(why: &Why) -> Vec<&WhyNode> {
    why.nodes.iter().filter(|node| why.tasks.is_empty() || node.count > ROWS_EACH).collect()
}

fn rows(why: &Why) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let many = told_together(why);
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
pub(super) fn bars(out: &mut impl Write, why: &Why) -> Result<bool, Failure> {
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
    let many = told_together(why);
    for node in &many {
        together(&mut out, node)?;
    }
    let told: Vec<&WhyTask> = why.tasks.iter().filter(|task| each || !is_one_of(&many, &task.task)).collect();
    let groups = alike(&told);
    for task in told {
        match groups.iter().find(|group| group.iter().any(|member| member.task == task.task)) {
            // Told with the first of them.
            Some(group) if group[0].task == task.task => waiting(&mut out, group)?,
            Some(_) => {}
            None => alone(&mut out, why, task)?,
        }
    }
    if let Some(node) = many.first().filter(|_| !each) {
        let single = why.tasks.iter().find(|task| names(&task.task) == node.task).map_or(&node.task, |task| &task.task);
        writeln!(err(), "next: {} why {} '{single}'   for that one, and so for any other", next::reading(), why.run)?;
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

/// What tasks have in common that wait alike: how they stand, what they waited for, and what is shut to them.
type Stands<'w> = (&'w str, &'w str, bool, Vec<(&'w str, Option<&'w str>)>, Option<&'w str>, Option<&'w str>);

fn stands<'w>(queueing: &'w Queueing) -> Stands<'w> {
    let Queueing { policy, index, risky, targets, held_for, lacks, .. } = queueing;
    // Where it stands among them is its own.
    let targets = targets.iter().map(|of| (of.target.as_str(), of.why.as_deref())).collect();
    (policy, index, *risky, targets, held_for.as_deref(), lacks.as_ref().map(|of| of.pool.as_str()))
}

/// Of those that wait to be sent for the first time the ones that wait alike. How they stand in the queue is known of the first alone of very many.
fn alike<'w>(tasks: &[&'w WhyTask]) -> Vec<Vec<&'w WhyTask>> {
    let waits = |task: &&&WhyTask| task.attempts.is_empty() && task.ended_ms.is_none();
    let causes = |task: &'w WhyTask| -> Vec<&'w str> { task.parts.iter().map(|part| part.cause.as_str()).collect() };
    let looks = |task: &'w WhyTask| (&task.status, &task.reason, causes(task));
    let mut groups: Vec<(Stands<'w>, Vec<&'w WhyTask>)> = Vec::new();
    for (task, queueing) in tasks.iter().filter(waits).filter_map(|task| Some((*task, task.queueing.as_ref()?))) {
        let stands = stands(queueing);
        match groups.iter_mut().find(|(known, group)| *known == stands && looks(group[0]) == looks(task)) {
            Some((_, group)) => group.push(task),
            None => groups.push((stands, vec![task])),
        }
    }
    for task in tasks.iter().filter(waits).filter(|task| task.queueing.is_none()) {
        if let Some((_, group)) = groups.iter_mut().find(|(_, group)| looks(group[0]) == looks(task)) {
            group.push(task);
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| group.len() >= ALIKE).collect()
}

/// Tasks that wait alike: how many, and how the first of them stands.
fn waiting(out: &mut impl Write, group: &[&WhyTask]) -> Result<(), Failure> {
    let first = group[0];
    let longest = group.iter().map(|task| task.wall_ms).fold(0.0, f64::max);
    let reason = first.reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", line(reason)));
    let others = group.len() - 1;
    writeln!(
        out,
        "  {} and {others} more alike  {}{reason}  {} at most; of the first {}",
        first.task.bold(),
        first.status,
        millis(longest),
        parts(&first.parts)
    )?;
    if let Some(queueing) = &first.queueing {
        writeln!(out, "      in the queue, the first of them: {}", queueing.sentence)?;
    }
    Ok(())
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

fn parts(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{} {}", part.cause, millis(part.ms))).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{Why, WhyTask};
    use serde_json::json;

    use super::{alike, alone, waiting};

    /// A task that waits for a target which is full; `nth` goes before it.
    fn task(name: &str, nth: u64, told: bool, more: serde_json::Value) -> WhyTask {
        let queueing = json!({
            "sentence": format!("{nth} for just the same targets and units went first"), "policy": "balanced@0", "index": "gittins",
            "rank_us": nth, "ahead": nth, "beside": 9,
            "targets": [{ "target": "model", "why": "full", "score_us": nth }],
        });
        let mut task = json!({
            "task": name, "status": "ready", "caught": false, "ready_ms": 0.0, "wall_ms": nth * 1000, "attempts": [],
            "parts": [{ "cause": "order", "ms": nth * 1000 }], "queueing": if told { queueing } else { serde_json::Value::Null },
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(task).unwrap()
    }

    #[test]
    fn many_that_wait_alike_are_told_in_one_line() {
        let none = || json!({});
        let mut tasks: Vec<WhyTask> =
            (0..6).map(|nth| task(&format!("parts[{nth}]/act"), nth + 1, nth < 4, none())).collect();
        tasks.push(task("other", 3, true, json!({ "parts": [{ "cause": "limit", "ms": 3000.0 }] })));
        tasks.push(task("asks", 3, false, json!({ "parts": [{ "cause": "person", "ms": 3000.0 }] })));
        tasks.push(task("over", 3, false, json!({ "ended_ms": 5.0 })));
        let told: Vec<&WhyTask> = tasks.iter().collect();
        let groups = alike(&told);
        let mut out = Vec::new();
        for group in &groups {
            waiting(&mut out, group).unwrap();
        }
        let why =
            json!({ "run": "r", "sentence": "", "wall_ms": 9000.0, "parts": [], "critical_path": [], "tasks": [] });
        let why: Why = serde_json::from_value(why).unwrap();
        alone(&mut out, &why, &tasks[6]).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        insta::assert_snapshot!(text, @"
        parts[0]/act and 5 more alike  ready  6s at most; of the first order 1s
            in the queue, the first of them: 1 for just the same targets and units went first
        other  ready  3s: limit 3s
            in the queue: 3 for just the same targets and units went first
        ");
        assert!(alike(&told[..2]).is_empty(), "two have a line each");
    }
}
