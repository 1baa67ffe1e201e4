//! What earlier runs of the same graph took, as far as it tells what the next one will take.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Duration, Graph, Money};
use agendum_wire::v1::{Why, WhyNode};

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
    /// What the reasons behind earlier runs teach.
    pub(crate) fn of_runs(runs: &[Why]) -> Self {
        let mut tasks: BTreeMap<String, Learned> = BTreeMap::new();
        let mut medians: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mut spent: BTreeMap<&str, f64> = BTreeMap::new();
        // One that was cut off says nothing of how long it would have taken.
        let has_come_to_its_end = |node: &&WhyNode| node.statuses.contains_key("succeeded") && node.attempts > 0;
        for node in runs.iter().flat_map(|run| &run.nodes).filter(has_come_to_its_end) {
            let learned = tasks.entry(node.task.clone()).or_default();
            let idle = |word: &str| node.statuses.get(word).copied().unwrap_or_default();
            learned.runs += 1;
            learned.attempts += node.attempts;
            learned.instances += node.count.saturating_sub(idle("skipped") + idle("pruned"));
            medians.entry(&node.task).or_default().push((node.p50_ms * 1_000.0) as u64);
            *spent.entry(&node.task).or_default() += node.cost_usd;
        }
        for (task, learned) in &mut tasks {
            if let Some(medians) = medians.get_mut(task.as_str()) {
                medians.sort_unstable();
                learned.attempt = Duration::micros(medians[medians.len() / 2]);
            }
            let spent = spent.get(task.as_str()).copied().unwrap_or_default();
            learned.cost = Money::from_dollars(spent / learned.attempts as f64).unwrap_or_default();
        }
        Self { runs: u32::try_from(runs.len()).unwrap_or(u32::MAX), tasks }
    }

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

#[cfg(test)]
mod tests {
    use agendum_wire::v1::Why;
    use serde_json::json;

    use super::History;

    #[test]
    fn runs_teach_medians_means_and_how_often() {
        let run = |p50: f64, count: u64, skipped: u64, cost: f64| -> Why {
            serde_json::from_value(json!({
                "run": "", "sentence": "", "wall_ms": 0.0, "parts": [], "critical_path": [], "tasks": [], "nodes": [
                { "task": "polish/review", "count": count, "statuses": { "succeeded": count - skipped, "skipped": skipped },
                    "ready_ms": 0.0, "attempts": count - skipped, "ran_ms": 0.0, "p50_ms": p50, "p95_ms": 0.0, "max_ms": 0.0,
                    "parts": [], "cost_usd": cost, "tokens": 0 },
            ] }))
            .unwrap()
        };
        let history = History::of_runs(&[
            run(10.0, 2, 0, 0.002),
            run(500.0, 4, 1, 0.003),
            run(20.0, 1, 1, 0.0),
            run(30.0, 1, 0, 0.0),
        ]);
        insta::assert_debug_snapshot!(history, @r#"
        History {
            runs: 4,
            tasks: {
                "polish/review": Learned {
                    runs: 3,
                    attempts: 6,
                    attempt: Duration(
                        30000,
                    ),
                    cost: Money(
                        833333333,
                    ),
                    instances: 6,
                },
            },
        }
        "#);
        assert_eq!(history.tasks["polish/review"].instances_per_run(), 2);
    }
}
