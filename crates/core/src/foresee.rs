//! A look ahead: with 100,000 live runs each event waits for memory about ten times, one wait after the other. A driver that has
//! several events at hand lets them wait side by side: what their handling will read is read once beforehand, for all of them at once.

use std::hint::black_box;

use agendum_types::{RunId, TaskPath};

use crate::inst::Inst;
use crate::run::{Run, Slot};
use crate::scheduler::Scheduler;

/// Events that are looked at together: more waits than a processor keeps under way are no gain, and what was read must not be
/// displaced before it is used.
pub const FORESEEN_MAX: usize = 32;

/// Instances of a run that are looked at: those that the next outcome makes ready mostly stand near.
const NEAR: usize = 8;

impl Scheduler {
    /// Reads what the handling of the next events will read. Changes nothing, decides nothing; of more than [`FORESEEN_MAX`] steps
    /// the rest is left out.
    pub fn foresee<'a>(&self, steps: impl Iterator<Item = (RunId, &'a TaskPath)>) {
        let mut found: [Option<(Slot, &TaskPath)>; FORESEEN_MAX] = [None; FORESEEN_MAX];
        for (place, (run, path)) in found.iter_mut().zip(steps) {
            *place = self.board.slot(run).map(|slot| (slot, path));
        }
        let mut seen = 0;
        for (slot, _) in found.iter().flatten() {
            seen ^= of_run(self.board.run(*slot));
        }
        // Each pass needs what the one before has brought; within a pass nothing waits for another.
        for (slot, path) in found.iter().flatten() {
            let run = self.board.run(*slot);
            let from = self.board.find(*slot, path).map_or(0, |id| id.0 as usize);
            seen = run.insts.iter().skip(from).take(NEAR).fold(seen, |seen, inst| seen ^ of_inst(inst));
        }
        for (slot, path) in found.iter().flatten() {
            let inst = self.board.find(*slot, path).map(|id| self.board.run(*slot).inst(id));
            seen ^= inst.and_then(Inst::running).map_or(0, |running| running.hold.0 ^ u64::from(running.attempt.0));
        }
        black_box(seen);
    }
}

/// A field of each of its lines in the cache.
fn of_run(run: &Run) -> u64 {
    run.spent.0
        ^ run.last.0
        ^ run.submitted.0
        ^ run.insts.len() as u64
        ^ run.inputs.size
        ^ run.held_back.len() as u64
        ^ run.scopes.iter().fold(0, |sum, scope| sum ^ u64::from(scope.unsettled))
}

fn of_inst(inst: &Inst) -> u64 {
    u64::from(inst.pending)
        ^ inst.free_at.0
        ^ inst.expires.0
        ^ u64::from(inst.output.is_some())
        ^ u64::from(inst.settled().is_some())
}
