//! `targets`: how the targets and pools are used of the process that has the data directory.

use std::io::Write as _;

use agendum_store_sqlite::Directory;
use agendum_wire::v1::{TargetLine, Targets};
use owo_colors::OwoColorize as _;

use super::{Context, runs};
use crate::failure::{FAILED, Failure};
use crate::hosting::{Need, Session, tell};
use crate::show::{self, counted};

pub(crate) async fn targets(context: &Context) -> Result<(), Failure> {
    if Directory::look(&context.data).owner().is_none() {
        return list(context, &Targets::default());
    }
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        list(context, &session.client.targets().await?)
    })
    .await
}

fn list(context: &Context, found: &Targets) -> Result<(), Failure> {
    if context.json {
        show::json(found)?;
        return ended(found);
    }
    if found.at.is_none() {
        tell("no process has the data directory: how its targets are used is known to the one that has");
    }
    let mut out = show::out();
    let found = &out.harmless_value(found);
    for line in &found.targets {
        writeln!(out, "{}  {}", line.target.bold(), used(line))?;
    }
    for line in &found.pools {
        writeln!(out, "pool {}  {} of {} units held", line.pool.bold(), line.held, line.units)?;
    }
    if found.queued > 0 {
        let waits = if found.queued == 1 { "waits" } else { "wait" };
        writeln!(out, "{} {waits} to be sent", counted(found.queued as usize, "task"))?;
    }
    ended(found)
}

/// Fails if a target gets nothing though it may have room. That it is full, or out of its minute, is work as usual.
fn ended(found: &Targets) -> Result<(), Failure> {
    let is_shut = |line: &TargetLine| line.closed_until.is_some() || line.broken_until.is_some();
    if found.targets.iter().any(is_shut) { Err(Failure::silent(FAILED)) } else { Ok(()) }
}

/// What is out there, of how many, and what keeps more from going.
fn used(line: &TargetLine) -> String {
    let away = line.learned.map(|most| (most, "it turns some away"));
    let crowded = line.does_most_with.map(|most| (most, "more take longer there, and no more is done"));
    let mut said = match [away, crowded].into_iter().flatten().min() {
        Some((most, why)) => format!("{} of {most} at once: {why} ({} configured)", line.running, line.concurrency),
        None => format!("{} of {} at once", line.running, line.concurrency),
    };
    for (count, what, is_stated) in [
        (line.requests_per_minute, "requests", line.requests_are_stated),
        (line.tokens_per_minute, "tokens", line.tokens_are_stated),
    ] {
        let source = if is_stated { ", as its provider says" } else { "" };
        said.extend(count.map(|count| format!(", {count} {what} a minute{source}")));
    }
    let pauses = [
        ("asked for a pause until", &line.closed_until),
        ("left alone, since it fails, until", &line.broken_until),
        ("its minute is used up until", &line.paced_until),
    ];
    for (why, until) in pauses {
        said.extend(until.iter().flat_map(|until| [", ", why, " ", until]));
    }
    said
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{TargetLine, Targets};

    use super::{ended, used};

    #[test]
    fn a_target_that_gets_nothing_is_a_failure() {
        let line = TargetLine { running: 8, concurrency: 8, ..TargetLine::default() };
        let at = || Some("T".to_owned());
        for (line, is_well) in [
            (line.clone(), true),
            (TargetLine { learned: Some(3), paced_until: at(), ..line.clone() }, true),
            (TargetLine { closed_until: at(), ..line.clone() }, false),
            (TargetLine { broken_until: at(), ..line }, false),
        ] {
            let found = Targets { targets: vec![TargetLine::default(), line.clone()], ..Targets::default() };
            assert_eq!(ended(&found).is_ok(), is_well, "{line:?}");
        }
    }

    #[test]
    fn what_keeps_more_from_going_is_told() {
        let line = TargetLine { running: 2, concurrency: 8, ..TargetLine::default() };
        let at = |text: &str| Some(text.to_owned());
        let told = [
            used(&line),
            used(&TargetLine { learned: Some(3), paced_until: at("T3"), ..line.clone() }),
            used(&TargetLine { learned: Some(5), does_most_with: Some(4), ..line.clone() }),
            used(&TargetLine { requests_per_minute: Some(60), ..line.clone() }),
            used(&TargetLine {
                requests_per_minute: Some(60),
                tokens_per_minute: Some(9_000),
                tokens_are_stated: true,
                ..line.clone()
            }),
            used(&TargetLine { closed_until: at("T1"), broken_until: at("T2"), ..line }),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        2 of 8 at once
        2 of 3 at once: it turns some away (8 configured), its minute is used up until T3
        2 of 4 at once: more take longer there, and no more is done (8 configured)
        2 of 8 at once, 60 requests a minute
        2 of 8 at once, 60 requests a minute, 9000 tokens a minute, as its provider says
        2 of 8 at once, asked for a pause until T1, left alone, since it fails, until T2
        ");
    }
}
