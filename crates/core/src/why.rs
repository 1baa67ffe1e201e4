//! Why a run took the time it took: a pure reading of its records. Every part is a stretch of time with a cause, and the parts of a
//! task, and of the run, add up to their wall time.
//!
//! Records are taken one by one and not kept, so that a run of 100,000 items costs what its items cost and not what its records do.
//! What is told of single items is a page of them; what is told of all is told by node of the graph.

mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::graph::Work;
use agendum_types::{Cause, Class, Duration, Graph, Money, Outcome, RunId, RunStatus, TaskPath, TaskStatus, Timestamp};
use smallvec::SmallVec;

use crate::action::Entry;
use crate::record::{Change, Dispatched, End, Finished, Next, NextRound, Record};

/// The reasons behind a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// The run.
    pub run: RunId,
    /// How it was answered; `None` while it goes on.
    pub status: Option<RunStatus>,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// From acceptance to the answer, or to now.
    pub wall: Duration,
    /// The run's time by cause, largest first. Adds up to `wall`.
    pub parts: Vec<(Cause, Duration)>,
    /// The chain of tasks that the answer waited for, first to last.
    pub critical: Vec<TaskPath>,
    /// The calls that were asked for, in the order of becoming ready.
    pub tasks: Vec<TaskReasons>,
    /// How many more calls there are behind them.
    pub tasks_left: usize,
    /// All calls, by node of the graph.
    pub nodes: Vec<NodeReasons>,
}

/// Which calls to tell one by one.
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
    /// Every call.
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
    /// True if a rung of `catch` gave its output.
    pub caught: bool,
    /// When everything it needs had settled.
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

pub use nodes::NodeReasons;

/// A stretch of a task's time.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    cause: Cause,
}

/// A task while its records are read.
#[derive(Debug, Default)]
struct Track {
    stretches: SmallVec<[Stretch; 2]>,
    running: Option<Timestamp>,
    attempts: SmallVec<[AttemptReasons; 1]>,
    settled: Option<(TaskStatus, Timestamp)>,
    caught: bool,
    seen: Option<Timestamp>,
}

/// The records of one run, read so far.
#[derive(Debug, Default)]
pub struct Reading {
    submitted: Option<(RunId, Timestamp)>,
    answered: Option<(RunStatus, Timestamp)>,
    last: Timestamp,
    tracks: BTreeMap<TaskPath, Track>,
    /// Names of targets, each kept once.
    targets: BTreeSet<Arc<str>>,
}

/// Where a task stands in time: all that the critical path asks for.
#[derive(Clone, Copy, Debug)]
struct Place<'r> {
    ready: Timestamp,
    ended: Option<Timestamp>,
    path: &'r TaskPath,
    track: &'r Track,
}

impl Reading {
    /// Takes the next record.
    pub fn take(&mut self, graph: &Graph, entry: &Entry) {
        self.last = entry.at;
        match &entry.record {
            Record::RunSubmitted(submitted) => {
                self.submitted.get_or_insert((submitted.run, entry.at));
            }
            Record::Answered(answered) => {
                self.answered.get_or_insert((answered.status, entry.at));
            }
            Record::Task { path, change, .. } if is_call(graph, path) => self.task(path, change, entry.at),
            Record::Task { .. }
            | Record::Opened { .. }
            | Record::ClockJumped { .. }
            | Record::TasksAdded { .. }
            | Record::CancelRequested { .. }
            | Record::Paused { .. }
            | Record::Resumed { .. }
            | Record::Done { .. } => {}
        }
    }

    fn task(&mut self, path: &TaskPath, change: &Change, at: Timestamp) {
        if !self.tracks.contains_key(path) {
            self.tracks.insert(path.clone(), Track::default());
        }
        if let Some(track) = self.tracks.get_mut(path) {
            track.take(change, at, &mut self.targets);
        }
    }

