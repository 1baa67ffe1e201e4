//! Attempts that give way to more urgent tasks: when a task is looked at, which attempt loses least, and who has the place that it leaves.

use agendum_core::{Dispatched, Ended, Preempted};
use agendum_types::graph::Work;
use agendum_types::{Cause, Effect, RunId, TaskPath, Timestamp};

use super::ladder::May;
use super::records::Checked;
use super::state::{Inst, State};
use super::{Flight, Reference, ensure};

/// For whom an attempt was stopped, and which that was, counted.
pub(super) type Freed = (RunId, TaskPath, u64);

impl Inst {
    /// It waits otherwise than before, for no target that it would rather have.
    pub(super) fn stands(&mut self, state: State, now: Timestamp) {
        if !matches!((&self.state, &state), (State::Queued(..), State::Queued(..))) {
            (self.urgent_at, self.looks, self.stopped) = (None, 0, None);
        }
        (self.state, self.best, self.queued_at) = (state, None, now);
    }

    /// For what its time passes while it is queued.
    pub(super) fn blames(&self, cause: Cause) -> Cause {
        match cause {
            Cause::Order | Cause::Limit | Cause::Capacity | Cause::Backoff if self.gives_way => Cause::Preempted,
            cause => cause,
        }
    }
}

impl Reference {
    fn may_preempt(&self) -> bool {
        let rules = self.policy.preemption;
        rules.spent > 0 && rules.times > 0 && rules.share > 0
    }

    /// The deadline of its run, what it takes with all that follows on average, and at worst.
    pub(super) fn prospects(&self, id: RunId, path: &TaskPath) -> Option<(Timestamp, [agendum_types::Duration; 5])> {
        let run = &self.runs[&id];
        let deadline = run.submitted.deadline.filter(|_| self.is_known(id, path))?;
        let (estimate, node) = (&self.estimates[&run.graph.hash], run.tasks[path].node);
        Some((deadline, estimate.expected(node, self.bytes(id, path), self.policy.admission)?))
    }

    /// When a task that is queued now must be sent lest it might be late.
    pub(super) fn urgent_from(&self, id: RunId, path: &TaskPath) -> Option<Timestamp> {
        let (deadline, [_, mean, slow, ..]) = self.prospects(id, path)?;
        let band = self.band(id, path);
        let is_below = |of: &Flight| self.band(of.attempt.run, &of.attempt.path) > band;
        let is_any = self.flights.iter().any(|of| of.may_stop && self.is_in_play(of) && is_below(of));
        let may = self.may_preempt() && is_any && self.now.after(mean) <= deadline;
        may.then(|| deadline.before(slow.max(agendum_types::Duration(mean.0 / 4 * 5))).max(self.now))
    }

    /// An attempt is sent: when it should end, and whether it may give way.
    pub(super) fn is_watched(&mut self, id: RunId, path: &TaskPath, said: &Dispatched) -> (Option<Timestamp>, bool) {
        if !self.may_preempt() || said.reattached || said.beside {
            return (None, false);
        }
        self.accounts.stops = (self.accounts.stops + u64::from(self.policy.preemption.share)).min(1_000);
        let ends = self.foretold(id, path).map(|(took, _)| self.now.after(took));
        let (run, band) = (&self.runs[&id], self.band(id, path));
        let task = run.task(path);
        let is_shown = task.live || !task.publish_after.is_empty() || task.adds.is_some();
        let may = band > 0 && said.effect == Effect::None && !is_shown && !run.is_child(path);
        (ends, may && ends.is_some())
    }

    /// Its task waits for it, be another out beside it.
    fn is_in_play(&self, flight: &Flight) -> bool {
        let of = &flight.attempt;
        let inst = self.runs.get(&of.run).and_then(|run| run.tasks.get(&of.path));
        let running =
            inst.and_then(|inst| if let State::Running(running) = &inst.state { Some(running) } else { None });
        let both = running.into_iter().chain(inst.and_then(|inst| inst.rival.as_ref()));
        both.into_iter().any(|out| (out.attempt, out.incarnation) == (of.attempt, of.incarnation))
    }

    /// The place of the flight that gives way to this task.
    fn who_gives_way(&self, id: RunId, path: &TaskPath) -> Option<usize> {
        let (deadline, [_, mean, ..]) = self.prospects(id, path)?;
        let State::Queued(_, targets) = &self.runs[&id].tasks[path].state else { return None };
        let is_late = self.now.after(mean) > deadline || self.accounts.stops < 100;
        if is_late || !self.has_units(id, path) || targets.iter().any(|target| self.is_free(*target)) {
            return None;
        }
        let will_do = |target: &usize| {
            let running = self.flights.iter().filter(|flight| flight.target == *target).count();
            let is_open = self.closed[*target] <= self.now && !self.is_shut(*target) && self.is_in_pace(*target);
            let is_full = running == self.at_once(*target);
            is_full && is_open && self.hold(id, path, *target).is_some()
        };
        let open: Vec<usize> = targets.iter().copied().filter(will_do).collect();
        let in_play: Vec<(usize, &Flight)> = self
            .flights
            .iter()
            .enumerate()
            .filter(|(_, of)| open.contains(&of.target) && self.is_in_play(of))
            .collect();
        let in_time = |ends: Timestamp| ends > self.now && ends <= deadline.before(mean);
        if in_play.iter().any(|(_, of)| of.ends_at.is_some_and(in_time)) {
            return None;
        }
        let band = self.band(id, path);
        let each = open.iter().flat_map(|target| (band + 1..3).map(move |lower| (*target, lower)));
        let found = each.filter_map(|(target, lower)| {
            let is_of = |of: &&(usize, &Flight)| {
                of.1.target == target && of.1.may_stop && self.band(of.1.attempt.run, &of.1.attempt.path) == lower
            };
            let latest = in_play.iter().rev().filter(is_of).take(16);
            latest.filter(|(_, of)| self.may_stop(of)).map(|(place, _)| *place).next()
        });
        found.max()
    }

