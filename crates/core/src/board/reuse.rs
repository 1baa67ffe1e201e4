//! Tasks that give what they gave in a run before, which this one takes over.

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