    /// The reasons so far. `now` ends what goes on. `None` if the records do not begin with a submission.
    #[must_use]
    pub fn reasons(&self, now: Timestamp, page: &Page) -> Option<Reasons> {
        let (run, submitted) = self.submitted?;
        let until = self.answered.map_or_else(|| now.max(submitted), |(_, at)| at);
        let end = if self.answered.is_some() { self.last.max(until) } else { now };
        let mut places: Vec<Place<'_>> = self
            .tracks
            .iter()
            .map(|(path, track)| Place {
                ready: track.ready(submitted, end),
                ended: track.settled.map(|(_, at)| at),
                path,
                track,
            })
            .collect();
        places.sort_by(|one, other| (one.ready, one.path).cmp(&(other.ready, other.path)));
        let told = || places.iter().filter(|place| place.path.is_within(&page.within));
        let chosen = told().skip(page.skip).take(page.count_max);
        let tasks: Vec<TaskReasons> = chosen.map(|of| of.track.reasons(of.path, submitted, end)).collect();
        let tasks_left = told().count().saturating_sub(page.skip.saturating_add(tasks.len()));
        Some(Reasons {
            run,
            status: self.answered.map(|(status, _)| status),
            submitted,
            wall: until.since(submitted),
            parts: parts(self.tracks.values().flat_map(|track| track.all(until)), submitted, until),
            critical: critical(&places, until),
            tasks,
            tasks_left,
            nodes: nodes::nodes(&places, submitted, end),
        })
    }
}

/// Reads the records of one run, in order. `now` ends what goes on. `None` if they do not begin with its submission.
#[must_use]
pub fn reasons(graph: &Graph, entries: &[Entry], now: Timestamp) -> Option<Reasons> {
    let mut reading = Reading::default();
    for entry in entries {
        reading.take(graph, entry);
    }
    reading.reasons(now, &Page::all())
}

fn is_call(graph: &Graph, path: &TaskPath) -> bool {
    path.node().is_some_and(|node| {
        graph.tasks.get(node.0 as usize).is_some_and(|task| {
            // The loop or `foreach` around a call has records of its own; its rounds and items are the calls.
            let wrapped = usize::from(task.foreach.is_some()) + usize::from(task.repeat.is_some());
            let own = path
                .segments()
                .iter()
                .rev()
                .take_while(|segment| !matches!(segment, agendum_types::Segment::Task(_)))
                .count();
            matches!(task.work, Work::Call(_)) && own == wrapped
        })
    })
}

impl Track {
    fn take(&mut self, change: &Change, at: Timestamp, targets: &mut BTreeSet<Arc<str>>) {
        self.seen.get_or_insert(at);
        match change {
            Change::Entered(evaluation) if evaluation.truth == Some(false) => {
                self.settled = Some((TaskStatus::Skipped, at));
            }
            Change::Entered(_) | Change::Referenced { .. } => {}
            Change::Dispatched(dispatched) => self.dispatched(dispatched, at, targets),
            Change::Finished(finished) => self.finished(finished, at),
            Change::Judged { next, .. } | Change::RoundJudged { next: NextRound::Fail(next), .. } => {
                self.follow(next, at)
            }
            Change::Caught { .. } => {
                self.caught = true;
                self.settled = Some((TaskStatus::Succeeded, at));
            }
            Change::RoundJudged { .. } | Change::Composed { .. } => self.settled = Some((TaskStatus::Succeeded, at)),
            Change::Ended { end, next } => self.ended(*end, next, at),
            Change::Abandoned { cost, tokens, .. } => {
                self.stop(at);
                if let Some(attempt) = self.attempts.last_mut() {
                    (attempt.ended, attempt.cost, attempt.tokens) = (Some(at), *cost, *tokens);
                }
                self.settled.get_or_insert((TaskStatus::Cancelled, at));
            }
        }
    }