    /// Little is lost by that, it is paid for once more, and its own deadline stands.
    fn may_stop(&self, flight: &Flight) -> bool {
        let (id, path) = (flight.attempt.run, &flight.attempt.path);
        let (run, rules) = (&self.runs[&id], self.policy.preemption);
        let inst = &run.tasks[path];
        let is_alone = matches!(&inst.state, State::Running(running) if !running.referenced) && inst.rival.is_none();
        let (took, _) = flight.expected.unwrap_or_default();
        let stands = self.latest_end(id, path).is_none_or(|end| self.now.after(took) <= end);
        is_alone
            && self.now.since(flight.sent).0 * 100 < took.0 * u64::from(rules.spent)
            && inst.gave_way < u32::from(rules.times)
            && !run.paused
            && !run.quarantined
            && inst.attempts < self.limits.attempts_max
            && stands
            && self.hold(id, path, flight.target).is_some()
    }

    /// An attempt is stopped: for a task that has to be sent now.
    pub(super) fn gives_way(&mut self, id: RunId, path: &TaskPath, ended: &Ended) -> Checked {
        let said = ended.preempted.as_deref().ok_or("for whom?")?;
        let other = self.runs.get(&said.run).ok_or("no such run waits")?;
        let named = other.tasks.keys().find(|of| other.graph.path_text(of) == *said.task);
        let whom = named.cloned().ok_or("no such task waits")?;
        let inst = &other.tasks[&whom];
        ensure(inst.urgent_at.is_some_and(|at| at <= self.now), "it need not be sent now")?;
        ensure(inst.stopped.is_none(), "one was stopped for it")?;
        let is_foreign = other.tenant != self.runs[&id].tenant;
        ensure(said.is_foreign == is_foreign, "of another tenant or not")?;
        let place = self.who_gives_way(said.run, &whom).ok_or("nothing has to give way to it")?;
        let flight = &self.flights[place];
        let loses_least = (flight.attempt.run, &flight.attempt.path) == (id, path);
        ensure(loses_least, &format!("{:?} loses less", flight.attempt))?;
        let lost = self.now.since(flight.sent);
        ensure(said.lost == lost, &format!("{lost} are lost"))?;
        self.accounts.stops -= 100;
        self.accounts.stopped += 1;
        let number = self.accounts.stopped;
        self.flights[place].freed = Some((said.run, whom.clone(), number));
        let task = self.runs[&id].graph.path_text(path).into();
        let inst = self.run(said.run).inst(&whom);
        inst.best = None;
        inst.stopped = Some((number, Preempted { run: id, task, is_foreign, lost }));
        self.leave(id, path);
        let inst = self.run(id).inst(path);
        (inst.tries, inst.gave_way) = (inst.tries.saturating_sub(1), inst.gave_way + 1);
        self.follow(id, path, &[May::Retry { from: self.now, to: self.now }], &ended.next)?;
        self.run(id).inst(path).gives_way = true;
        Ok(())
    }

    /// The place of one that was stopped came free in this event: for the task that still waits for it, if it finds a target free.
    pub(super) fn freed_for(&self) -> Option<(RunId, TaskPath)> {
        let (id, path, number) = self.freed.as_ref()?;
        let inst = self.runs.get(id)?.tasks.get(path)?;
        let State::Queued(_, targets) = &inst.state else { return None };
        let targets = inst.of_best(self.now).unwrap_or(targets);
        let is_it = inst.stopped.as_ref().is_some_and(|(of, _)| of == number);
        let can = is_it && targets.iter().any(|target| self.goes_to(*id, path, *target));
        can.then(|| (*id, path.clone()))
    }

    /// Those that had to be sent were looked at, and are looked at again as long as nothing gives way to them.
    pub(super) fn were_looked_at(&mut self) {
        let now = self.now;
        for run in self.runs.values_mut() {
            let deadline = run.submitted.deadline.unwrap_or(now);
            for inst in run.tasks.values_mut().filter(|inst| matches!(inst.state, State::Queued(..))) {
                if inst.urgent_at.is_some_and(|at| at <= now) {
                    inst.looks += 1;
                    let again = Timestamp(now.0 + deadline.since(now).0 / 4);
                    let looks_again = inst.stopped.is_none() && inst.looks < 4 && again > now;
                    inst.urgent_at = looks_again.then_some(again);
                }
            }
        }
    }

    /// It says what it has waited for, and whose attempt was stopped for it.
    pub(super) fn tells_of_preemption(&self, id: RunId, path: &TaskPath, said: &Dispatched) -> Checked {
        let inst = &self.runs[&id].tasks[path];
        let other = inst.stopped.as_ref().map(|(_, other)| other);
        ensure(said.preempted.as_deref() == other, &format!("{other:?} was stopped for it"))?;
        let is_well = |cause: Cause| {
            if inst.gives_way { inst.blames(cause) == cause } else { cause != Cause::Preempted }
        };
        ensure(said.waits.iter().all(|(cause, _)| is_well(*cause)), "it has given way, or has not")?;
        let calls = matches!(self.runs[&id].task(path).work, Work::Call(_));
        ensure(calls, "only calls are sent")
    }
}
