//! The first tasks of a plan that is still being written: they run ahead of it, if they can do no harm.

use agendum_types::graph::{Adds, NodeId, Task};
use agendum_types::{AttemptId, Graph};

use crate::event::Addition;
use crate::inst::State;
use crate::record::Record;
use crate::rejected::Rejected;
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_tasks_streamed(&mut self, attempt: &AttemptId, added: &Addition) -> Result<(), Rejected> {
        let slot = self.board.slot(attempt.run).ok_or(Rejected::NotLive(attempt.run))?;
        let planner = self.board.find(slot, &attempt.path).filter(|id| self.awaits(slot, *id, attempt));
        let planner = planner.ok_or(Rejected::NotAhead("their attempt is not awaited any more"))?;
        if added.of != self.board.plan(slot).graph.hash {
            return Err(Rejected::Overtaken(attempt.run));
        }
        self.may_give_ahead(slot, planner)?;
        self.runs_ahead(slot, planner, &added.graph)?;
        self.may_grow(slot, &added.graph)?;
        let record = Record::TasksAhead {
            run: attempt.run,
            path: attempt.path.clone(),
            attempt: attempt.attempt,
            graph: added.graph.hash,
            document: added.document.clone(),
        };
        self.take_graph(slot, &added.graph, record);
        Ok(())
    }

    /// The task adds others, may do so before it ends, and has not done so in vain.
    fn may_give_ahead(&self, slot: Slot, planner: InstId) -> Result<(), Rejected> {
        let run = self.board.run(slot);
        let node = run.inst(planner).node;
        let graph = &self.board.plan(slot).graph;
        let may = |adds: &Adds| adds.while_streaming && !adds.made;
        if run.phase != Phase::Main || !graph.task(node).adds.as_ref().is_some_and(may) {
            return Err(Rejected::NotAhead("nothing of this task's plan runs ahead of it"));
        }
        let of_it = |task: &Task| task.ahead.is_some_and(|ahead| ahead.planner == node);
        if !run.ahead.contains_key(&planner) && graph.tasks.iter().any(of_it) {
            return Err(Rejected::NotAhead("what an earlier attempt gave ahead of its plan was withdrawn"));
        }
        let told = run.inst(planner).input.as_deref().map(|input| &input.labels);
        if self.board.joined(slot, told) != run.labels {
            return Err(Rejected::NotAhead("they carry labels that the run has not"));
        }
        Ok(())
    }

    /// Each new task may run so, and changes nothing for those that are there.
    fn runs_ahead(&self, slot: Slot, planner: InstId, after: &Graph) -> Result<(), Rejected> {
        let graph = &self.board.plan(slot).graph;
        let node = self.board.run(slot).inst(planner).node;
        let known = graph.tasks.len();
        let mut fresh = after.tasks.iter().skip(known);
        let runs = |task: &Task| {
            task.may_run_ahead() && task.ahead.is_some_and(|ahead| ahead.planner == node && !ahead.withdrawn)
        };
        if !fresh.all(runs) {
            return Err(Rejected::NotAhead("not all of them are calls without an effect"));
        }
        let is_same = |(node, (before, after)): (NodeId, (&Task, &Task))| {
            // What holds others makes its output for whoever reads it.
            let is_read = before.output_used == after.output_used || !graph.holds_others(node);
            is_read && before.adds == after.adds && before.replaced == after.replaced && before.ahead == after.ahead
        };
        if !(0..).map(NodeId).zip(graph.tasks.iter().zip(&after.tasks)).all(is_same) {
            return Err(Rejected::NotAhead("they read what only a reader makes"));
        }
        Ok(())
    }

    /// Of the tasks that ran ahead, the plan takes up only what still stands.
    pub(crate) fn takes_up_what_stands(&self, slot: Slot, after: &Graph) -> bool {
        let graph = &self.board.plan(slot).graph;
        let stands = |node: NodeId| self.board.run(slot).ahead.contains_key(&self.board.top(slot, node));
        let mut pairs = graph.tasks.iter().zip(&after.tasks);
        pairs.all(|(before, after)| after.ahead.is_some() || before.ahead.is_none_or(|ahead| stands(ahead.planner)))
    }

    /// A task of a plan that is whole stands in the queue of those that may serve it now.
    pub(crate) fn requeue_planned(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else { return };
        if run.inst(id).waits_for_window(self.now).is_some() {
            return self.try_again(slot, id);
        }
        let State::Queued(ticket) = &run.inst(id).state else { return };
        // One that is lowered is looked at again when some money comes free, one that waits for its best target when it has waited enough.
        if !ticket.lowered
            && ticket.held.is_none()
            && let Some(class) = self.class_of(slot, id)
        {
            self.requeue(slot, id, class, false);
        }
    }
}

/// What became of a task that ran ahead of its plan: it stays what it is, or its plan takes it up, or others have its name.
pub(crate) fn follows(before: &Task, after: &Task, is_made: impl Fn(NodeId) -> bool) -> bool {
    match (before.ahead, after.ahead) {
        (None, None) => before.name == after.name,
        (Some(before_it), None) => before.name == after.name && is_made(before_it.planner),
        (Some(before_it), Some(after_it)) if before_it == after_it => before.name == after.name,
        (Some(before_it), Some(after_it)) => {
            !before_it.withdrawn
                && after_it.withdrawn
                && before_it.planner == after_it.planner
                && is_made(before_it.planner)
        }
        (None, Some(_)) => false,
    }
}