    fn dispatched(&mut self, dispatched: &Dispatched, at: Timestamp, targets: &mut BTreeSet<Arc<str>>) {
        let waited = dispatched.waits.iter().map(|(_, span)| span.0).sum();
        let earliest = self.stretches.last().map(|last| last.to).unwrap_or_default();
        let mut from = at.before(Duration(waited)).max(earliest);
        for (cause, span) in &dispatched.waits {
            let to = from.after(*span).min(at);
            self.stretches.push(Stretch { from, to, cause: *cause });
            from = to;
        }
        self.running = Some(at);
        let target = targets.get(&dispatched.target).cloned().unwrap_or_else(|| Arc::clone(&dispatched.target));
        targets.insert(Arc::clone(&target));
        self.attempts.push(AttemptReasons {
            target,
            lower: dispatched.lower,
            started: at,
            ended: None,
            failed: None,
            cost: Money::ZERO,
            tokens: 0,
        });
    }

    fn finished(&mut self, finished: &Finished, at: Timestamp) {
        self.stop(at);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.ended = Some(at);
            attempt.cost = finished.cost;
            let (usage, failed) = match &finished.outcome {
                Outcome::Succeeded(success) => (success.usage, None),
                Outcome::Failed(failure) => (failure.usage, Some((failure.class, Arc::from(&*failure.message)))),
            };
            (attempt.tokens, attempt.failed) = (usage.tokens(), failed);
        }
        self.follow(&finished.next, at);
    }

    fn ended(&mut self, end: End, next: &Next, at: Timestamp) {
        if self.running.is_some() {
            self.stop(at);
            if let Some(attempt) = self.attempts.last_mut() {
                attempt.ended = Some(at);
                attempt.failed = Some((end.class(), Arc::from(format!("{end:?}").to_lowercase())));
            }
        }
        match (end, next) {
            (End::Pruned, _) => self.settled = Some((TaskStatus::Pruned, at)),
            (_, next) => self.follow(next, at),
        }
    }

    fn follow(&mut self, next: &Next, at: Timestamp) {
        match next {
            Next::Succeed => self.settled = Some((TaskStatus::Succeeded, at)),
            Next::Fail(_) => self.settled = Some((TaskStatus::Failed, at)),
            Next::Retry { at: again } => {
                self.stretches.push(Stretch { from: at, to: (*again).max(at), cause: Cause::Backoff });
            }
            Next::Judge | Next::Rung { .. } => {}
        }
    }

    fn stop(&mut self, at: Timestamp) {
        if let Some(from) = self.running.take() {
            self.stretches.push(Stretch { from, to: at.max(from), cause: Cause::Running });
        }
    }

    /// Its stretches, the open one ending at `until`.
    fn all(&self, until: Timestamp) -> impl Iterator<Item = Stretch> + '_ {
        let open = self.running.map(|from| Stretch { from, to: until.max(from), cause: Cause::Running });
        self.stretches.iter().copied().chain(open)
    }

    /// When it settled; until then, `now`.
    fn end(&self, submitted: Timestamp, now: Timestamp) -> Timestamp {
        self.settled.map_or(now, |(_, at)| at).max(submitted)
    }

    fn ready(&self, submitted: Timestamp, now: Timestamp) -> Timestamp {
        let end = self.end(submitted, now);
        self.all(end).next().map(|first| first.from).or(self.seen).unwrap_or(submitted).clamp(submitted, end)
    }

    /// Its time from the run's acceptance by cause, in the order it passed.
    fn parts(&self, submitted: Timestamp, now: Timestamp) -> Vec<(Cause, Duration)> {
        let (ready, end) = (self.ready(submitted, now), self.end(submitted, now));
        let mut parts: Vec<(Cause, Duration)> = Vec::new();
        let mut add = |cause: Cause, span: Duration| {
            if span > Duration::ZERO {
                match parts.iter_mut().find(|(of, _)| *of == cause) {
                    Some((_, sum)) => sum.0 += span.0,
                    None => parts.push((cause, span)),
                }
            }
        };
        add(Cause::Dependency, ready.since(submitted));
        let mut at = ready;
        for stretch in self.all(end) {
            let (from, to) = (stretch.from.clamp(at, end), stretch.to.clamp(at, end));
            add(Cause::Scheduler, from.since(at));
            add(stretch.cause, to.since(from));
            at = to;
        }
        add(Cause::Scheduler, end.since(at));
        parts
    }

    fn status(&self) -> TaskStatus {
        self.settled.map_or(TaskStatus::Running, |(status, _)| status)
    }

    fn reasons(&self, path: &TaskPath, submitted: Timestamp, now: Timestamp) -> TaskReasons {
        TaskReasons {
            path: path.clone(),
            status: self.status(),
            caught: self.caught,
            ready: self.ready(submitted, now),
            ended: self.settled.map(|(_, at)| at),
            wall: self.end(submitted, now).since(submitted),
            parts: self.parts(submitted, now),
            attempts: self.attempts.to_vec(),
        }
    }
}

