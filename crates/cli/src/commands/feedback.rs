//! `feedback`, `runs feedback`: how good answers were.

use std::io::Write as _;

use agendum_wire::v1::{Feedback, FeedbackLine, FeedbackReport};
use unicode_width::UnicodeWidthStr as _;

use super::{Context, runs};
use crate::args::Opinion;
use crate::failure::Failure;
use crate::hosting::{Need, Session, tell};
use crate::{next, show};

/// Digits of a hash that tell versions apart.
const VERSION: usize = 12;

/// Keeps an opinion.
pub(super) async fn give(context: &Context, session: &Session, opinion: Opinion) -> Result<(), Failure> {
    let Opinion { run, score, label, task, comment } = opinion;
    let id = session.client.resolve(&run).await?;
    let said = session.client.post(&id, "feedback", &Feedback { score, label, task, comment }).await?;
    if context.json {
        return show::json(&said);
    }
    writeln!(show::err(), "kept: {} for {id}", said["score"])?;
    Ok(())
}

/// What was said so far.
pub(crate) async fn feedback(context: &Context, graph: Option<String>, by: &str) -> Result<(), Failure> {
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let mut query = vec![("by", by.to_owned())];
        query.extend(graph.map(|graph| ("graph", graph)));
        let report = session.client.feedback(&query).await?;
        if context.json { show::json(&report) } else { table(&report) }
    })
    .await
}

fn table(report: &FeedbackReport) -> Result<(), Failure> {
    if report.lines.is_empty() {
        tell(&format!("nothing was said yet: {} runs feedback RUN --score 0.8", next::hosting()));
        return Ok(());
    }
    let mut out = show::out();
    let report = &out.harmless_value(report);
    let name = |line: &FeedbackLine| {
        let version = line.version.as_ref().map(|hash| format!(" {}", &hash[..hash.len().min(VERSION)]));
        let name = if line.name.is_empty() { "–" } else { &line.name };
        // A label is a line of the table, whatever ends of lines are in it.
        let name = name.replace(|c: char| c.is_control(), " ");
        format!("{name}{}", version.unwrap_or_default())
    };
    let width = report.lines.iter().map(|line| name(line).width()).max().unwrap_or_default();
    writeln!(out, "{:width$}  {:>8}  {:>6}  {:>6}  {:>6}", report.by, "count", "mean", "min", "max")?;
    for line in &report.lines {
        let (name, FeedbackLine { count, mean, min, max, .. }) = (name(line), line);
        let space = " ".repeat(width - name.width());
        writeln!(out, "{name}{space}  {count:>8}  {mean:>6.3}  {min:>6.3}  {max:>6.3}")?;
    }
    Ok(())
}
