//! Tasks beside each other: how long the way behind each of them is, and so when an optional one is given up.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Graph, NodeId, Work};
use crate::time::Duration;

/// The greatest part of a deadline that is kept for making the answer.
const ANSWER_MARGIN_MAX: Duration = Duration::millis(50);

/// What making and committing the answer takes of a deadline: an optional task must be dropped before, or dropping it saves nothing.
#[must_use]
pub fn answer_margin(deadline: Duration) -> Duration {
    ANSWER_MARGIN_MAX.min(Duration(deadline.as_micros() / 10))
}

impl Graph {
    /// These tasks and all beside them that depend on them, directly or not.
    #[must_use]
    pub fn with_dependents(&self, tasks: impl IntoIterator<Item = NodeId>) -> BTreeSet<NodeId> {
        let (mut all, mut open) = (BTreeSet::new(), Vec::from_iter(tasks));
        while let Some(node) = open.pop() {
            if all.insert(node) {
                open.extend(&self.task(node).needed_by);
            }
        }
        all
    }

    /// Every task after all that wait for it and after all inside it. The checker has refused cycles.
    #[must_use]
    pub fn backwards(&self) -> Vec<NodeId> {
        let inside = |work: &Work| match work {
            Work::Group(group) => group.tasks.len(),
            Work::Call(_) => 0,
        };
        // What takes a task back stands on no way to the answer.
        let mut left: Vec<usize> = self.tasks.iter().map(|task| task.needed_by.len() + inside(&task.work)).collect();
        let mut order: Vec<NodeId> = Vec::with_capacity(left.len());
        order.extend((0..).map(NodeId).zip(&left).filter(|(_, left)| **left == 0).map(|(node, _)| node));
        let mut done = 0;
        while let Some(node) = order.get(done).copied() {
            done += 1;
            let task = self.task(node);
            for before in task.needs.iter().copied().chain(task.parent.filter(|_| !task.is_compensation())) {
                let left = &mut left[before.0 as usize];
                *left -= 1;
                if *left == 0 {
                    order.push(before);
                }
            }
        }
        order
    }

    /// By place: how long it takes from the start of a task until the last beside it has ended. `backwards` is the order of the same
    /// name; `own` is what a task takes by itself, and is told the longest way inside it.
    #[must_use]
    pub fn ways(&self, backwards: &[NodeId], mut own: impl FnMut(NodeId, Duration) -> Duration) -> Vec<Duration> {
        let mut ways = vec![Duration::ZERO; self.tasks.len()];
        for node in backwards {
            let task = self.task(*node);
            let inside = match &task.work {
                Work::Group(group) => longest(&ways, &group.tasks),
                Work::Call(_) => Duration::ZERO,
            };
            ways[node.0 as usize] = own(*node, inside).plus(longest(&ways, &task.needed_by));
        }
        ways
    }

    /// By place: what is to be done after a task until the last beside it has ended, of which what needs several tasks is shared alike among them. So the tasks
    /// that nothing comes before have all of it between them. `own` is what a task takes by itself; a group takes what is in it.
    #[must_use]
    pub fn shares(&self, backwards: &[NodeId], own: impl Fn(NodeId) -> Duration) -> Vec<Duration> {
        let (mut alone, mut after) = (vec![Duration::ZERO; self.tasks.len()], vec![Duration::ZERO; self.tasks.len()]);
        for node in backwards {
            let task = self.task(*node);
            alone[node.0 as usize] = match &task.work {
                Work::Group(group) => sum(group.tasks.iter().map(|inside| alone[inside.0 as usize])),
                Work::Call(_) => own(*node),
            };
            after[node.0 as usize] = sum(task.needed_by.iter().map(|next| {
                let whole = alone[next.0 as usize].plus(after[next.0 as usize]);
                Duration(whole.as_micros() / self.task(*next).needs.len().max(1) as u64)
            }));
        }
        after
    }

    /// By optional task: how long it takes from its end to the answer, over tasks that are not given up before it, which those of less
    /// value are. Inside a group the way goes on with what follows the group; further rounds and items may not be needed, and count
    /// nothing. Within a deadline an optional task is given up when this and the [`answer_margin`] are left.
    #[must_use]
    pub fn times_after(&self, backwards: &[NodeId], own: impl Fn(NodeId) -> Duration) -> BTreeMap<NodeId, Duration> {
        let mut by_value: BTreeMap<u8, Vec<NodeId>> = BTreeMap::new();
        for (node, task) in (0..).map(NodeId).zip(&self.tasks).filter(|(_, task)| task.optional) {
            by_value.entry(task.value).or_default().push(node);
        }
        let mut times = BTreeMap::new();
        for (value, nodes) in by_value {
            let is_dropped = |node| self.task(node).optional && self.task(node).value < value;
            let ways = self.ways(backwards, |node, _| if is_dropped(node) { Duration::ZERO } else { own(node) });
            let mut after: Vec<Duration> = Vec::with_capacity(ways.len());
            for task in &self.tasks {
                // A group stands before its tasks.
                let around = task.parent.map_or(Duration::ZERO, |parent| after[parent.0 as usize]);
                after.push(longest(&ways, &task.needed_by).plus(around));
            }
            times.extend(nodes.into_iter().map(|node| (node, after[node.0 as usize])));
        }
        times
    }
}

fn sum(spans: impl Iterator<Item = Duration>) -> Duration {
    spans.fold(Duration::ZERO, Duration::plus)
}

fn longest(ways: &[Duration], from: &[NodeId]) -> Duration {
    from.iter().map(|node| ways[node.0 as usize]).max().unwrap_or_default()
}
