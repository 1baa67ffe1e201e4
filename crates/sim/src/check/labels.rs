//! The secret of a world stays with those who may see it: every payload that holds it and every failure that repeats it says so, and no
//! attempt takes it to a target without clearance.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_core::{Change, Entry, Next, NextRound, Record};
use agendum_types::{Failure, Labels, Outcome, PayloadRef, RunId, Target, TaskPath};

use crate::world::{GUARDED, holds, repeats};

/// What is wrong with where the secret went, by the whole journal.
pub(super) fn violations(journal: &[Entry], targets: &[Target]) -> Vec<String> {
    let guarded = Labels::new([GUARDED]);
    let cleared: BTreeSet<&Arc<str>> =
        targets.iter().filter(|target| target.may_see(&guarded)).map(|target| &target.name).collect();
    let mut told = BTreeSet::<(RunId, TaskPath)>::new();
    let mut wrong = Vec::new();
    for entry in journal {
        let (payloads, failures) = said(&entry.record);
        let lost = payloads.iter().any(|payload| holds(payload) && !guarded.is_within(&payload.labels))
            || failures.iter().any(|failure| repeats(failure) && !guarded.is_within(&failure.labels));
        if lost {
            wrong.push(format!("record {} holds the secret and does not say so", entry.seq));
        }
        let Record::Task { run, path, change } = &entry.record else { continue };
        let place = (*run, path.clone());
        match change {
            Change::Entered(evaluation) => {
                if evaluation.payload.as_ref().is_some_and(holds) {
                    told.insert(place);
                } else if evaluation.payload.is_some() {
                    told.remove(&place);
                }
            }
            Change::Dispatched(dispatched) if told.contains(&place) && !cleared.contains(&dispatched.target) => {
                wrong.push(format!("record {} takes the secret to {}", entry.seq, dispatched.target));
            }
            Change::Dispatched(_)
            | Change::Waited(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Referenced { .. }
            | Change::Finished(_)
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Reused { .. }
            | Change::Cached(_)
            | Change::Ended(_)
            | Change::Abandoned { .. }
            | Change::Resolved(_) => {}
        }
    }
    wrong
}

/// The payloads and the failures that a record names.
fn said(record: &Record) -> (Vec<&PayloadRef>, Vec<&Failure>) {
    match record {
        Record::RunSubmitted(submitted) => (vec![&submitted.inputs], Vec::new()),
        Record::Answered(answered) => {
            (answered.output.iter().collect(), answered.failure.iter().map(|why| &why.failure).collect())
        }
        Record::Task { change, .. } => {
            let entered = if let Change::Entered(evaluation) = change { evaluation.payload.as_ref() } else { None };
            (change.output().into_iter().chain(entered).collect(), failures(change))
        }
        Record::Compensated(compensated) => (Vec::new(), compensated.left.iter().map(|(_, why)| why).collect()),
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
        | Record::Done { .. }
        | Record::Begun { .. } => (Vec::new(), Vec::new()),
    }
}

fn failures(change: &Change) -> Vec<&Failure> {
    let (own, next) = match change {
        Change::Finished(finished) => {
            let own = if let Outcome::Failed(failure) = &finished.outcome { Some(failure) } else { None };
            (own, Some(&finished.next))
        }
        Change::Judged { next, .. } | Change::RoundJudged { next: NextRound::Fail(next), .. } => (None, Some(next)),
        Change::Caught { failure, .. } => (failure.as_deref(), None),
        Change::Ended(ended) => (None, Some(&ended.next)),
        Change::Resolved(resolved) => (None, Some(&resolved.next)),
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Waited(_)
        | Change::Reminded
        | Change::Pleaded(_)
        | Change::Referenced { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Abandoned { .. } => (None, None),
    };
    let next = next.and_then(|next| match next {
        Next::Rung { failure, .. } => failure.as_deref(),
        Next::Doubt(failure) | Next::Fail(failure) => Some(&**failure),
        Next::Judge | Next::Succeed | Next::Retry { .. } | Next::Back { .. } => None,
    });
    own.into_iter().chain(next).collect()
}

/// The kind of a decision upon a failure, if its words may quote what is labelled.
pub(super) fn kind(next: &Next) -> Option<&'static str> {
    match next {
        Next::Rung { failure: Some(failure), .. } if !failure.labels.words().is_empty() => {
            Some("caught, with its labels")
        }
        Next::Judge
        | Next::Succeed
        | Next::Retry { .. }
        | Next::Back { .. }
        | Next::Rung { .. }
        | Next::Doubt(_)
        | Next::Fail(_) => None,
    }
}
