//! What follows on a failure: another attempt, a rung of `catch`, or the end.

use agendum_types::graph::{Retry, Section};
use agendum_types::{Class, Duration, Failure, Timestamp};

use crate::record::{Change, End, Ended, Next, Record};
use crate::rng::Rng;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Decides what follows on a failed attempt or a refused result.
    pub(crate) fn next_after(&mut self, slot: Slot, id: InstId, failure: &Failure, may_repeat: bool) -> Next {
        if let Some(at) = self.retry_at(slot, id, failure, may_repeat) {
            return Next::Retry { at };
        }
        self.rung_or_fail(slot, id, failure.clone(), !may_repeat)
    }

    /// The next rung of `catch` that takes this failure, or the end.
    pub(crate) fn rung_or_fail(&self, slot: Slot, id: InstId, failure: Failure, outputs_only: bool) -> Next {
        let outputs_only = outputs_only || self.attempts_spent(slot, id);
        match self.board.next_rung(slot, id, &failure, outputs_only) {
            Some(rung) => Next::Rung { rung, failure: Some(Box::new(failure)) },
            None => Next::fail(failure),
        }
    }

    /// True if no attempt is left, on whatever rung.
    pub(crate) fn attempts_spent(&self, slot: Slot, id: InstId) -> bool {
        self.board.run(slot).inst(id).attempts >= self.board.limits.attempts_max
    }

    fn retry_at(&mut self, slot: Slot, id: InstId, failure: &Failure, may_repeat: bool) -> Option<Timestamp> {
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let spent = inst.rung_attempts >= task.retry.attempts_max || self.attempts_spent(slot, id);
        if !may_repeat || spent || !task.retries(failure.class) {
            return None;
        }
        let pause = pause(&mut self.rng, &task.retry, inst.rung_attempts);
        let at = self.now.after(pause).max(self.opens_at(slot, id, failure));
        // An attempt that could only start when its time is over is not worth the wait.
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let over = match task.section {
            Section::Main => run.deadline.unwrap_or(Timestamp::MAX).min(inst.expires),
            Section::After | Section::OnFailure | Section::Finally => inst.expires,
        };
        (at < over).then_some(at)
    }

    /// When some target takes the next attempt. What a provider asked for closes its target and not the task: another may be open.
    fn opens_at(&mut self, slot: Slot, id: InstId, failure: &Failure) -> Timestamp {
        let asked = self.now.after(failure.retry_after.unwrap_or_default());
        if !matches!(failure.class, Class::RateLimited | Class::Overloaded) {
            return asked;
        }
        let Some(class) = self.class_of(slot, id) else { return asked };
        let reopen = self.board.queue.candidates(class).iter().map(|target| self.targets.row(*target).closed_until);
        reopen.min().unwrap_or(asked)
    }

    /// Records the end of a task, or what follows.
    pub(crate) fn end(&mut self, slot: Slot, id: InstId, end: End, next: Next) {
        let run = self.board.run(slot);
        let waits = self.board.waited(run, run.first_inside(id), self.now);
        let inst = run.inst(id);
        let away = match (end, inst.running()) {
            (End::Lost | End::Uncertain, Some(running)) => {
                self.board.down.1.since(self.board.down.0.max(running.since))
            }
            _ => Duration::ZERO,
        };
        let change = Change::Ended(Box::new(Ended { end, next, away, waits }));
        let record = Record::Task { run: run.id, path: run.path(id), change };
        self.record_of(slot, record);
    }
}

/// Exponential back-off with full jitter (Brooker 2015): between nothing and a bound that grows with each attempt.
fn pause(rng: &mut Rng, retry: &Retry, attempts: u32) -> Duration {
    let mut bound = u128::from(retry.initial_delay.as_micros());
    let most = u128::from(retry.delay_max.as_micros());
    for _ in 1..attempts {
        bound = (bound * u128::from(retry.backoff_percent) / 100).min(most);
    }
    let bound = u64::try_from(bound.min(most)).unwrap_or(u64::MAX);
    Duration(if retry.jitter { rng.up_to(bound) } else { bound })
}
