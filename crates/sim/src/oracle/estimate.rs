//! How long the rest takes, as far as is known: the longest way through what follows, found by walking all of them.

use agendum_types::graph::{NodeId, Work};
use agendum_types::{Capability, Duration, Graph};

use super::Reference;
use super::place::candidates;

/// What is known of a graph's tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    /// For each task: attempts that succeeded and the mean of about the last 32, in microseconds.
    seen: Vec<(u32, u64)>,
    /// Attempts since the times below were last worked out.
    fresh: u32,
    /// The table of targets that they come from.
    version: u32,
    own: Vec<Duration>,
    tail: Vec<Duration>,
}

impl Estimate {
    /// From the start of this task to the end of its section.
    pub(super) fn tail(&self, node: NodeId) -> Duration {
        self.tail[node.0 as usize]
    }

    pub(super) fn observe(&mut self, node: NodeId, took: Duration) {
        let (count, mean) = &mut self.seen[node.0 as usize];
        *count += 1;
        let weight = u64::from((*count).min(32));
        *mean = (*mean * (weight - 1) + took.0) / weight;
        self.fresh += 1;
    }

    /// From the end of an optional task to the answer, without those that would be dropped before it.
    pub(super) fn after(&self, graph: &Graph, node: NodeId) -> Duration {
        let value = graph.task(node).value;
        let own = |task: NodeId| {
            let dropped = graph.task(task).optional && graph.task(task).value < value;
            // Nothing is dropped for what may yet be withdrawn.
            if dropped || graph.task(task).ahead.is_some() { Duration::ZERO } else { self.own[task.0 as usize] }
        };
        let way = std::iter::successors(Some(node), |node| graph.task(*node).parent);
        way.fold(Duration::ZERO, |sum, node| sum.plus(self.longest(graph, &graph.task(node).needed_by, &own)))
    }

    /// The longest way from any of these to where nothing follows.
    fn longest(&self, graph: &Graph, from: &[NodeId], own: &dyn Fn(NodeId) -> Duration) -> Duration {
        let way = |node: &NodeId| own(*node).plus(self.longest(graph, &graph.task(*node).needed_by, own));
        from.iter().map(way).max().unwrap_or_default()
    }
}

impl Reference {
    /// Works the times out anew if the targets changed, or if much was seen since.
    pub(super) fn refresh(&mut self, graph: &Graph) {
        let mut estimate = self.estimates.remove(&graph.hash).unwrap_or_default();
        if estimate.version != self.version || estimate.fresh >= 64 || estimate.own.is_empty() {
            estimate.seen.resize(graph.tasks.len(), (0, 0));
            estimate.version = self.version;
            estimate.fresh = 0;
            estimate.own = vec![Duration::ZERO; graph.tasks.len()];
            // A group stands before its tasks.
            for index in (0..graph.tasks.len()).rev() {
                estimate.own[index] = self.own_time(&estimate, graph, index);
            }
            let nodes = || (0..).zip(&graph.tasks).map(|(index, _)| NodeId(index));
            estimate.tail = nodes().map(|node| tail(&estimate, graph, node)).collect();
        }
        self.estimates.insert(graph.hash, estimate);
    }

    fn own_time(&self, estimate: &Estimate, graph: &Graph, index: usize) -> Duration {
        match (&graph.tasks[index].work, estimate.seen[index]) {
            (Work::Call(call), (0, _)) => {
                let able: (Capability, _) = (call.capability, &call.requirement);
                let first = candidates(&self.targets, able.0, able.1).first().copied();
                first.map_or(Duration::ZERO, |target| self.targets[target].expected)
            }
            (Work::Call(_), (_, mean)) => Duration(mean),
            (Work::Group(group), _) => estimate.longest(graph, &group.tasks, &|node| estimate.own[node.0 as usize]),
        }
    }
}

/// The task and the longest way after it; inside a group that way goes on with what follows the group.
fn tail(estimate: &Estimate, graph: &Graph, node: NodeId) -> Duration {
    let task = graph.task(node);
    let own = estimate.own[node.0 as usize];
    let after = task.needed_by.iter().map(|next| tail(estimate, graph, *next)).max();
    let group = task.parent.filter(|_| !task.is_compensation());
    let beyond = || group.map(|group| tail(estimate, graph, group).minus(estimate.own[group.0 as usize]));
    own.plus(after.or_else(beyond).unwrap_or_default())
}
