//! What follows on a failure: another attempt, a rung of `catch`, or the end.

use agendum_core::Next;
use agendum_types::graph::{Rung, Section};
use agendum_types::{Class, Duration, Effect, Failure, RunId, TaskPath, Timestamp};

use super::Reference;
use super::share::PutOff;
use super::state::{Running, State};

/// Something that may follow. Chance is the core's: of a back-off only the bounds are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum May {
    Judge,
    Succeed,
    Retry {
        from: Timestamp,
        to: Timestamp,
    },
    /// It is queued anew at once.
    Back(Timestamp),
    Rung(usize),
    Doubt,
    Fail(Class),
}

/// True if what the core decided is one of these.
pub(super) fn allowed(may: &[May], next: &Next) -> bool {
    may.iter().any(|may| match (may, next) {
        (May::Judge, Next::Judge) | (May::Succeed, Next::Succeed) => true,
        (May::Retry { from, to }, Next::Retry { at }) => from <= at && at <= to,
        (May::Back(now), Next::Back { at }) => now == at,
        (May::Rung(mine), Next::Rung { rung, .. }) => *mine == usize::from(*rung),
        (May::Doubt, Next::Doubt(failure)) => failure.class == Class::Uncertain,
        (May::Fail(class), Next::Fail(failure)) => *class == failure.class,
        _ => false,
    })
}

/// A `once` attempt that has no definite answer may have taken effect.
pub(super) fn class_of(failure: &Failure, running: &Running) -> Class {
    let vague = matches!(failure.class, Class::Timeout | Class::Unavailable | Class::Overloaded | Class::Cancelled);
    if running.effect == Effect::Once && vague && !failure.no_effect { Class::Uncertain } else { failure.class }
}

impl Reference {
    pub(super) fn rung(&self, id: RunId, path: &TaskPath, class: Class, outputs_only: bool) -> Option<usize> {
        let run = &self.runs[&id];
        let task = run.task(path);
        if task.no_fallback || !run.is_judged(path) {
            return None;
        }
        let spent = run.tasks[path].attempts >= self.limits.attempts_max;
        let output_only = outputs_only || spent || task.repeat.is_some();
        (run.tasks[path].rung..task.catch.len()).find(|rung| {
            let rung = &task.catch[*rung];
            let fits = match rung.rung {
                Rung::Output(_) => true,
                Rung::Target(_) => !output_only,
                // What was asked for must be known.
                Rung::Cached => run.tasks[path].entered && run.is_call(path) && !run.is_check(path),
            };
            rung.on.contains(class) && fits
        })
    }

    /// Without another attempt on this rung: the next of `catch`, or the end. Where something has run, an output only.
    pub(super) fn caught_or(&self, id: RunId, path: &TaskPath, class: Class, outputs_only: bool) -> Vec<May> {
        vec![self.rung(id, path, class, outputs_only).map_or(May::Fail(class), May::Rung)]
    }

    /// `degrade` takes the next output of `catch`, whatever it says to catch.
    pub(super) fn any_output(&self, id: RunId, path: &TaskPath) -> Option<usize> {
        let run = &self.runs[&id];
        let task = run.task(path);
        let open = !task.no_fallback && run.is_judged(path);
        let output = |rung: &usize| open && matches!(task.catch[*rung].rung, Rung::Output(_));
        (run.tasks[path].rung..task.catch.len()).find(output)
    }

    /// Where no rung takes the failure, there was no time for another attempt before this instant: that is why.
    fn late(&self, id: RunId, path: &TaskPath, over: Timestamp) -> Option<May> {
        let run = &self.runs[&id];
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let class = if inst.expires.is_none_or(|expires| over < expires)
            || run.submitted.deadline == Some(over) && task.section == Section::Main
        {
            Class::DeadlineExceeded
        } else {
            let spent = over.since(inst.ready_at);
            let within = task.within.is_some_and(|within| spent >= within);
            let timeout = task.timeouts.task.is_some_and(|limit| spent >= limit);
            if within { Class::DeadlineExceeded } else { timeout.then_some(Class::Timeout)? }
        };
        self.caught_or(id, path, class, true).pop()
    }

    pub(super) fn after_failure(&self, id: RunId, path: &TaskPath, failure: &Failure, repeatable: bool) -> Vec<May> {
        self.after_failure_from(id, path, failure, (repeatable, self.now, false))
    }

