//! A run that is over, read to be taken over by another one.
//!
//! What its tasks gave is what a scheduler knows after its records; what they did to the outside is said by the records alone. What was
//! itself taken over, and not done again, is known from the run before that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use agendum_types::graph::{NodeId, Section, Work};
use agendum_types::{
    AttemptNo, Class, Effect, Failure, Fate, Graph, Hash, Limits, Outcome, RunId, RunStatus, Segment, TaskPath,
};

use crate::action::Entry;
use crate::child;
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
    /// Tasks at the top in which something reads what is another for that; calls whose output is made with it, their input aside.
    pub touched: BTreeSet<NodeId>,
    /// It is a run of its own beside the one before, and not that one going on; one with other inputs always is.
    pub is_fork: bool,
}

impl Wish {
    const fn is_own(&self) -> bool {
        self.other_inputs || self.is_fork
    }
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
    has_succeeded: bool,
    /// The inputs of the tasks at the top.
    inputs: BTreeMap<NodeId, Option<Hash>>,
    /// The effect of each attempt.
    sent: BTreeMap<(TaskPath, AttemptNo), Effect>,
    /// Those of them that were child runs.
    children: BTreeSet<(TaskPath, AttemptNo)>,
    /// Those that were not awaited any more and have ended.
    abandoned: BTreeSet<(TaskPath, AttemptNo)>,
    /// Tasks at the top that were sent, or in which something was.
    ran: BTreeSet<NodeId>,
    /// Tasks at the top that gave what they had given in the run before.
    reused: BTreeSet<NodeId>,
    /// Attempts that took effect or may have, and whether that can be done once only.
    done: BTreeMap<(TaskPath, AttemptNo), Effect>,
    /// Tasks at the top of which an effect was taken back: what they gave is worth nothing any more.
    taken_back: BTreeSet<NodeId>,
    /// Calls at the top whose effect could not be taken back.
    left: BTreeSet<NodeId>,
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
            has_succeeded: false,
            inputs: BTreeMap::new(),
            sent: BTreeMap::new(),
            children: BTreeSet::new(),
            abandoned: BTreeSet::new(),
            ran: BTreeSet::new(),
            reused: BTreeSet::new(),
            done: BTreeMap::new(),
            taken_back: BTreeSet::new(),
            left: BTreeSet::new(),
        }
    }

    /// How the run was submitted.
    #[must_use]
    pub const fn submitted(&self) -> Option<&RunSubmitted> {
        self.submitted.as_ref()
    }

    /// True if it was answered with an output.
    #[must_use]
    pub const fn has_succeeded(&self) -> bool {
        self.has_succeeded
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
            Record::Compensated(compensated) => self.left.extend(compensated.left.iter().filter_map(still_there)),
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::TasksAdded { .. }
            | Record::TasksAhead { .. }
            | Record::CancelRequested { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_)
            | Record::Raised(_)
            | Record::Begun { .. } => {}
            Record::Answered(answered) => self.has_succeeded = answered.status == RunStatus::Succeeded,
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
            self.forget(of);
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
                if dispatched.reattached {
                    // The latest one that is out goes on, under another number.
                    let mut out = self.done.range(attempts(path)).map(|(key, _)| key);
                    let latest = out.rfind(|key| !self.abandoned.contains(*key)).cloned();
                    latest.map(|key| self.done.remove(&key));
                }
                self.ran.extend(top(path));
                self.sent.insert((path.clone(), dispatched.attempt), dispatched.effect);
                if child::is_target(&dispatched.target) {
                    self.children.insert((path.clone(), dispatched.attempt));
                }
                // Until its end is told it may have happened.
                self.met(path, dispatched.attempt, |effect| Fate::of(effect, None));
            }
            Change::Finished(finished) => {
                let is_child = self.children.contains(&(path.clone(), finished.attempt));
                let fate = |effect| match &finished.outcome {
                    // Whatever it did before it failed was done.
                    Outcome::Failed(failure) if is_child && !failure.no_effect => Fate::of(effect, None),
                    outcome @ (Outcome::Succeeded(_) | Outcome::Failed(_)) => Fate::of(effect, Some(outcome)),
                };
                self.met(path, finished.attempt, fate);
            }
            Change::Abandoned { attempt, fate, .. } => {
                self.abandoned.insert((path.clone(), *attempt));
                self.met(path, *attempt, |_| *fate);
            }
            Change::Resolved(resolved) if resolved.happened == Some(false) => self.forget(path),
            Change::Reused { .. } => self.reused.extend(top(path)),
            Change::Resolved(_)
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Ended(_)
            | Change::Waited(_)
            | Change::Cached(_)
            | Change::Pleaded(_)
            | Change::Reminded => {}
        }
    }

    /// The fate of an attempt is told.
    fn met(&mut self, path: &TaskPath, attempt: AttemptNo, fate: impl Fn(Effect) -> Fate) {
        let key = (path.clone(), attempt);
        let effect = self.sent.get(&key).copied().unwrap_or_default();
        match fate(effect) {
            Fate::None => drop(self.done.remove(&key)),
            Fate::Taken | Fate::Uncertain => drop(self.done.insert(key, effect)),
        }
    }

    /// What this task has done is not there.
    fn forget(&mut self, path: &TaskPath) {
        let keys: Vec<_> = self.done.range(attempts(path)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.done.remove(&key);
        }
    }

    /// What this task at the top, or something inside it, has done or may have done.
    fn done_in(&self, node: NodeId) -> impl Iterator<Item = (&TaskPath, Effect)> {
        let from = self.done.range((TaskPath::top(node), AttemptNo::default())..);
        from.map(|((path, _), effect)| (path, *effect)).take_while(move |(path, _)| top(path) == Some(node))
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
        // Under its old key the world outside would take it for the one that was taken back; and how a run ends is told by that run.
        let closing = graph.on_failure.iter().chain(&graph.finally).copied();
        let anew: BTreeSet<NodeId> =
            wish.again.iter().chain(&self.taken_back).copied().chain(closing.clone()).collect();
        let from = graph.with_dependents(wish.from.into_iter().chain(anew.iter().copied()));
        let is_lost = |node: &NodeId| endings.get(node).is_none_or(|ending| !ending.succeeded && !ending.skipped);
        let mut dirty = graph.with_dependents(graph.main.iter().copied().filter(is_lost));
        dirty.extend(&from);
        // A copy or a rung gives an output without an attempt: no condition on what the run before gave is open then.
        let is_over = |given: &&Given| {
            given.reuse == Reuse::Same && endings.get(&given.task).is_some_and(|ending| ending.succeeded)
        };
        let mut open: BTreeMap<NodeId, &Given> =
            self.open(submitted).filter(|given| !is_over(given)).map(|given| (given.task, given)).collect();
        // Nobody asks again whether these read the same; under its old key a call is tried nonetheless.
        let is_other = |given: &Given| {
            let is_kept = given.reuse == Reuse::Tried || anew.contains(&given.task);
            !is_kept && is_touched(graph, wish, given.task, given.degraded)
        };
        for given in open.extract_if(.., |_, given| is_other(given)).map(|(_, given)| given) {
            if given.reuse == Reuse::Done {
                let task = Arc::clone(&graph.task(given.task).name);
                return Err(NotTaken::Effect { path: task.to_string(), task });
            }
        }
        let passed_over: BTreeSet<NodeId> =
            wish.again.iter().copied().chain(closing).chain(open.keys().copied()).collect();
        // What was given if its input is the same is given on, where it shall not run.
        let given_on = |(node, given): &(NodeId, &Given)| {
            !anew.contains(node) && (given.reuse != Reuse::Same || !from.contains(node))
        };
        let mut given: BTreeMap<NodeId, Given> =
            open.into_iter().filter(given_on).map(|(node, given)| (node, given.clone())).collect();
        for (node, ending) in endings.iter().filter(|(node, _)| !passed_over.contains(node)) {
            let changed = wish.other_inputs || dirty.contains(node) || graph.task(*node).section != Section::Main;
            let is_other = wish.is_own() || graph.task(*node).needs.iter().any(|need| dirty.contains(need));
            let may_vary = wish.other_inputs && !from.contains(node);
            let is_touched = is_touched(graph, wish, *node, ending.degraded);
            let is_whole = may_vary && !is_touched && self.is_whole(graph, ending);
            let touch = Touch { changed, is_other, may_vary, is_whole, is_touched };
            let reuse = self.reuse(submitted, graph, ending, &touch)?;
            if let Some(reuse) = reuse.filter(|_| !self.taken_back.contains(node)) {
                given.insert(*node, self.given(submitted, ending, reuse, needs_of(graph, &endings, *node)));
            }
        }
        let mut given: Vec<Given> = given.into_values().collect();
        if wish.is_own() {
            // A retry of that run may have come to need the effect since.
            given.iter_mut().for_each(|given| given.left = false);
        }
        let (key_origin, keys) = self.keys(submitted, new, wish, &anew, &given);
        Ok(Origin { run: submitted.run, key_origin, keys, given })
    }

    /// The run from which the new one's keys derive, and the tasks of which they derive from another one.
    fn keys(
        &self,
        submitted: &RunSubmitted,
        new: RunId,
        wish: &Wish,
        anew: &BTreeSet<NodeId>,
        given: &[Given],
    ) -> (RunId, Vec<(NodeId, RunId)>) {
        let before = submitted.origin.as_ref();
        if wish.is_own() {
            // Other inputs make other requests: under an old key goes only what may have been done under it.
            let key_of = |node| before.map_or(submitted.run, |origin| origin.key_of(&TaskPath::top(node)));
            let tried = given.iter().filter(|given| given.reuse == Reuse::Tried);
            return (new, tried.map(|given| (given.task, key_of(given.task))).collect());
        }
        let inherited = before.iter().flat_map(|origin| &origin.keys).filter(|(node, _)| !anew.contains(node));
        let keys = anew.iter().map(|node| (*node, new)).chain(inherited.copied()).collect();
        (before.map_or(submitted.run, |origin| origin.key_origin), keys)
    }

    /// How the tasks at the top ended, those included that were never come to and had ended in the run before.
    fn endings(&self, submitted: &RunSubmitted) -> BTreeMap<NodeId, Ending> {
        let mut endings: BTreeMap<_, _> =
            self.scheduler.endings(submitted.run).into_iter().map(|ending| (ending.task, ending)).collect();
        for given in submitted.origin.iter().flat_map(|origin| &origin.given).filter(|given| self.counted(given)) {
            let Given { task, output, degraded, .. } = given.clone();
            endings.insert(task, Ending { task, succeeded: true, skipped: false, degraded, output });
        }
        endings
    }

    /// True if what was given is what the task gave, or gives as soon as it is come to.
    fn counted(&self, given: &Given) -> bool {
        !self.ran.contains(&given.task) && (given.reuse == Reuse::Always || self.reused.contains(&given.task))
    }

    /// What was given on a condition that has not come to anything: the task was not come to, or the condition did not hold.
    fn open<'a>(&'a self, submitted: &'a RunSubmitted) -> impl Iterator<Item = &'a Given> {
        let given = submitted.origin.iter().flat_map(|origin| &origin.given);
        given.filter(|given| !self.ran.contains(&given.task) && !self.counted(given))
    }

    fn inherited<'a>(&self, submitted: &'a RunSubmitted, node: NodeId) -> Option<&'a Given> {
        submitted.origin.as_ref()?.given(node).filter(|given| self.counted(given))
    }

    /// When what a task gave counts; not at all where it shall run, which is refused if that would repeat an effect.
    fn reuse(
        &self,
        submitted: &RunSubmitted,
        graph: &Graph,
        ending: &Ending,
        &Touch { changed, is_other, may_vary, is_whole, is_touched }: &Touch,
    ) -> Result<Option<Reuse>, NotTaken> {
        let task = graph.task(ending.task);
        let is_call = !graph.holds_others(ending.task);
        // Whoever decided, decided about other inputs.
        let is_wait = matches!(&task.work, Work::Call(call) if !call.capability.has_targets());
        let inherited = self.inherited(submitted, ending.task).is_some_and(|given| given.effects);
        let effects = inherited || self.done_in(ending.task).next().is_some();
        if ending.succeeded && !changed {
            return Ok(Some(Reuse::Always));
        }
        if ending.succeeded && is_call && effects {
            if is_touched {
                let name = &task.name;
                return Err(NotTaken::Effect { task: Arc::clone(name), path: name.to_string() });
            }
            return Ok(Some(Reuse::Done));
        }
        // Whoever decided in it, decided about other inputs; what took effect since stands nonetheless.
        if is_whole && (effects || !graph.waits_in(ending.task)) {
            return Ok(Some(if effects { Reuse::Done } else { Reuse::Same }));
        }
        // Under a new key anything is done twice, and under its old one what is inside must be asked for the same.
        let is_twice = self.taken_back.contains(&ending.task) || (is_other && !is_call);
        let mut done = self.done_in(ending.task);
        let repeated = done.find(|(_, effect)| *effect == Effect::Once || is_twice);
        let repeated =
            repeated.map(|(path, _)| graph.path_text(path)).or_else(|| inherited.then(|| task.name.to_string()));
        match repeated {
            Some(path) => Err(NotTaken::Effect { task: Arc::clone(&task.name), path }),
            None if is_call && (effects || self.was_tried(submitted, ending.task)) => Ok(Some(Reuse::Tried)),
            None => Ok((ending.succeeded && is_call && may_vary && !is_wait && !is_touched).then_some(Reuse::Same)),
        }
    }

    /// True if a group, the items or the rounds of a task may be kept as they were, if nothing in them reads what is another, unless
    /// through what the task needs.
    fn is_whole(&self, graph: &Graph, ending: &Ending) -> bool {
        let node = ending.task;
        let is_main = graph.task(node).section == Section::Main;
        ending.succeeded && graph.holds_others(node) && is_main && !self.taken_back.contains(&node)
    }

    /// True if it may have taken effect in a run before that one, and was tried again.
    fn was_tried(&self, submitted: &RunSubmitted, node: NodeId) -> bool {
        let given = submitted.origin.as_ref().and_then(|origin| origin.given(node));
        given.is_some_and(|given| given.reuse == Reuse::Tried)
    }

    fn given(&self, submitted: &RunSubmitted, ending: &Ending, reuse: Reuse, needs: Vec<Option<Hash>>) -> Given {
        let Ending { task, degraded, .. } = *ending;
        let output = ending.output.clone().filter(|_| reuse != Reuse::Tried);
        let left = self.left.contains(&task);
        if let Some(given) = self.inherited(submitted, task) {
            let left = left || (given.left && !self.reused.contains(&task));
            return Given { output, degraded, left, reuse, needs, ..given.clone() };
        }
        let effects = self.done_in(task).next().is_some();
        let input = self.inputs.get(&task).copied().flatten();
        Given { task, output, degraded, input, needs, effects, left, reuse }
    }
}

