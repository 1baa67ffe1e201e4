//! An attempt that is out.

use std::sync::Arc;

use agendum_types::outcome::Price;
use agendum_types::{AttemptId, Duration, Money, Need, Timestamp};

use super::preempt::Freed;
use super::share::Counted;

/// An attempt that is out, awaited or not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flight {
    pub(super) attempt: AttemptId,
    pub(super) target: usize,
    pub(super) price: Price,
    /// When it was sent, with what hold and how many bytes, how many tokens of its minute, and what it counts for.
    pub(super) sent: Timestamp,
    /// As what of its target it was sent: since that was last whole, or broke.
    pub(super) turn: u32,
    pub(super) hold: (Money, u64),
    pub(super) bytes: u64,
    pub(super) tokens: u64,
    pub(super) counted: Counted,
    /// What it holds of pools.
    pub(super) needs: Arc<[Need]>,
    /// How long it was expected to take, and to give how many tokens.
    pub(super) expected: Option<(Duration, u64)>,
    /// When it counts as slow.
    pub(super) slow_at: Option<Timestamp>,
    /// When it should end, as far as others reckon with that; whether it may give way; and for whom it was stopped.
    pub(super) ends_at: Option<Timestamp>,
    pub(super) may_stop: bool,
    /// It is of an earlier life.
    pub(super) reattached: bool,
    /// How long it took, as was thought, until its target worked on it.
    pub(super) start: Duration,
    pub(super) is_cold: bool,
    pub(super) freed: Option<Freed>,
    /// Of a child run that is over: what it has spent, and whether it took a lower rung.
    pub(super) child: Option<(Money, bool)>,
}
