//! What is sent: whose turn it is, where it goes, and what is out from then on.

use std::sync::Arc;

use agendum_core::{Dispatched, Waits};
use agendum_types::target::Bound;
use agendum_types::{AttemptId, Cause, Duration, RunId, TaskPath, Timestamp};

use super::downs::tells_downtime;
use super::place::{Hold, Purse};
use super::records::Checked;
use super::state::{Running, State};
use super::{Flight, Reference, ensure};

impl Reference {
    pub(super) fn dispatched(&mut self, id: RunId, path: &TaskPath, said: &Dispatched) -> Checked {
        if said.reattached {
            return self.reattached(id, path, said);
        }
        if said.beside {
            return self.sent_beside(id, path, said);
        }
        let (target, hold, lower) = self.sends(id, path)?;
        let run = &self.runs[&id];
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let row = &self.targets[target];
        let effect = if task.effect_declared { task.effect } else { row.effect.unwrap_or(task.effect) };
        ensure(run.deadline_of(path) > self.now, "its time is over")?;
        ensure(self.credits() < self.limits.attempt_credits as usize, "no credit is left")?;
        ensure(row.name == said.target, &format!("it goes to {} and not to {}", row.name, said.target))?;
        ensure((said.hold, said.hold_tokens, said.output_cap) == (hold.money, hold.tokens, hold.cap), "another hold")?;
        ensure((said.effect, said.lower) == (effect, lower), "another effect or rank of the target")?;
        ensure(said.estimated == (row.bound == Bound::Estimated), "another bound")?;
        ensure((said.attempt.0, said.incarnation) == (inst.attempts + 1, self.incarnation), "another attempt")?;
        self.is_well_told(id, path, target, said)?;
        let waited: u64 = said.waits.iter().map(|(_, span)| span.0).sum();
        ensure(waited == self.now.since(inst.freed_at()).0, "its waits do not add up")?;
        tells_downtime(self.was_down_while(inst), &said.waits)?;
        self.tells_of_preemption(id, path, said)?;
        if said.choice.as_ref().is_some_and(|choice| choice.near) {
            self.passes_the_first(id, path);
        }
        self.asks_how_it_is(id, path);
        self.takes_its_turn(id, path)?;
        self.has_stood(id, path, &said.waits);
        let band = self.band(id, path);
        self.overtakes(id, path);
        self.advance(band);
        let now = self.now;
        let whole = said.output_cap == self.cap_wanted(id, path, target);
        let (begins, waited) = (!self.runs[&id].started, self.waits_for(id, path));
        self.starts(id, path, target, said, (now, whole));
        if begins {
            self.stands_as_usual(id, path, &waited);
        }
        Ok(())
    }

    /// The targets for which it is queued.
    fn waits_for(&self, id: RunId, path: &TaskPath) -> Vec<usize> {
        let inst = &self.runs[&id].tasks[path];
        match &inst.state {
            State::Queued(_, targets) => inst.of_best(self.now).unwrap_or(targets).to_vec(),
            _ => self.eligible(id, path).unwrap_or_default(),
        }
    }

    /// So long it was kept by others, or by targets that were full: what later runs reckon with.
    fn has_stood(&mut self, id: RunId, path: &TaskPath, waits: &Waits) {
        let run = &self.runs[&id];
        let (graph, node) = (run.graph.hash, run.tasks[path].node);
        let queued = waits.iter().filter(|(cause, _)| [Cause::Order, Cause::Limit, Cause::Capacity].contains(cause));
        let span = queued.map(|(_, span)| span.0).sum();
        self.stands(self.band(id, path), span);
        if let Some(estimate) = self.estimates.get_mut(&graph) {
            estimate.stood(node, span);
        }
    }

    fn sends(&mut self, id: RunId, path: &TaskPath) -> Result<(usize, Hold, bool), String> {
        self.has_passed(id, path);
        self.comes_up(id, path)?;
        match self.purse(id, path) {
            Purse::Sends(target, hold, lower) => Ok((target, hold, lower)),
            other => Err(format!("the purse says {other:?}")),
        }
    }

