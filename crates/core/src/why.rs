//! Why a run took the time it took, and ended as it did: a pure reading of its records. Every part is a stretch of time with a cause,
//! and the parts of a task, and of the run, add up to their wall time.
//!
//! The run's time is attributed by walking back from the task that ended it along the dependency settled last; each stretch takes the
//! cause of the task on that path.

mod track;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{NodeId, Section, Work};
use agendum_types::{
    Cause, Class, Duration, Graph, Money, RunId, RunStatus, RunView, Segment, TaskPath, TaskStatus, Timestamp,
};

use agendum_types::snapshot::TaskView;

use crate::action::{Entry, RunFailure};
use crate::record::{Answered, Record};
use track::Track;

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
    /// The chain of tasks that the answer waited for, first to last.
    pub critical: Vec<TaskPath>,
    /// Every call, and every group whose end needs a reason, in the order of becoming ready; then what waits or never started.
    pub tasks: Vec<TaskReasons>,
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
    /// When everything it needed had settled.
    pub ready: Timestamp,
    /// When it settled.
    pub ended: Option<Timestamp>,
    /// Its time from the run's acceptance by cause, in the order it passed.
    pub parts: Vec<(Cause, Duration)>,
    /// From the run's acceptance to its end, or to now: what `parts` adds up to.
    pub wall: Duration,
    /// Its attempts.
    pub attempts: Vec<AttemptReasons>,
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
    /// A rung of `catch` gave its output after this failure.
    Caught(Class, Arc<str>),
    /// Its loop ran out after so many rounds: the best or the last output counts.
    Exhausted(u32),
    /// The run, or the group around it, ended first.
    EndedFirst,
    /// These tasks have not settled.
    Needs(Vec<NodeId>),
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReasons {
    /// Where it went.
    pub target: Arc<str>,
    /// True if a preferred target was passed over.
    pub lower: bool,
    /// When it was sent.
    pub started: Timestamp,
    /// When its outcome came.
    pub ended: Option<Timestamp>,
    /// Why it gave no result.
    pub failed: Option<(Class, Arc<str>)>,
    /// What it cost.
    pub cost: Money,
    /// All tokens it used.
    pub tokens: u64,
}

/// The moment of the question.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What goes on is reckoned until now.
    pub now: Timestamp,
    /// How the run stands in the process that works on it; without one, time passes as downtime.
    pub live: Option<&'a RunView>,
}

/// Reads the records of one run, in order. `None` if they do not begin with its submission.
#[must_use]
pub fn reasons(graph: &Graph, entries: &[Entry], seen: Seen<'_>) -> Option<Reasons> {
    let (run, submitted) = entries.iter().find_map(|entry| {
        let Record::RunSubmitted(submitted) = &entry.record else { return None };
        Some((submitted.run, entry.at))
    })?;
    let answered = entries.iter().find_map(|entry| {
        let Record::Answered(answered) = &entry.record else { return None };
        Some((&**answered, entry.at))
    });
    let done = entries.iter().find(|entry| matches!(entry.record, Record::Done { .. })).map(|entry| entry.at);
    let last = entries.last().map_or(submitted, |entry| entry.at);
    let scene = Scene {
        graph,
        answered,
        submitted,
        done,
        last,
        until: answered.map_or_else(|| seen.now.max(last), |(_, at)| at),
        end: if seen.live.is_some() { seen.now.max(last) } else { last },
        seen,
    };
    let mut tracks: BTreeMap<TaskPath, Track> = BTreeMap::new();
    for entry in entries {
        if let Record::Task { path, change, .. } = &entry.record
            && !path.segments().is_empty()
        {
            tracks.entry(path.clone()).or_insert_with(|| Track::new(graph, path)).take(change, entry.at);
        }
    }
    scene.add_ready(&mut tracks);
    for (path, track) in &mut tracks {
        scene.close(path, track);
    }
    fill_wrappers(graph, &mut tracks);
    let mut tasks: Vec<TaskReasons> = tracks
        .iter()
        .filter(|(path, track)| is_call(graph, path) || track.has_reason())
        .map(|(path, track)| track.reasons(path, submitted))
        .collect();
    tasks.sort_by(|one, other| (one.ready, &one.path).cmp(&(other.ready, &other.path)));
    let (parts, critical) = walk::back(&scene, &tracks);
    tasks.extend(scene.unstarted(&tracks));
    Some(Reasons {
        run,
        status: answered.map(|(answered, _)| answered.status),
        failure: answered.and_then(|(answered, _)| answered.failure.clone()),
        degraded: answered.is_some_and(|(answered, _)| answered.degraded),
        submitted,
        wall: scene.until.since(submitted),
        parts,
        critical,
        tasks,
    })
}

/// What is known of the run as a whole.
struct Scene<'a> {
    graph: &'a Graph,
    answered: Option<(&'a Answered, Timestamp)>,
    submitted: Timestamp,
    /// When all that came after the answer had ended.
    done: Option<Timestamp>,
    /// Its last record.
    last: Timestamp,
    /// Its answer, or now.
    until: Timestamp,
    /// What goes on after the answer is reckoned until then.
    end: Timestamp,
    seen: Seen<'a>,
}

