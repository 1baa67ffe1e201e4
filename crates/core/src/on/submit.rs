//! Submissions and additions: they can be refused.

use std::sync::Arc;

use agendum_types::graph::{Adds, NodeId, Rung, Task, Work};
use agendum_types::{Duration, Graph, PayloadRef, RunId, target};

use crate::event::Submission;
use crate::inst::Settled;
use crate::on::ahead::follows;
use crate::record::{Record, RunSubmitted};
use crate::rejected::Rejected;
use crate::run::{Phase, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_submitted(&mut self, submission: Submission) -> Result<(), Rejected> {
        self.admit(submission.graph.live_tasks_max())?;
        if let Some(run) = self.joins(&submission) {
            return Err(Rejected::Joined(run));
        }
        // A child was let in with its parent, which would wait for its place.
        let is_full = self.board.live_runs() >= self.board.limits.live_runs_max as usize;
        if is_full && submission.parent.is_none() {
            return Err(Rejected::Full { count: self.board.limits.live_runs_max });
        }
        if self.board.slot(submission.run).is_some() {
            return Err(Rejected::Exists(submission.run));
        }
        if let Some(key) = &submission.key
            && let Some(run) = self.board.run_of_key(&submission.tenant, &key.key)
        {
            return Err(Rejected::Keyed(run));
        }
        self.has_room_for(&submission)?;
        let graph = &submission.graph;
        let deadline = submission.deadline.or(graph.deadline);
        if deadline == Some(Duration::ZERO) {
            return Err(Rejected::DeadlinePassed);
        }
        self.has_targets(&graph.tasks)?;
        let plan = self.board.plans.intern(graph);
        self.board.plans.refresh(plan, &self.targets, &self.board.queue.units, self.policy.admission);
        let submitted = RunSubmitted {
            run: submission.run,
            principal: submission.principal,
            graph_name: Arc::clone(&graph.name),
            graph: graph.hash,
            document: submission.document,
            inputs: submission.inputs,
            priority: submission.priority.unwrap_or(graph.priority),
            deadline: deadline.map(|span| self.now.after(span)),
            budget: submission.budget.or(graph.budget),
            strict: submission.strict,
            key: submission.key,
            origin: submission.origin,
            concurrency: submission.concurrency,
            parent: submission.parent,
        };
        self.record(Some(submission.tenant), Record::RunSubmitted(Box::new(submitted)));
        Ok(())
    }

    pub(crate) fn on_tasks_added(
        &mut self,
        run: RunId,
        graph: &Arc<Graph>,
        document: PayloadRef,
    ) -> Result<(), Rejected> {
        let slot = self.board.slot(run).ok_or(Rejected::NotLive(run))?;
        self.grow(slot, graph, document)
    }

    /// Tasks join a run, if they can.
    pub(crate) fn grow(&mut self, slot: Slot, graph: &Arc<Graph>, document: PayloadRef) -> Result<(), Rejected> {
        let run = self.board.run(slot).id;
        self.may_grow(slot, graph)?;
        self.take_graph(slot, graph, Record::TasksAdded { run, graph: graph.hash, document });
        Ok(())
    }

    /// The graph is the run's from this record on.
    pub(crate) fn take_graph(&mut self, slot: Slot, graph: &Arc<Graph>, record: Record) {
        let plan = self.board.plans.intern(graph);
        self.board.plans.refresh(plan, &self.targets, &self.board.queue.units, self.policy.admission);
        self.record_of(slot, record);
    }

    /// The run takes tasks, and these can join it.
    pub(crate) fn may_grow(&self, slot: Slot, graph: &Graph) -> Result<(), Rejected> {
        let run = self.board.run(slot).id;
        if !matches!(self.board.run(slot).phase, Phase::Held | Phase::Main) {
            return Err(Rejected::NotLive(run));
        }
        let before = &self.board.plan(slot).graph;
        extends(before, graph)?;
        self.reads_what_is_there(slot, graph)?;
        self.replaces_what_waits(slot, graph)?;
        let known = before.tasks.len();
        self.admit(graph.live_tasks_max() - before.live_tasks_max())?;
        self.has_targets(&graph.tasks[known..])
    }

    /// A group or `foreach` that nobody read has ended without making its output: it is too late to read it.
    fn reads_what_is_there(&self, slot: Slot, after: &Graph) -> Result<(), Rejected> {
        let plan = self.board.plan(slot);
        if self.board.run(slot).phase == Phase::Held {
            return Ok(());
        }
        for node in &plan.graph.main {
            let inst = self.board.run(slot).inst(self.board.top(slot, *node));
            let is_missing = inst.settled() == Some(Settled::Succeeded) && inst.output.is_none();
            if is_missing && after.task(*node).output_used && !plan.task(*node).output_used {
                return Err(Rejected::OutputNotMade { task: Arc::clone(&plan.task(*node).name) });
            }
        }
        Ok(())
    }

    fn admit(&self, tasks: u64) -> Result<(), Rejected> {
        let most = self.board.limits.live_tasks_max;
        if self.board.live_tasks.saturating_add(tasks) > u64::from(most) {
            return Err(Rejected::TooManyTasks { count: most });
        }
        Ok(())
    }

    /// Every call has a target that could serve it, its rungs included.
    fn has_targets(&self, tasks: &[Task]) -> Result<(), Rejected> {
        for task in tasks {
            let Work::Call(call) = &task.work else {
                continue;
            };
            if !call.capability.has_targets() {
                continue;
            }
            if !self.targets.can_serve(call.capability, &call.requirement) {
                let reason = Arc::from(target::unserved(call.capability, &call.requirement));
                return Err(Rejected::NoTarget { task: Arc::clone(&task.name), reason });
            }
            if let Some(child) = &call.child {
                self.has_targets(&child.graph.tasks)?;
            }
            for rung in &task.catch {
                if let Rung::Target(name) = &rung.rung
                    && self.targets.named(call.capability, name).is_empty()
                {
                    let reason = format!("`catch` names target {name:?}, and no such target can {}", call.capability);
                    return Err(Rejected::NoTarget { task: Arc::clone(&task.name), reason: reason.into() });
                }
            }
        }
        Ok(())
    }
}

