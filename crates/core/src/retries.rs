//! How many attempts may follow on failures of a target: a share of those that are sent there first, and some in any case.
//!
//! Where a target fails for all at once, attempts that follow would come on top of everything else, just when it can serve least. So each attempt that
//! fails through a fault of its target takes of a budget for the next: of what first attempts have earned, else of a rate (the generic cell rate algorithm,
//! as in `pace`). Without budget the next attempt waits for longer: until there is some, or for a minute. Nothing fails for that, unless its own time is
//! over by then.
//!
//! It is set aside when the failure is decided upon, so that those that fail together do not come back together. Where another target would do that has
//! budget, that one's is taken. What was set aside is set aside, be it sent or not.

use agendum_types::policy::Limits;
use agendum_types::{AttemptNo, Duration, Failure, TargetId, Timestamp};

use crate::breaker;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// What one more attempt takes of what first attempts have earned, each so many of a hundred.
const COST: u32 = 100;
/// So much of that is saved up at most.
const EARNED_MAX: u32 = 50 * COST;
/// What comes in so long in any case is saved up.
const SAVED: Duration = Duration::secs(10);
/// Nobody waits for longer than this for budget.
const WAIT_MAX: Duration = Duration::secs(60);

/// The budget of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    /// What first attempts have earned.
    earned: u32,
    /// When all else that was set aside has come in, in nanoseconds.
    paid: u128,
}

impl Retries {
    /// When there is budget for the next.
    fn opens(self) -> Timestamp {
        if self.earned >= COST {
            return Timestamp(0);
        }
        let at = self.paid.saturating_sub(nanos(SAVED)).div_ceil(1_000);
        Timestamp(u64::try_from(at).unwrap_or(u64::MAX))
    }

    pub(crate) fn kept(self) -> (u32, u64) {
        (self.earned, u64::try_from(self.paid).unwrap_or(u64::MAX))
    }

    /// Those of an earlier life, whose clock was so far ahead.
    pub(crate) fn remembered((earned, paid): (u32, u64), ahead: Duration, now: Timestamp) -> Self {
        let most = u128::from(now.0) * 1_000 + nanos(SAVED) + nanos(WAIT_MAX);
        Self { earned: earned.min(EARNED_MAX), paid: u128::from(paid).saturating_sub(nanos(ahead)).min(most) }
    }

    fn take(&mut self, rules: &Limits, now: Timestamp) {
        if self.earned >= COST {
            self.earned -= COST;
            return;
        }
        let now = u128::from(now.0) * 1_000;
        self.paid = (self.paid.max(now) + unit(rules)).min(now + nanos(SAVED) + nanos(WAIT_MAX));
    }

    fn earn(&mut self, rules: &Limits) {
        self.earned = (self.earned + u32::from(rules.retries)).min(EARNED_MAX);
    }
}

impl Scheduler {
    /// A first attempt is sent: it earns a share of another.
    pub(crate) fn earn_retries(&mut self, target: TargetId, attempt: AttemptNo) {
        if attempt == AttemptNo(1) {
            self.targets.row_mut(target).retries.earn(&self.policy.limits);
        }
    }

    /// Whose budget pays for another attempt after this failure on that target, and from when on; `None` where that needs none.
    pub(crate) fn budget_of(
        &mut self,
        slot: Slot,
        id: InstId,
        failed: TargetId,
        failure: &Failure,
    ) -> Option<(TargetId, Timestamp)> {
        if breaker::fault_of(failure.class) != Some(true) || !self.targets.row(failed).serves_models() {
            return None;
        }
        let class = self.class_of(slot, id)?;
        let candidates = self.board.queue.candidates(class).iter();
        let opens = |target: &TargetId| self.targets.row(*target).retries.opens().max(self.now);
        let all = candidates.map(|target| (*target, opens(target)));
        all.min_by_key(|(target, opens)| (*opens, *target != failed))
    }

    /// There is to be another attempt.
    pub(crate) fn take_retry(&mut self, target: TargetId) {
        self.targets.row_mut(target).retries.take(&self.policy.limits, self.now);
    }
}

/// How long what one attempt takes comes in, in nanoseconds.
fn unit(rules: &Limits) -> u128 {
    1_000_000_000 / u128::from(rules.retries_per_s.max(1))
}

fn nanos(span: Duration) -> u128 {
    u128::from(span.as_micros()) * 1_000
}
