//! What a run takes over of a run before it, of the same graph: a retry of what failed, or a fork with other inputs.
//!
//! The driver finds in the records of the run before what its tasks gave, and says so in the submission; it is part of the record of that.
//! Here is decided, task by task, whether it counts. What is inside a group, an item or a round is taken over with the whole task or
//! not at all: whether that reads anything that is another the driver has looked up in the graph, but for what the task needs.

use agendum_types::graph::NodeId;
use agendum_types::{Class, Failure, PayloadRef, RunId};

use crate::inst::Settled;
use crate::record::{Change, End, Next, Reuse};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// A task at the top of a run, as it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Which one.
    pub task: NodeId,
    /// It succeeded.
    pub succeeded: bool,
    /// It was skipped, because its condition or what it needs said so.
    pub skipped: bool,
    /// It took a lower rung.
    pub degraded: bool,
    /// Its output, if that was made.
    pub output: Option<PayloadRef>,
}

impl Scheduler {
    /// How the tasks at the top of a run have ended so far.
    #[must_use]
    pub fn endings(&self, run: RunId) -> Vec<Ending> {
        let Some(slot) = self.board.slot(run) else {
            return Vec::new();
        };
        let run = self.board.run(slot);
        let insts = run.scopes.iter().flat_map(|scope| scope.iter()).map(|id| run.inst(id));
        let ending = |inst: &crate::inst::Inst| Ending {
            task: inst.node,
            succeeded: inst.settled() == Some(Settled::Succeeded),
            skipped: inst.settled() == Some(Settled::Skipped),
            degraded: inst.degraded,
            output: inst.result().cloned(),
        };
        insts.map(ending).collect()
    }

    /// Ends a task that is ready with what it gave in the run before, or because it must not be done again; true if it did.
    pub(crate) fn reuse(&mut self, slot: Slot, id: InstId) -> bool {
        let Some(given) = self.board.given(slot, id) else {
            return false;
        };
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let is_first = inst.attempts == 0 && inst.rung == 0;
        let is_whole = self.board.plan(slot).graph.holds_others(inst.node);
        let is_same = if is_whole {
            self.board.needs_give(slot, id, given)
        } else {
            inst.input.as_deref().map(|input| input.hash) == given.input
        };
        let counts = match given.reuse {
            Reuse::Always => true,
            // A call knows its input once it is entered; what holds others has begun then.
            Reuse::Same | Reuse::Done | Reuse::Tried if inst.entered == is_whole || !is_first => return false,
            Reuse::Same if !is_same || !self.board.needs_are_reused(slot, id) => return false,
            Reuse::Same => true,
            Reuse::Done => is_same,
            Reuse::Tried if is_same => return false,
            Reuse::Tried => false,
        };
        let from = run.origin.as_ref().map_or(run.id, |origin| origin.run);
        if counts {
            let (output, degraded) = (given.output.clone().map(Box::new), given.degraded);
            self.record_task(slot, id, Change::Reused { from, output, degraded });
        } else {
            let name = &self.board.plan(slot).task(inst.node).name;
            let may = if given.reuse == Reuse::Tried { "may have taken" } else { "took" };
            let again = match self.anew(slot) {
                Some((run, task)) => {
                    format!("`agendum runs retry {run} --again {task}` does all of this child run again")
                }
                None => format!("`--again {name}` does it again"),
            };
            let message = format!("it {may} effect before with another input (run {from}): {again}");
            self.end(slot, id, End::Done, Next::fail(Failure::new(Class::Permanent, &message)));
        }
        true
    }
}
