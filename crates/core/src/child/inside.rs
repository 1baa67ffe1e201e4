//! Child runs as they are found from their parent: which it waits for, and which of them nothing more is begun of.

use std::sync::Arc;

use agendum_types::RunId;
use agendum_types::graph::Child;

use crate::inst::Inst;
use crate::run::Slot;
use crate::scheduler::Scheduler;
use crate::standing::{Standing, Stopped};

impl Scheduler {
    /// A run and the live runs inside it, at any depth, in the order of their ids; empty if it is not live. Cost: linear in their instances.
    #[must_use]
    pub fn within(&self, run: RunId) -> Vec<RunId> {
        let (mut found, mut next) = (Vec::new(), vec![run]);
        while let Some(run) = next.pop() {
            let Some(slot) = self.board.slot(run) else { continue };
            found.push(run);
            next.extend(self.board.run(slot).insts.iter().filter_map(Inst::child));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The outermost run around a child run, and its task at the top in which that runs: who retries that may have it done again.
    pub(crate) fn anew(&self, slot: Slot) -> Option<(RunId, Arc<str>)> {
        let mut of = self.board.run(slot).parent.clone()?;
        for _ in 0..Child::DEPTH_MAX {
            let around = self.board.slot(of.run).and_then(|slot| self.board.run(slot).parent.clone());
            let Some(around) = around else { break };
            of = around;
        }
        Some((of.run, of.top().into()))
    }
}

impl Inst {
    /// The child run that it waits for, once that has told of itself.
    pub(crate) fn child(&self) -> Option<RunId> {
        self.running().filter(|_| self.waits_for_child())?.reference.as_deref()?.parse().ok()
    }
}

impl Standing {
    /// Of which run nothing more is begun: this one, or one that it waits for.
    pub(crate) fn stops(&self, run: RunId) -> Option<Stopped> {
        self.paused.then_some(Stopped { run, quarantined: self.quarantined, alone: false }).or(self.stopped)
    }
}