/// What may be another now for a task at the top.
struct Touch {
    /// It may have to run again.
    changed: bool,
    /// What it needs may give something else.
    is_other: bool,
    /// Its input decides.
    may_vary: bool,
    /// It may be kept as a whole.
    is_whole: bool,
    /// What decided about it reads what is another.
    is_touched: bool,
}

/// True if what the task gave may be made of what is another now. What `catch` would have given is no matter where nothing was caught.
fn is_touched(graph: &Graph, wish: &Wish, node: NodeId, degraded: bool) -> bool {
    let is_decided = degraded || graph.holds_others(node) || graph.task(node).fail_if.is_some();
    is_decided && wish.touched.contains(&node)
}

/// What all that a task needs has given, if it holds others.
fn needs_of(graph: &Graph, endings: &BTreeMap<NodeId, Ending>, node: NodeId) -> Vec<Option<Hash>> {
    let gave = |need: &NodeId| endings.get(need)?.output.as_ref().map(|output| output.hash);
    let needs = graph.task(node).needs.iter().filter(|_| graph.holds_others(node));
    needs.map(gave).collect()
}

/// All attempts of a path.
fn attempts(path: &TaskPath) -> RangeInclusive<(TaskPath, AttemptNo)> {
    (path.clone(), AttemptNo::default())..=(path.clone(), AttemptNo(u32::MAX))
}

/// The call at the top whose effect is there, and not only perhaps.
fn still_there((path, failure): &(TaskPath, Failure)) -> Option<NodeId> {
    match path.segments() {
        [Segment::Task(node)] if failure.class != Class::Uncertain => Some(*node),
        _ => None,
    }
}

fn top(path: &TaskPath) -> Option<NodeId> {
    path.segments().first().and_then(|segment| if let Segment::Task(node) = segment { Some(*node) } else { None })
}
