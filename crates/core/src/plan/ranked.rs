//! The order of tasks of one run that ask for units of pools: their ranks under all that is scarce, in place of the way to the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::graph::{NodeId, Work};
use agendum_types::{Duration, Graph};

use crate::project::Project;
use crate::queue::Units;
use crate::rank::ranks;

/// The ranks of a graph's main tasks.
#[derive(Debug)]
pub(super) struct Ranked {
    /// The pools that they ask for, by name.
    pools: Vec<Arc<str>>,
    /// By task; nothing before they are first derived, and of tasks of other sections.
    ranks: Vec<Option<u64>>,
    /// The table of pools that they come from.
    pub(super) version: u32,
    /// A task has ended of which only the target's word was known.
    pub(super) is_stale: bool,
}

impl Ranked {
    /// Of a graph of so many tasks at most in which something is asked for, and that is all tasks and no groups: what a group takes of pools changes
    /// while it runs. Ranks take three list schedules, and each of them a look at all that waits whenever something ends.
    pub(super) fn of(graph: &Graph, tasks_max: usize) -> Option<Box<Self>> {
        let tasks = || graph.main.iter().map(|node| graph.task(*node));
        let are_calls = tasks().all(|task| matches!(task.work, Work::Call(_)));
        let pools: BTreeSet<_> =
            tasks().flat_map(|task| task.resources.iter().map(|need| Arc::clone(&need.pool))).collect();
        let is_ranked = are_calls && !pools.is_empty() && graph.main.len() <= tasks_max;
        is_ranked.then(|| {
            Box::new(Self {
                pools: pools.into_iter().collect(),
                ranks: vec![None; graph.tasks.len()],
                version: 0,
                is_stale: false,
            })
        })
    }

    /// Derives them from how long each task is expected to take.
    pub(super) fn derive(&mut self, graph: &Graph, units: &Units, own: impl Fn(NodeId) -> Duration) {
        (self.version, self.is_stale) = (units.version(), false);
        let mut places = vec![None; graph.tasks.len()];
        for (place, node) in graph.main.iter().enumerate() {
            places[node.0 as usize] = Some(place);
        }
        let tasks = || graph.main.iter().map(|node| graph.task(*node));
        let takes: Vec<Duration> = graph.main.iter().map(|node| own(*node)).collect();
        let followers: Vec<Vec<usize>> =
            tasks().map(|task| task.needed_by.iter().filter_map(|next| places[next.0 as usize]).collect()).collect();
        let demands: Vec<Vec<(usize, u64)>> = tasks()
            .map(|task| {
                let asks = task.resources.iter();
                asks.filter_map(|need| Some((self.pools.binary_search(&need.pool).ok()?, need.units.into()))).collect()
            })
            .collect();
        let capacities = self.pools.iter().map(|pool| units.of(pool)).collect();
        let ranks = ranks(&Project::new(&takes, &followers, &demands, capacities));
        for (node, rank) in graph.main.iter().zip(ranks) {
            self.ranks[node.0 as usize] = Some(rank);
        }
    }

    /// The rank of a task.
    pub(super) fn rank(&self, node: NodeId) -> Option<u64> {
        self.ranks[node.0 as usize]
    }
}
