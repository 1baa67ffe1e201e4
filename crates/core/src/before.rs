//! A run that is over, read to be taken over by another one.
//!
//! What its tasks gave is what a scheduler knows after its records; what they did to the outside is said by the records alone. What was
//! itself taken over, and not done again, is known from the run before that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::graph::{NodeId, Section, Work};
use agendum_types::{AttemptNo, Effect, Fate, Graph, Hash, Limits, Outcome, RunId, Segment, TaskPath};

use crate::action::Entry;
use crate::record::{Change, Given, Origin, Record, Reuse, RunSubmitted};
use crate::reuse::Ending;
use crate::scheduler::Scheduler;

/// What is wanted of the new run.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// This task at the top runs, and all that depends on it.
    pub from: Option<NodeId>,
    /// The effects of these tasks at the top are to happen again.
    pub again: Vec<NodeId>,
    /// Its inputs are others.
    pub other_inputs: bool,
}

/// Why a run is not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Something may still happen to it.
    #[error("run {0} is not done: wait for it, or cancel it")]
    NotDone(RunId),
    /// What it did would be done twice.
    #[error(
        "task {task:?} would run again, and {path:?} took effect or may have: find out, and say `--again {task}` (`again` of \
         the API) if it shall be done again"
    )]
    Effect {
        /// The task at the top.
        task: Arc<str>,
        /// What had an effect.
        path: String,
    },
}

/// The records of a run, read so far.
#[derive(Debug)]
pub struct Before {
    scheduler: Scheduler,
    submitted: Option<RunSubmitted>,
    graph: Option<Arc<Graph>>,
    is_done: bool,
    /// The inputs of the tasks at the top.
    inputs: BTreeMap<NodeId, Option<Hash>>,
    /// The effect of each attempt.
    sent: BTreeMap<(TaskPath, AttemptNo), Effect>,
    /// Tasks that took effect or may have, and whether that can be done once only.
    done: BTreeMap<TaskPath, Effect>,
    /// Tasks at the top of which an effect was taken back: what they gave is worth nothing any more.
    taken_back: BTreeSet<NodeId>,
}

