//! Tasks that joined a run: each once, none lost; what was replaced was never sent; who succeeded with a plan has added it.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, Entry, Next, Record};
use agendum_types::graph::NodeId;
use agendum_types::{Graph, Hash, Segment, TaskPath};

/// What is wrong with the additions of a run that is over.
pub(super) fn violations(graphs: &BTreeMap<Hash, Arc<Graph>>, entries: &[Entry]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut before: Option<&Graph> = None;
    let mut named = entries.iter().rev().filter_map(|entry| entry.record.names_graph());
    let Some(graph) = named.next().and_then(|(_, hash, _)| graphs.get(&hash)) else { return wrong };
    for entry in entries {
        if let Some((_, hash, _)) = entry.record.names_graph()
            && let Some(after) = graphs.get(&hash)
        {
            if before.is_some_and(|before| !is_longer(before, after)) {
                wrong.push(format!("an addition at {} took something away", entry.seq));
            }
            before = Some(after);
        }
        let Record::Task { path, change, .. } = &entry.record else { continue };
        let Some(top) = top(path) else { continue };
        let (task, known) = (graph.task(top), before.map(|before| before.task(top)));
        if matches!(change, Change::Dispatched(_)) && task.replaced.is_some() {
            wrong.push(format!("{} was replaced, and sent", task.name));
        }
        let succeeds = matches!(change, Change::Judged { next: Next::Succeed, .. });
        let has_added = |known: &agendum_types::graph::Task| known.adds.as_ref().is_none_or(|adds| adds.made);
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

/// Every task stands where it stood, what was replaced stays so, and there is at least one more.
fn is_longer(before: &Graph, after: &Graph) -> bool {
    let kept = before.tasks.iter().zip(&after.tasks);
    let mut same =
        kept.map(|(one, other)| one.name == other.name && one.replaced.is_some() <= other.replaced.is_some());
    after.tasks.len() > before.tasks.len() && same.all(|same| same)
}
