//! Verdicts, seen from outside: each belongs to the record of its judge's success, and a judge has one.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_core::{Change, Entry, Next, Record};
use agendum_types::{Graph, RunId};

/// What is wrong with the verdicts of a run.
pub(super) fn violations(run: RunId, graphs: &[Arc<Graph>], entries: &[Entry]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut judges = BTreeSet::new();
    for entry in entries {
        let Some(verdict) = &entry.verdict else { continue };
        if !judges.insert(&verdict.judge) {
            wrong.push(format!("judge {} of run {run} has two verdicts", verdict.judge));
        }
        let Record::Task { path, change, .. } = &entry.record else {
            wrong.push(format!("record {} of run {run} is of no task and has a verdict", entry.seq));
            continue;
        };
        let is_of = |graph: &Arc<Graph>| {
            let is_there = path.node().is_some_and(|node| (node.0 as usize) < graph.tasks.len());
            is_there && graph.path_text(path) == verdict.judge
        };
        let fails = match change {
            Change::Finished(finished) => finished.next != Next::Succeed,
            Change::Judged { next, .. } => *next != Next::Succeed,
            Change::Composed { .. }
            | Change::RoundJudged { .. }
            | Change::Waited(_)
            | Change::Cached(_)
            | Change::Resolved(_) => false,
            Change::Entered(_)
            | Change::Dispatched(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Referenced { .. }
            | Change::Caught { .. }
            | Change::Reused { .. }
            | Change::Ended(_)
            | Change::Abandoned { .. } => true,
        };
        if fails || !graphs.iter().any(is_of) {
            wrong.push(format!("record {} of run {run} has the verdict of {}", entry.seq, verdict.judge));
        }
    }
    wrong
}
