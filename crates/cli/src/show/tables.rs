//! Runs, outputs, reasons: as tables.

use std::io::Write;

use agendum_wire::v1::{Part, Run, RunDetail, Why, WhyTask};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr as _;

use crate::failure::Failure;

/// Columns of the bars.
const BAR: usize = 32;

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    writeln!(anstream::stdout(), "{}", serde_json::to_string(value)?)?;
    Ok(())
}

pub(crate) fn runs(runs: &[Run]) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    if runs.is_empty() {
        writeln!(anstream::stderr(), "no runs")?;
    }
    for run in runs {
        let elapsed = run.elapsed_ms.map_or_else(|| "–".to_owned(), millis);
        let degraded = if run.degraded { " degraded" } else { "" };
        writeln!(
            out,
            "{}  {:<10} {:>9}  {:>10}  {}  {}{degraded}",
            run.id,
            run.status,
            elapsed,
            dollars(run.spent_usd),
            run.submitted,
            run.graph
        )?;
    }
    Ok(())
}

pub(crate) fn detail(detail: &RunDetail) -> Result<(), Failure> {
    runs(std::slice::from_ref(&detail.run))?;
    let mut out = anstream::stdout();
    for task in &detail.tasks {
        let waiting = task.waiting_on.as_ref().map_or(String::new(), |cause| format!("  waits: {cause}"));
        let attempts = if task.attempts > 1 { format!("  {} attempts", task.attempts) } else { String::new() };
        writeln!(out, "  {:<32} {}{attempts}{waiting}", task.task, task.status)?;
    }
    output(detail)
}

/// The output as people read it: an answer with its sources if it looks like one, else indented JSON; texts bare.
pub(crate) fn output(detail: &RunDetail) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    match &detail.output {
        None => {}
        Some(Json::String(text)) => writeln!(out, "{text}")?,
        Some(value) => match value["answer"].as_str() {
            Some(answer) => {
                writeln!(out, "{answer}")?;
                rest(&mut out, value)?;
            }
            None => writeln!(out, "{}", serde_json::to_string_pretty(value)?)?,
        },
    }
    Ok(())
}

fn rest(out: &mut impl Write, value: &Json) -> Result<(), Failure> {
    for citation in value["citations"].as_array().into_iter().flatten() {
        let (id, source) =
            (citation["id"].as_str().unwrap_or_default(), citation["source"].as_str().unwrap_or_default());
        let heading = citation["heading"].as_str().map_or(String::new(), |heading| format!("  {heading}"));
        writeln!(out, "  [{id}] {source}{heading}")?;
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "answer" | "citations") && !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "  {name}: {text}")?;
        }
    }
    Ok(())
}

/// Bars over the run's time, its parts, its cost.
pub(crate) fn timeline(out: &mut impl Write, why: &Why, detail: &RunDetail) -> Result<(), Failure> {
    writeln!(out)?;
    bars(out, why)?;
    let parts: Vec<String> =
        why.parts.iter().map(|part| format!("{} {}", share(part.ms, why.wall_ms), part.cause)).collect();
    let degraded = if detail.run.degraded { ", degraded" } else { "" };
    writeln!(
        out,
        "  {} in {}, {}{degraded} — {}",
        detail.run.status.bold(),
        millis(why.wall_ms),
        dollars(detail.run.spent_usd),
        parts.join(", ")
    )?;
    writeln!(out)?;
    Ok(())
}

fn bars(out: &mut impl Write, why: &Why) -> Result<(), Failure> {
    let ran: Vec<&WhyTask> = why.tasks.iter().filter(|task| !task.attempts.is_empty()).take(40).collect();
    let width = ran.iter().map(|task| task.task.width()).max().unwrap_or(0).min(32);
    for task in ran {
        let critical = if why.critical_path.contains(&task.task) { "●" } else { " " };
        let place = |ms: f64| ((ms / why.wall_ms.max(0.001)) * BAR as f64).round().clamp(0.0, BAR as f64) as usize;
        let end = task.ended_ms.unwrap_or(task.wall_ms);
        let waited: f64 = task
            .parts
            .iter()
            .filter(|part| part.cause != "running" && part.cause != "dependency")
            .map(|part| part.ms)
            .sum();
        let (from, to) = (place(task.ready_ms), place(end).max(place(task.ready_ms) + 1).min(BAR));
        let from = from.min(to.saturating_sub(1));
        let wait = place(task.ready_ms + waited).clamp(from, to) - from;
        let bar =
            format!("{}{}{}{}", " ".repeat(from), "░".repeat(wait), "█".repeat(to - from - wait), " ".repeat(BAR - to));
        let pad = " ".repeat(width.saturating_sub(task.task.width()));
        writeln!(out, "{critical} {}{pad} │{}│ {}", task.task, bar.cyan(), millis(end - task.ready_ms))?;
    }
    Ok(())
}

pub(crate) fn why(why: &Why) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    writeln!(out, "{}\n", why.sentence)?;
    bars(&mut out, why)?;
    writeln!(out)?;
    for task in &why.tasks {
        let mark = if why.critical_path.contains(&task.task) { "●" } else { " " };
        let caught = if task.caught { " (caught)" } else { "" };
        writeln!(
            out,
            "{mark} {}  {}{caught}  {}: {}",
            task.task.bold(),
            task.status,
            millis(task.wall_ms),
            parts(&task.parts)
        )?;
        for attempt in &task.attempts {
            let took = attempt.ms.map_or_else(|| "still running".to_owned(), millis);
            let lower = if attempt.lower { ", a preferred target was passed over" } else { "" };
            let failed = attempt.failed.as_ref().map_or(String::new(), |failed| format!(", {failed}"));
            writeln!(
                out,
                "      {} {took}, {}, {} tokens{lower}{failed}",
                attempt.target,
                dollars(attempt.cost_usd),
                attempt.tokens
            )?;
        }
    }
    Ok(())
}

fn parts(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{} {}", part.cause, millis(part.ms))).collect::<Vec<_>>().join(" + ")
}

fn share(part: f64, whole: f64) -> String {
    format!("{:.0} %", part / whole.max(0.001) * 100.0)
}

fn millis(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{:.1} s", ms / 1_000.0)
    } else if ms >= 100.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

fn dollars(usd: f64) -> String {
    if usd == 0.0 { "$0".to_owned() } else { format!("${usd:.6}") }
}
