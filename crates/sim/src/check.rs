//! The checkers: promises, seen from outside the core.

use std::collections::{BTreeMap, BTreeSet};

use agendum_core::{Change, Dispatch, End, Entry, Next, Record, why};
use agendum_types::graph::NodeId;
use agendum_types::{AttemptId, Class, Effect, Graph, Outcome, RunId, RunStatus, Segment, Seq, TaskPath, Timestamp};

use crate::world::is_once;

/// What the outside has seen so far.
#[derive(Debug, Default)]
pub struct Checker {
    /// Promises that were broken.
    pub violations: Vec<String>,
    /// The last record of each run.
    last: BTreeMap<RunId, Seq>,
    started: BTreeSet<AttemptId>,
    /// Tasks of effect `once` whose last attempt may have taken effect.
    in_doubt: BTreeSet<(RunId, TaskPath)>,
    /// Top-level tasks of a run that have started.
    begun: BTreeSet<(RunId, NodeId)>,
}

impl Checker {
    pub(crate) fn record(&mut self, entry: &Entry) {
        if let Some(run) = entry.record.run() {
            self.last.insert(run, entry.seq);
        }
    }

    /// After a crash only what is durable counts.
    pub(crate) fn crashed(&mut self, journal: &[Entry]) {
        self.last.clear();
        self.begun.clear();
        for entry in journal {
            self.record(entry);
            if let Record::Task { run, path, change: Change::Dispatched(_) } = &entry.record
                && let Some(Segment::Task(top)) = path.segments().first()
            {
                self.begun.insert((*run, *top));
            }
        }
    }

    /// Something leaves the process: the record that says so must be durable, or a crash now would unsay it.
    pub(crate) fn outside(
        &mut self,
        run: RunId,
        journal: &[Entry],
        durable: Seq,
        what: &str,
        says: impl Fn(&Record) -> bool,
    ) {
        let said = journal.iter().rev().find(|entry| entry.record.run() == Some(run) && says(&entry.record));
        match said {
            Some(entry) if entry.seq <= durable => {}
            Some(entry) => {
                self.violations.push(format!("{what} of run {run} left at {durable}, before its record {}", entry.seq));
            }
            None => self.violations.push(format!("{what} of run {run} left without a record")),
        }
    }

    pub(crate) fn dispatched(&mut self, dispatch: &Dispatch) {
        let attempt = &dispatch.attempt;
        let name = || format!("{}/{}", attempt.run, dispatch.graph.path_text(&attempt.path));
        if !self.started.insert(attempt.clone()) {
            self.violations.push(format!("attempt {} of {} was started twice", attempt.attempt, name()));
        }
        let key = (attempt.run, attempt.path.clone());
        if is_once(dispatch.effect) && self.in_doubt.contains(&key) {
            self.violations.push(format!("{} may have taken effect and was started again", name()));
        }
        if dispatch.effect != Effect::None {
            self.in_doubt.insert(key);
        }
        let Some(Segment::Task(top)) = attempt.path.segments().first() else { return };
        for (run, begun) in self.begun.range((attempt.run, NodeId(0))..=(attempt.run, NodeId(u32::MAX))) {
            if dispatch.graph.task(*begun).needs.contains(top) {
                self.violations.push(format!("{} started after a task of run {run} that needs it", name()));
            }
        }
        self.begun.insert((attempt.run, *top));
    }

    pub(crate) fn finished(&mut self, attempt: &AttemptId, outcome: &Outcome) {
        let proven = match outcome {
            Outcome::Succeeded(_) => true,
            Outcome::Failed(failure) => {
                failure.no_effect || matches!(failure.class, Class::Permanent | Class::InvalidOutput)
            }
        };
        if proven {
            self.in_doubt.remove(&(attempt.run, attempt.path.clone()));
        }
    }

    /// All has ended: what the journal says of a run. Gives how it was answered.
    pub(crate) fn ended(&mut self, run: RunId, graph: &Graph, entries: &[Entry]) -> Option<usize> {
        let answers: Vec<RunStatus> = entries
            .iter()
            .filter_map(
                |entry| if let Record::Answered(answered) = &entry.record { Some(answered.status) } else { None },
            )
            .collect();
        let done = entries.iter().filter(|entry| matches!(entry.record, Record::Done { .. })).count();
        if answers.len() != 1 || done != 1 {
            self.violations.push(format!("run {run} has {} answers and ended {done} times", answers.len()));
        }
        for entry in entries {
            if let Record::Task {
                path,
                change: Change::Ended { end: End::Uncertain, next: Next::Retry { .. }, .. },
                ..
            } = &entry.record
            {
                self.violations.push(format!("{} was uncertain and is retried", graph.path_text(path)));
            }
        }
        if let Some(reasons) = why::reasons(graph, entries, why::Seen { now: Timestamp(0), live: None }) {
            let sum: u64 = reasons.parts.iter().map(|(_, span)| span.0).sum();
            if sum != reasons.wall.0 {
                self.violations.push(format!("the causes of run {run} add up to {sum} of {} µs", reasons.wall.0));
            }
            for task in &reasons.tasks {
                let sum: u64 = task.parts.iter().map(|(_, span)| span.0).sum();
                if sum != task.wall.0 {
                    let path = graph.path_text(&task.path);
                    self.violations.push(format!("the causes of {path} add up to {sum} of {} µs", task.wall.0));
                }
            }
        }
        answers.first().map(|status| match status {
            RunStatus::Succeeded => 0,
            RunStatus::Failed | RunStatus::Queued | RunStatus::Running => 1,
            RunStatus::Cancelled => 2,
        })
    }
}
