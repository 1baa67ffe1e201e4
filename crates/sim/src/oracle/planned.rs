//! Tasks whose output adds others: what joins the run, what is refused, what an addition takes the place of.

use std::sync::Arc;

use agendum_core::{Evaluation, Next, Step};
use agendum_types::graph::{NodeId, Task, Work};
use agendum_types::{Capability, Class, Effect, Failure, Graph, Hash, RunId, TaskPath};

use super::records::Checked;
use super::state::{How, Inst, Phase, Run, State};
use super::{Asked, Heard, Reference, ahead, ensure};

/// True if something has begun that this graph says was replaced.
pub(super) fn replaces_what_began(run: &Run, after: &Graph) -> bool {
    gone(run, after).iter().any(|path| {
        let inst = &run.tasks[path];
        inst.attempts > 0 || inst.rung > 0 || !inst.state.is_before_all()
    })
}

/// The tasks that this graph says were replaced, and that of the run does not.
pub(super) fn gone(run: &Run, after: &Graph) -> Vec<TaskPath> {
    let fresh = |node: &&NodeId| after.task(**node).replaced.is_some() && run.graph.task(**node).replaced.is_none();
    let paths = run.graph.main.iter().filter(fresh).map(|node| TaskPath::top(*node));
    paths.filter(|path| run.tasks.contains_key(path)).collect()
}

/// True if an addition reads a task that has succeeded and left no output, because nobody was to read it.
pub(super) fn reads_what_was_not_made(run: &Run, grown: &Graph) -> bool {
    let missing = |(path, inst): (&TaskPath, &Inst)| {
        let reads = path.0.len() == 1 && grown.task(inst.node).output_used && !run.graph.task(inst.node).output_used;
        reads && inst.how() == Some(How::Succeeded) && inst.output.is_none()
    };
    run.tasks.iter().any(missing)
}

impl State {
    /// Nothing was sent, asked of a person or opened.
    const fn is_before_all(&self) -> bool {
        match self {
            Self::Waiting
            | Self::Ready
            | Self::Asking(Step::Enter)
            | Self::Queued(..)
            | Self::InLine(_)
            | Self::Seeking
            | Self::LookingUp(_)
            | Self::Held
            | Self::Broke(_)
            | Self::Short(_)
            | Self::Begs => true,
            Self::Asking(_)
            | Self::Running(_)
            | Self::BackingOff(_)
            | Self::Checked(_)
            | Self::Awaiting(_)
            | Self::Open
            | Self::Settled(_) => false,
        }
    }
}

impl Reference {
    /// True if the task's output is still to be read as tasks.
    pub(super) fn adds_tasks(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let adds = run.graph.task(run.tasks[path].node).adds.as_ref();
        path.0.len() == 1 && adds.is_some_and(|adds| !adds.made)
    }

    /// True if the graph that was extended is not the run's any more: it is asked for again, and nothing decided.
    pub(super) fn is_overtaken(&self, asked: &Asked, result: &Result<Evaluation, Arc<str>>) -> bool {
        let Ok(Evaluation { truth, added: Some(added), .. }) = result else { return false };
        let run = &self.runs[&asked.run];
        let is_late = added.of != run.graph.hash || !ahead::takes_up_what_stands(run, &added.graph);
        *truth != Some(true) && self.adds_tasks(asked.run, &asked.path) && is_late
    }

    /// The graph with what was added, by a caller or by the output of a task that is judged next.
    pub(super) fn brings(&mut self, id: RunId) -> Result<Arc<Graph>, String> {
        match self.heard.take() {
            Some(Heard::Added(run, graph)) if run == id => Ok(graph),
            Some(Heard::Evaluated(asked, Ok(mut evaluation))) if asked.run == id && asked.step == Step::Judge => {
                ensure(self.adds_tasks(id, &asked.path), "its output adds nothing")?;
                ensure(evaluation.truth != Some(true) && evaluation.refused.is_none(), "it was refused")?;
                let added = evaluation.added.take().ok_or("nothing was read of it")?;
                let made = added.graph.task(self.runs[&id].tasks[&asked.path].node).adds.as_ref();
                ensure(made.is_some_and(|adds| adds.made), "nothing says that it has added them")?;
                ensure(self.fits(&self.runs[&id], &added.graph), "its tasks cannot join the run")?;
                self.heard = Some(Heard::Evaluated(asked, Ok(evaluation)));
                Ok(added.graph)
            }
            other => Err(format!("nothing was added, but {other:?}")),
        }
    }

