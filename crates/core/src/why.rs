//! Why a run took the time it took: a pure reading of its records. Every part is a stretch of time with a cause, and the parts of a
//! task, and of the run, add up to their wall time.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::Work;
use agendum_types::{Cause, Class, Duration, Graph, Money, Outcome, RunId, RunStatus, TaskPath, TaskStatus, Timestamp};

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
    /// Every call, in the order of becoming ready.
    pub tasks: Vec<TaskReasons>,
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
    stretches: Vec<Stretch>,
    running: Option<Timestamp>,
    attempts: Vec<AttemptReasons>,
    settled: Option<(TaskStatus, Timestamp)>,
    caught: bool,
    seen: Option<Timestamp>,
}

/// Reads the records of one run, in order. `now` ends what goes on. `None` if they do not begin with its submission.
#[must_use]
pub fn reasons(graph: &Graph, entries: &[Entry], now: Timestamp) -> Option<Reasons> {
    let (run, submitted) = entries.iter().find_map(|entry| {
        let Record::RunSubmitted(submitted) = &entry.record else { return None };
        Some((submitted.run, entry.at))
    })?;
    let answered = entries.iter().find_map(|entry| {
        let Record::Answered(answered) = &entry.record else { return None };
        Some((answered.status, entry.at))
    });
    let until = answered.map_or_else(|| now.max(submitted), |(_, at)| at);
    let mut tracks: BTreeMap<&TaskPath, Track> = BTreeMap::new();
    for entry in entries {
        if let Record::Task { path, change, .. } = &entry.record
            && is_call(graph, path)
        {
            tracks.entry(path).or_default().take(change, entry.at);
        }
    }
    let end = entries.last().map_or(until, |entry| entry.at).max(until);
    let mut tasks: Vec<TaskReasons> = tracks
        .iter()
        .map(|(path, track)| track.reasons(path, submitted, if answered.is_some() { end } else { now }))
        .collect();
    tasks.sort_by(|one, other| (one.ready, &one.path).cmp(&(other.ready, &other.path)));
    let parts = parts(tracks.values().flat_map(|track| track.all(until)), submitted, until);
    let critical = critical(&tasks, until);
    Some(Reasons {
        run,
        status: answered.map(|(status, _)| status),
        submitted,
        wall: until.since(submitted),
        parts,
        critical,
        tasks,
    })
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
    fn take(&mut self, change: &Change, at: Timestamp) {
        self.seen.get_or_insert(at);
        match change {
            Change::Entered(evaluation) if evaluation.truth == Some(false) => {
                self.settled = Some((TaskStatus::Skipped, at));
            }
            Change::Entered(_) | Change::Referenced { .. } => {}
            Change::Dispatched(dispatched) => self.dispatched(dispatched, at),
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

    fn dispatched(&mut self, dispatched: &Dispatched, at: Timestamp) {
        let waited = dispatched.waits.iter().map(|(_, span)| span.0).sum();
        let earliest = self.stretches.last().map(|last| last.to).unwrap_or_default();
        let mut from = at.before(Duration(waited)).max(earliest);
        for (cause, span) in &dispatched.waits {
            let to = from.after(*span).min(at);
            self.stretches.push(Stretch { from, to, cause: *cause });
            from = to;
        }
        self.running = Some(at);
        self.attempts.push(AttemptReasons {
            target: Arc::clone(&dispatched.target),
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

    fn reasons(&self, path: &TaskPath, submitted: Timestamp, now: Timestamp) -> TaskReasons {
        let end = self.settled.map_or(now, |(_, at)| at).max(submitted);
        let ready =
            self.all(end).next().map(|first| first.from).or(self.seen).unwrap_or(submitted).clamp(submitted, end);
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
        TaskReasons {
            path: path.clone(),
            status: self.settled.map_or(TaskStatus::Running, |(status, _)| status),
            caught: self.caught,
            ready,
            ended: self.settled.map(|(_, at)| at),
            wall: end.since(submitted),
            parts,
            attempts: self.attempts.clone(),
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
fn critical(tasks: &[TaskReasons], until: Timestamp) -> Vec<TaskPath> {
    let mut ends: Vec<(Timestamp, &TaskReasons)> = tasks
        .iter()
        .filter(|task| !task.attempts.is_empty())
        .filter_map(|task| task.ended.map(|ended| (ended, task)))
        .collect();
    ends.sort_by(|(one, a), (other, b)| (one, &a.path).cmp(&(other, &b.path)));
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
