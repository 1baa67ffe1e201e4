//! Records and text as events of a stream.

use agendum_core::{Cached, Change, End, Ended, Entry, Next, NextRound, REFUSED, Raised, Record, Resolved, Waits};
use agendum_types::graph::{OnUncertain, Task};
use agendum_types::{AttemptId, Booked, Class, Fate, Graph, Money, Outcome, TaskPath, Timestamp, Wait, WaitFor};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::preempted::gave_way;
use super::sentence::kept;
use super::{Asks, Awaits, Compensation, RunError, dollars, instant, millis};

/// The kind of the event after which a run's graph is a larger one.
pub const TASKS_ADDED: &str = "run.tasks_added";
/// The kind of the event after which it is one with tasks that run ahead of a plan: they are withdrawn if their planner's attempt fails.
pub const TASKS_AHEAD: &str = "run.tasks_ahead";

/// The kind of the event after which somebody finds out whether an attempt took effect.
const IN_DOUBT: &str = "task.in_doubt";

/// Something that happened to a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the journal; 0 for text, which is provisional.
    pub seq: u64,
    /// When.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub at: String,
    /// `run.submitted`, `task.started`, `task.succeeded`, `task.retrying`, `text`, `run.answered`, `run.done`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// The task's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Which try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How the run was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `compensating` if what the run has done is taken back from now on; then how far it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// What it waits for, if that is a person, a signal, a webhook or an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Awaits>,
    /// Who decided, or sent what it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Of a decision: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// What it waited for since it was ready: cause and milliseconds.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waited: Vec<(String, f64)>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// How much of that was billed above the hold: what had been set aside for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_usd: Option<f64>,
    /// All tokens it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What the provider said about its use, as it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_usage: Option<Json>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// True if the attempt was out when the process ended: it ended then, and not when this was found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Of an attempt that was not wanted any more: `taken` if it took effect, `uncertain` if it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// Text of a running attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it begins in the attempt's text, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Of the submission of a run that waits for its turn: the key of its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What follows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The event of a record; `None` for records that say nothing to the outside.
#[must_use]
pub fn event(graph: &Graph, entry: &Entry) -> Option<Event> {
    let mut event = Event { seq: entry.seq.0, at: instant(entry.at), ..Event::default() };
    let kind = match &entry.record {
        Record::RunSubmitted(submitted) => {
            event.group = submitted.concurrency.as_ref().map(|concurrency| concurrency.key.to_string());
            "run.submitted"
        }
        Record::TasksAdded { .. } => TASKS_ADDED,
        Record::TasksAhead { path, attempt, .. } => {
            (event.task, event.attempt) = (Some(graph.path_text(path)), Some(attempt.0));
            TASKS_AHEAD
        }
        Record::CancelRequested { replaced_by, .. } => {
            event.note = replaced_by.map(|run| format!("replaced by {run}"));
            "run.cancel_requested"
        }
        Record::Begun { .. } => "run.begun",
        Record::Paused { .. } => "run.paused",
        Record::Crashed { in_row, quarantined, .. } => {
            event.note = Some(format!("it was at work in {in_row} crashes in a row"));
            if *quarantined { "run.quarantined" } else { "run.crashed" }
        }
        Record::Resumed { .. } => "run.resumed",
        Record::SignalKept(kept) => {
            event.by = Some(kept.by.to_string());
            event.note = Some(format!("no task waits for {} `{}` yet", kept.of, kept.name));
            "run.signal_kept"
        }
        Record::Raised(raised) => self::raised(&mut event, graph, raised),
        Record::Answered(answered) => {
            event.status = Some(answered.status.word().to_owned());
            event.error = answered.failure.as_ref().map(|failure| RunError::of(graph, failure));
            if answered.degraded {
                event.note = Some("degraded".to_owned());
            }
            event.compensation = Compensation::of_answer(answered);
            "run.answered"
        }
        Record::Compensated(compensated) => {
            event.compensation = Some(Compensation::of(graph, compensated));
            if compensated.left_count > 0 { "run.compensation_failed" } else { "run.compensated" }
        }
        Record::Done { .. } => "run.done",
        Record::Task { path, change, .. } => {
            event.task = Some(graph.path_text(path)).filter(|path| !path.is_empty());
            let kind = task(&mut event, graph, (path, entry.at), change)?;
            let asks = path.node().is_some_and(|node| graph.task(node).on_uncertain == OnUncertain::Ask);
            event.awaits =
                event.awaits.or_else(|| (kind == IN_DOUBT && asks).then(|| Awaits::of(&Wait::new(WaitFor::Effect))));
            if graph.undoes(path) { of_compensation(kind) } else { kind }
        }
        Record::Opened { .. } | Record::Closed | Record::ClockJumped { .. } => return None,
    };
    if let Some(booked) = &entry.booked {
        settled(&mut event, booked);
    }
    event.kind = kind.to_owned();
    Some(event)
}