    /// True if that may join the run: it is served, and reads and replaces only what it can.
    pub(super) fn fits(&self, run: &Run, after: &Graph) -> bool {
        let is_void = |task: &Task| task.ahead.is_some_and(|ahead| ahead.withdrawn);
        // Made from how the graph was before a plan was read, be it an empty one, it would take that back.
        let made = |task: &Task| task.adds.as_ref().is_some_and(|adds| adds.made);
        let same = |(before, after): (&Task, &Task)| {
            (before.name == after.name || is_void(after)) && made(before) <= made(after)
        };
        // A plan may have been given ahead in full.
        let mut planners = (0..).map(NodeId).take(run.graph.tasks.len().min(after.tasks.len()));
        let is_more =
            after.tasks.len() > run.graph.tasks.len() || planners.any(|node| ahead::is_read(run, after, node));
        let extends = is_more && run.graph.tasks.iter().zip(&after.tasks).all(same);
        if !extends {
            return false;
        }
        let served = self.can_serve(&after.tasks[run.graph.tasks.len()..]);
        served && !reads_what_was_not_made(run, after) && !replaces_what_began(run, after)
    }

    /// Tasks joined a live run.
    pub(super) fn grown(&mut self, id: RunId, hash: Hash) -> Result<(), String> {
        let graph = self.brings(id)?;
        ensure(hash == graph.hash, "something else was added")?;
        ensure(self.runs[&id].takes_tasks(), "nothing joins a run whose main tasks have ended")?;
        ensure(!reads_what_was_not_made(&self.runs[&id], &graph), "it reads what was not made")?;
        ensure(!replaces_what_began(&self.runs[&id], &graph), "it replaces what has begun")?;
        ensure(ahead::takes_up_what_stands(&self.runs[&id], &graph), "it takes up what was withdrawn")?;
        self.joins_run(id, &graph);
        Ok(())
    }

    /// The run has this graph from now on.
    pub(super) fn joins_run(&mut self, id: RunId, graph: &Arc<Graph>) {
        self.refresh(graph);
        let gone = gone(&self.runs[&id], graph);
        self.plans_are_read(id, graph);
        let run = self.run(id);
        for node in graph.main.iter().copied().filter(|_| run.phase == Phase::Main) {
            run.tasks.entry(TaskPath::top(node)).or_insert_with(|| Inst::new(node));
        }
        let before = std::mem::replace(&mut run.graph, Arc::clone(graph));
        if before.labels != graph.labels {
            let waits = |(_, inst): &(&TaskPath, &Inst)| matches!(inst.state, State::Queued(..) | State::Short(_));
            let waits = run.tasks.iter().filter(waits).map(|(path, _)| (id, path.clone())).collect();
            self.looked_at_anew(waits);
        }
        gone.iter().for_each(|path| self.skip_for_others(id, path));
    }

    /// Others took its place.
    pub(super) fn skip_for_others(&mut self, id: RunId, path: &TaskPath) {
        self.keep_unsent(id, path);
        self.settle(id, path, How::Skipped, None);
    }

    /// What follows if the output of a task that was to add others adds none.
    pub(super) fn adds_nothing(&mut self, id: RunId, path: &TaskPath, evaluation: &Evaluation, next: &Next) -> Checked {
        let run = &self.runs[&id];
        let fits = |added: &agendum_core::Addition| run.phase == Phase::Main && self.fits(run, &added.graph);
        let could = evaluation.refused.is_none() && evaluation.added.as_deref().is_some_and(fits);
        ensure(!could, "a plan was refused without a reason")?;
        let repeatable = run.tasks[path].last_effect != Effect::Once;
        let may = self.after_failure(id, path, &Failure::new(Class::InvalidOutput, "no plan"), repeatable);
        self.follow(id, path, &may, next)
    }

    /// The next attempt of a `chat` is told why its last result was refused.
    pub(super) fn tell(&mut self, id: RunId, path: &TaskPath, next: &Next, why: &str) {
        let run = self.run(id);
        let is_chat = matches!(&run.task(path).work, Work::Call(call) if call.capability == Capability::Chat);
        if is_chat && matches!(next, Next::Retry { .. } | Next::Rung { .. }) {
            let told: String =
                why.chars().map(|letter| if letter < ' ' && letter != '\n' { ' ' } else { letter }).collect();
            run.inst(path).told = Some(told);
        }
    }
}

impl Inst {
    /// What it is told makes its input so much longer: two bytes for each, and a frame.
    pub(super) fn told_bytes(&self) -> u64 {
        self.told.as_ref().map_or(0, |told| 160 + 2 * told.len() as u64)
    }
}
