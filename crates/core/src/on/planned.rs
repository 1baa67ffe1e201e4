//! Outputs that add tasks, and tasks that are replaced before they start.

use agendum_types::Graph;

use crate::action::Step;
use crate::board::Todo;
use crate::event::{Addition, Evaluation};
use crate::inst::State;
use crate::rejected::Rejected;
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// What a task's output adds joins the run, by a record just before that of its verdict; where it cannot, the output is refused.
    pub(crate) fn add_and_judge(&mut self, slot: Slot, id: InstId, mut evaluation: Evaluation) {
        let added = evaluation.added.take();
        if evaluation.truth != Some(true) && evaluation.refused.is_none() && self.board.adds_tasks(slot, id) {
            match added.map(|added| self.add(slot, &added)) {
                Some(Ok(true)) => {}
                // Another addition came first: what it made is extended in turn.
                Some(Ok(false)) => return self.board.todo.push_back(Todo::Ask(slot, id)),
                Some(Err(refused)) => evaluation.refused = Some(refused.to_string().into()),
                None => evaluation.refused = Some("it was not read".into()),
            }
        }
        self.judge(slot, id, evaluation);
    }

    /// `false`: what was extended is not the run's graph any more.
    fn add(&mut self, slot: Slot, added: &Addition) -> Result<bool, Rejected> {
        let is_overtaken = added.of != self.board.plan(slot).graph.hash;
        if is_overtaken || !self.takes_up_what_stands(slot, &added.graph) {
            return Ok(false);
        }
        self.grow(slot, &added.graph, added.document.clone()).map(|()| true)
    }

    /// Nothing that an addition replaces has started.
    pub(crate) fn replaces_what_waits(&self, slot: Slot, after: &Graph) -> Result<(), Rejected> {
        let plan = self.board.plan(slot);
        let run = self.board.run(slot);
        if run.phase == Phase::Held {
            return Ok(());
        }
        for node in plan.graph.main.iter().filter(|node| after.task(**node).replaced.is_some()) {
            let task = plan.task(*node);
            let inst = run.inst(self.board.top(slot, *node));
            let has_started = inst.attempts > 0
                || match inst.state {
                    State::Waiting
                    | State::Ready
                    | State::Parked(_)
                    | State::Asking(Step::Enter)
                    | State::LookingUp(_)
                    | State::InLine { .. }
                    | State::Queued(_)
                    | State::Paused(_)
                    | State::Broke { .. }
                    | State::Pleading(_) => inst.rung > 0,
                    State::Asking(_)
                    | State::Running(_)
                    | State::BackingOff(_)
                    | State::Checked(_)
                    | State::Awaiting(_)
                    | State::Open
                    | State::Settled(_) => true,
                };
            if task.replaced.is_none() && has_started {
                return Err(Rejected::Started { task: std::sync::Arc::clone(&task.name) });
            }
        }
        Ok(())
    }
}
