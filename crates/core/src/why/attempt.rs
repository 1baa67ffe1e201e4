//! What is told of an attempt.

use std::sync::Arc;

use agendum_types::{AttemptNo, Class, Duration, Money, RunId, Timestamp};

use crate::record::{Choice, Preempted};

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReasons {
    /// Where it went.
    pub target: Arc<str>,
    /// Which try it was.
    pub number: AttemptNo,
    /// True if it was sent beside one that was slow.
    pub beside: bool,
    /// True if a preferred target was passed over.
    pub lower: bool,
    /// How long it was expected to take, where enough had been seen of its task.
    pub expected: Option<Duration>,
    /// Why it was sent then and there, where something else could have been.
    pub choice: Option<Box<Choice>>,
    /// The task of which an attempt was stopped for it.
    pub preempted: Option<Box<Preempted>>,
    /// The task that it was stopped for.
    pub gave_way: Option<Box<Preempted>>,
    /// When it was sent.
    pub started: Timestamp,
    /// When its outcome came.
    pub ended: Option<Timestamp>,
    /// Why it gave no result.
    pub failed: Option<(Class, Arc<str>)>,
    /// What it cost.
    pub cost: Money,
    /// How much of that was billed above what had been set aside.
    pub over: Money,
    /// All tokens it used.
    pub tokens: u64,
    /// The run that it was, if it was one.
    pub child: Option<RunId>,
    /// True if that run took a lower rung.
    pub degraded: bool,
}
