//! `targets`: how the targets and pools are used of the process that has the data directory.

use std::io::Write as _;

use agendum_store_sqlite::Directory;
use agendum_types::Duration;
use agendum_wire::v1::{LatelyLine, QuantilesLine, TargetLine, Targets};
use owo_colors::OwoColorize as _;

use super::{Context, runs};
use crate::failure::{FAILED, Failure, UNREACHABLE};
use crate::hosting::{Need, Session};
use crate::next;
use crate::show::{self, counted};

pub(crate) async fn targets(context: &Context) -> Result<(), Failure> {
    if Directory::look(&context.data).owner().is_none() {
        let message = format!(
            "no process has the data directory {}: how its targets are used is known to the one that has",
            context.data.display()
        );
        return Err(
            Failure::new(UNREACHABLE, message).hint(format!("{} serve, or a run that is under way", next::hosting()))
        );
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
    let mut out = show::out();
    let found = &out.harmless_value(found);
    for line in &found.targets {
        writeln!(out, "{}  {}", line.target.bold(), used(line, found.at.as_deref()))?;
        if let Some(of) = &line.lately {
            writeln!(out, "    {}", lately(of))?;
        }
    }
    for line in &found.pools {
        writeln!(out, "pool {}  {} of {} units held", line.pool.bold(), line.held, line.units)?;
    }
    if let Some(plan) = found.rules.as_ref().filter(|rules| rules.contains('+')) {
        writeln!(out, "decided by {plan}: a plan is in force")?;
    }
    if found.queued > 0 {
        let waits = if found.queued == 1 { "waits" } else { "wait" };
        writeln!(out, "{} {waits} to be sent", counted(found.queued as usize, "task"))?;
    }
    ended(found)
}

/// Fails if a target gets nothing though it may have room. That it is full, or out of its minute, is work as usual.
fn ended(found: &Targets) -> Result<(), Failure> {
    // Instants of one form: a pause that is over ends with the next call.
    let is_ahead = |until: &Option<String>| until.is_some() && *until > found.at;
    let is_shut = |line: &TargetLine| is_ahead(&line.closed_until) || is_ahead(&line.broken_until);
    if found.targets.iter().any(is_shut) { Err(Failure::silent(FAILED)) } else { Ok(()) }
}

/// What is out there, of how many, and what keeps more from going.
fn used(line: &TargetLine, now: Option<&str>) -> String {
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
    let is_over = line.broken_until.as_deref().zip(now).is_some_and(|(until, now)| until <= now);
    let pauses = [
        ("asked for a pause until", &line.closed_until),
        ("left alone, since it fails, until", if is_over { &None } else { &line.broken_until }),
        ("its minute is used up until", &line.paced_until),
    ];
    for (why, until) in pauses {
        said.extend(until.iter().flat_map(|until| [", ", why, " ", until]));
    }
    if is_over {
        said.push_str(", tried with the next call, since it failed");
    }
    said
}

/// What attempts have come to there.
fn lately(of: &LatelyLine) -> String {
    let failed = f64::from(of.failed) * 100.0 / f64::from(of.attempts.max(1));
    let mut said = format!("the last {}: {failed:.0} % failed", counted(of.attempts as usize, "attempt"));
    if of.failed < of.attempts {
        let QuantilesLine { p50, p95 } = of.duration_ms;
        said.extend([format!("; a half took {} at most, 95 % {}", span(p50), span(p95))]);
    }
    let some = [(of.tokens, " tokens", 0), (of.cost_usd, "", 6)];
    for (of, unit, places) in some.into_iter().filter(|(of, ..)| of.p95 > 0.0) {
        let sign = if places > 0 { "$" } else { "" };
        said.extend([format!("; {sign}{:.places$} and {sign}{:.places$}{unit}", of.p50, of.p95)]);
    }
    said
}

/// Milliseconds, as a span.
fn span(millis: f64) -> String {
    Duration::micros((millis * 1_000.0) as u64).to_string()
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{LatelyLine, QuantilesLine, TargetLine, Targets};

    use super::{ended, lately, used};

    #[test]
    fn what_attempts_came_to_is_told() {
        let of = LatelyLine {
            attempts: 200,
            failed: 6,
            duration_ms: QuantilesLine { p50: 1_216.0, p95: 4_480.5 },
            tokens: QuantilesLine { p50: 352.0, p95: 1_408.0 },
            cost_usd: QuantilesLine { p50: 0.000_21, p95: 0.0013 },
            ..LatelyLine::default()
        };
        let whole = lately(&of);
        let free = LatelyLine { tokens: QuantilesLine::default(), cost_usd: QuantilesLine::default(), ..of };
        let told = [whole, lately(&free), lately(&LatelyLine { attempts: 1, failed: 1, ..free })];
        insta::assert_snapshot!(told.join("\n"), @"
        the last 200 attempts: 3 % failed; a half took 1.21s at most, 95 % 4.48s; 352 and 1408 tokens; $0.000210 and $0.001300
        the last 200 attempts: 3 % failed; a half took 1.21s at most, 95 % 4.48s
        the last 1 attempt: 100 % failed
        ");
    }

    #[test]
    fn a_target_that_gets_nothing_is_a_failure() {
        let line = TargetLine { running: 8, concurrency: 8, ..TargetLine::default() };
        let at = || Some("T".to_owned());
        for (line, is_well) in [
            (line.clone(), true),
            (TargetLine { learned: Some(3), paced_until: at(), ..line.clone() }, true),
            (TargetLine { closed_until: at(), ..line.clone() }, false),
            (TargetLine { broken_until: at(), ..line.clone() }, false),
            (TargetLine { broken_until: Some("R".to_owned()), ..line }, true),
        ] {
            let targets = vec![TargetLine::default(), line.clone()];
            let found = Targets { targets, at: Some("S".to_owned()), ..Targets::default() };
            assert_eq!(ended(&found).is_ok(), is_well, "{line:?}");
        }
    }

    #[test]
    fn what_keeps_more_from_going_is_told() {
        let line = TargetLine { running: 2, concurrency: 8, ..TargetLine::default() };
        let at = |text: &str| Some(text.to_owned());
        let told = [
            used(&line, None),
            used(&TargetLine { learned: Some(3), paced_until: at("T3"), ..line.clone() }, None),
            used(&TargetLine { learned: Some(5), does_most_with: Some(4), ..line.clone() }, None),
            used(&TargetLine { requests_per_minute: Some(60), ..line.clone() }, None),
            used(
                &TargetLine {
                    requests_per_minute: Some(60),
                    tokens_per_minute: Some(9_000),
                    tokens_are_stated: true,
                    ..line.clone()
                },
                None,
            ),
            used(&TargetLine { closed_until: at("T1"), broken_until: at("T2"), ..line.clone() }, None),
            used(&TargetLine { broken_until: at("T2"), ..line }, Some("T3")),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        2 of 8 at once
        2 of 3 at once: it turns some away (8 configured), its minute is used up until T3
        2 of 4 at once: more take longer there, and no more is done (8 configured)
        2 of 8 at once, 60 requests a minute
        2 of 8 at once, 60 requests a minute, 9000 tokens a minute, as its provider says
        2 of 8 at once, asked for a pause until T1, left alone, since it fails, until T2
        2 of 8 at once, tried with the next call, since it failed
        ");
    }
}
