//! What came of one attempt.

use std::sync::Arc;

use agendum_core::Dispatched;
use agendum_types::{Duration, Money, Outcome, PayloadRef, Seq, Timestamp};

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) target: Arc<str>,
    /// It was sent beside the attempt before it, which was out.
    pub(super) beside: bool,
    /// When it was sent, and how long until it ended; nothing where no record says.
    pub(crate) began: Timestamp,
    pub(crate) took: Option<Duration>,
    /// The record that says so: what ended in one instant ends in that order.
    pub(crate) ended: Option<Seq>,
    /// Nothing of one that nobody awaited any more, or whose end is not recorded.
    pub(crate) outcome: Option<Outcome>,
    /// Of a child run: it took a lower rung.
    pub(crate) degraded: bool,
    pub(crate) cost: Money,
    pub(crate) tokens: u64,
    /// How long until the next, where its failure was followed by one.
    pub(crate) retry: Option<Duration>,
    /// Of one that was stopped: whether it surely had no effect, and what it gave.
    pub(crate) stopped: Option<(bool, Option<PayloadRef>)>,
}

impl Try {
    pub(super) fn sent(sent: &Dispatched, at: Timestamp) -> Self {
        Self {
            target: Arc::clone(&sent.target),
            beside: sent.beside,
            began: at,
            took: None,
            ended: None,
            outcome: None,
            degraded: false,
            cost: Money::ZERO,
            tokens: 0,
            retry: None,
            stopped: None,
        }
    }
}
