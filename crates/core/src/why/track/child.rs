//! Attempts that are runs of their own, and what any attempt came to.

use std::sync::Arc;

use agendum_types::{Class, Money, Target, Timestamp};

use super::Track;
use crate::record::Finished;

impl Track {
    /// The last attempt told by what it can be found: a child run tells its id.
    pub(super) fn is_run(&mut self, reference: &str) {
        if let Some(attempt) = self.attempts.last_mut().filter(|attempt| *attempt.target == *Target::CHILD) {
            attempt.child = reference.parse().ok();
        }
    }

    /// What the last attempt has cost, and what came of it. For a child that nothing bounds nothing was set aside.
    pub(super) fn settles(&mut self, finished: &Finished, failed: Option<(Class, Arc<str>)>, at: Timestamp) {
        let hold = self.hold;
        let Some(attempt) = self.attempts.last_mut() else { return };
        (attempt.ended, attempt.cost, attempt.failed) = (Some(at), finished.cost, failed);
        let is_bounded = *attempt.target != *Target::CHILD || hold.0 > Money::ZERO;
        attempt.over = if is_bounded { finished.cost.minus(hold.0) } else { Money::ZERO };
        attempt.tokens = if finished.unreported { hold.1 } else { finished.outcome.usage().tokens() };
        attempt.degraded = finished.degraded;
    }
}
