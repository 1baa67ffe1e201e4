//! Records and text as events of a stream.

use agendum_core::{Change, End, Entry, Next, NextRound, Record, Waits};
use agendum_types::{AttemptId, Class, Graph, Outcome, TaskPath};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{RunError, dollars, instant, millis};

/// The kind of the event after which a run's graph is a larger one.
pub const TASKS_ADDED: &str = "run.tasks_added";

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
    /// What it waited for since it was ready: cause and milliseconds.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waited: Vec<(String, f64)>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// All tokens it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What the provider said about its use, as it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_usage: Option<Json>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Text of a running attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it begins in the attempt's text, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What follows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Event {
    /// True if it tells of an attempt that was out when its process died: it ended then, and not when this was found.
    #[must_use]
    pub fn is_of_a_crash(&self) -> bool {
        let said = self.error.as_ref().map(|error| error.message.as_str());
        [End::Lost, End::Uncertain].iter().any(|end| Some(end.sentence()) == said)
    }
}

/// The event of a record; `None` for records that say nothing to the outside.
#[must_use]
pub fn event(graph: &Graph, entry: &Entry) -> Option<Event> {
    let mut event = Event { seq: entry.seq.0, at: instant(entry.at), ..Event::default() };
    let kind = match &entry.record {
        Record::RunSubmitted(_) => "run.submitted",
        Record::TasksAdded { .. } => TASKS_ADDED,
        Record::CancelRequested { .. } => "run.cancel_requested",
        Record::Paused { .. } => "run.paused",
        Record::Resumed { .. } => "run.resumed",
        Record::Answered(answered) => {
            event.status = Some(answered.status.word().to_owned());
            event.error = answered.failure.as_ref().map(|failure| RunError::of(graph, failure));
            if answered.degraded {
                event.note = Some("degraded".to_owned());
            }
            "run.answered"
        }
        Record::Done { .. } => "run.done",
        Record::Task { path, change, .. } => {
            event.task = Some(graph.path_text(path)).filter(|path| !path.is_empty());
            let event = task(event, change)?;
            return Some(Event { error: event.error.or_else(|| undone(graph, path, change)), ..event });
        }
        Record::Opened { .. } | Record::Closed | Record::ClockJumped { .. } => return None,
    };
    event.kind = kind.to_owned();
    Some(event)
}

fn task(mut event: Event, change: &Change) -> Option<Event> {
    let kind = match change {
        Change::Entered(evaluation) if evaluation.truth == Some(false) => "task.skipped",
        Change::Entered(_) | Change::Referenced { .. } => return None,
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
            follow(&mut event, &finished.next)
        }
        Change::Judged { next, .. } => follow(&mut event, next),
        Change::Caught { .. } => "task.caught",
        Change::RoundJudged { next, .. } => match next {
            NextRound::Again => "loop.again",
            NextRound::Done => "loop.done",
            NextRound::Use { .. } => "loop.exhausted",
            NextRound::Fail(next) => follow(&mut event, next),
        },
        Change::Composed { .. } => "task.composed",
        Change::Ended(ended) => {
            event.note = Some(ended.end.sentence().to_owned());
            event.waited = waited(&ended.waits);
            if ended.end == End::Pruned { "task.pruned" } else { follow(&mut event, &ended.next) }
        }
        Change::Abandoned { cost, tokens, .. } => {
            event.cost_usd = Some(dollars(*cost));
            event.tokens = Some(*tokens);
            "task.abandoned"
        }
    };
    event.kind = kind.to_owned();
    Some(event)
}

/// Why what was done does not count and follows again, where no failure is kept.
fn undone(graph: &Graph, path: &TaskPath, change: &Change) -> Option<RunError> {
    let goes_on = |next: &Next| matches!(next, Next::Retry { .. } | Next::Rung { .. });
    let (class, message) = match change {
        Change::Judged { next, .. } if goes_on(next) => {
            let fail_if = path.node().and_then(|node| graph.task(node).fail_if);
            (fail_if.map_or(Class::InvalidOutput, |(_, class)| class), "its result fulfils `fail_if`")
        }
        Change::Ended(ended) if goes_on(&ended.next) => (ended.end.class(), ended.end.sentence()),
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Referenced { .. }
        | Change::Finished(_)
        | Change::Judged { .. }
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Ended(_)
        | Change::Abandoned { .. } => return None,
    };
    Some(RunError { class: class.to_string(), message: message.to_owned(), task: None })
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
        Next::Rung { rung, .. } => {
            event.note = Some(format!("caught by rung {}", rung + 1));
            "task.catching"
        }
        Next::Fail(failure) => {
            event.error.get_or_insert_with(|| RunError::plain(failure));
            "task.failed"
        }
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
