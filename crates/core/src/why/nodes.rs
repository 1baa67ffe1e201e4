//! All items and rounds of a task together: what a person wants to see of 100,000 of them.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Cause, Duration, Money, Segment, TaskPath, TaskStatus, Timestamp};

use super::TaskReasons;
use super::track::Track;

/// All instances of one call of the graph, or a task of it that never started, or waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReasons {
    /// The call.
    pub node: NodeId,
    /// The tasks on the way to it, outermost first, itself included.
    pub way: Vec<NodeId>,
    /// How many instances stand how.
    pub statuses: Vec<(TaskStatus, u64)>,
    /// Instances whose output a rung of `catch` gave.
    pub caught: u64,
    /// When the first was ready.
    pub ready: Timestamp,
    /// When the last settled; `None` while one goes on.
    pub ended: Option<Timestamp>,
    /// Attempts of all of them.
    pub attempts: u64,
    /// The time of all attempts that have ended, one after the other.
    pub ran: Duration,
    /// Of these attempts, the one in the middle, the one that 95 of 100 do not exceed, the longest.
    pub quantiles: [Duration; 3],
    /// What the instances waited for and ran, since each was ready; largest first.
    pub parts: Vec<(Cause, Duration)>,
    /// What they cost.
    pub cost: Money,
    /// All tokens they used.
    pub tokens: u64,
}

#[derive(Default)]
struct Sum {
    way: Vec<NodeId>,
    statuses: BTreeMap<TaskStatus, u64>,
    caught: u64,
    ready: Option<Timestamp>,
    ended: Timestamp,
    open: bool,
    attempts: u64,
    took: Vec<u64>,
    parts: BTreeMap<Cause, u64>,
    cost: Money,
    tokens: u64,
}

/// By node, in the order in which their first instances were ready; last what never started.
pub(super) fn nodes<'t>(
    tracks: impl Iterator<Item = (&'t TaskPath, &'t Track)>,
    unstarted: &[TaskReasons],
    submitted: Timestamp,
) -> Vec<NodeReasons> {
    let mut sums: BTreeMap<NodeId, Sum> = BTreeMap::new();
    for (path, track) in tracks {
        if let Some(node) = path.node() {
            sums.entry(node).or_insert_with(|| Sum::on(path)).add(track, submitted);
        }
    }
    for task in unstarted {
        if let Some(node) = task.path.node() {
            sums.entry(node).or_insert_with(|| Sum::on(&task.path)).add_unstarted(task);
        }
    }
    let mut nodes: Vec<NodeReasons> = sums.into_iter().map(|(node, sum)| sum.whole(node)).collect();
    nodes.sort_by_key(|node| (node.ready, node.node));
    nodes
}

impl Sum {
    fn on(path: &TaskPath) -> Self {
        let tasks = path.segments().iter().filter_map(|segment| match segment {
            Segment::Task(node) => Some(*node),
            Segment::Item(_) | Segment::Round(_) => None,
        });
        Self { way: tasks.collect(), ..Self::default() }
    }

    fn add(&mut self, track: &Track, submitted: Timestamp) {
        *self.statuses.entry(track.status()).or_default() += 1;
        self.caught += u64::from(track.is_caught());
        self.ready = Some(self.ready.map_or_else(|| track.ready(), |ready| ready.min(track.ready())));
        if track.is_settled() {
            self.ended = self.ended.max(track.end());
        } else {
            self.open = true;
        }
        for (cause, span) in track.parts(submitted) {
            // Before it was ready all of them waited for the same.
            if cause != Cause::Dependency {
                *self.parts.entry(cause).or_default() += span.0;
            }
        }
        for attempt in track.attempts() {
            self.attempts += 1;
            self.took.extend(attempt.ended.map(|ended| ended.since(attempt.started).0));
            self.cost = self.cost.plus(attempt.cost);
            self.tokens = self.tokens.saturating_add(attempt.tokens);
        }
    }

    fn add_unstarted(&mut self, task: &TaskReasons) {
        *self.statuses.entry(task.status).or_default() += 1;
        self.ready.get_or_insert(task.ready);
        match task.ended {
            Some(ended) => self.ended = self.ended.max(ended),
            None => self.open = true,
        }
    }

    fn whole(mut self, node: NodeId) -> NodeReasons {
        self.took.sort_unstable();
        let mut parts: Vec<(Cause, Duration)> =
            self.parts.into_iter().map(|(cause, span)| (cause, Duration(span))).collect();
        parts.sort_by_key(|(_, span)| std::cmp::Reverse(*span));
        NodeReasons {
            node,
            way: self.way,
            statuses: self.statuses.into_iter().collect(),
            caught: self.caught,
            ready: self.ready.unwrap_or_default(),
            ended: Some(self.ended).filter(|_| !self.open),
            attempts: self.attempts,
            ran: Duration(self.took.iter().sum()),
            quantiles: [50, 95, 100].map(|percent| nearest_rank(&self.took, percent)),
            parts,
            cost: self.cost,
            tokens: self.tokens,
        }
    }
}

/// The least of these, in order, that so many of 100 do not exceed.
fn nearest_rank(sorted: &[u64], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    Duration(sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::nearest_rank;

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        for (count, quantiles) in [
            (0, [0, 0, 0]),
            (1, [1, 1, 1]),
            (2, [1, 2, 2]),
            (10, [5, 10, 10]),
            (20, [10, 19, 20]),
            (100, [50, 95, 100]),
            (101, [51, 96, 101]),
        ] {
            let sorted: Vec<u64> = (1..=count).collect();
            assert_eq!([50, 95, 100].map(|percent| nearest_rank(&sorted, percent).0), quantiles, "of {count}");
        }
    }
}