    /// The task is (one of those alike that are) next. Those before it that wait for money, or for a cheaper target, step
    /// aside without a record.
    pub(super) fn comes_up(&mut self, id: RunId, path: &TaskPath) -> Checked {
        loop {
            let next = self.next();
            let is_next = next.contains(&(id, path.clone()));
            let looked_at = if is_next { &[(id, path.clone())][..] } else { &next };
            if looked_at.iter().any(|(id, path)| self.is_put_behind(*id, path) || self.waits_no_more(*id, path)) {
                continue;
            }
            // Those that rank alike and must wait for money may have been looked at before this one, or not: `rests` asks the core.
            let poor: Vec<_> =
                next.iter().filter_map(|(id, path)| Some((*id, path.clone(), self.aside(*id, path)?))).collect();
            if is_next {
                self.passed.extend(poor);
                return Ok(());
            }
            let earlier = || self.passed.iter().rev().find(|(id, path, _)| next.contains(&(*id, path.clone())));
            let Some((id, path, state)) = poor.first().or_else(earlier).cloned() else {
                return Err(format!("it cannot go, or it is not its turn but that of {next:?}"));
            };
            let now = self.now;
            let inst = self.run(id).inst(&path);
            inst.stands(state, now);
        }
    }

    pub(super) fn starts(
        &mut self,
        id: RunId,
        path: &TaskPath,
        target: usize,
        said: &Dispatched,
        (taken, whole): (Timestamp, bool),
    ) {
        let (now, digest) = (self.now, self.targets[target].digest);
        let run = self.run(id);
        run.started = true;
        run.estimated |= said.estimated;
        let inst = run.inst(path);
        (inst.is_copy, inst.gives_way) = (false, false);
        (inst.attempts, inst.tries, inst.last_effect) = (said.attempt.0, inst.tries + 1, said.effect);
        inst.state = State::Running(Running {
            attempt: said.attempt,
            incarnation: said.incarnation,
            target,
            name: Arc::clone(&said.target),
            effect: said.effect,
            hold: said.hold,
            hold_tokens: said.hold_tokens,
            taken,
            lower: said.lower,
            since: now,
            referenced: false,
            child: None,
            digest,
            whole,
        });
        let attempt = AttemptId { run: id, path: path.clone(), attempt: said.attempt, incarnation: said.incarnation };
        self.dispatch.push(attempt.clone());
        let bytes = self.bytes(id, path);
        let counted = self.counts_for(id, path, target, said.hold);
        let tokens = if said.reattached { 0 } else { self.keeps_pace(id, path, target, said.hold_tokens) };
        let (price, hold) = (self.targets[target].price, (said.hold, said.hold_tokens));
        let needs = self.resources(id, path).into();
        self.is_read(id, path, target);
        let expected = self.foretold(id, path).filter(|_| !said.reattached);
        let slow_at = self.slow_at(id, path, target, said);
        if said.attempt.0 == 1 && !said.reattached {
            self.earns_retries(target);
        }
        let (ends_at, may_stop) = self.is_watched(id, path, said);
        let start = if said.reattached { Duration::ZERO } else { self.start(target, bytes) };
        let is_cold = self.loads(target) > Duration::ZERO;
        self.asks_anew(target);
        self.wakes(target);
        let turn = self.tries_it(target);
        self.flights.push(Flight {
            attempt,
            target,
            price,
            sent: now,
            turn,
            hold,
            bytes,
            tokens,
            counted,
            needs,
            expected,
            slow_at,
            ends_at,
            may_stop,
            reattached: said.reattached,
            start,
            is_cold,
            freed: None,
            child: None,
        });
    }

    /// An attempt of an earlier life that left a reference goes on under a new number, with what it held.
    fn reattached(&mut self, id: RunId, path: &TaskPath, said: &Dispatched) -> Checked {
        let inst = &self.runs[&id].tasks[path];
        let State::Running(running) = inst.state.clone() else { return Err("it was not out".to_owned()) };
        let is_known = running.referenced || self.runs[&id].is_child(path);
        ensure(is_known && running.incarnation < self.incarnation, "it left no reference")?;
        ensure(said.attempt.0 == inst.attempts + 1, "another attempt")?;
        ensure((said.hold, said.effect) == (running.hold, running.effect), "another hold or effect")?;
        let target = self.named(&running.name).ok_or("its target is gone")?;
        self.run(id).inst(path).tries -= 1;
        self.starts(id, path, target, said, (running.taken, false));
        // Who asks for the same waits for it.
        self.run(id).inst(path).turn = self.shares(id, path);
        Ok(())
    }
}
