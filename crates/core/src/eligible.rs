//! The targets that will do for a task's next attempt, and in which order they are asked.

use std::sync::Arc;

use agendum_types::graph::{Rung, Task, Work};
use agendum_types::{Effect, TargetId};

use crate::queue::ClassId;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// The eligibility class of a task's next attempt; `None` if targets could do it and none may see its input.
    ///
    /// Where the present table has no target for it at all, as when a journal is opened under another configuration, the class has no
    /// candidates and sleeps until the next table: what was accepted waits, it does not fail.
    pub(crate) fn class_of(&mut self, slot: Slot, id: InstId) -> Option<ClassId> {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let (node, plan_id) = (inst.node, run.plan);
        let plain = inst.rung == 0
            && self.may_have_effect(slot, id)
            && run.labels.words().is_empty()
            && inst.input.as_ref().is_none_or(|input| input.labels.words().is_empty())
            && inst.trouble.is_none();
        if plain && let Some(class) = self.board.plan(slot).class(node, self.board.queue.generation()) {
            return Some(class);
        }
        let candidates = self.eligible(slot, id)?;
        let needs = &self.board.plans.get(plan_id).task(node).resources;
        let class = self.board.queue.class(candidates, needs);
        if plain {
            self.board.plans.get_mut(plan_id).remember_class(node, self.board.queue.generation(), class);
        }
        Some(class)
    }

    /// True if an attempt of the task failed there, through the target's fault.
    pub(crate) fn has_failed_on(&self, slot: Slot, id: InstId, target: TargetId) -> bool {
        self.board.run(slot).inst(id).failed_on().contains(&self.targets.row(target).target.name)
    }

    /// The task is about to be queued: while one of its targets does not fail for all that come, its last attempt waits for none of those that do, nor for
    /// one that refuses all for its limit.
    pub(crate) fn avoid_failing(&mut self, slot: Slot, id: InstId) {
        if let Some(trouble) = &mut self.board.run_mut(slot).inst_mut(id).trouble {
            trouble.avoids.clear();
        }
        if self.board.run(slot).inst(id).rung_attempts == 0 || !self.is_last_try(slot, id) {
            return;
        }
        let fails = |target: &TargetId| {
            let row = self.targets.row(*target);
            row.breaker.fails_until(&self.policy.limits).is_some() || row.refuses_all(self.now)
        };
        let all = self.eligible(slot, id).unwrap_or_default();
        let (fail, well): (Vec<_>, Vec<_>) = all.into_iter().partition(fails);
        if !well.is_empty() && !fail.is_empty() {
            let name = |target| Arc::clone(&self.targets.row(target).target.name);
            let avoids = fail.into_iter().map(name).collect();
            self.board.run_mut(slot).inst_mut(id).trouble_mut().avoids = avoids;
        }
    }

    /// There is one more attempt on this rung.
    pub(crate) fn is_last_try(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.board.run(slot).inst(id);
        inst.rung_attempts + 1 >= self.board.plan(slot).task(inst.node).retry.attempts_max
    }

    /// False of what runs ahead of its plan: that has no effect, whatever its target says.
    fn may_have_effect(&self, slot: Slot, id: InstId) -> bool {
        let node = self.board.run(slot).inst(id).node;
        !self.board.is_ahead(slot, id) || self.board.plan(slot).task(node).effect_declared
    }

    /// The targets that will do for a task's next attempt, in the order of the table; or in the graph's, which begins anew behind the one on which the
    /// attempt before failed, and without those that it avoids. `None` if some could do it and none may see its input.
    pub(crate) fn eligible(&self, slot: Slot, id: InstId) -> Option<Vec<TargetId>> {
        let mut able = self.able(slot, id)?;
        if self.is_ordered(slot, id)
            && let Some(last) = self.board.run(slot).inst(id).failed_on().last()
            && let Some(failed) = able.iter().position(|target| self.targets.row(*target).target.name == *last)
        {
            able.rotate_left(failed + 1);
        }
        let avoids = self.board.run(slot).inst(id).avoids();
        able.retain(|target| !avoids.contains(&self.targets.row(*target).target.name));
        Some(able)
    }

    /// The same in the order of the table or of the graph, whatever failed.
    pub(crate) fn able(&self, slot: Slot, id: InstId) -> Option<Vec<TargetId>> {
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let Work::Call(call) = &task.work else {
            return None;
        };
        let mut candidates = match rung(task, inst.rung) {
            Some(Rung::Target(name)) => self.targets.named(call.capability, name),
            Some(Rung::Output(_) | Rung::Cached) | None => self.targets.candidates(call.capability, &call.requirement),
        };
        if task.no_fallback {
            candidates.truncate(1);
        }
        let known = !candidates.is_empty();
        let labels = self.board.joined(slot, inst.input.as_deref().map(|input| &input.labels));
        candidates.retain(|target| self.targets.cleared(*target, &labels));
        if known && candidates.is_empty() {
            return None;
        }
        if !self.may_have_effect(slot, id) {
            let effect = |target: &TargetId| self.targets.row(*target).target.effect;
            candidates.retain(|target| effect(target).is_none_or(|effect| effect == Effect::None));
        }
        Some(candidates)
    }

    /// True if the graph says in which order targets are taken, and that goes on behind one that failed: whose turn it is then is no choice of the graph's.
    pub(crate) fn has_turned(&self, slot: Slot, id: InstId) -> bool {
        !self.board.run(slot).inst(id).failed_on().is_empty() && self.is_ordered(slot, id)
    }

    /// True if the graph says so, and none of them has failed.
    pub(crate) fn has_strict_order(&self, slot: Slot, id: InstId) -> bool {
        self.is_ordered(slot, id) && !self.has_turned(slot, id)
    }

    /// True if the graph names another target of the class first.
    pub(crate) fn is_passed_over(&self, slot: Slot, id: InstId, class: ClassId, target: TargetId) -> bool {
        if !self.is_ordered(slot, id) {
            return false;
        }
        // Its class begins with another, or lacks some, where a target was in trouble.
        match self.board.run(slot).inst(id).trouble {
            None => self.board.queue.candidates(class).first() != Some(&target),
            Some(_) => self.able(slot, id).is_some_and(|named| named.first() != Some(&target)),
        }
    }
}

fn rung(task: &Task, rung: u8) -> Option<&Rung> {
    task.catch.get(usize::from(rung.checked_sub(1)?)).map(|rung| &rung.rung)
}
