//! Taking back what a run has done that failed or was cancelled: after its answer, before its other sections, in the reverse order of
//! dependency.
//!
//! What is to be taken back, and in which order, follows from records that are there anyhow. So these rules, too, are part of the
//! journal's format.

use agendum_types::graph::{Section, Work};
use agendum_types::{Effect, Fate, PayloadRef, RunStatus};

use crate::action::Purpose;
use crate::board::{Board, Todo};
use crate::effects::Bindings;
use crate::inst::{Inst, Layer, Settled};
use crate::run::{InstId, Phase, Slot};

impl Board {
    /// What takes the effect of this instance back reads this, if anything takes it back.
    pub(super) fn undo_reads(&self, slot: Slot, id: InstId) -> Option<Bindings> {
        let inst = self.run(slot).inst(id);
        let plan = self.plan(slot);
        let undo = plan.task(inst.node).compensate.filter(|_| inst.layer != Layer::Check)?;
        match &plan.task(undo).work {
            Work::Call(call) => Some(self.bindings(slot, id, &[(Purpose::Input, call.input)]).into()),
            Work::Group(_) => None,
        }
    }

    /// An attempt of this instance has ended with this fate.
    pub(super) fn note_effect(
        &mut self,
        slot: Slot,
        id: InstId,
        fate: Fate,
        reads: Option<Bindings>,
        output: Option<&PayloadRef>,
    ) {
        if let Some(reads) = reads {
            let run = self.run_mut(slot);
            let path = run.path(id);
            run.effects.note(path, fate, reads, output);
        }
    }

    /// True if the run has done something that is to be taken back, or may have, if it has no output.
    pub(crate) fn has_effects(&self, slot: Slot) -> bool {
        let run = self.run(slot);
        run.effects.is_any() || run.orphans.iter().any(|orphan| orphan.undo.is_some())
    }

    /// True if an attempt of the main tasks is out that may have taken effect: nothing is taken back before its fate is known.
    fn awaits_fates(&self, slot: Slot) -> bool {
        let graph = &self.plan(slot).graph;
        self.run(slot).orphans.iter().any(|orphan| orphan.effect != Effect::None && !graph.undoes(&orphan.path))
    }

    /// Begins the compensations that can begin, as many at once as the tasks themselves could.
    pub(super) fn take_back(&mut self, slot: Slot) {
        if self.run(slot).phase != Phase::Compensating || self.awaits_fates(slot) {
            return;
        }
        while self.run(slot).effects.out().len() < self.plan(slot).compensations_max {
            let Some(path) = self.run(slot).effects.next(&self.plan(slot).graph) else { break };
            let node = path.node().and_then(|node| self.plan(slot).task(node).compensate);
            let node = node.expect("only what can be taken back is kept");
            let run = self.run_mut(slot);
            let id = run.add(Inst::new(InstId::TOP, node, Layer::Compensation));
            run.effects.begin(path, id);
            self.live_tasks += 1;
            self.make_ready(slot, id);
        }
        if self.is_taken_back(slot) {
            self.todo.push_back(Todo::Compensated(slot));
        }
    }

    /// True if nothing more is taken back.
    pub(crate) fn is_taken_back(&self, slot: Slot) -> bool {
        let run = self.run(slot);
        run.phase == Phase::Compensating && run.effects.is_over() && !self.awaits_fates(slot)
    }

    /// One that fails for good holds no other back.
    pub(super) fn compensation_settled(&mut self, slot: Slot, id: InstId, how: Settled) {
        let run = self.run_mut(slot);
        let failure = run.inst_mut(id).failure.take();
        let failure = match how {
            Settled::Succeeded => None,
            Settled::Failed | Settled::Skipped | Settled::Pruned | Settled::Cancelled => {
                Some(failure.unwrap_or_else(|| agendum_types::Failure::new(agendum_types::Class::Cancelled, "").into()))
            }
        };
        run.effects.end(id, failure);
        self.free_tree(slot, id);
        self.take_back(slot);
    }

    /// All that could be taken back was: the other sections follow.
    pub(super) fn compensated(&mut self, slot: Slot) {
        let failed = self.run(slot).status == RunStatus::Failed;
        self.enter_section(slot, if failed { Section::OnFailure } else { Section::Finally });
    }
}
