//! Tasks beside each other: waves, the longest way, and which of them are dropped when time runs short.

use std::collections::BTreeMap;

use agendum_types::graph::order::answer_margin;
use agendum_types::graph::{NodeId, Section};
use agendum_types::{Duration, Graph};

use super::history::names;
use super::{Dropped, Effort, Node};

/// Siblings, each after what it needs. The checker has refused cycles.
pub(super) fn ordered(graph: &Graph, siblings: &[NodeId]) -> Vec<NodeId> {
    let mut missing: BTreeMap<NodeId, usize> =
        siblings.iter().map(|node| (*node, graph.task(*node).needs.len())).collect();
    let mut order: Vec<NodeId> = siblings.iter().copied().filter(|node| missing[node] == 0).collect();
    let mut done = 0;
    while let Some(node) = order.get(done).copied() {
        done += 1;
        for next in &graph.task(node).needed_by {
            if let Some(left) = missing.get_mut(next) {
                *left -= 1;
                if *left == 0 {
                    order.push(*next);
                }
            }
        }
    }
    order
}

/// When each of the siblings ends, if each takes as long as `length` says.
pub(super) fn ends<L: Copy + Ord + Default>(
    graph: &Graph,
    siblings: &[NodeId],
    length: impl Fn(NodeId) -> L,
    plus: impl Fn(L, L) -> L,
) -> BTreeMap<NodeId, L> {
    let mut ends: BTreeMap<NodeId, L> = BTreeMap::new();
    for node in ordered(graph, siblings) {
        let begin = graph.task(node).needs.iter().filter_map(|need| ends.get(need).copied()).max().unwrap_or_default();
        ends.insert(node, plus(begin, length(node)));
    }
    ends
}

/// The expected and the worst time until the last sibling has ended, and the cost of all of them.
pub(super) fn together(graph: &Graph, siblings: &[NodeId], nodes: &[Node]) -> Effort {
    let effort = |node: NodeId| nodes[node.0 as usize].effort;
    let expected = ends(graph, siblings, |node| effort(node).expected, Duration::plus);
    // The longest span stands for one without end, and stays it.
    let worst = ends(graph, siblings, |node| effort(node).worst.unwrap_or(Duration::MAX), Duration::plus);
    let mut sum = Effort {
        expected: expected.into_values().max().unwrap_or_default(),
        worst: Some(worst.into_values().max().unwrap_or_default()).filter(|span| *span < Duration::MAX),
        ..Effort::default()
    };
    for node in siblings {
        sum.cost = sum.cost.plus(effort(*node).cost);
        sum.cost_max = sum.cost_max.plus(effort(*node).cost_max);
        sum.tokens = sum.tokens.saturating_add(effort(*node).tokens);
        sum.tokens_max = sum.tokens_max.saturating_add(effort(*node).tokens_max);
    }
    sum
}

/// Numbers the waves of siblings and marks the expected critical path, which it gives from the first to the last.
pub(super) fn mark(graph: &Graph, siblings: &[NodeId], nodes: &mut [Node]) -> Vec<NodeId> {
    let waves = ends(graph, siblings, |_| 1_usize, |before, one| before + one);
    let ends = ends(graph, siblings, |node| nodes[node.0 as usize].effort.expected, Duration::plus);
    for (node, wave) in &waves {
        nodes[node.0 as usize].wave = *wave;
    }
    let later = |node: &&NodeId| (ends[*node], waves[*node], std::cmp::Reverse(**node));
    let mut at = siblings.iter().max_by_key(later).copied();
    let mut chain = Vec::new();
    while let Some(node) = at {
        nodes[node.0 as usize].critical = true;
        chain.push(node);
        at = graph.task(node).needs.iter().max_by_key(later).copied();
    }
    chain.reverse();
    chain
}

/// Optional main tasks in the order in which the scheduler gives them up: least value first. Each goes when what must follow it needs
/// the rest of the time, by the same rule ([`Graph::times_after`]).
pub(super) fn dropped(graph: &Graph, nodes: &[Node]) -> Vec<Dropped> {
    let ends = ends(graph, graph.section(Section::Main), |node| nodes[node.0 as usize].effort.expected, Duration::plus);
    let after = graph.times_after(&graph.backwards(), |node| nodes[node.0 as usize].effort.expected);
    let mut dropped: Vec<Dropped> = (0..)
        .map(NodeId)
        .zip(&graph.tasks)
        .filter(|(_, task)| task.optional && task.section == Section::Main)
        .map(|(node, task)| {
            let latest = graph.deadline.map(|span| span.minus(after[&node]).minus(answer_margin(span)));
            // When one inside a group ends depends on when the group begins.
            let expected = latest.zip(ends.get(&node)).is_some_and(|(latest, end)| *end > latest);
            Dropped { task: names(graph, node), value: task.value, latest, expected }
        })
        .collect();
    dropped.sort_by_key(|one| (one.value, one.latest));
    dropped
}
