//! Why a run took the time it took, and ended as it did: a pure reading of its records. Every part is a stretch of time with a cause,
//! and the parts of a task, and of the run, add up to their wall time.
//!
//! The run's time is attributed by walking back from the task that ended it along the dependency settled last; each stretch takes the
//! cause of the task on that path. Before a task that was added to the live run stands what went on when it was.
//!
//! Records are taken one by one and not kept, so that a run of 100,000 items costs what its items cost and not what its records do.
//! What is told of single items is a page of them; what is told of all is told by node of the graph.

mod ahead;
mod attempt;
mod children;
mod culprit;
mod ends;
mod inside;
mod nodes;
mod ran_out;
mod read;
mod track;
mod tree;
mod turn;
mod waiting;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::graph::{NodeId, Section};
use agendum_types::{
    Cause, Class, Duration, Graph, Money, PayloadRef, Plea, Principal, RunId, RunStatus, RunView, Segment, TaskPath,
    TaskStatus, Timestamp, Wait, Window,
};

use agendum_types::snapshot::{Queueing, TaskView};

use crate::action::{Entry, RunFailure};
use crate::record::Record;
pub use attempt::AttemptReasons;
use children::Children;
pub use children::Timeline;
pub use nodes::NodeReasons;
pub use ran_out::RanOut;
pub use read::reasons;
use track::Track;
use tree::{cut_inside, inside, is_call, is_check, is_step};
use turn::Turn;

/// The reasons behind a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// The run.
    pub run: RunId,
    /// How it was answered; `None` while it goes on.
    pub status: Option<RunStatus>,
    /// Why there is no output.
    pub failure: Option<RunFailure>,
    /// True if a lower rung was taken somewhere.
    pub degraded: bool,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// From acceptance to the answer, or to now.
    pub wall: Duration,
    /// The run's time by cause, largest first. Adds up to `wall`.
    pub parts: Vec<(Cause, Duration)>,
    /// The same in the order in which it passed.
    pub timeline: Timeline,
    /// The chain of tasks that the answer waited for, first to last.
    pub critical: Vec<TaskPath>,
    /// Of the calls, and the groups whose end needs a reason, those that were asked for, in the order of becoming ready; behind the last
    /// of them what waits or never started.
    pub tasks: Vec<TaskReasons>,
    /// How many more there are behind them.
    pub tasks_left: usize,
    /// All calls, and the tasks that never started, by node of the graph.
    pub nodes: Vec<NodeReasons>,
}

/// Which tasks to tell one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only this task and what is inside it.
    pub within: TaskPath,
    /// Leaves out so many.
    pub skip: usize,
    /// At most this many.
    pub count_max: usize,
}

impl Page {
    /// Every task.
    #[must_use]
    pub fn all() -> Self {
        Self { within: TaskPath::default(), skip: 0, count_max: usize::MAX }
    }
}

/// The reasons behind a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReasons {
    /// The task.
    pub path: TaskPath,
    /// How it stands.
    pub status: TaskStatus,
    /// Why it stands so, where that is not plain.
    pub reason: Option<Reason>,
    /// Of a wait: for what, and what came.
    pub heard: Option<Heard>,
    /// Of one that asks for more than the budget of its run: for how much, and how that stood when it began to.
    pub plea: Option<Plea>,
    /// Of a task that `catch` gave the last good result: of which run that is, how old, and what it had cost.
    pub last_good: Option<(RunId, Duration, Money)>,
    /// When everything it needed had settled.
    pub ready: Timestamp,
    /// When it settled.
    pub ended: Option<Timestamp>,
    /// When the run was accepted, or this was added to it.
    pub since: Timestamp,
    /// Its time since then by cause, in the order it passed.
    pub parts: Vec<(Cause, Duration)>,
    /// From then to its end, or to now: what `parts` adds up to.
    pub wall: Duration,
    /// Its attempts.
    pub attempts: Vec<AttemptReasons>,
    /// How it stands in the queue, if it waits to be sent.
    pub queueing: Option<Box<Queueing>>,
}

/// For what a task waits or waited, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// For what.
    pub wait: Wait,
    /// What its `with` gave.
    pub input: Option<PayloadRef>,
    /// Since when.
    pub since: Timestamp,
    /// Who decided or sent it; `None` as long as nobody has, and of time.
    pub by: Option<Principal>,
    /// Of a decision: which.
    pub approved: Option<bool>,
    /// How long it waited for that.
    pub waited: Duration,
}

