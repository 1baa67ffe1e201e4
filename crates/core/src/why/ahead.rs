//! Tasks that ran ahead of their plan: which of them the plan held, and which were withdrawn, and when. No record says it of each: it follows
//! from those of the planner, by the rules of `board/ahead.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::NodeId;
use agendum_types::{Graph, TaskPath, Timestamp};

use super::Reading;
use crate::record::{Change, Ended, Finished, Next};

/// What plans that are not read yet have given so far.
#[derive(Debug, Default)]
pub(super) struct Plans(BTreeMap<NodeId, Vec<NodeId>>);

impl Plans {
    /// The graph has grown, from this task on.
    pub(super) fn grow(&mut self, graph: &Graph, first: usize) {
        for (node, task) in (0..).map(NodeId).zip(&graph.tasks).skip(first) {
            if let Some(ahead) = task.ahead {
                self.0.entry(ahead.planner).or_default().push(node);
            }
        }
    }

    /// Those of plans that the graph holds by now which these do not hold.
    fn not_held(&mut self, graph: &Graph) -> Vec<NodeId> {
        let is_made = |planner: &NodeId| graph.task(*planner).adds.as_ref().is_some_and(|adds| adds.made);
        let made: Vec<NodeId> = self.0.keys().copied().filter(is_made).collect();
        let given = made.into_iter().filter_map(|planner| self.0.remove(&planner)).flatten();
        given.filter(|node| graph.task(*node).ahead.is_some()).collect()
    }

    /// Those that come to nothing with this record.
    fn in_vain(&mut self, path: &TaskPath, change: &Change) -> Vec<NodeId> {
        let Some(node) = path.node().filter(|_| path.segments().len() == 1 && !self.0.is_empty()) else {
            return Vec::new();
        };
        let planner = if self.0.contains_key(&node) {
            (!goes_on(change)).then_some(node)
        } else {
            let of = self.0.iter().find(|(_, given)| given.contains(&node));
            of.map(|(planner, _)| *planner).filter(|_| fails(change))
        };
        planner.and_then(|planner| self.0.remove(&planner)).unwrap_or_default()
    }
}

/// The attempt that gives the plan goes on with this, or its result is read.
fn goes_on(change: &Change) -> bool {
    match change {
        // The late end of an attempt before it is nothing to the one that gives the plan.
        Change::Referenced { .. } | Change::Abandoned { .. } => true,
        Change::Finished(finished) => finished.next == Next::Judge,
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Waited(_)
        | Change::Reminded
        | Change::Pleaded(_)
        | Change::Judged { .. }
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Ended(_)
        | Change::Resolved(_) => false,
    }
}

/// The task has failed for good with this.
fn fails(change: &Change) -> bool {
    match change {
        Change::Finished(finished) => {
            let Finished { next, .. } = &**finished;
            matches!(next, Next::Fail(_))
        }
        Change::Judged { next, .. } => matches!(next, Next::Fail(_)),
        Change::Ended(ended) => {
            let Ended { next, .. } = &**ended;
            matches!(next, Next::Fail(_))
        }
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Waited(_)
        | Change::Reminded
        | Change::Pleaded(_)
        | Change::Referenced { .. }
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Abandoned { .. }
        | Change::Resolved(_) => false,
    }
}

impl Reading {
    /// A plan is whole: what of it ran ahead is its own, or withdrawn.
    pub(super) fn read_plans(&mut self, graph: &Graph, at: Timestamp) {
        let void = self.ahead.not_held(graph);
        self.withdraw(graph, void, at);
    }

    /// What ran ahead of a plan whose attempt came to nothing is withdrawn.
    pub(super) fn read_vain(&mut self, graph: &Graph, path: &TaskPath, change: &Change, at: Timestamp) {
        let void = self.ahead.in_vain(path, change);
        self.withdraw(graph, void, at);
    }

    fn withdraw(&mut self, graph: &Graph, void: Vec<NodeId>, at: Timestamp) {
        for node in void {
            let Some(ahead) = graph.task(node).ahead else { continue };
            let planner = Arc::clone(&graph.task(ahead.planner).name);
            self.track(graph, &TaskPath::top(node)).withdrawn(planner, at);
        }
    }
}
