//! The order of tasks that ask for units of pools: schedules written down pass by pass, each time with everything added up anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{NodeId, Task, Work};
use agendum_types::{Duration, Graph};

use super::Reference;

/// What is said of each task.
type Said = BTreeMap<NodeId, u64>;

/// True if the tasks of this graph are weighed against each other.
pub(super) fn is_weighed(graph: &Graph, most: u32) -> bool {
    let mains = || graph.main.iter().map(|node| graph.task(*node));
    let is_call = |task: &Task| matches!(task.work, Work::Call(_));
    mains().all(is_call) && mains().any(|task| !task.resources.is_empty()) && graph.main.len() <= most as usize
}

/// The longest way from the start of a task along these.
fn way(graph: &Graph, own: &Said, along: fn(&Task) -> &[NodeId], node: NodeId) -> u64 {
    let ways = along(graph.task(node)).iter().map(|next| way(graph, own, along, *next));
    own[&node].saturating_add(ways.max().unwrap_or(0))
}

fn needs(task: &Task) -> &[NodeId] {
    &task.needs
}

fn needed_by(task: &Task) -> &[NodeId] {
    &task.needed_by
}

impl Reference {
    /// How each main task stands: twice the way to the end, and how long there is from its end to the end of two schedules of what follows.
    pub(super) fn ranks(&self, graph: &Graph, own: impl Fn(NodeId) -> Duration) -> BTreeMap<NodeId, Duration> {
        let own: Said = graph.main.iter().map(|node| (*node, own(*node).0)).collect();
        let each = |of: &dyn Fn(NodeId) -> u64| -> Said { own.keys().map(|node| (*node, of(*node))).collect() };
        let to_end = each(&|node| way(graph, &own, needed_by, node));
        let from_begin = each(&|node| way(graph, &own, needs, node) - own[&node]);
        let once = self.begins(graph, &own, (needed_by, -1), &from_begin);
        let first = each(&|node| to_end[&node].saturating_mul(2).saturating_add(once[&node]));
        let begins = self.begins(graph, &own, (needs, 1), &first);
        let again = self.begins(graph, &own, (needed_by, -1), &begins);
        let rank =
            |node: NodeId| to_end[&node].saturating_mul(2).saturating_add(once[&node]).saturating_add(again[&node]);
        own.keys().map(|node| (*node, Duration(rank(*node)))).collect()
    }

    /// When each begins, the greatest first, if each waits for these; of those that stand alike the first goes first, or with -1 the last.
    fn begins(
        &self,
        graph: &Graph,
        own: &Said,
        (waits_for, turn): (fn(&Task) -> &[NodeId], i64),
        ranks: &Said,
    ) -> Said {
        let place = |node: &NodeId| {
            (0..).zip(&graph.main).find(|(_, main)| *main == node).map(|(place, _): (i64, _)| place * turn)
        };
        let mut order: Vec<NodeId> = graph.main.clone();
        order.sort_by_key(|node| (Reverse(ranks[node]), place(node)));
        let (mut begins, mut out, mut done) = (Said::new(), Said::new(), BTreeSet::new());
        let mut now = 0;
        loop {
            for node in order.iter().filter(|node| waits_for(graph.task(**node)).iter().all(|need| done.contains(need)))
            {
                let asks = |of: &NodeId, pool: &str| -> u64 {
                    let needs = graph.task(*of).resources.iter().filter(|need| *need.pool == *pool);
                    needs.map(|need| u64::from(need.units).min(self.units(pool))).sum()
                };
                let fits = graph.task(*node).resources.iter().all(|need| {
                    out.keys().chain([node]).map(|of| asks(of, &need.pool)).sum::<u64>() <= self.units(&need.pool)
                });
                if !begins.contains_key(node) && fits {
                    begins.insert(*node, now);
                    out.insert(*node, now.saturating_add(own[node]));
                }
            }
            let Some(until) = out.values().min().copied() else { return begins };
            now = until;
            done.extend(out.iter().filter(|(_, end)| **end == now).map(|(node, _)| *node));
            out.retain(|_, end| *end != now);
        }
    }
}