/// What a moment counts as when several tasks do different things in it: work first, then what kept work back.
const WEIGHT: [Cause; 13] = [
    Cause::Running,
    Cause::Backoff,
    Cause::Limit,
    Cause::Capacity,
    Cause::Budget,
    Cause::Person,
    Cause::Paused,
    Cause::Preempted,
    Cause::Order,
    Cause::Disk,
    Cause::Downtime,
    Cause::Dependency,
    Cause::Scheduler,
];

/// One cause for each moment between the two instants; what no task accounts for is the scheduler's.
fn parts(stretches: impl Iterator<Item = Stretch>, from: Timestamp, until: Timestamp) -> Vec<(Cause, Duration)> {
    let place = |cause: Cause| WEIGHT.iter().position(|known| *known == cause).unwrap_or(WEIGHT.len() - 1);
    let mut turns: Vec<(Timestamp, usize, i32)> = Vec::new();
    for stretch in stretches {
        let (begin, end) = (stretch.from.clamp(from, until), stretch.to.clamp(from, until));
        turns.extend([(begin, place(stretch.cause), 1), (end, place(stretch.cause), -1)]);
    }
    turns.sort_unstable();
    let mut live = [0_i32; WEIGHT.len()];
    let mut sums = [0_u64; WEIGHT.len()];
    let mut at = from;
    for (when, cause, step) in turns.into_iter().chain([(until, WEIGHT.len() - 1, 0)]) {
        let now = live.iter().position(|count| *count > 0).unwrap_or(WEIGHT.len() - 1);
        sums[now] += when.since(at).0;
        at = at.max(when);
        live[cause] += step;
    }
    let mut parts: Vec<(Cause, Duration)> =
        WEIGHT.iter().zip(sums).filter(|(_, sum)| *sum > 0).map(|(cause, sum)| (*cause, Duration(sum))).collect();
    parts.sort_by_key(|(_, span)| std::cmp::Reverse(*span));
    parts
}

/// Back from the task that ended last before the answer, each time to the one that ended last before it became ready.
fn critical(tasks: &[Place<'_>], until: Timestamp) -> Vec<TaskPath> {
    let ran = tasks.iter().filter(|task| !task.track.attempts.is_empty());
    let mut ends: Vec<(Timestamp, Place<'_>)> = ran.filter_map(|task| task.ended.map(|ended| (ended, *task))).collect();
    ends.sort_by(|(one, a), (other, b)| (one, a.path).cmp(&(other, b.path)));
    let mut chain: Vec<TaskPath> = Vec::new();
    let mut before = until;
    while let Some((_, task)) = ends[..ends.partition_point(|(ended, _)| *ended <= before)].last() {
        chain.push(task.path.clone());
        // Strictly earlier, so that tasks of one instant cannot turn in a circle.
        before = task.ready.min(Timestamp(before.0.saturating_sub(1)));
    }
    chain.reverse();
    chain
}
