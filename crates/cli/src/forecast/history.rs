//! What earlier runs of the same graph took, as far as it tells what the next one will take.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Duration, Graph, Money};

/// Earlier runs of a graph; empty if there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// How many there are.
    pub(crate) runs: u32,
    /// By the names on the way to the task: `polish/review`.
    pub(crate) tasks: BTreeMap<String, Learned>,
}

/// What one task took in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learned {
    /// Runs in which it made an attempt.
    pub(crate) runs: u32,
    /// Attempts in all of them.
    pub(crate) attempts: u64,
    /// An attempt in the middle.
    pub(crate) attempt: Duration,
    /// What an attempt cost in the mean.
    pub(crate) cost: Money,
    /// Instances in all of these runs: items times rounds.
    pub(crate) instances: u64,
}

impl History {
    /// What was learned of a task.
    pub(super) fn of(&self, graph: &Graph, node: NodeId) -> Option<&Learned> {
        self.tasks.get(&names(graph, node)).filter(|learned| learned.attempts > 0)
    }
}

impl Learned {
    /// Instances in a run, rounded up.
    pub(super) fn instances_per_run(&self) -> u64 {
        self.instances.div_ceil(u64::from(self.runs.max(1)))
    }
}

/// The names on the way to a task, whatever its items and rounds.
pub(super) fn names(graph: &Graph, node: NodeId) -> String {
    let mut name = graph.task(node).name.to_string();
    let mut parent = graph.task(node).parent;
    while let Some(group) = parent {
        name = format!("{}/{name}", graph.task(group).name);
        parent = graph.task(group).parent;
    }
    name
}