/// What takes back what a task has done ends otherwise than tasks do.
fn of_compensation(kind: &'static str) -> &'static str {
    match kind {
        "task.succeeded" => "task.compensated",
        "task.failed" => "task.compensation_failed",
        other => other,
    }
}

/// What was booked is what it cost, be it that nobody told.
fn settled(event: &mut Event, booked: &Booked) {
    (event.cost_usd, event.tokens) = (Some(dollars(booked.cost)), Some(booked.tokens));
    if booked.over > Money::ZERO {
        event.over_usd = Some(dollars(booked.over));
        let over = format!("{} billed above the hold", booked.over);
        event.note = Some(event.note.take().map_or_else(|| over.clone(), |note| format!("{note}; {over}")));
    }
}

/// Says what happened to a task; its kind.
fn task(event: &mut Event, graph: &Graph, (path, at): (&TaskPath, Timestamp), change: &Change) -> Option<&'static str> {
    Some(match change {
        Change::Entered(evaluation) if evaluation.truth == Some(false) => "task.skipped",
        Change::Entered(evaluation) => {
            event.awaits = Some(Awaits::of(evaluation.wait.as_deref()?));
            "task.waiting"
        }
        Change::Reminded => "task.reminder",
        Change::Waited(heard) => self::heard(event, heard),
        Change::Referenced { .. } => return None,
        Change::Dispatched(dispatched) => {
            event.attempt = Some(dispatched.attempt.0);
            event.target = Some(dispatched.target.to_string());
            event.waited = waited(&dispatched.waits);
            if dispatched.lower {
                event.note = Some("a preferred target was passed over".to_owned());
            }
            "task.started"
        }
        Change::Finished(finished) => {
            event.attempt = Some(finished.attempt.0);
            event.cost_usd = Some(dollars(finished.cost));
            let (usage, raw_usage) = match &finished.outcome {
                Outcome::Succeeded(success) => (success.usage, &success.raw_usage),
                Outcome::Failed(failure) => {
                    event.error = Some(RunError::plain(failure));
                    (failure.usage, &failure.raw_usage)
                }
            };
            event.tokens = Some(usage.tokens());
            event.raw_usage = raw_usage.as_deref().and_then(|raw| serde_json::from_str(raw).ok());
            follow(event, &finished.next)
        }
        Change::Judged { evaluation, next } => {
            judged(event, path.node().map(|node| graph.task(node)), evaluation.refused.as_deref(), next)
        }
        Change::Caught { .. } => "task.caught",
        Change::RoundJudged { next, .. } => round_judged(event, next),
        Change::Composed { .. } => "task.composed",
        Change::Reused { from, .. } => {
            event.note = Some(format!("reused from {from}"));
            "task.reused"
        }
        Change::Cached(cached) => self::cached(event, cached, at),
        Change::Ended(ended) => self::ended(event, ended),
        Change::Pleaded(plea) => {
            event.note = Some(Asks::of(plea).sentence());
            "run.budget_asked"
        }
        Change::Resolved(found) => {
            let kind = follow(event, &found.next);
            event.note = Some(resolved(found));
            kind
        }
        Change::Abandoned { cost, tokens, fate, away, .. } => {
            event.note = fate.sentence(*away).map(str::to_owned);
            event.fate = Some(fate.word().to_owned()).filter(|_| *fate != Fate::None);
            (event.cost_usd, event.tokens) = (Some(dollars(*cost)), Some(*tokens));
            "task.abandoned"
        }
    })
}

