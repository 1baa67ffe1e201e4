//! Verdicts: a task that judges another has succeeded, and what it said is to be read.
//!
//! Nothing follows from one in the run: the driver keeps it with the record. What the judge said stands in its output, which never
//! enters the core; the core says that it counts, whom it is about, and which target gave that.

use std::sync::Arc;

use agendum_types::Verdict;
use agendum_types::graph::{Exhausted, NodeId, Rung};

use crate::board::Board;
use crate::inst::{Body, Layer, Settled, State};
use crate::run::{InstId, Slot};

impl Board {
    /// Notes which target gave the result of a task that others judge: of a loop, the one of its latest round.
    pub(super) fn note_served(&mut self, slot: Slot, id: InstId, target: &Arc<str>) {
        let inst = self.run(slot).inst(id);
        if !self.plan(slot).has_judge(inst.node) {
            return;
        }
        let of = if matches!(inst.layer, Layer::Round(_)) { inst.parent } else { id };
        self.run_mut(slot).served.insert(of, Arc::clone(target));
    }

    /// A task has succeeded: if it judges another that has, that is a verdict. One for each item, none for a round of its own.
    pub(super) fn hear_verdict(&mut self, slot: Slot, id: InstId) {
        let (run, plan) = (self.run(slot), self.plan(slot));
        let inst = run.inst(id);
        let task = plan.task(inst.node);
        let Some(judges) = task.judges.as_deref() else { return };
        let counts = matches!(inst.layer, Layer::Node | Layer::Item(_)) && inst.layer.is_judged(task);
        if !counts || inst.reused || self.is_stand_in(slot, id) {
            return;
        }
        let Some(output) = inst.output.as_deref() else { return };
        let Some(judged) = self.judged_by(slot, id, judges.task) else { return };
        if !matches!(run.inst(judged).state, State::Settled(Settled::Succeeded)) {
            return;
        }
        let is_of_best = |exhausted: &Exhausted| matches!(exhausted, Exhausted::UseBest(_));
        let is_one = !plan.task(judges.task).repeat.as_ref().is_some_and(|repeat| is_of_best(&repeat.exhausted));
        let target = run.served.get(&judged).filter(|_| is_one && !self.is_stand_in(slot, judged)).cloned();
        let verdict = Verdict {
            judge: plan.graph.path_text(&run.path(id)),
            task: plan.graph.path_text(&run.path(judged)),
            target,
            by: run.principal.clone(),
            output: output.clone(),
            fields: judges.fields.clone(),
        };
        self.verdict = Some(Box::new(verdict));
    }

    /// The task of this node that stands beside the judge; `None` where its section was never opened.
    fn judged_by(&self, slot: Slot, id: InstId, node: NodeId) -> Option<InstId> {
        let (run, plan) = (self.run(slot), self.plan(slot));
        let task = run.enclosing(id, |inst| inst.layer == Layer::Node)?;
        let position = plan.position(node);
        match run.inst(task).parent {
            InstId::TOP => run.scope(plan.task(node).section).get(position),
            around => match run.inst(around).body.as_deref() {
                Some(Body::Group(group)) => group.children.get(position).copied(),
                Some(Body::Each(_) | Body::Loop(_) | Body::Check(_) | Body::Wait(_)) | None => None,
            },
        }
    }

    /// True if what it gives is an output that its `catch` spells out: nobody was asked for that.
    fn is_stand_in(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let rung = inst.rung.checked_sub(1).map(usize::from);
        let catch = &self.plan(slot).task(inst.node).catch;
        rung.is_some_and(|rung| catch.get(rung).is_some_and(|catch| matches!(catch.rung, Rung::Output(_))))
    }
}
