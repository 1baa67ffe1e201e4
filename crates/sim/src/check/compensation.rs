//! What a run has done and that it is taken back: as its records tell it, against what is promised.

use std::collections::{BTreeMap, BTreeSet};

use agendum_core::{Change, Entry, Next, Record, RunSubmitted};
use agendum_types::graph::Section;
use agendum_types::{Class, Effect, Fate, Graph, Outcome, RunStatus, TaskPath};

use crate::oracle::depends;

/// What the records of a run tell of its effects.
#[derive(Default)]
struct Told {
    /// The effect of the attempt that was sent last, by task.
    sent: BTreeMap<TaskPath, Effect>,
    /// Effects that are known to have happened.
    happened: BTreeSet<TaskPath>,
    /// By what is taken back: when its compensation was first sent, when its last record came, how often it succeeded.
    undone: BTreeMap<TaskPath, (usize, usize, usize)>,
    left: BTreeSet<TaskPath>,
    status: Option<RunStatus>,
    answered: usize,
    /// When nothing more was taken back.
    over: Option<usize>,
    /// When the last was told of an attempt with an effect that nobody awaited.
    fates: usize,
}

/// Every effect that is known to have happened is taken back once, in the reverse order of dependency and after the answer, or is told to
/// be left; nothing else is, and nothing of a run that succeeded.
pub(super) fn violations(graph: &Graph, entries: &[Entry]) -> Vec<String> {
    let told = read(graph, entries);
    let mut broken = Vec::new();
    let name = |path: &TaskPath| graph.path_text(path);
    if told.status == Some(RunStatus::Succeeded) {
        let undone = told.undone.keys().map(|path| format!("{} was taken back, and the run succeeded", name(path)));
        return undone.collect();
    }
    for path in &told.happened {
        let times = told.undone.get(path).map_or(0, |(_, _, times)| *times);
        if (times == 1) == told.left.contains(path) || times > 1 {
            broken.push(format!("{} happened, was taken back {times} times, left: {:?}", name(path), told.left));
        }
    }
    for (path, (first, last, _)) in &told.undone {
        if !told.happened.contains(path) {
            broken.push(format!("{} was taken back, and is not known to have happened", name(path)));
        }
        if *first < told.answered || *first < told.fates || told.over.is_some_and(|over| *last > over) {
            broken.push(format!("{} was taken back at the wrong time", name(path)));
        }
        for (other, (_, ended, _)) in told.undone.iter().filter(|(other, _)| depends(graph, other, path)) {
            if ended > first {
                broken.push(format!("{} was taken back before {}, which came of it", name(path), name(other)));
            }
        }
    }
    broken
}

fn read(graph: &Graph, entries: &[Entry]) -> Told {
    let mut told = Told::default();
    let mut inherited = BTreeSet::new();
    let can = |path: &TaskPath| path.node().is_some_and(|node| graph.task(node).compensate.is_some());
    for (place, entry) in entries.iter().enumerate() {
        match &entry.record {
            Record::RunSubmitted(submitted) => inherited = left_before(submitted),
            Record::Answered(answered) => (told.status, told.answered) = (Some(answered.status), place),
            Record::Compensated(compensated) => {
                told.left = compensated.left.iter().map(|(path, _)| path.clone()).collect();
                told.over = Some(place);
            }
            Record::Task { path, change, .. } => {
                if let Some(of) = graph.undone_by(path) {
                    undo(&mut told, of, change, place);
                    continue;
                }
                let happened = match change {
                    Change::Dispatched(dispatched) => {
                        told.sent.insert(path.clone(), dispatched.effect);
                        false
                    }
                    Change::Finished(finished) => {
                        let has_effect = told.sent.get(path).is_some_and(|effect| *effect != Effect::None);
                        has_effect
                            && match &finished.outcome {
                                Outcome::Succeeded(_) => true,
                                // It answered, only not as it should.
                                Outcome::Failed(failure) => failure.class == Class::InvalidOutput && !failure.no_effect,
                            }
                    }
                    Change::Abandoned { fate, .. } => {
                        let is_main = path.node().is_some_and(|node| graph.task(node).section == Section::Main);
                        if is_main && *fate != Fate::None {
                            told.fates = place;
                        }
                        *fate == Fate::Taken
                    }
                    Change::Resolved(resolved) => resolved.happened == Some(true),
                    Change::Reused { .. } => inherited.contains(path),
                    Change::Entered(_)
                    | Change::Referenced { .. }
                    | Change::Waited(_)
                    | Change::Reminded
                    | Change::Pleaded(_)
                    | Change::Cached(_)
                    | Change::Judged { .. }
                    | Change::Caught { .. }
                    | Change::RoundJudged { .. }
                    | Change::Composed { .. }
                    | Change::Ended(_) => false,
                };
                if happened && can(path) {
                    told.happened.insert(path.clone());
                }
            }
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::TasksAdded { .. }
            | Record::TasksAhead { .. }
            | Record::CancelRequested { .. }
            | Record::Begun { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_)
            | Record::Raised(_)
            | Record::Done { .. } => {}
        }
    }
    told
}

/// What the run before could not take back.
fn left_before(submitted: &RunSubmitted) -> BTreeSet<TaskPath> {
    let given = submitted.origin.iter().flat_map(|origin| &origin.given);
    given.filter(|given| given.left).map(|given| TaskPath::top(given.task)).collect()
}

fn undo(told: &mut Told, of: TaskPath, change: &Change, place: usize) {
    match change {
        Change::Dispatched(_) => {
            told.undone.entry(of).or_insert((place, place, 0)).1 = place;
        }
        Change::Finished(finished) => {
            let (_, last, times) = told.undone.entry(of).or_insert((place, place, 0));
            (*last, *times) = (place, *times + usize::from(finished.next == Next::Succeed));
        }
        // That it was abandoned tells nothing of when it was given up.
        Change::Entered(_)
        | Change::Referenced { .. }
        | Change::Waited(_)
        | Change::Reminded
        | Change::Pleaded(_)
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Judged { .. }
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Ended(_)
        | Change::Resolved(_)
        | Change::Abandoned { .. } => {}
    }
}