    /// The same where another attempt may go from then on only.
    pub(super) fn after_failure_from(
        &self,
        id: RunId,
        path: &TaskPath,
        failure: &Failure,
        (repeatable, from, is_held_back): (bool, Timestamp, bool),
    ) -> Vec<May> {
        let run = &self.runs[&id];
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let end = self.rung(id, path, failure.class, !repeatable).map_or(May::Fail(failure.class), May::Rung);
        let left = inst.tries < task.retry.attempts_max && inst.attempts < self.limits.attempts_max;
        if !repeatable || !left || !task.retry.on.contains(failure.class) {
            return vec![end];
        }
        // Where a limit holds it back, its pause does not grow.
        let tries = if is_held_back { 1 } else { inst.tries };
        let bound = (1..tries).fold(u128::from(task.retry.initial_delay.0), |bound, _| {
            (bound * u128::from(task.retry.backoff_percent) / 100).min(u128::from(task.retry.delay_max.0))
        });
        let bound = Duration(bound.min(u128::from(task.retry.delay_max.0)) as u64);
        let reopens = self.reopens(id, path, failure).max(from);
        let to = self.now.after(bound).max(reopens);
        let from = if task.retry.jitter { self.now.max(reopens) } else { to };
        let over = run.deadline_of(path);
        let late =
            self.rung(id, path, failure.class, !repeatable).is_none().then(|| self.late(id, path, over)).flatten();
        let end = late.unwrap_or(end);
        let retry = May::Retry { from, to: to.min(Timestamp(over.0 - 1)) };
        let soon = match (from < over, to < over) {
            (true, true) => vec![retry],
            (true, false) => vec![retry, end],
            (false, _) => vec![end],
        };
        // What is later than that by chance is not, if it would be too late.
        let later = self.outlasting(id, path, failure.class);
        let later = later.map(|(first, last)| (first.max(from), last.max(to)));
        match later.filter(|(first, _)| *first < over) {
            None => soon,
            Some((from, to)) if to < over => vec![May::Retry { from, to }],
            Some((from, _)) => [vec![May::Retry { from, to: Timestamp(over.0 - 1) }], soon].concat(),
        }
    }

    /// When a target takes another attempt after this.
    pub(super) fn reopens(&self, id: RunId, path: &TaskPath, failure: &Failure) -> Timestamp {
        let asked = self.now.after(failure.retry_after.unwrap_or_default());
        if !matches!(failure.class, Class::RateLimited | Class::Overloaded) {
            return asked;
        }
        // Another target may be open: the first that is counts.
        self.eligible(id, path).into_iter().flatten().map(|target| self.closed[target]).min().unwrap_or(asked)
    }

    /// A target does not fail for all that come: of the last attempts that were put off for that, in this life, the two that would be made first.
    pub(super) fn put_off_for(&self, target: usize) -> Vec<(Timestamp, (RunId, TaskPath), Timestamp)> {
        let name = &self.targets[target].name;
        let waits =
            |(of, put): &(&(RunId, TaskPath), &PutOff)| self.backs_off(of, put.until) && put.targets.contains(name);
        let all = self.accounts.outlasting.iter().filter(waits);
        let mut waiting: Vec<_> = all.map(|(of, put)| (put.until, of.clone(), put.opens)).collect();
        waiting.sort();
        waiting.truncate(2);
        waiting
    }

    fn backs_off(&self, (id, path): &(RunId, TaskPath), until: Timestamp) -> bool {
        let inst = self.runs.get(id).and_then(|run| run.tasks.get(path));
        inst.is_some_and(|inst| inst.state == State::BackingOff(until))
    }

    /// Those are made. They are ranked with what is known once the record says what showed it; who has ended with that makes none.
    pub(super) fn outlasts(&mut self) {
        for (until, of, opens) in std::mem::take(&mut self.accounts.well_again) {
            self.accounts.outlasting.remove(&of);
            if !self.backs_off(&of, until) {
                continue;
            }
            let at = opens.max(self.now).min(until);
            let (id, path) = of;
            let inst = self.run(id).inst(&path);
            (inst.state, inst.woken_at) = (State::BackingOff(at), Some(at));
            self.consequences(id);
        }
    }

    /// Between when and when the last attempt is made where all targets fail for all that come.
    pub(super) fn outlasting(&self, id: RunId, path: &TaskPath, class: Class) -> Option<(Timestamp, Timestamp)> {
        let (tries, retry) = (self.runs[&id].tasks[path].tries, self.runs[&id].task(path).retry);
        let is_fault = matches!(class, Class::Overloaded | Class::Timeout | Class::Unavailable);
        let does_without = self.runs[&id].task(path).optional || self.rung(id, path, class, false).is_some();
        let is_put_off = is_fault && !does_without && tries + 1 >= retry.attempts_max;
        let targets = self.eligible(id, path).filter(|_| is_put_off)?;
        let breaks = targets.into_iter().map(|target| self.fails_until(target));
        let breaks = breaks.collect::<Option<Vec<_>>>()?.into_iter().min()?;
        let to = breaks.after(self.policy.limits.pause.min(Duration::secs(1)));
        let most = self.now.after(Duration::secs(10)).min(self.worth_until(id, path));
        Some((if retry.jitter { breaks } else { to }.min(most), to.min(most)))
    }

    /// A third of the time that is left, and no more than leaves twice what it takes.
    fn worth_until(&self, id: RunId, path: &TaskPath) -> Timestamp {
        let Some(ends) = self.latest_end(id, path) else { return Timestamp(u64::MAX) };
        let (run, inst) = (&self.runs[&id], &self.runs[&id].tasks[path]);
        let usual = self.estimates[&run.graph.hash].usual(inst.node, self.bytes(id, path), self.policy.admission);
        let takes = usual.filter(|_| inst.rung == 0).map_or(0, |usual| usual.0);
        let left = ends.since(self.now).0;
        self.now.after(Duration((left / 3).min(left.saturating_sub(2 * takes))))
    }
}
