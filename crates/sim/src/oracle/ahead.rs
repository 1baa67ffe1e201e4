//! Tasks that run ahead of their plan: which may, what becomes of them with the plan, and when they are withdrawn.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_core::{Addition, Step};
use agendum_types::graph::{NodeId, Task, Work};
use agendum_types::{AttemptId, AttemptNo, Effect, Graph, Hash, RunId, TaskPath};

use super::state::{How, Run, State};
use super::{Heard, Reference, ensure};

/// What the running attempt of a task has given so far.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    attempt: AttemptNo,
    tasks: BTreeSet<TaskPath>,
}

impl Run {
    /// It runs ahead of a plan that is not read yet.
    pub(super) fn is_ahead(&self, path: &TaskPath) -> bool {
        self.ahead.values().any(|ahead| ahead.tasks.contains(path))
    }

    /// The targets without an effect are all that will do.
    pub(super) fn is_harmless_only(&self, path: &TaskPath) -> bool {
        self.is_ahead(path) && !self.task(path).effect_declared
    }
}

/// A plan that has become whole with this graph takes up only what still runs ahead of it.
pub(super) fn takes_up_what_stands(run: &Run, after: &Graph) -> bool {
    let taken = |(before, after): (&Task, &Task)| before.ahead.filter(|_| after.ahead.is_none());
    let mut planners = run.graph.tasks.iter().zip(&after.tasks).filter_map(taken);
    planners.all(|ahead| run.ahead.contains_key(&TaskPath::top(ahead.planner)))
}

/// The plan of this task becomes whole with this graph.
pub(super) fn is_read(run: &Run, after: &Graph, node: NodeId) -> bool {
    let made = |graph: &Graph| graph.task(node).adds.as_ref().map(|adds| adds.made);
    made(&run.graph) == Some(false) && made(after) == Some(true)
}

impl Reference {
    /// True if these tasks may run before the plan of that attempt is whole.
    fn may_stream(&self, attempt: &AttemptId, added: &Addition) -> bool {
        let Some(run) = self.runs.get(&attempt.run) else { return false };
        let Some(inst) = run.tasks.get(&attempt.path) else { return false };
        let State::Running(running) = &inst.state else { return false };
        if (running.attempt, running.incarnation) != (attempt.attempt, attempt.incarnation) {
            return false;
        }
        let adds = run.graph.task(inst.node).adds.as_ref();
        let was_in_vain = !run.ahead.contains_key(&attempt.path)
            && run.graph.tasks.iter().any(|task| task.ahead.is_some_and(|ahead| ahead.planner == inst.node));
        let is_wanted = adds.is_some_and(|adds| adds.while_streaming && !adds.made) && !was_in_vain;
        let fresh = &added.graph.tasks[run.graph.tasks.len().min(added.graph.tasks.len())..];
        let is_its = |task: &Task| task.ahead.is_some_and(|ahead| ahead.planner == inst.node && !ahead.withdrawn);
        let is_left = |(before, after): (&Task, &Task)| {
            let holds = !matches!(before.work, Work::Call(_)) || before.foreach.is_some() || before.repeat.is_some();
            !holds || before.output_used == after.output_used
        };
        is_wanted
            && added.of == run.graph.hash
            && run.labels(&attempt.path) == run.graph.labels
            && fresh.iter().all(|task| task.may_run_ahead() && is_its(task))
            && run.graph.tasks.iter().zip(&added.graph.tasks).all(is_left)
            && self.fits(run, &added.graph)
    }

    /// They have joined the run.
    pub(super) fn streamed(
        &mut self,
        id: RunId,
        path: &TaskPath,
        attempt: AttemptNo,
        hash: Hash,
    ) -> Result<(), String> {
        let Some(Heard::Streamed(of, added)) = self.heard.take() else { return Err("nothing was streamed".to_owned()) };
        ensure((of.run, &of.path, of.attempt) == (id, path, attempt), "another attempt gave it")?;
        ensure(self.may_stream(&of, &added), "it may not run ahead of its plan")?;
        ensure(hash == added.graph.hash, "something else was added")?;
        let known = self.runs[&id].graph.main.len();
        let fresh = added.graph.main[known..].iter().map(|node| TaskPath::top(*node));
        let ahead = Ahead { attempt, tasks: BTreeSet::new() };
        self.run(id).ahead.entry(path.clone()).or_insert(ahead).tasks.extend(fresh);
        self.joins_run(id, &added.graph);
        Ok(())
    }

    pub(super) fn refuses_stream(&self, attempt: &AttemptId, added: &Addition) -> Result<(), String> {
        ensure(!self.may_stream(attempt, added), "the first tasks of a plan were refused without a reason")
    }

    /// The plans that are whole with this graph: what it takes up of what ran ahead counts, the rest does not.
    pub(super) fn plans_are_read(&mut self, id: RunId, after: &Arc<Graph>) {
        let run = &self.runs[&id];
        let node = |path: &TaskPath| run.tasks[path].node;
        let read = |path: &&TaskPath| is_read(run, after, node(path));
        let read: Vec<TaskPath> = run.ahead.keys().filter(read).cloned().collect();
        for planner in read {
            let tasks = self.runs[&id].ahead[&planner].tasks.clone();
            let before: Vec<_> = tasks.into_iter().map(|path| (self.eligible(id, &path), path)).collect();
            self.run(id).ahead.remove(&planner);
            for (before, path) in before {
                if after.task(self.runs[&id].tasks[&path].node).ahead.is_some() {
                    self.withdraw(id, &path);
                    continue;
                }
                let now = self.eligible(id, &path);
                let run = self.run(id);
                run.degraded |= run.tasks[&path].degraded;
                match (&mut run.inst(&path).state, before, now) {
                    (State::Queued(_, targets), Some(before), Some(now)) if *targets == before => *targets = now,
                    // It is taken up again, to look for the money on all of them.
                    (state @ State::Short(_), ..) => *state = State::Ready,
                    _ => {}
                }
            }
        }
    }

    /// What an attempt has given ahead of its plan goes with it, or with the first of them that fails. True if something did.
    pub(super) fn ahead_rule(&mut self, id: RunId) -> bool {
        let run = &self.runs[&id];
        let is_vain = |(path, ahead): &(&TaskPath, &Ahead)| {
            let goes_on = match &run.tasks[*path].state {
                State::Running(running) => running.attempt == ahead.attempt,
                State::Asking(step) => *step == Step::Judge,
                _ => false,
            };
            !goes_on || ahead.tasks.iter().any(|path| run.tasks[path].how() == Some(How::Failed))
        };
        let Some(planner) = run.ahead.iter().find(is_vain).map(|(path, _)| path.clone()) else { return false };
        let gone = self.run(id).ahead.remove(&planner);
        gone.into_iter().flat_map(|ahead| ahead.tasks).for_each(|path| self.withdraw(id, &path));
        true
    }

    fn withdraw(&mut self, id: RunId, path: &TaskPath) {
        self.drop_task(id, path, How::Cancelled);
        let inst = self.run(id).inst(path);
        inst.state = State::Settled(How::Cancelled);
        (inst.output, inst.failure, inst.degraded) = (None, None, false);
    }

    /// Of these targets, those that do nothing to the outside.
    pub(super) fn harmless(&self, targets: &mut Vec<usize>) {
        targets.retain(|target| self.targets[*target].effect.is_none_or(|effect| effect == Effect::None));
    }
}