/// Why a task ended as it did, or what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its `if` was false.
    Condition,
    /// The race's `good_if` refused its result.
    NotGood,
    /// Dropped to make the deadline.
    Dropped,
    /// It failed for good.
    Failed(Class, Arc<str>),
    /// A rung of `catch` gave its output after this failure: a value, or its last attempt.
    Caught(Class, Arc<str>),
    /// Its loop ended in this round without being done, and its best or last output counts.
    RanOut(RanOut, u32),
    /// The run, or the group around it, ended first; because this task failed, if one did.
    EndedFirst(Option<TaskPath>),
    /// A caller cancelled the run.
    CalledOff,
    /// It gives what it gave in this run, which its own takes over.
    Reused(RunId),
    /// It took a result that was kept: of this run, so old, which had cost so much.
    Cached(RunId, Duration, Money),
    /// These tasks have not settled.
    Needs(Vec<NodeId>),
    /// Earlier items of its `foreach` have the places.
    Turn,
    /// This window of the tenant's budget is used up, until then.
    Window(Window, Timestamp),
    /// Its next attempt is made then; true if it is the last, and made sooner where a target that failed for all is well again.
    Pauses(Timestamp, bool),
    /// Calls in the loop of this path, which pays for it too, hold the rest of its budget.
    Purse(Arc<str>),
    /// The run waits for its own turn in its group.
    Held,
    /// This took its place before it started.
    Replaced(Arc<str>),
    /// It ran ahead of the plan of this task, which does not hold it.
    Withdrawn(Arc<str>),
}

/// The moment of the question.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What goes on is reckoned until now.
    pub now: Timestamp,
    /// How the run stands in the process that works on it; without one, time passes as downtime.
    pub live: Option<&'a RunView>,
    /// Without one: the last record of the shard, until which the last process worked on it. If nobody says so, that is the run's own.
    pub worked_until: Option<Timestamp>,
}

/// The records of one run, read so far.
#[derive(Debug, Default)]
pub struct Reading {
    submitted: Option<(RunId, Timestamp, Turn)>,
    answered: Option<Ended>,
    done: Option<Timestamp>,
    last: Timestamp,
    tracks: BTreeMap<TaskPath, Track>,
    /// Names of targets, each kept once.
    targets: BTreeSet<Arc<str>>,
    /// When a caller cancelled it.
    called_off: Vec<Timestamp>,
    /// How many tasks its graph has.
    tasks: usize,
    /// From which task on its graph was added to it, and when.
    added: Vec<(usize, Timestamp)>,
    /// What child runs passed their time with, as far as that was told.
    children: Children,
    /// What ran ahead of plans that were not read so far.
    ahead: ahead::Plans,
}

/// How a run was answered.
#[derive(Debug)]
struct Ended {
    at: Timestamp,
    status: RunStatus,
    failure: Option<RunFailure>,
    degraded: bool,
}

