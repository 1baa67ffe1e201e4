//! The last attempt of a task outlasts its targets' trouble: it waits until that is over, or a target would break.
//!
//! Pauses between attempts are meant for chance, and are over in less than a second; what a target fails for a few seconds would take all of them. Whoever
//! waits so goes on as soon as an attempt of another shows that a target is well again. No record says so: after a restart it waits for as long as it would
//! have.

use agendum_types::{Duration, Failure, TargetId, Timestamp};
use smallvec::SmallVec;

use crate::breaker;
use crate::inst::State;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// For no longer than this the last attempt waits for a target to be well again, or to break,
const PUT_OFF_MAX: Duration = Duration::secs(10);
/// and what waits for that comes back within this.
const SPREAD_MAX: Duration = Duration::secs(1);

impl Scheduler {
    /// When the last attempt is made while every target that would do fails for all that come: not before such a target breaks if that goes on. Pauses between
    /// attempts are meant for chance, and are over in less than a second; from where it breaks on, one at a time tries it. Where a rung of `catch` takes the
    /// failure, or the task is optional, the run goes on without it, and soon.
    pub(crate) fn outlasting(&mut self, slot: Slot, id: InstId, failure: &Failure) -> Option<Timestamp> {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let (retry, is_optional) = (task.retry, task.optional);
        let is_last = self.board.run(slot).inst(id).rung_attempts + 1 >= retry.attempts_max;
        if !is_last || is_optional || breaker::fault_of(failure.class) != Some(true) {
            return None;
        }
        if self.board.next_rung(slot, id, failure, false).is_some() {
            return None;
        }
        let (class, rules) = (self.class_of(slot, id)?, self.policy.limits);
        let candidates = self.board.queue.candidates(class).iter();
        let fail = candidates.map(|target| self.targets.row(*target).breaker.fails_until(&rules));
        let breaks = fail.collect::<Option<SmallVec<[Timestamp; 4]>>>()?.into_iter().min()?;
        let spread = rules.pause.min(SPREAD_MAX).as_micros();
        let at = breaks.after(Duration(if retry.jitter { self.rng.up_to(spread) } else { spread }));
        Some(at.min(self.now.after(PUT_OFF_MAX)).min(self.worth_until(slot, id)))
    }

    /// Until when an attempt may wait that is not to be late for that: for a third of the time that is left, of which twice what it takes is kept: it may have
    /// to wait in the queue once more.
    fn worth_until(&self, slot: Slot, id: InstId) -> Timestamp {
        let ends = self.latest_end(slot, id);
        if ends == Timestamp::MAX {
            return ends;
        }
        let left = ends.since(self.now);
        let takes = self.usual(slot, id).unwrap_or_default();
        let third = Duration(left.as_micros() / 3);
        self.now.after(third.min(left.minus(takes).minus(takes)))
    }

    /// A target that failed for all that came is well again: whoever put off the last attempt until that goes on, be it elsewhere.
    pub(crate) fn is_well_again(&mut self, target: TargetId) {
        let waiting: Vec<_> = self.board.outlasting.iter().map(|(of, opens)| (*of, *opens)).collect();
        for ((slot, id), opens) in waiting {
            let at = opens.max(self.now);
            let State::BackingOff(until) = self.board.run(slot).inst(id).state else { continue };
            let would_do =
                self.class_of(slot, id).is_some_and(|class| self.board.queue.candidates(class).contains(&target));
            if at < until && would_do {
                self.board.outlasting.remove(&(slot, id));
                self.board.timers.clear(until, Timer::Start(slot, id));
                self.board.timers.set(at, Timer::Start(slot, id));
                let inst = self.board.run_mut(slot).inst_mut(id);
                (inst.woken_at, inst.state) = (at, State::BackingOff(at));
            }
        }
    }
}