impl Scene<'_> {
    fn section(&self, path: &TaskPath) -> Section {
        path.node().map_or(Section::Main, |node| self.graph.task(node).section)
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
        match self.seen.live {
            Some(_) => {
                let waits = self.viewed(path).and_then(|task| task.waiting_on);
                track.go_on(self.end, self.end, waits.unwrap_or(Cause::Scheduler));
            }
            None => track.go_on(self.last, if is_main { self.until } else { self.end }, Cause::Downtime),
        }
    }

    fn viewed(&self, path: &TaskPath) -> Option<&TaskView> {
        let text = self.graph.path_text(path);
        self.seen.live?.tasks.iter().find(|task| task.path == text)
    }

    /// Top-level tasks that are ready and wait for a place, money or time: that is no record yet.
    fn add_ready(&self, tracks: &mut BTreeMap<TaskPath, Track>) {
        for node in self.graph.main.iter().filter(|_| self.answered.is_none()) {
            let path = TaskPath::top(*node);
            let waits = |cause: &Cause| *cause != Cause::Dependency;
            if has_begun(tracks, *node)
                || !self.viewed(&path).and_then(|task| task.waiting_on).is_some_and(|cause| waits(&cause))
            {
                continue;
            }
            let needs = self.graph.task(*node).needs.iter().filter_map(|need| tracks.get(&TaskPath::top(*need)));
            let ready = needs.map(Track::end).max().unwrap_or(self.submitted).max(self.submitted);
            tracks.insert(path.clone(), Track::ready_at(self.graph, &path, ready));
        }
    }

    /// The top-level tasks that no record speaks of: they wait for others, or never came to their turn.
    fn unstarted(&self, tracks: &BTreeMap<TaskPath, Track>) -> Vec<TaskReasons> {
        let begun = |node: &NodeId| has_begun(tracks, *node);
        let is_settled = |node: &NodeId| match self.viewed(&TaskPath::top(*node)) {
            Some(task) => task.status.is_settled(),
            None => tracks.get(&TaskPath::top(*node)).is_some_and(Track::is_settled),
        };
        let ended = self.answered.map(|(_, at)| at);
        let succeeded = self.answered.is_some_and(|(answered, _)| answered.status == RunStatus::Succeeded);
        let wall = self.until.since(self.submitted);
        let task = |node: &NodeId| TaskReasons {
            path: TaskPath::top(*node),
            status: if ended.is_some() { TaskStatus::Cancelled } else { TaskStatus::Waiting },
            reason: Some(if ended.is_some() {
                Reason::EndedFirst
            } else {
                let needs = &self.graph.task(*node).needs;
                Reason::Needs(needs.iter().filter(|need| !is_settled(need)).copied().collect())
            }),
            ready: self.until,
            ended,
            parts: [(Cause::Dependency, wall)].into_iter().filter(|(_, span)| *span > Duration::ZERO).collect(),
            wall,
            attempts: Vec::new(),
        };
        self.graph.main.iter().filter(|node| !begun(node) && !succeeded).map(task).collect()
    }
}

/// Groups, loops and `foreach`es whose end is told have the time of what is inside them.
fn fill_wrappers(graph: &Graph, tracks: &mut BTreeMap<TaskPath, Track>) {
    let told = |(path, track): (&TaskPath, &Track)| (!is_call(graph, path) && track.has_reason()).then(|| path.clone());
    let wrappers: Vec<TaskPath> = tracks.iter().filter_map(told).collect();
    for wrapper in wrappers {
        let inside = tracks.range(&wrapper..).take_while(|(path, _)| path.is_within(&wrapper));
        let first = inside.filter(|(path, _)| is_call(graph, path)).map(|(_, track)| track.ready()).min();
        if let (Some(first), Some(track)) = (first, tracks.get_mut(&wrapper)) {
            track.around(first);
        }
    }
}

fn has_begun(tracks: &BTreeMap<TaskPath, Track>, node: NodeId) -> bool {
    let first = tracks.range(TaskPath::top(node)..).next();
    first.is_some_and(|(path, _)| path.segments().first() == Some(&Segment::Task(node)))
}

/// True if the instance at this path itself makes the call: the loop or `foreach` around a call has records of its own, and its
/// rounds and items are the calls.
fn is_call(graph: &Graph, path: &TaskPath) -> bool {
    let task = path.node().and_then(|node| graph.tasks.get(node.0 as usize));
    task.is_some_and(|task| {
        let wrapped = usize::from(task.foreach.is_some()) + usize::from(task.repeat.is_some());
        let own = path.segments().iter().rev().take_while(|segment| !matches!(segment, Segment::Task(_))).count();
        matches!(task.work, Work::Call(_)) && own == wrapped
    })
}
