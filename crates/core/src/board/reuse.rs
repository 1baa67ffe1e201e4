//! Tasks that give what they gave in a run before, which this one takes over.

use agendum_types::graph::NodeId;
use agendum_types::{Fate, PayloadRef};

use crate::board::Board;
use crate::inst::{Layer, Settled};
use crate::record::{Given, Reuse};
use crate::run::{InstId, Slot};

impl Board {
    /// What a task at the top gave in the run before, if that may count.
    pub(crate) fn given(&self, slot: Slot, id: InstId) -> Option<&Given> {
        let run = self.run(slot);
        let (origin, inst) = (run.origin.as_ref()?, run.inst(id));
        let is_top = inst.parent == InstId::TOP && inst.layer == Layer::Node;
        origin.given(inst.node).filter(|_| is_top)
    }

    /// True if it never begins, for it gives at once what it gave.
    pub(crate) fn is_given(&self, slot: Slot, id: InstId) -> bool {
        self.given(slot, id).is_some_and(|given| given.reuse == Reuse::Always)
    }

    /// True if it does not begin by itself, for what it gave may count. A group, a `foreach` and a `loop` know that as soon as they are ready.
    pub(super) fn may_be_given(&self, slot: Slot, id: InstId) -> bool {
        let Some(given) = self.given(slot, id) else { return false };
        let holds_others = || self.plan(slot).graph.holds_others(given.task);
        match given.reuse {
            Reuse::Always => true,
            Reuse::Done => holds_others(),
            Reuse::Same => holds_others() && self.needs_give(slot, id, given) && self.needs_are_reused(slot, id),
            Reuse::Tried => false,
        }
    }

    /// True if all that a task at the top needs gives the same as where this was given.
    pub(crate) fn needs_give(&self, slot: Slot, id: InstId, given: &Given) -> bool {
        let run = self.run(slot);
        let needs = &self.plan(slot).task(run.inst(id).node).needs;
        let gives = |need: &NodeId| run.inst(self.top(slot, *need)).result().map(|output| output.hash);
        needs.iter().map(gives).eq(given.needs.iter().copied())
    }

    /// True if all that a task at the top needs gives what it gave in the run before.
    pub(crate) fn needs_are_reused(&self, slot: Slot, id: InstId) -> bool {
        let run = self.run(slot);
        let needs = &self.plan(slot).task(run.inst(id).node).needs;
        needs.iter().all(|need| run.inst(self.top(slot, *need)).reused)
    }

    pub(super) fn reused(&mut self, slot: Slot, id: InstId, output: Option<Box<PayloadRef>>, degraded: bool) {
        if self.given(slot, id).is_some_and(|given| given.left) {
            let reads = self.undo_reads(slot, id);
            self.note_effect(slot, id, Fate::Taken, reads, output.as_deref());
        }
        let run = self.run_mut(slot);
        run.start();
        let inst = run.inst_mut(id);
        (inst.output, inst.reused) = (output, true);
        inst.degraded |= degraded;
        self.settle(slot, id, Settled::Succeeded, None);
    }
}
