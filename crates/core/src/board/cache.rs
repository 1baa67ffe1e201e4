//! Tasks that succeed with a result that was kept, and turns that come free.

use agendum_types::graph::Rung;

use crate::board::{Board, Todo};
use crate::inst::Settled;
use crate::record::Cached;
use crate::run::{InstId, Slot};

impl Board {
    /// It computes no more what others ask for too, or waits no more until another has: the next in line may.
    pub(crate) fn let_go(&mut self, slot: Slot, id: InstId, ticket: Option<u64>) {
        let Some(key) = self.run_mut(slot).inst_mut(id).sharing.take() else { return };
        if self.flights.leave(&key, (slot, id), ticket) {
            self.todo.push_back(Todo::PassTurn(key));
        }
    }

    /// True if the rung that it is on takes the last good copy.
    pub(crate) fn is_on_cached_rung(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let rung = inst.rung.checked_sub(1).map(usize::from);
        let catch = &self.plan(slot).task(inst.node).catch;
        rung.is_some_and(|rung| catch.get(rung).is_some_and(|catch| catch.rung == Rung::Cached))
    }

    pub(super) fn cached(&mut self, slot: Slot, id: InstId, cached: &Cached) {
        self.leave(slot, id);
        let run = self.run_mut(slot);
        run.start();
        let inst = run.inst_mut(id);
        (inst.cached, inst.copied) = (true, true);
        self.note_served(slot, id, &cached.target);
        self.set_output(slot, id, cached.output.clone());
        // What a rung gives is not judged.
        if cached.stale {
            self.settle(slot, id, Settled::Succeeded, None);
        } else {
            self.judge_or_settle(slot, id);
        }
    }
}