impl Reading {
    /// Takes the next record. The graph is the run's behind that record.
    pub fn take(&mut self, graph: &Graph, entry: &Entry) {
        self.last = entry.at;
        for unsent in &entry.unsent {
            self.track(graph, &unsent.path).unsent(&unsent.waits, entry.at);
        }
        match &entry.record {
            Record::RunSubmitted(submitted) => {
                let turn = Turn::of(submitted, entry.at);
                self.submitted.get_or_insert((submitted.run, entry.at, turn));
                self.tasks = graph.tasks.len();
                self.replaced(graph, entry.at);
            }
            Record::TasksAdded { .. } | Record::TasksAhead { .. } => {
                self.added.push((self.tasks, entry.at));
                self.ahead.grow(graph, self.tasks);
                self.tasks = graph.tasks.len();
                self.read_plans(graph, entry.at);
                self.replaced(graph, entry.at);
            }
            Record::Answered(answered) => {
                let (status, degraded) = (answered.status, answered.degraded);
                self.answered = Some(Ended { at: entry.at, status, failure: answered.failure.clone(), degraded });
            }
            Record::Compensated(_) => {}
            Record::Begun { .. } => {
                if let Some((_, _, turn)) = &mut self.submitted {
                    turn.comes(entry.at);
                }
            }
            Record::Done { .. } => self.done = Some(entry.at),
            Record::CancelRequested { .. } => self.called_off.push(entry.at),
            Record::Task { path, change, .. } if !path.segments().is_empty() => {
                let mut targets = std::mem::take(&mut self.targets);
                self.track(graph, path).take(change, entry.at, &mut targets);
                self.targets = targets;
                self.read_vain(graph, path, change, entry.at);
                if let Some(of) = graph.undone_by(path) {
                    let is_over = self.track(graph, path).has_succeeded();
                    self.track(graph, &of).compensated = is_over;
                }
            }
            Record::Task { .. }
            | Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_) => {}
            Record::Raised(raised) if raised.path.segments().is_empty() => {
                self.tracks.values_mut().for_each(Track::pleads_no_more);
            }
            Record::Raised(raised) => {
                if let Some(track) = self.tracks.get_mut(&raised.path) {
                    track.holds_more(raised);
                }
            }
        }
    }

    /// Tasks whose place others have taken are skipped.
    fn replaced(&mut self, graph: &Graph, at: Timestamp) {
        for node in &graph.main {
            if let Some(by) = &graph.task(*node).replaced {
                self.track(graph, &TaskPath::top(*node)).replaced(by, at);
            }
        }
    }

    fn track(&mut self, graph: &Graph, path: &TaskPath) -> &mut Track {
        // Most records speak of a task that is known: its path is copied once.
        if !self.tracks.contains_key(path) {
            self.tracks.insert(path.clone(), Track::new(graph, path));
        }
        self.tracks.get_mut(path).expect("it was put there")
    }

    /// The reasons. `None` if the records do not begin with a submission.
    #[must_use]
    pub fn reasons(self, graph: &Graph, seen: Seen<'_>, page: &Page) -> Option<Reasons> {
        let (run, submitted, turn) = self.submitted?;
        // What is taken back is taken back after the answer, when all around it has ended.
        let (undone, mut tracks): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.tracks.into_iter().partition(|(path, _)| graph.undoes(path));
        let last = self.last.max(seen.worked_until.unwrap_or_default());
        let scene = Scene {
            graph,
            until: self.answered.as_ref().map_or_else(|| seen.now.max(last), |answered| answered.at),
            end: if seen.live.is_some() { seen.now.max(last) } else { last },
            answered: self.answered,
            submitted,
            turn,
            done: self.done,
            called_off: self.called_off,
            added: self.added,
            last,
            live: seen.live.map(Live::of),
        };
        let needing = waiting::add(&scene, &mut tracks);
        ends::add(graph, &mut tracks);
        for (path, track) in &mut tracks {
            scene.close(path, track);
        }
        children::fill(&mut tracks, &self.children);
        cut_inside(graph, &mut tracks);
        inside::fill_wrappers(graph, &mut tracks);
        let culprit = scene.culprit(&mut tracks);
        culprit::blame(graph, &mut tracks, culprit.as_ref(), &scene.called_off);
        let (parts, timeline, critical) = walk::back(&scene, &tracks, culprit.as_ref());
        let unstarted = scene.unstarted(&tracks, needing, culprit.as_ref());
        for (path, mut track) in undone {
            scene.close(&path, &mut track);
            tracks.insert(path, track);
        }
        let told = tracks.iter().filter(|(path, track)| is_step(graph, path, track));
        let nodes = nodes::nodes(told, &unstarted, submitted);
        let (mut tasks, tasks_left) = scene.page(&tracks, unstarted, page);
        tasks.iter_mut().for_each(|task| scene.turn.tell(task));
        let answered = scene.answered;
        Some(Reasons {
            run,
            status: answered.as_ref().map(|answered| answered.status),
            degraded: answered.as_ref().is_some_and(|answered| answered.degraded),
            failure: answered.and_then(|answered| answered.failure),
            submitted,
            wall: scene.until.since(submitted),
            parts,
            timeline,
            critical,
            tasks,
            tasks_left,
            nodes,
        })
    }
}

/// What is known of the run as a whole.
struct Scene<'a> {
    graph: &'a Graph,
    answered: Option<Ended>,
    submitted: Timestamp,
    turn: Turn,
    /// When all that came after the answer had ended.
    done: Option<Timestamp>,
    /// When a caller cancelled it.
    called_off: Vec<Timestamp>,
    /// From which task on its graph was added to it, and when.
    added: Vec<(usize, Timestamp)>,
    /// Its last record, or the last of the process that worked on it.
    last: Timestamp,
    /// Its answer, or now.
    until: Timestamp,
    /// What goes on after the answer is reckoned until then.
    end: Timestamp,
    live: Option<Live<'a>>,
}

