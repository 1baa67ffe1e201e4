//! Records of child runs and of their parents.

use std::sync::Arc;

use agendum_core::{Change, Finished, Next, Record, RunSubmitted};
use agendum_types::{AttemptNo, Incarnation, Money, Outcome, Parent, RunId, Success, Usage};

use super::{RUN, about_the_run, deep, payload};

/// An attempt that ended so.
pub(super) fn finished(outcome: Outcome, next: Next) -> Finished {
    let (attempt, incarnation) = (AttemptNo(2), Incarnation(4));
    Finished { attempt, incarnation, outcome, cost: Money(21), unreported: false, degraded: false, next }
}

/// A run that runs for a task of another, and what that task got of it.
pub(super) fn of_children() -> Vec<Record> {
    let Some(Record::RunSubmitted(plain)) = about_the_run().into_iter().nth(3) else { return Vec::new() };
    let parent = Some(Arc::new(Parent { run: RunId(9), task: Arc::from("studio[3]/review") }));
    let submitted = Record::RunSubmitted(Box::new(RunSubmitted { parent, ..*plain }));
    let usage = Usage { tokens_in: 7, calls: 1, ..Usage::default() };
    let outcome = Outcome::Succeeded(Success { output: payload(5), usage, raw_usage: None });
    let finished = Finished { degraded: true, ..finished(outcome, Next::Succeed) };
    vec![submitted, Record::Task { run: RUN, path: deep(), change: Change::Finished(Box::new(finished)) }]
}

/// An attempt whose input the provider's cache took up.
pub(super) fn written_into_a_cache() -> Record {
    let usage = Usage { tokens_in: 7, tokens_written: 1_024, calls: 1, ..Usage::default() };
    let outcome = Outcome::Succeeded(Success { output: payload(5), usage, raw_usage: None });
    Record::Task { run: RUN, path: deep(), change: Change::Finished(Box::new(finished(outcome, Next::Succeed))) }
}
