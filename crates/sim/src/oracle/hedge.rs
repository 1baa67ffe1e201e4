//! Second attempts beside slow ones: when they may be sent, where to, and what becomes of the one that comes second.

use std::sync::Arc;

use agendum_core::Dispatched;
use agendum_types::graph::Work;
use agendum_types::target::Bound;
use agendum_types::{AttemptId, AttemptNo, Duration, Effect, Incarnation, RunId, TaskPath, Timestamp};

use super::records::Checked;
use super::state::{Orphan, Running, State};
use super::{Flight, Reference, ensure};

impl Reference {
    /// A first attempt is sent: when it counts as slow.
    pub(super) fn slow_at(
        &mut self,
        id: RunId,
        path: &TaskPath,
        target: usize,
        said: &Dispatched,
    ) -> Option<Timestamp> {
        let (run, rules) = (&self.runs[&id], self.policy.hedging);
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let is_shown = task.live || !task.publish_after.is_empty() || task.adds.is_some();
        let repeats = match said.effect {
            Effect::None => true,
            Effect::Idempotent => !task.is_compensation(),
            Effect::Once => false,
        };
        let may = repeats && rules.after > 0 && inst.rung == 0 && !is_shown && !run.is_child(path);
        if !may || said.reattached || said.beside {
            return None;
        }
        let samples = self.policy.admission.samples;
        let slow = self.estimates[&run.graph.hash].slower_than(inst.node, self.bytes(id, path), samples, rules.after);
        if slow.is_some() {
            let (sent, won) = self.accounts.seconds;
            let earned = u64::from(rules.share) * 100 * (4 * (won + 1)).min(sent + 1) / (sent + 1);
            self.accounts.saved = (self.accounts.saved + earned).min(100_000);
        }
        slow.map(|slow| self.now.after(self.start(target, self.bytes(id, path))).after(slow))
    }

    /// When each of those that are out counts as slow.
    pub(super) fn slow_ones(&self) -> impl Iterator<Item = Timestamp> {
        self.flights.iter().filter(|flight| self.is_awaited(flight)).filter_map(|flight| flight.slow_at)
    }

    fn is_awaited(&self, flight: &Flight) -> bool {
        let AttemptId { run, path, attempt, incarnation } = &flight.attempt;
        let inst = self.runs.get(run).and_then(|run| run.tasks.get(path));
        matches!(inst.map(|inst| &inst.state), Some(State::Running(running))
            if (running.attempt, running.incarnation) == (*attempt, *incarnation))
    }

    /// Those that were due and have none beside them are looked at once more when they have taken half as long again.
    pub(super) fn had_their_moment(&mut self) {
        let is_on = self.policy.hedging.after > 0;
        let (now, mut flights) = (self.now, std::mem::take(&mut self.flights));
        for flight in &mut flights {
            let again = now.after(Duration(now.since(flight.sent).0 / 2));
            let looks_again = |at| if at > now { Some(at) } else { is_on.then_some(again) };
            flight.slow_at = flight.slow_at.and_then(looks_again);
        }
        self.flights = flights;
    }

    /// A second attempt is sent.
    pub(super) fn sent_beside(&mut self, id: RunId, path: &TaskPath, said: &Dispatched) -> Checked {
        let State::Running(first) = self.runs[&id].tasks[path].state.clone() else {
            return Err("nothing is out that it could be sent beside".to_owned());
        };
        let of = (first.attempt, first.incarnation);
        let is_first = |flight: &&mut Flight| {
            (flight.attempt.run, &flight.attempt.path) == (id, path)
                && (flight.attempt.attempt, flight.attempt.incarnation) == of
        };
        let flight = self.flights.iter_mut().find(is_first).ok_or("the first is of another life")?;
        let is_due = flight.slow_at.take() == Some(self.now) && !first.referenced;
        ensure(
            is_due && self.runs[&id].tasks[path].rival.is_none(),
            "the first is not slow, or has another beside it",
        )?;
        ensure(self.accounts.saved >= 10_000 && !self.runs[&id].paused, "nothing is saved up, or its run is paused")?;
        ensure(self.credits() < self.limits.attempt_credits as usize, "no credit is left")?;
        ensure(self.policy.hedging.after > 0, "there are to be none")?;
        let (target, lower) = self.second_target(id, path, &first).ok_or("no target has room")?;
        let row = &self.targets[target];
        ensure(row.name == said.target, &format!("it goes to {} and not to {}", row.name, said.target))?;
        ensure(said.estimated == (row.bound == Bound::Estimated), "another bound")?;
        let hold = self.hold(id, path, target).ok_or("nobody pays for it")?;
        ensure((said.hold, said.hold_tokens, said.output_cap) == (hold.money, hold.tokens, hold.cap), "another hold")?;
        ensure((said.effect, said.lower) == (first.effect, lower), "another effect or rank of the target")?;
        let next = self.runs[&id].tasks[path].attempts + 1;
        ensure((said.attempt.0, said.incarnation) == (next, self.incarnation), "another attempt")?;
        ensure(said.waits.is_empty() && said.choice.is_none(), "it has waited for nothing")?;
        self.accounts.saved -= 10_000;
        if self.accounts.seconds.0 >= 64 {
            self.accounts.seconds = (self.accounts.seconds.0 / 2, self.accounts.seconds.1 / 2);
        }
        self.accounts.seconds.0 += 1;
        let whole = said.output_cap == self.cap_wanted(id, path, target);
        let now = self.now;
        self.starts(id, path, target, said, (now, whole));
        let inst = self.run(id).inst(path);
        inst.tries -= 1;
        inst.rival = Some(first);
        Ok(())
    }