/// The plan of this task has joined with this addition.
fn newly_made(before: &Graph, after: &Graph, planner: NodeId) -> bool {
    let made = |graph: &Graph| graph.tasks.get(planner.0 as usize).and_then(|task| Some(task.adds.as_ref()?.made));
    made(before) == Some(false) && made(after) == Some(true)
}

/// It may add the same, and may have.
fn adds_alike(before: &Task, after: &Task) -> bool {
    match (&before.adds, &after.adds) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            before.made <= after.made && Adds { made: after.made, ..before.clone() } == *after
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The graph with additions holds every task where it stood, and as it was but for those that wait for it.
fn extends(before: &Graph, after: &Graph) -> Result<(), Rejected> {
    let changed = |name: &Arc<str>| Err(Rejected::NotAnExtension { task: Arc::clone(name) });
    for (index, task) in before.tasks.iter().enumerate() {
        let Some(kept) = after.tasks.get(index) else {
            return changed(&task.name);
        };
        let (needed_by, adds, replaced) = (kept.needed_by.clone(), kept.adds.clone(), kept.replaced.clone());
        let (name, ahead, output_used) = (kept.name.clone(), kept.ahead, kept.output_used);
        let same = Task { name, needed_by, output_used, adds, replaced, ahead, ..task.clone() } == *kept;
        let same = same && follows(task, kept, |planner| newly_made(before, after, planner));
        // What is taken up needs nothing that is withdrawn.
        let is_vain = |need: &NodeId| after.tasks.get(need.0 as usize).is_some_and(|need| need.ahead.is_some());
        let same = same && (kept.ahead.is_some() || !kept.needs.iter().any(is_vain));
        let same = same && adds_alike(task, kept) && (task.replaced.is_none() || task.replaced == kept.replaced);
        let grows = task.parent.is_none() || task.needed_by == kept.needed_by;
        if !same || !grows {
            return changed(&task.name);
        }
    }
    let main_kept = after.main.starts_with(&before.main) && after.exprs.starts_with(&before.exprs);
    let rest_kept =
        (&before.after, &before.on_failure, &before.finally) == (&after.after, &after.on_failure, &after.finally);
    // The very same addition of another caller came first; a plan may have been given ahead in full.
    let is_read = (0..).map(NodeId).take(before.tasks.len()).any(|node| newly_made(before, after, node));
    let is_there = after.tasks.len() == before.tasks.len() && !is_read;
    if !main_kept || !rest_kept || is_there { changed(&before.name) } else { Ok(()) }
}
