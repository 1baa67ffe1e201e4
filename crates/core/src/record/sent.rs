//! An attempt that is sent.

use std::sync::Arc;

use agendum_types::{AttemptNo, Duration, Effect, Incarnation, Money};

use super::{Choice, Preempted, Waits};

/// An attempt that was sent to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// Which try.
    pub attempt: AttemptNo,
    /// The life of the shard that started it.
    pub incarnation: Incarnation,
    /// The name of the target.
    pub target: Arc<str>,
    /// What it does to the outside.
    pub effect: Effect,
    /// Money set aside for it: the worst case.
    pub hold: Money,
    /// Tokens set aside for it.
    pub hold_tokens: u64,
    /// Output tokens at most.
    pub output_cap: Option<u32>,
    /// True if a preferred target was passed over.
    pub lower: bool,
    /// What it waited for since it was ready.
    pub waits: Waits,
    /// True if it continues an attempt of an earlier life by its reference.
    pub reattached: bool,
    /// True if it is sent beside one that is slow: whichever succeeds first counts.
    pub beside: bool,
    /// True if it may cost more than is set aside, for all that is known of its target.
    pub estimated: bool,
    /// How long it was expected to take, where enough was seen of its task.
    pub expected: Option<Duration>,
    /// Why it was sent then and there, where something else could have been.
    pub choice: Option<Box<Choice>>,
    /// The task of which an attempt was stopped for it.
    pub preempted: Option<Box<Preempted>>,
}
