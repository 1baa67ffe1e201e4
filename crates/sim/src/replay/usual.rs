//! What attempts and evaluations usually came to: for those that never happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Evaluation, Make, Purpose, Step};
use agendum_types::graph::NodeId;
use agendum_types::{Duration, Graph, Hash, Money, Outcome, Success, Target, Timestamp, Usage, Wait, WaitFor};

use super::past::{Life, Try};
use super::payload;

/// What one attempt took, gave and cost.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) took: Duration,
    pub(crate) usage: Usage,
    pub(crate) cost: Money,
    pub(crate) size: u64,
}

impl Sample {
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::Succeeded(Success { output: payload(self.size), usage: self.usage, raw_usage: None })
    }
}

/// By graph, task and target.
type Kind = (Arc<str>, Arc<str>, Arc<str>);

/// Samples of successes, and how loops went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usual {
    of_task: BTreeMap<Kind, Vec<Sample>>,
    /// By target.
    of_target: BTreeMap<Arc<str>, Vec<Sample>>,
    /// Tasks that were tried again, by graph, and whether the pauses before that are known.
    retried: BTreeMap<(Arc<str>, NodeId), bool>,
    /// Rounds of a loop, by graph and task.
    rounds: BTreeMap<(Arc<str>, NodeId), Vec<u32>>,
    /// Conditions that held, and all.
    held: BTreeMap<(Arc<str>, NodeId), (u32, u32)>,
    /// Items of a `foreach`.
    items: BTreeMap<(Arc<str>, NodeId), Vec<u32>>,
}

impl Usual {
    /// Of all that is known.
    pub(crate) fn of<'l>(lives: impl Iterator<Item = &'l Life>) -> Self {
        let mut usual = Self::default();
        lives.for_each(|life| usual.take(life));
        let sort = |samples: &mut Vec<Sample>| samples.sort_by_key(|sample| sample.took);
        usual.of_task.values_mut().for_each(sort);
        usual.of_target.values_mut().for_each(sort);
        usual.rounds.values_mut().for_each(|rounds| rounds.sort_unstable());
        usual.items.values_mut().for_each(|items| items.sort_unstable());
        usual
    }

    fn take(&mut self, life: &Life) {
        let name = &life.submitted.graph_name;
        let task = |node: NodeId| {
            let found = life.graphs.values().find_map(|graph| graph.tasks.get(node.0 as usize));
            found.map(|task| Arc::clone(&task.name))
        };
        for (node, plain) in &life.retried {
            let all = self.retried.entry((Arc::clone(name), *node)).or_insert(true);
            *all &= plain;
        }
        for ((path, _), of) in &life.tries {
            let Try { target, took: Some(took), outcome: Some(Outcome::Succeeded(success)), cost, .. } = of else {
                continue;
            };
            let sample = Sample { took: *took, usage: success.usage, cost: *cost, size: success.output.size };
            if let Some(task) = path.node().and_then(task) {
                let key = (Arc::clone(name), task, Arc::clone(target));
                self.of_task.entry(key).or_default().push(sample.clone());
            }
            self.of_target.entry(Arc::clone(target)).or_default().push(sample);
        }
        for ((path, step, number), (_, said)) in &life.said {
            let (Some(node), Ok(said)) = (path.node(), said) else { continue };
            let key = (Arc::clone(name), node);
            match step {
                Step::Enter if said.count.is_some() => {
                    self.items.entry(key).or_default().extend(said.count);
                }
                Step::Enter if said.truth.is_some() => {
                    let held = self.held.entry(key).or_default();
                    held.0 += u32::from(said.truth == Some(true));
                    held.1 += 1;
                }
                Step::Round if said.truth == Some(true) => self.rounds.entry(key).or_default().push(number + 1),
                Step::Enter | Step::Round | Step::Judge | Step::Compose | Step::Catch => {}
            }
        }
    }

    /// True if the pauses between attempts of a task are those of the record, and not drawn.
    pub(crate) fn pauses(&self, graph: &Graph, node: NodeId) -> bool {
        self.retried.get(&(Arc::clone(&graph.name), node)) == Some(&true)
    }

    /// The graph, in which no pause is drawn that is known: what failed says then how long it was.
    pub(crate) fn calmed(&self, graph: &Arc<Graph>) -> Arc<Graph> {
        let nodes = (0..graph.tasks.len()).filter_map(|node| u32::try_from(node).ok()).map(NodeId);
        let known: Vec<NodeId> = nodes.filter(|node| self.pauses(graph, *node)).collect();
        if known.is_empty() {
            return Arc::clone(graph);
        }
        let mut calmed = Graph::clone(graph);
        for node in known {
            let retry = &mut calmed.tasks[node.0 as usize].retry;
            (retry.initial_delay, retry.delay_max, retry.jitter) = (Duration::ZERO, Duration::ZERO, false);
        }
        Arc::new(calmed)
    }

    /// An attempt of this task on this target; of the target where the task was never there; what the target is said to take where nothing was.
    pub(crate) fn attempt(&self, graph: &Graph, node: NodeId, target: &Target) -> Sample {
        let task = Arc::clone(&graph.task(node).name);
        let of_task = self.of_task.get(&(Arc::clone(&graph.name), task, Arc::clone(&target.name)));
        let known = of_task.or_else(|| self.of_target.get(&target.name));
        known.and_then(|samples| samples.get(samples.len() / 2)).cloned().unwrap_or_else(|| {
            let usage = Usage { calls: 1, ..Usage::default() };
            Sample { took: target.expected, usage, cost: target.price.cost(&usage), size: 2 }
        })
    }

    /// An evaluation: results are good, loops end after as many rounds as usual, conditions hold where they mostly did.
    pub(crate) fn evaluation(
        &self,
        graph: &Graph,
        node: Option<NodeId>,
        make: &Make,
        number: u32,
        now: Timestamp,
    ) -> Evaluation {
        let mut said = Evaluation { payload: Some(payload(2)), ..Evaluation::default() };
        let Make::Values { exprs, .. } = make else { return said };
        let key = node.map(|node| (Arc::clone(&graph.name), node));
        let middle = |of: &[u32]| of.get(of.len() / 2).copied();
        for (purpose, _) in exprs {
            match purpose {
                Purpose::Condition => {
                    let held = key.as_ref().and_then(|key| self.held.get(key));
                    said.truth = Some(held.is_none_or(|(held, all)| 2 * held >= *all));
                }
                Purpose::Until => {
                    let rounds = key.as_ref().and_then(|key| self.rounds.get(key)).and_then(|of| middle(of));
                    said.truth = Some(number + 1 >= rounds.unwrap_or(1));
                }
                Purpose::Items => {
                    said.count = key.as_ref().and_then(|key| self.items.get(key)).and_then(|of| middle(of)).or(Some(0));
                }
                Purpose::Wait => said.wait = Some(Box::new(Wait { until: Some(now), ..Wait::new(WaitFor::Time) })),
                Purpose::NotBefore => said.time = Some(now),
                Purpose::FailIf => said.truth = Some(false),
                Purpose::GoodIf => said.good = Some(true),
                Purpose::Same => said.same = Some(Hash([u8::try_from(number % 250).unwrap_or(0); 32])),
                Purpose::Score => said.score = Some(0),
                Purpose::Input | Purpose::Output => {}
            }
        }
        said
    }
}