/// A task that ended by a decision, or an attempt of it.
fn ended(event: &mut Event, ended: &Ended) -> &'static str {
    event.note = Some(ended.end.sentence().to_owned());
    event.waited = waited(&ended.waits);
    event.lost = matches!(ended.end, End::Lost | End::Uncertain);
    if let Some(other) = &ended.preempted {
        event.note = Some(gave_way(other).sentence);
    }
    match ended.end {
        End::Pruned => "task.pruned",
        End::Preempted => "task.preempted",
        end @ (End::Expired
        | End::Unaffordable
        | End::Unevaluable
        | End::Ineligible
        | End::Uncertain
        | End::Lost
        | End::Done
        | End::NoCopy
        | End::Hopeless) => undone(event, &ended.next, end.class(), end.sentence()),
    }
}

/// What follows on a round of a loop.
fn round_judged(event: &mut Event, next: &NextRound) -> &'static str {
    match next {
        NextRound::Again => "loop.again",
        NextRound::Done => "loop.done",
        NextRound::Use { unpaid, .. } => {
            event.note = unpaid.then(|| "its budget did not cover the next round".to_owned());
            "loop.exhausted"
        }
        NextRound::Fail(next) => follow(event, next),
    }
}

/// Who raised which budget by how much, or refused to.
fn raised(event: &mut Event, graph: &Graph, raised: &Raised) -> &'static str {
    event.by = Some(raised.by.to_string());
    event.task = Some(graph.path_text(&raised.path)).filter(|path| !path.is_empty());
    if raised.refused {
        return "run.budget_refused";
    }
    let money = Some(raised.money).filter(|money| *money > Money::ZERO).map(|money| money.to_string());
    let tokens = Some(raised.tokens).filter(|tokens| *tokens > 0).map(|tokens| format!("{tokens} tokens"));
    event.note = Some(format!("raised by {}", money.into_iter().chain(tokens).collect::<Vec<_>>().join(" and ")));
    "run.budget_raised"
}

fn judged(event: &mut Event, task: Option<&Task>, refused: Option<&str>, next: &Next) -> &'static str {
    if let Some(refused) = refused {
        return undone(event, next, Class::InvalidOutput, refused);
    }
    let fail_if = task.and_then(|task| task.fail_if);
    undone(event, next, fail_if.map_or(Class::InvalidOutput, |(_, class)| class), REFUSED)
}

/// It took a result that was kept.
fn cached(event: &mut Event, cached: &Cached, at: Timestamp) -> &'static str {
    event.target = Some(cached.target.to_string());
    event.waited = waited(&cached.waits);
    let stale = if cached.stale { "the last good result: " } else { "" };
    event.note = Some(format!("{stale}{}", kept(cached.from, at.since(cached.kept), cached.saved)));
    "task.cached"
}

/// What came to a wait, and who brought it.
fn heard(event: &mut Event, heard: &agendum_core::Waited) -> &'static str {
    event.by = heard.by.as_ref().map(ToString::to_string);
    event.approved = heard.approved;
    event.waited = waited(&heard.waits);
    "task.heard"
}

/// What follows on something that does not count; where no failure is kept of why it goes on, that is told.
fn undone(event: &mut Event, next: &Next, class: Class, message: &str) -> &'static str {
    if matches!(next, Next::Retry { .. } | Next::Back { .. } | Next::Rung { failure: None, .. }) {
        event.error =
            Some(RunError { class: class.to_string(), message: message.to_owned(), task: None, retry_after_ms: None });
    }
    follow(event, next)
}

fn waited(waits: &Waits) -> Vec<(String, f64)> {
    waits.iter().map(|(cause, span)| (cause.word().to_owned(), millis(*span))).collect()
}

