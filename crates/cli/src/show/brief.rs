//! A finished run in a few lines: what was asked, what came of it, and the way that the answer waited for.

use std::io::Write as _;

use agendum_wire::v1::{RunDetail, Why};
use owo_colors::OwoColorize as _;

use super::tables::{citations, dollars, millis, shares, within};
use crate::failure::Failure;

/// Prints it. `asked` is the question that the run answered.
pub(crate) fn brief(asked: &str, detail: &RunDetail, why: &Why) -> Result<(), Failure> {
    let out = &mut super::out();
    let (detail, why) = (&out.harmless_value(detail), &out.harmless_value(why));
    writeln!(out, "{}", asked.bold())?;
    let output = detail.output.as_ref();
    if let Some(answer) = output.and_then(|output| output["answer"].as_str()) {
        writeln!(out, "{answer}")?;
    }
    citations(out, output.unwrap_or(&serde_json::Value::Null))?;
    if let Some(note) = output.and_then(|output| output["note"].as_str()) {
        writeln!(out, "  {}", note.dimmed())?;
    }
    let ran = why.nodes.iter().filter(|node| node.attempts > 0).count();
    let attempts: u64 = why.nodes.iter().map(|node| node.attempts).sum();
    let degraded = if detail.run.degraded { ", degraded" } else { "" };
    writeln!(
        out,
        "\n{}: {} {} for {}{degraded}; {ran} calls ran in {attempts} attempts",
        detail.run.graph,
        detail.run.status.green(),
        within(why.wall_ms),
        dollars(detail.run.spent_usd),
    )?;
    writeln!(out, "the answer waited for {}: {}", path(why), shares(why))?;
    Ok(())
}

/// Those of the chain of tasks that ran, with what each took.
fn path(why: &Why) -> String {
    let ran = |path: &String| {
        let task = why.tasks.iter().find(|task| task.task == *path && !task.attempts.is_empty())?;
        let ms: f64 = task.attempts.iter().filter_map(|attempt| attempt.ms).sum();
        Some(format!("{path} {}", millis(ms)))
    };
    why.critical_path.iter().filter_map(ran).collect::<Vec<_>>().join(" → ")
}
