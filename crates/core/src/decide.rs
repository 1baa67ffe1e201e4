//! What follows on a failure: another attempt, a rung of `catch`, or the end.

use agendum_types::graph::{Retry, Section, Task};
use agendum_types::{Class, Duration, Failure, TargetId, TaskPath, Timestamp};

use crate::breaker;
use crate::record::{Change, End, Ended, Next, Record};
use crate::rng::Rng;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// Whether a failed attempt is made again.
enum Retrying {
    At(Timestamp),
    TooLate(Limit),
    Never,
}

/// What leaves no time.
enum Limit {
    Run,
    /// The task's own, at this instant.
    Task(Timestamp),
}

/// Which of a task's own limits of time has passed when it has taken so long: the class, and its word with the span.
pub(crate) fn time_of(task: &Task, spent: Duration) -> Option<(Class, (&'static str, Duration))> {
    let within = task.within.filter(|within| spent >= *within);
    let timeout = task.timeouts.task.filter(|limit| spent >= *limit);
    let within = within.map(|span| (Class::DeadlineExceeded, ("`within`", span)));
    within.or_else(|| timeout.map(|span| (Class::Timeout, ("timeout", span))))
}

impl Scheduler {
    /// Decides what follows on a failed attempt or a refused result.
    pub(crate) fn next_after(&mut self, slot: Slot, id: InstId, failure: &Failure, may_repeat: bool) -> Next {
        self.next_from(slot, id, (None, failure), (may_repeat, self.now))
    }

    /// The same after an attempt on this target, which has to pay for another if it failed through its fault.
    pub(crate) fn next_on(
        &mut self,
        slot: Slot,
        id: InstId,
        (target, failure): (Option<TargetId>, &Failure),
        may_repeat: bool,
    ) -> Next {
        let budget = target.and_then(|target| self.budget_of(slot, id, target, failure));
        let next =
            self.next_from(slot, id, (target, failure), (may_repeat, budget.map_or(self.now, |(_, opens)| opens)));
        if let (Next::Retry { .. }, Some((payer, _))) = (&next, budget) {
            self.take_retry(payer);
        }
        next
    }

    fn next_from(
        &mut self,
        slot: Slot,
        id: InstId,
        (on, failure): (Option<TargetId>, &Failure),
        (may_repeat, from): (bool, Timestamp),
    ) -> Next {
        let late = match self.retry(slot, id, (on, failure), (may_repeat, from)) {
            Retrying::At(at) => return Next::Retry { at },
            Retrying::TooLate(late) => self.late(slot, id, late, failure),
            Retrying::Never => None,
        };
        match late.filter(|_| self.board.next_rung(slot, id, failure, !may_repeat).is_none()) {
            // What nobody catches failed for want of time.
            Some(late) => self.rung_or_fail(slot, id, late, true),
            None => self.rung_or_fail(slot, id, failure.clone(), !may_repeat),
        }
    }

    /// That there is no time for another attempt before this limit. `None` where the time that is left belongs to others.
    fn late(&self, slot: Slot, id: InstId, limit: Limit, failure: &Failure) -> Option<Failure> {
        let (class, limit) = match limit {
            Limit::Run => (Class::DeadlineExceeded, "the run's deadline".to_owned()),
            Limit::Task(at) => {
                let inst = self.board.run(slot).inst(id);
                let task = self.board.plan(slot).task(inst.node);
                let (class, of) = time_of(task, at.since(inst.ready_at))?;
                (class, format!("its {} of {}", of.0, of.1))
            }
        };
        let message = format!("no time is left for another attempt within {limit}: {}", failure.message);
        Some(Failure::new(class, &message).labelled(&failure.labels))
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

    fn retry(
        &mut self,
        slot: Slot,
        id: InstId,
        (on, failure): (Option<TargetId>, &Failure),
        (may_repeat, from): (bool, Timestamp),
    ) -> Retrying {
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let spent = inst.rung_attempts >= task.retry.attempts_max || self.attempts_spent(slot, id);
        if !may_repeat || spent || !task.retries(failure.class) {
            return Retrying::Never;
        }
        let is_held_back =
            on.is_some_and(|target| self.turns_away(target)) && breaker::fault_of(failure.class) == Some(true);
        let attempts = if is_held_back { 1 } else { inst.rung_attempts };
        let pause = pause(&mut self.rng, &task.retry, attempts);
        let opens = self.opens_at(slot, id, failure).max(from);
        let soon = self.now.after(pause).max(opens);
        let later = self.outlasting(slot, id, failure);
        // An attempt that could only start when its time is over is not worth the wait.
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let at = later.map_or(soon, |later| later.max(soon));
        match run.deadline.filter(|_| task.section == Section::Main) {
            Some(deadline) if deadline <= at && deadline <= inst.expires => Retrying::TooLate(Limit::Run),
            Some(_) | None if inst.expires <= at => Retrying::TooLate(Limit::Task(inst.expires)),
            Some(_) | None => {
                if on.is_some() && later.is_some() {
                    self.puts_off(slot, id, at, opens);
                }
                Retrying::At(at)
            }
        }
    }

    /// True if a task whose attempt was turned away for want of room is queued anew at once. One that comes near the limit
    /// of its attempts takes its pauses.
    pub(crate) fn may_go_back(&self, slot: Slot, id: InstId, failure: &Failure) -> bool {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let deadline = run.deadline.filter(|_| task.section == Section::Main);
        let is_late = inst.expires <= self.now || deadline.is_some_and(|deadline| deadline <= self.now);
        task.retries(failure.class)
            && !is_late
            && inst.attempts.saturating_add(task.retry.attempts_max) < self.board.limits.attempts_max
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
        self.end_for(slot, id, (end, next), None);
    }

    /// The same, for want of money of the loop at this place.
    pub(crate) fn end_for(&mut self, slot: Slot, id: InstId, (end, next): (End, Next), short: Option<TaskPath>) {
        let run = self.board.run(slot);
        let waits = self.board.waited(run, run.first_inside(id), self.now);
        let inst = run.inst(id);
        let away = match (end, inst.running()) {
            (End::Lost | End::Uncertain, Some(running)) => self.board.downs.before_this_life(running.since),
            _ => Duration::ZERO,
        };
        let change = Change::Ended(Box::new(Ended { end, next, away, waits, short, preempted: None }));
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