/// How a run stands in the process that works on it.
struct Live<'a> {
    at: Timestamp,
    /// By path.
    tasks: BTreeMap<&'a str, &'a TaskView>,
}

impl<'a> Live<'a> {
    fn of(view: &'a RunView) -> Self {
        Self { at: view.at, tasks: view.tasks.iter().map(|task| (task.path.as_str(), task)).collect() }
    }
}

impl Scene<'_> {
    fn section(&self, path: &TaskPath) -> Section {
        path.node().map_or(Section::Main, |node| self.graph.task(node).section)
    }

    /// When a task came to the run: with it, or later.
    fn begun(&self, path: &TaskPath) -> Timestamp {
        let Some(Segment::Task(top)) = path.segments().first() else { return self.submitted };
        let added = self.added.iter().rev().find(|(first, _)| top.0 as usize >= *first);
        added.map_or(self.submitted, |(_, at)| *at)
    }

    /// Ends what goes on in a track at the moment of the question, or where the run ended.
    fn close(&self, path: &TaskPath, track: &mut Track) {
        let is_main = self.section(path) == Section::Main;
        if self.answered.is_some() && is_main {
            return track.cut(self.until);
        }
        if let Some(done) = self.done {
            return track.cut(done);
        }
        if track.is_settled() {
            return;
        }
        match &self.live {
            Some(live) => {
                let viewed = self.viewed(path);
                if let Some(task) = viewed.filter(|task| task.status == TaskStatus::Waiting) {
                    track.queues(&task.waits, live.at);
                    track.is_short_of(task);
                }
                if let Some((until, is_last)) = viewed.and_then(|task| task.pause) {
                    track.pauses(until, is_last);
                }
                let cause = viewed.and_then(|task| task.waiting_on);
                track.go_on(self.end, self.end, cause.unwrap_or(Cause::Scheduler));
            }
            None => track.go_on(self.last, if is_main { self.until } else { self.end }, Cause::Downtime),
        }
    }

    /// The call for which the run failed. The group, loop or `foreach` around it that the run names has failed with it.
    fn culprit(&self, tracks: &mut BTreeMap<TaskPath, Track>) -> Option<TaskPath> {
        let failed = self.answered.as_ref()?.failure.as_ref()?;
        let task = failed.task.as_ref()?;
        if let Some(track) = tracks.get_mut(task).filter(|track| track.is_cancelled()) {
            track.fail_run(&failed.failure, self.until);
        }
        Some(culprit::failed_inside(self.graph, tracks, task))
    }

    fn viewed(&self, path: &TaskPath) -> Option<&TaskView> {
        self.live.as_ref()?.tasks.get(self.graph.path_text(path).as_str()).copied()
    }

    /// The tasks that were asked for, and how many are left behind them.
    fn page(
        &self,
        tracks: &BTreeMap<TaskPath, Track>,
        unstarted: Vec<TaskReasons>,
        page: &Page,
    ) -> (Vec<TaskReasons>, usize) {
        let is_told = |(path, track): &(&TaskPath, &Track)| {
            path.is_within(&page.within) && (is_step(self.graph, path, track) || track.has_reason())
        };
        let mut told: Vec<(Timestamp, &TaskPath, &Track)> =
            tracks.iter().filter(is_told).map(|(path, track)| (track.ready(), path, track)).collect();
        told.sort_by_key(|(ready, path, _)| (*ready, *path));
        let chosen = told.iter().skip(page.skip).take(page.count_max);
        let told_of = |path: &TaskPath, track: &Track| {
            let queueing = self.viewed(path).filter(|_| !track.is_settled()).and_then(|task| task.queueing.clone());
            TaskReasons { queueing, ..track.reasons(path, self.begun(path)) }
        };
        let mut tasks: Vec<TaskReasons> = chosen.map(|(_, path, track)| told_of(path, track)).collect();
        let left = told.len().saturating_sub(page.skip.saturating_add(tasks.len()));
        if left == 0 {
            tasks.extend(unstarted.into_iter().filter(|task| task.path.is_within(&page.within)));
            tasks.extend(self.out_of_window(tracks, &page.within));
        }
        (tasks, left)
    }
}