fn follow(event: &mut Event, next: &Next) -> &'static str {
    match next {
        Next::Judge => "task.judged",
        Next::Succeed => "task.succeeded",
        Next::Retry { at } => {
            event.note = Some(format!("again at {}", instant(*at)));
            "task.retrying"
        }
        Next::Back { .. } => {
            event.note = Some("turned away by a target that is at work: this was no try".to_owned());
            "task.turned_away"
        }
        Next::Rung { rung, failure } => {
            if let Some(failure) = failure {
                event.error.get_or_insert_with(|| RunError::plain(failure));
            }
            event.note = Some(format!("caught by rung {}", rung + 1));
            "task.catching"
        }
        Next::Doubt(failure) => {
            event.error.get_or_insert_with(|| RunError::plain(failure));
            IN_DOUBT
        }
        Next::Fail(failure) => {
            event.error.get_or_insert_with(|| RunError::plain(failure));
            "task.failed"
        }
    }
}

/// Who found out what about an attempt that was in doubt.
fn resolved(resolved: &Resolved) -> String {
    let who = resolved.by.as_ref().map_or_else(|| "its check".to_owned(), |by| by.to_string());
    match resolved.happened {
        Some(true) => format!("{who} says that it took effect"),
        Some(false) => format!("{who} says that it had no effect"),
        None => format!("{who} cannot say whether it took effect"),
    }
}

/// Provisional text of a running attempt.
#[must_use]
pub fn text(graph: &Graph, attempt: &AttemptId, offset: u64, text: &str) -> Event {
    Event {
        kind: "text".to_owned(),
        task: Some(graph.path_text(&attempt.path)),
        attempt: Some(attempt.attempt.0),
        text: Some(text.to_owned()),
        offset: Some(offset),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use agendum_core::{Change, End, Ended, Entry, Evaluation, Finished, Next, Record};
    use agendum_types::graph::NodeId;
    use agendum_types::{
        AttemptNo, Class, Failure, Incarnation, Money, Outcome, RunId, Seq, TaskPath, Tenant, Timestamp,
    };

    use super::event;

    fn failed(message: &str, next: Next) -> Change {
        Change::Finished(Box::new(Finished {
            attempt: AttemptNo(1),
            incarnation: Incarnation(1),
            outcome: Outcome::Failed(Failure::new(Class::Unavailable, message)),
            cost: Money::ZERO,
            unreported: false,
            degraded: false,
            next,
        }))
    }

    #[test]
    fn what_does_not_count_says_why_and_whether_a_process_had_ended() {
        let graph = agendum_testkit::script::graph("a fail_if=content_blocked");
        let retry = || Next::Retry { at: Timestamp(0) };
        let judged = |next| Change::Judged { evaluation: Box::new(Evaluation::default()), next };
        let ended = |end: End, next| Change::Ended(Box::new(Ended::new(end, next)));
        let over = Failure::new(Class::DeadlineExceeded, "over");
        let caught = Next::Rung { rung: 0, failure: Some(Box::new(over.clone())) };
        let changes = [
            failed(End::Lost.sentence(), retry()),
            ended(End::Lost, retry()),
            ended(End::Uncertain, Next::Rung { rung: 0, failure: None }),
            ended(End::Expired, Next::Rung { rung: 0, failure: None }),
            ended(End::Expired, caught.clone()),
            ended(End::Expired, Next::fail(over)),
            ended(End::Pruned, Next::Succeed),
            judged(retry()),
            judged(caught),
            judged(Next::Succeed),
        ];
        let mut told = String::new();
        for change in changes {
            let record = Record::Task { run: RunId(1), path: TaskPath::top(NodeId(0)), change };
            let entry = Entry {
                seq: Seq(1),
                at: Timestamp(0),
                tenant: Some(Tenant::default()),
                record,
                unsent: Box::default(),
                booked: None,
                wasted: Box::default(),
                verdict: None,
            };
            let event = event(&graph, &entry).unwrap();
            let why = event.error.map_or(String::new(), |error| format!(" {}: {}", error.class, error.message));
            told += &format!("{}{}{why}\n", event.kind, if event.lost { " lost" } else { "" });
        }
        insta::assert_snapshot!(told, @r"
        task.retrying unavailable: the process ended while it was out
        task.retrying lost unavailable: the process ended while it was out
        task.catching lost uncertain: the process ended while it was out: it may have taken effect
        task.catching timeout: its time was over
        task.catching deadline_exceeded: over
        task.failed deadline_exceeded: over
        task.pruned
        task.retrying content_blocked: its result fulfils `fail_if`
        task.catching deadline_exceeded: over
        task.succeeded
        ");
    }
}