impl Before {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            scheduler: Scheduler::new(limits),
            submitted: None,
            graph: None,
            is_done: false,
            inputs: BTreeMap::new(),
            sent: BTreeMap::new(),
            done: BTreeMap::new(),
            taken_back: BTreeSet::new(),
        }
    }

    /// How the run was submitted.
    #[must_use]
    pub const fn submitted(&self) -> Option<&RunSubmitted> {
        self.submitted.as_ref()
    }

    /// Takes the next record of the run; `graph` is its graph from this record on.
    pub fn take(&mut self, graph: &Arc<Graph>, entry: &Entry) {
        match &entry.record {
            // What is done is forgotten: what it gave is asked for before that.
            Record::Done { .. } => {
                self.is_done = true;
                return;
            }
            Record::RunSubmitted(submitted) => self.submitted = Some(RunSubmitted::clone(submitted)),
            Record::Task { path, change, .. } => match graph.undone_by(path) {
                Some(of) => self.compensated(&of, change),
                None => self.changed(path, change),
            },
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::TasksAdded { .. }
            | Record::CancelRequested { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_)
            | Record::Compensated(_)
            | Record::Answered(_) => {}
        }
        if self.graph.as_ref().is_none_or(|known| known.hash != graph.hash) {
            self.scheduler.learn_graph(graph);
            self.graph = Some(Arc::clone(graph));
        }
        self.scheduler.apply(entry);
    }

    /// A compensation has come to something: once it has succeeded, the effect is there no more.
    fn compensated(&mut self, of: &TaskPath, change: &Change) {
        if let Change::Finished(finished) = change
            && matches!(finished.outcome, Outcome::Succeeded(_))
        {
            self.done.remove(of);
            self.taken_back.extend(top(of));
        }
    }

    fn changed(&mut self, path: &TaskPath, change: &Change) {
        match change {
            Change::Entered(evaluation) => {
                if let [Segment::Task(node)] = path.segments() {
                    self.inputs.insert(*node, evaluation.payload.as_ref().map(|input| input.hash));
                }
            }
            Change::Dispatched(dispatched) => {
                self.sent.insert((path.clone(), dispatched.attempt), dispatched.effect);
                // Until its end is told it may have happened.
                self.met(path, dispatched.attempt, |effect| Fate::of(effect, None));
            }
            Change::Finished(finished) => {
                self.met(path, finished.attempt, |effect| Fate::of(effect, Some(&finished.outcome)));
            }
            Change::Abandoned { attempt, fate, .. } => self.met(path, *attempt, |_| *fate),
            Change::Resolved(resolved) if resolved.happened == Some(false) => drop(self.done.remove(path)),
            Change::Resolved(_)
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Reused { .. }
            | Change::Ended(_)
            | Change::Waited(_)
            | Change::Reminded => {}
        }
    }

    /// The fate of an attempt is told.
    fn met(&mut self, path: &TaskPath, attempt: AttemptNo, fate: impl Fn(Effect) -> Fate) {
        let effect = self.sent.get(&(path.clone(), attempt)).copied().unwrap_or_default();
        match fate(effect) {
            Fate::None => drop(self.done.remove(path)),
            Fate::Taken | Fate::Uncertain => drop(self.done.insert(path.clone(), effect)),
        }
    }

    /// What a new run of the same graph takes over.
    ///
    /// # Errors
    ///
    /// If the run is not done, or something that can be done once only would be done again unasked.
    pub fn take_over(&self, new: RunId, wish: &Wish) -> Result<Origin, NotTaken> {
        let (Some(submitted), Some(graph)) = (&self.submitted, &self.graph) else {
            return Err(NotTaken::NotDone(new));
        };
        if !self.is_done {
            return Err(NotTaken::NotDone(submitted.run));
        }
        let endings = self.endings(submitted);
        let asked = wish.from.into_iter().chain(wish.again.iter().copied());
        let from = reached(graph, asked.chain(self.taken_back.iter().copied()));
        let is_lost = |node: &NodeId| endings.get(node).is_none_or(|ending| !ending.succeeded && !ending.skipped);
        let mut dirty = reached(graph, graph.main.iter().copied().filter(is_lost));
        dirty.extend(&from);
        let mut given = Vec::new();
        for (node, ending) in &endings {
            let changed = wish.other_inputs || dirty.contains(node) || graph.task(*node).section != Section::Main;
            if wish.again.contains(node) {
                continue;
            }
            let may_vary = wish.other_inputs && !from.contains(node);
            let reuse = self.reuse(submitted, graph, ending, changed, may_vary)?;
            if let Some(reuse) = reuse.filter(|_| !self.taken_back.contains(node)) {
                given.push(self.given(submitted, ending, reuse));
            }
        }
        // Under its old key the world outside would take it for the one that was taken back.
        let again: BTreeSet<NodeId> = wish.again.iter().chain(&self.taken_back).copied().collect();
        let mut keys: Vec<_> = again.iter().map(|node| (*node, new)).collect();
        let before = submitted.origin.as_ref();
        let inherited = before.iter().flat_map(|origin| &origin.keys).filter(|(node, _)| !again.contains(node));
        keys.extend(inherited.copied());
        let key_origin = before.map_or(submitted.run, |origin| origin.key_origin);
        Ok(Origin { run: submitted.run, key_origin, keys, given })
    }

    /// How the tasks at the top ended, those included that were never come to and had ended in the run before.
    fn endings(&self, submitted: &RunSubmitted) -> BTreeMap<NodeId, Ending> {
        let mut endings: BTreeMap<_, _> =
            self.scheduler.endings(submitted.run).into_iter().map(|ending| (ending.task, ending)).collect();
        for given in submitted.origin.iter().flat_map(|origin| &origin.given) {
            if !self.ran(given.task) {
                let Given { task, output, degraded, .. } = given.clone();
                endings.insert(task, Ending { task, succeeded: true, skipped: false, degraded, output });
            }
        }
        endings
    }

    /// True if the task, or something in it, was sent in this run itself.
    fn ran(&self, node: NodeId) -> bool {
        self.sent.keys().any(|(path, _)| top(path) == Some(node))
    }

    fn inherited<'a>(&self, submitted: &'a RunSubmitted, node: NodeId) -> Option<&'a Given> {
        let mut given = submitted.origin.iter().flat_map(|origin| &origin.given);
        given.find(|given| given.task == node && !self.ran(node))
    }

    /// When what a task gave counts; not at all where it shall run, which is refused if that would repeat an effect.
    fn reuse(
        &self,
        submitted: &RunSubmitted,
        graph: &Graph,
        ending: &Ending,
        changed: bool,
        may_vary: bool,
    ) -> Result<Option<Reuse>, NotTaken> {
        let task = graph.task(ending.task);
        let is_call = matches!(task.work, Work::Call(_)) && task.foreach.is_none() && task.repeat.is_none();
        let inherited = self.inherited(submitted, ending.task).is_some_and(|given| given.effects);
        let effects = inherited || self.done.keys().any(|path| top(path) == Some(ending.task));
        if ending.succeeded && !changed {
            return Ok(Some(Reuse::Always));
        }
        if ending.succeeded && is_call && effects {
            return Ok(Some(Reuse::Done));
        }
        let once = |(path, effect): (&TaskPath, &Effect)| {
            (top(path) == Some(ending.task) && *effect == Effect::Once).then(|| graph.path_text(path))
        };
        let repeated = self.done.iter().find_map(once).or_else(|| inherited.then(|| task.name.to_string()));
        match repeated {
            Some(path) => Err(NotTaken::Effect { task: Arc::clone(&task.name), path }),
            None => Ok((ending.succeeded && is_call && may_vary).then_some(Reuse::Same)),
        }
    }

    fn given(&self, submitted: &RunSubmitted, ending: &Ending, reuse: Reuse) -> Given {
        let Ending { task, degraded, .. } = *ending;
        let output = ending.output.clone();
        if let Some(given) = self.inherited(submitted, task) {
            return Given { output, degraded, reuse, ..given.clone() };
        }
        let effects = self.done.keys().any(|path| top(path) == Some(task));
        Given { task, output, degraded, input: self.inputs.get(&task).copied().flatten(), effects, reuse }
    }
}

fn top(path: &TaskPath) -> Option<NodeId> {
    path.segments().first().and_then(|segment| if let Segment::Task(node) = segment { Some(*node) } else { None })
}

/// These tasks and all that depend on them.
fn reached(graph: &Graph, from: impl Iterator<Item = NodeId>) -> BTreeSet<NodeId> {
    let (mut reached, mut open) = (BTreeSet::new(), Vec::from_iter(from));
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(&graph.task(node).needed_by);
        }
    }
    reached
}
