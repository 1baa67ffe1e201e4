//! Attempts that are runs of their own, and what any attempt came to.

use std::sync::Arc;

use agendum_types::{Cause, Class, Money, Target, Timestamp};
use smallvec::SmallVec;

use super::{Stretch, Track};
use crate::record::{Finished, Raised};

impl Track {
    /// The last attempt told by what it can be found: a child run tells its id.
    pub(super) fn is_run(&mut self, reference: &str) {
        if let Some(attempt) = self.attempts.last_mut().filter(|attempt| *attempt.target == *Target::CHILD) {
            attempt.child = reference.parse().ok();
        }
    }

    /// More is set aside for the attempt that is out.
    pub(in crate::why) fn holds_more(&mut self, raised: &Raised) {
        if let Some((money, tokens)) = self.holds.last_mut() {
            (*money, *tokens) = (money.plus(raised.money), tokens.saturating_add(raised.tokens));
        }
    }

    /// As long as it ran, a child run passed its time with these: the rest of it ran.
    pub(in crate::why) fn passed(&mut self, times: &[Stretch]) {
        let mut whole = SmallVec::new();
        for stretch in std::mem::take(&mut self.stretches) {
            let mut at = stretch.from;
            for time in times.iter().filter(|_| stretch.cause == Cause::Running) {
                let [from, to] = [time.from, time.to].map(|instant| instant.clamp(at, stretch.to.max(at)));
                if from < to {
                    whole.push(Stretch { from: at, to: from, ..stretch });
                    whole.push(Stretch { from, to, cause: time.cause });
                    at = to;
                }
            }
            whole.push(Stretch { from: at, ..stretch });
        }
        whole.retain(|stretch: &mut Stretch| stretch.from < stretch.to);
        self.stretches = whole;
    }

    /// What an attempt has cost, and what came of it. For a child that nothing bounds nothing was set aside.
    pub(super) fn settles(&mut self, finished: &Finished, failed: Option<(Class, Arc<str>)>, at: Timestamp) {
        let Some(place) = self.place(finished.attempt) else { return };
        let (attempt, hold) = (&mut self.attempts[place], self.holds[place]);
        (attempt.ended, attempt.cost, attempt.failed) = (Some(at), finished.cost, failed);
        let is_bounded = *attempt.target != *Target::CHILD || hold.0 > Money::ZERO;
        attempt.over = if is_bounded { finished.cost.minus(hold.0) } else { Money::ZERO };
        attempt.tokens = if finished.unreported { hold.1 } else { finished.outcome.usage().tokens() };
        attempt.degraded = finished.degraded;
    }
}
