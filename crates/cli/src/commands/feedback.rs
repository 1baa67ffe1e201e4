//! `feedback`, `runs feedback`: how good answers were.

use std::io::Write as _;

use agendum_wire::v1::{Feedback, FeedbackLine, FeedbackReport, Opinion, Opinions};
use unicode_width::UnicodeWidthStr as _;

use super::{Context, runs};
use crate::args::{FeedbackOf, Opinion as Given};
use crate::failure::Failure;
use crate::hosting::{Need, Session, tell};
use crate::{next, show};

/// Digits of a hash that tell versions apart.
const VERSION: usize = 12;
/// Characters of a line of an opinion, and of its comment.
const LINE_MAX: usize = 400;

/// Keeps an opinion.
pub(super) async fn give(context: &Context, session: &Session, opinion: Given) -> Result<(), Failure> {
    let Given { run, score, label, task, comment } = opinion;
    let id = session.client.resolve(&run).await?;
    let said = session.client.post(&id, "feedback", &Feedback { score, label, task, comment }).await?;
    if context.json {
        return show::json(&said);
    }
    writeln!(show::err(), "kept: {} for {id}", said["score"])?;
    Ok(())
}

/// What was said so far.
pub(crate) async fn feedback(context: &Context, of: FeedbackOf, by: &str) -> Result<(), Failure> {
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let mut query = vec![("by", by.to_owned())];
        query.extend(asked(of));
        let report = session.client.feedback(&query).await?;
        if context.json { show::json(&report) } else { table(&report) }
    })
    .await
}

fn asked(of: FeedbackOf) -> impl Iterator<Item = (&'static str, String)> {
    let asked = [("graph", of.graph), ("source", of.source)];
    asked.into_iter().filter_map(|(word, value)| Some((word, value?)))
}

/// The same one by one.
pub(crate) async fn list(context: &Context, run: Option<String>, of: FeedbackOf, limit: u32) -> Result<(), Failure> {
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(asked(of));
        if let Some(run) = run {
            query.push(("run", session.client.resolve(&run).await?));
        }
        let said = session.client.opinions(&query).await?;
        if context.json { show::json(&said) } else { lines(&said, limit) }
    })
    .await
}

/// An opinion in a line, with its comment below.
fn lines(said: &Opinions, limit: u32) -> Result<(), Failure> {
    if said.opinions.is_empty() {
        tell("nothing of that kind was said");
        return Ok(());
    }
    let mut out = show::out();
    for opinion in &said.opinions {
        let Opinion { at, run, task, graph, score, label, comment, target, by, judge, .. } = opinion;
        let of = task.as_ref().map_or_else(|| graph.clone(), |task| format!("{graph} {task}"));
        let target = target.as_ref().map_or(String::new(), |target| format!(" (of {target})"));
        let label = label.as_ref().map_or(String::new(), |label| format!("  {}", show::in_line(label)));
        let who = judge.as_ref().map_or_else(|| by.clone(), |judge| format!("judge {judge}"));
        let line = format!("{at}  {run}  {score:.3}{label}  {of}{target}  by {who}");
        writeln!(out, "{}", show::one_line(&out.harmless(&line), LINE_MAX))?;
        if let Some(comment) = comment {
            writeln!(out, "    {}", show::one_line(&out.harmless(comment), LINE_MAX))?;
        }
    }
    if said.next.is_some() {
        tell(&format!("the latest {limit}: -n shows more"));
    }
    Ok(())
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
        format!("{}{}", show::in_line(name), version.unwrap_or_default())
    };
    let width = report.lines.iter().map(|line| name(line).width()).max().unwrap_or_default().max(report.by.width());
    writeln!(out, "{:width$}  {:>8}  {:>6}  {:>6}  {:>6}", report.by, "count", "mean", "min", "max")?;
    for line in &report.lines {
        let (name, FeedbackLine { count, mean, min, max, .. }) = (name(line), line);
        let space = " ".repeat(width - name.width());
        writeln!(out, "{name}{space}  {count:>8}  {mean:>6.3}  {min:>6.3}  {max:>6.3}")?;
    }
    Ok(())
}