    /// The best of the others that have room, else the same; and whether its result is a lower one.
    fn second_target(&self, id: RunId, path: &TaskPath, first: &Running) -> Option<(usize, bool)> {
        let is_last = |target: usize| self.targets[target].last_resort;
        let has_room = |target: &usize| {
            let running = self.flights.iter().filter(|flight| flight.target == *target).count() as u64;
            let is_wanted = self.queued().iter().any(|(.., of)| of.contains(target));
            let is_idle = running * 4 < self.at_once(*target) as u64 * 3;
            let does = self.effect_on(id, path, *target);
            // The key of what is repeated is known where the first was sent, as long as that is the same.
            let knows_key = *target == first.target && self.targets[*target].digest == first.digest;
            let may = does == first.effect && (does == Effect::None || knows_key);
            is_idle && self.is_free(*target) && !is_wanted && may
        };
        let all = self.eligible(id, path).filter(|_| self.has_units(id, path))?;
        let room: Vec<usize> = all.iter().copied().filter(has_room).collect();
        let other = |target: &usize| *target != first.target && (is_last(first.target) || !is_last(*target));
        let others: Vec<usize> = room.iter().copied().filter(other).collect();
        let near: Vec<usize> = others.iter().copied().filter(|target| self.is_near(id, path, *target)).collect();
        if near.is_empty() && !others.is_empty() {
            return None;
        }
        let best = self.ranked(id, path, &near).first().map(|(target, _)| *target);
        let target = best.or_else(|| room.contains(&first.target).then_some(first.target))?;
        let is_ordered = |work: &Work| matches!(work, Work::Call(call) if !call.requirement.allow.is_empty());
        let lower = if is_ordered(&self.runs[&id].task(path).work) {
            self.able(id, path)?.first() != Some(&target)
        } else {
            first.lower
        };
        Some((target, lower))
    }

    /// Of two attempts that are out this one counts: it is as if it had been sent alone, or last.
    pub(super) fn counts_alone(&mut self, id: RunId, path: &TaskPath, of: (AttemptNo, Incarnation)) {
        let inst = self.run(id).inst(path);
        if let (State::Running(running), Some(rival)) = (&mut inst.state, &mut inst.rival)
            && (rival.attempt, rival.incarnation) == of
        {
            std::mem::swap(running, rival);
        }
    }

    /// The other of two attempts has succeeded: what that gave is what its effect is taken back with.
    pub(super) fn is_beaten(&mut self, id: RunId, path: &TaskPath) {
        if self.runs[&id].tasks[path].rival.is_some() {
            self.leaves_rival(id, path);
            self.run(id).orphans.last_mut().expect("it has just come").is_beaten = true;
        }
    }

    /// The other of two attempts is awaited no more.
    pub(super) fn leaves_rival(&mut self, id: RunId, path: &TaskPath) {
        if let Some(rival) = self.run(id).inst(path).rival.take() {
            self.is_orphan(id, path, &rival);
        }
    }

    /// An attempt is awaited no more.
    pub(super) fn is_orphan(&mut self, id: RunId, path: &TaskPath, running: &Running) {
        let attempt =
            AttemptId { run: id, path: path.clone(), attempt: running.attempt, incarnation: running.incarnation };
        let (hold, hold_tokens, effect, taken) = (running.hold, running.hold_tokens, running.effect, running.taken);
        let (is_beaten, name) = (false, Arc::clone(&running.name));
        self.run(id).orphans.push(Orphan { id: attempt.clone(), hold, hold_tokens, taken, effect, is_beaten, name });
        if self.flights.iter().any(|flight| flight.attempt == attempt) {
            self.stop.push(attempt);
        }
    }

    /// One of two attempts came to nothing: the other runs on.
    pub(super) fn runs_on(&mut self, of: &AttemptId) {
        let Some(inst) = self.runs.get_mut(&of.run).and_then(|run| run.tasks.get_mut(&of.path)) else { return };
        if inst.rival.is_none() {
            return;
        }
        let is_it = |running: &Running| (running.attempt, running.incarnation) == (of.attempt, of.incarnation);
        let gone = match &mut inst.state {
            State::Running(running) if is_it(running) => {
                let other = inst.rival.take();
                other.map(|other| std::mem::replace(running, other))
            }
            State::Running(_) => inst.rival.take_if(|rival| is_it(rival)),
            _ => None,
        };
        if let Some(gone) = gone {
            self.is_orphan(of.run, &of.path, &gone);
        }
    }
}
