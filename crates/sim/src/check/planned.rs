//! Tasks that joined a run: each once, none lost; what was replaced was never sent; who succeeded with a plan has added it.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, Entry, Next, Record};
use agendum_types::graph::{NodeId, Task};
use agendum_types::{Graph, Hash, Segment, TaskPath};

use super::ahead::Ahead;

/// What is wrong with the additions of a run that is over.
pub(super) fn violations(graphs: &BTreeMap<Hash, Arc<Graph>>, entries: &[Entry]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut before: Option<&Graph> = None;
    let mut named = entries.iter().rev().filter_map(|entry| entry.record.names_graph());
    let Some(graph) = named.next().and_then(|(_, hash, _)| graphs.get(&hash)) else { return wrong };
    let mut ahead = Ahead::default();
    for entry in entries {
        let known = before.map_or(0, |before| before.tasks.len());
        if let Some((_, hash, _)) = entry.record.names_graph()
            && let Some(after) = graphs.get(&hash)
        {
            if before.is_some_and(|before| !is_longer(before, after)) {
                wrong.push(format!("an addition at {} took something away", entry.seq));
            }
            before = Some(after);
        }
        wrong.extend(before.and_then(|graph| ahead.take(graph, known, &entry.record)));
        let Record::Task { path, change, .. } = &entry.record else { continue };
        let Some(top) = top(path) else { continue };
        let (task, known) = (graph.task(top), before.map(|before| before.task(top)));
        if matches!(change, Change::Dispatched(_)) && task.replaced.is_some() {
            wrong.push(format!("{} was replaced, and sent", task.name));
        }
        let succeeds = matches!(change, Change::Judged { next: Next::Succeed, .. });
        let has_added = |known: &Task| known.adds.as_ref().is_none_or(|adds| adds.made);
        if succeeds && path.segments().len() == 1 && !known.is_some_and(has_added) {
            wrong.push(format!("{} succeeded, and its plan is not in the run", task.name));
        }
    }
    wrong
}

fn top(path: &TaskPath) -> Option<NodeId> {
    match path.segments().first() {
        Some(Segment::Task(node)) => Some(*node),
        Some(Segment::Item(_) | Segment::Round(_)) | None => None,
    }
}

/// Every task stands where it stood, what was replaced stays so, and there is at least one more, or a plan that was given ahead in full.
fn is_longer(before: &Graph, after: &Graph) -> bool {
    let kept = || before.tasks.iter().zip(&after.tasks);
    let is_void = |task: &Task| task.ahead.is_some_and(|ahead| ahead.withdrawn);
    let mut same = kept().map(|(one, other)| {
        let is_named = one.name == other.name || is_void(other);
        is_named && one.replaced.is_some() <= other.replaced.is_some() && is_void(one) <= is_void(other)
    });
    let made = |task: &Task| task.adds.as_ref().is_some_and(|adds| adds.made);
    let is_read = kept().any(|(one, other)| !made(one) && made(other));
    (after.tasks.len() > before.tasks.len() || is_read) && same.all(|same| same)
}
