//! What follows on what has happened to a task.

use agendum_types::{Failure, PayloadRef, Timestamp};

/// What follows on a result or a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// `fail_if` or `good_if` are asked first.
    Judge,
    /// The task succeeds.
    Succeed,
    /// Another attempt, not before this instant.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// Its target had no room for it: it is queued anew from this instant on, and that was no try.
    Back {
        /// When.
        at: Timestamp,
    },
    /// The rung of `catch` with this index.
    Rung {
        /// From 0.
        rung: u8,
        /// What it catches. Journals of earlier builds do not say.
        failure: Option<Box<Failure>>,
    },
    /// The attempt may have taken effect: its `on_uncertain` finds out first. With it the failure that stands as long as nobody knows.
    Doubt(Box<Failure>),
    /// The task fails for good.
    Fail(Box<Failure>),
}

/// What follows on a round of a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextRound {
    /// Another round.
    Again,
    /// `until` was true: this round's output counts.
    Done,
    /// The loop ran out: this output counts, degraded.
    Use {
        /// The output of the best or the last round.
        output: Box<PayloadRef>,
        /// The round after it could not be paid for out of the loop's budget.
        unpaid: bool,
    },
    /// The loop ran out: the task fails, or is caught.
    Fail(Next),
}

impl Next {
    /// The task fails for good.
    #[must_use]
    pub fn fail(failure: Failure) -> Self {
        Self::Fail(Box::new(failure))
    }
}
