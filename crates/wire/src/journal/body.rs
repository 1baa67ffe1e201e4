//! The shapes of bodies, version 1. Everything optional is left out when it is not there; money is pico-dollars, time microseconds.

mod people;
mod sent;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub(super) use people::{Pleaded, Raised, SignalKept, Wait, Waited};
pub(super) use sent::{Choice, Dispatched, Preempted};

type Text<'a> = Cow<'a, str>;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
pub(super) struct Opened {
    pub(super) incarnation: u32,
    pub(super) seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) down_since: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClockJumped {
    pub(super) from: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Empty {}

#[derive(Serialize, Deserialize)]
pub(super) struct CancelRequested<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unsent: Vec<Unsent<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) replaced_by: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Payload<'a> {
    /// URL-safe base64 without padding.
    #[serde(borrow)]
    pub(super) hash: Text<'a>,
    pub(super) size: u64,
    /// `application/json` where absent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) media: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Budget<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) money: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tokens: Option<u64>,
    #[serde(borrow)]
    pub(super) on_exceeded: Text<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RunSubmitted<'a> {
    #[serde(borrow)]
    pub(super) principal: Text<'a>,
    #[serde(borrow)]
    pub(super) graph_name: Text<'a>,
    #[serde(borrow)]
    pub(super) graph: Text<'a>,
    #[serde(borrow)]
    pub(super) document: Payload<'a>,
    #[serde(borrow)]
    pub(super) inputs: Payload<'a>,
    #[serde(borrow)]
    pub(super) priority: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<Budget<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) strict: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<(Text<'a>, Text<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) concurrency: Option<Concurrency<'a>>,
    /// The run, and the task as people write it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<(Text<'a>, Text<'a>)>,
}

/// The group of a run, and its rules there.
#[derive(Serialize, Deserialize)]
pub(super) struct Concurrency<'a> {
    #[serde(borrow)]
    pub(super) key: Text<'a>,
    pub(super) limit: u32,
    #[serde(borrow)]
    pub(super) on_new: Text<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) settle: u64,
}

/// What a run takes over of a run before it.
#[derive(Serialize, Deserialize)]
pub(super) struct Origin<'a> {
    #[serde(borrow)]
    pub(super) run: Text<'a>,
    /// That run itself where absent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) key_origin: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) keys: Vec<(u32, Text<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<Given<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Given<'a> {
    /// Its place in the graph.
    pub(super) task: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Payload<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) degraded: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) needs: Vec<Option<Text<'a>>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) effects: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) left: bool,
    #[serde(borrow)]
    pub(super) reuse: Text<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Reused<'a> {
    #[serde(borrow)]
    pub(super) from: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Payload<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) degraded: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Cached<'a> {
    #[serde(borrow)]
    pub(super) output: Payload<'a>,
    #[serde(borrow)]
    pub(super) from: Text<'a>,
    pub(super) kept: u64,
    #[serde(borrow)]
    pub(super) target: Text<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) saved: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) stale: bool,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waits: Waits<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TasksAhead<'a> {
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    pub(super) attempt: u32,
    #[serde(borrow)]
    pub(super) graph: Text<'a>,
    #[serde(borrow)]
    pub(super) document: Payload<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TasksAdded<'a> {
    #[serde(borrow)]
    pub(super) graph: Text<'a>,
    #[serde(borrow)]
    pub(super) document: Payload<'a>,
}

#[derive(Serialize, Deserialize, Default, PartialEq)]
pub(super) struct Usage {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens_in: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens_cached: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens_written: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens_out: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens_reasoning: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) calls: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) egress_bytes: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) estimated: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    pub(super) class: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) no_effect: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) partial: Option<Payload<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) usage: Usage,
    /// JSON, as a text.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) raw_usage: Option<Text<'a>>,
    /// Journals of earlier builds do not say: none there.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RunFailure<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) failure: Failure<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Answered<'a> {
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Payload<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<RunFailure<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) degraded: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) compensating: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Compensated<'a> {
    pub(super) count: u32,
    /// The places of tasks, and why their effects are there.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) left: Vec<(Text<'a>, Failure<'a>)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) left_count: u32,
}

/// A body that speaks of one task.
#[derive(Serialize, Deserialize)]
pub(super) struct Task<'a, T> {
    /// Places in the graph: `3[0]#2/7`; empty for the run.
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    #[serde(flatten)]
    pub(super) change: T,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unsent: Vec<Unsent<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) booked: Option<Booked<'a>>,
}

/// What an attempt has cost.
#[derive(Serialize, Deserialize)]
pub(super) struct Booked<'a> {
    #[serde(borrow)]
    pub(super) target: Text<'a>,
    pub(super) taken: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) cost: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) over: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) waste: Option<Text<'a>>,
}

/// A task that ended with what it stood in: its place, and what it had waited for.
pub(super) type Unsent<'a> = (Text<'a>, Waits<'a>);

/// Pairs of a cause's word and microseconds.
pub(super) type Waits<'a> = Vec<(Text<'a>, u64)>;

#[derive(Serialize, Deserialize, Default)]
pub(super) struct Evaluation<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) truth: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) good: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) same: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<Wait<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Payload<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Referenced<'a> {
    #[serde(borrow)]
    pub(super) reference: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome<'a> {
    #[serde(borrow)]
    Output(Payload<'a>),
    #[serde(borrow)]
    Failure(Failure<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next<'a> {
    Judge,
    Succeed,
    Retry {
        at: u64,
    },
    Back {
        at: u64,
    },
    Rung {
        rung: u8,
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure<'a>>,
    },
    #[serde(borrow)]
    Doubt(Failure<'a>),
    #[serde(borrow)]
    Fail(Failure<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NextRound<'a> {
    Again,
    Done,
    #[serde(borrow)]
    Use(Payload<'a>),
    #[serde(borrow)]
    Fail(Next<'a>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Finished<'a> {
    pub(super) attempt: u32,
    pub(super) incarnation: u32,
    #[serde(borrow)]
    pub(super) outcome: Outcome<'a>,
    /// Of a success; a failure carries its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) usage: Usage,
    /// The same.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) raw_usage: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) cost: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) unreported: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) degraded: bool,
    #[serde(borrow)]
    pub(super) next: Next<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Judged<'a> {
    #[serde(borrow)]
    pub(super) evaluation: Evaluation<'a>,
    #[serde(borrow)]
    pub(super) next: Next<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Caught<'a> {
    #[serde(borrow)]
    pub(super) output: Payload<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Failure<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) output: Payload<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RoundJudged<'a> {
    #[serde(borrow)]
    pub(super) evaluation: Evaluation<'a>,
    #[serde(borrow)]
    pub(super) next: NextRound<'a>,
    /// Of one that gives the output of a round before it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) unpaid: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Crashed {
    pub(super) incarnation: u32,
    pub(super) in_row: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) quarantined: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Ended<'a> {
    #[serde(borrow)]
    pub(super) end: Text<'a>,
    #[serde(borrow)]
    pub(super) next: Next<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) away: u64,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waits: Waits<'a>,
    /// The place of a loop.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) short: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) preempted: Option<Preempted<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Abandoned<'a> {
    pub(super) attempt: u32,
    pub(super) incarnation: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) cost: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) tokens: u64,
    /// Of an effect that nobody can rule out.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) fate: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Payload<'a>>,
    /// Microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) away: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Resolved<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) happened: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Payload<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) next: Next<'a>,
}
