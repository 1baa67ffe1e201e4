//! The last attempt of a task outlasts its targets' trouble: it waits until that is over, or a target would break.
//!
//! Pauses between attempts are meant for chance, and are over in less than a second; what a target fails for a few seconds would take all of them. Whoever
//! waits so goes on when attempts of others show that a target is well again, two with each, so that one that fails again after a moment has not got them
//! all. No record says so: after a restart it waits for as long as it would have.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::{Duration, Failure, RunId, TargetId, Timestamp};
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
/// So many of those that wait go on with each attempt that succeeds.
const CALLED: usize = 2;

impl Scheduler {
    /// When the last attempt is made while every target that would do fails for all that come: not before such a target breaks if that goes on. Pauses between
    /// attempts are meant for chance, and are over in less than a second; from where it breaks on, one at a time tries it. Where a rung of `catch` takes the
    /// failure, or the task is optional, the run goes on without it, and soon.
    pub(crate) fn outlasting(&mut self, slot: Slot, id: InstId, failure: &Failure) -> Option<Timestamp> {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let (retry, is_optional) = (task.retry, task.optional);
        if !self.is_last_try(slot, id) || is_optional || breaker::fault_of(failure.class) != Some(true) {
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

    /// It puts its last attempt off until then.
    pub(crate) fn puts_off(&mut self, slot: Slot, id: InstId, until: Timestamp, opens: Timestamp) {
        let Some(class) = self.class_of(slot, id) else { return };
        let targets = self.board.queue.candidates(class).iter().copied().collect();
        self.board.outlasting.insert((slot, id), Waits { until, run: self.board.run(slot).id, opens, targets });
    }

    /// An attempt has succeeded on a target that does not fail for all that come: of those that have put off their last attempt until then the first two go on.
    /// If it is well indeed each of them calls two more; if it fails again, no more are spent on it.
    pub(crate) fn is_well(&mut self, target: TargetId) {
        for (slot, id) in self.board.outlasting.first(target, CALLED) {
            let Some(waits) = self.board.outlasting.remove((slot, id)) else { continue };
            let at = waits.opens.max(self.now).min(waits.until);
            self.board.timers.clear(waits.until, Timer::Start(slot, id));
            self.board.timers.set(at, Timer::Start(slot, id));
            let inst = self.board.run_mut(slot).inst_mut(id);
            inst.trouble_mut().woken_at = at;
            inst.state = State::BackingOff(at);
        }
    }
}

/// Tasks that have put off their last attempt until a target is well again.
#[derive(Debug, Default)]
pub(crate) struct Outlasting {
    tasks: BTreeMap<(Slot, InstId), Waits>,
    /// The same by target, those first that would go first.
    by_target: BTreeSet<(TargetId, Timestamp, RunId, Slot, InstId)>,
}

/// How one of them waits.
#[derive(Debug)]
struct Waits {
    /// For no longer than this,
    until: Timestamp,
    run: RunId,
    /// and at least until then.
    opens: Timestamp,
    /// Any of these will do.
    targets: SmallVec<[TargetId; 2]>,
}

impl Outlasting {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(crate) fn contains(&self, of: (Slot, InstId)) -> bool {
        self.tasks.contains_key(&of)
    }

    /// It waits no more, if it did.
    pub(crate) fn forget(&mut self, of: (Slot, InstId)) {
        self.remove(of);
    }

    fn insert(&mut self, (slot, id): (Slot, InstId), waits: Waits) {
        self.remove((slot, id));
        self.by_target.extend(waits.targets.iter().map(|target| (*target, waits.until, waits.run, slot, id)));
        self.tasks.insert((slot, id), waits);
    }

    fn remove(&mut self, (slot, id): (Slot, InstId)) -> Option<Waits> {
        let waits = self.tasks.remove(&(slot, id))?;
        for target in &waits.targets {
            self.by_target.remove(&(*target, waits.until, waits.run, slot, id));
        }
        Some(waits)
    }

    fn first(&self, target: TargetId, count: usize) -> SmallVec<[(Slot, InstId); CALLED]> {
        let from = (target, Timestamp(0), RunId(0), Slot(0), InstId(0));
        let of = self.by_target.range(from..).take_while(|of| of.0 == target).take(count);
        of.map(|(.., slot, id)| (*slot, *id)).collect()
    }
}
