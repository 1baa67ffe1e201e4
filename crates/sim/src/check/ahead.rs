//! Tasks that ran ahead of their plan: they did nothing to the outside, and once their planner's attempt came to nothing, nothing more.

#![expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it speaks of; nothing else is its business")]

use std::collections::{BTreeMap, BTreeSet};

use agendum_core::{Change, Next, Record};
use agendum_types::graph::NodeId;
use agendum_types::{Effect, Graph, RunStatus, TaskPath};

/// What stands of the plans that are not read yet.
#[derive(Default)]
pub(super) struct Ahead {
    /// By task: whose plan it ran ahead of.
    given: BTreeMap<NodeId, NodeId>,
    withdrawn: BTreeSet<NodeId>,
}

impl Ahead {
    /// What is wrong with this record, if anything is. The graph is the run's behind it, and had so many tasks before.
    pub(super) fn take(&mut self, graph: &Graph, known: usize, record: &Record) -> Option<String> {
        match record {
            Record::TasksAhead { .. } => {
                let fresh = (0..).map(NodeId).zip(&graph.tasks).skip(known);
                self.given.extend(fresh.filter_map(|(node, task)| Some((node, task.ahead?.planner))));
                None
            }
            Record::TasksAdded { .. } => {
                let is_void = |node: &NodeId| graph.task(*node).ahead.is_some_and(|ahead| ahead.withdrawn);
                self.withdrawn.extend(self.given.keys().copied().filter(is_void));
                self.given.retain(|node, _| graph.task(*node).ahead.is_some() && !is_void(node));
                None
            }
            Record::Task { path, change, .. } => self.task(path, change),
            Record::Answered(answered) if answered.status == RunStatus::Succeeded && !self.given.is_empty() => {
                Some("it succeeded before a plan was read of which tasks had run".to_owned())
            }
            _ => None,
        }
    }

    fn task(&mut self, path: &TaskPath, change: &Change) -> Option<String> {
        let node = path.node().filter(|_| path.segments().len() == 1)?;
        if matches!(change, Change::Abandoned { .. }) {
            return None;
        }
        if self.withdrawn.contains(&node) {
            return Some(format!("{path:?} was withdrawn, and goes on"));
        }
        let next = match change {
            Change::Finished(finished) => Some(&finished.next),
            Change::Judged { next, .. } => Some(next),
            Change::Ended(ended) => Some(&ended.next),
            _ => None,
        };
        let goes_on = matches!(change, Change::Referenced { .. }) || next == Some(&Next::Judge);
        let of = match self.given.get(&node) {
            Some(planner) => matches!(next, Some(Next::Fail(_))).then_some(*planner),
            None => (!goes_on).then_some(node),
        };
        if let Some(planner) = of {
            let gone: Vec<NodeId> =
                self.given.iter().filter(|(_, of)| **of == planner).map(|(node, _)| *node).collect();
            self.given.retain(|_, of| *of != planner);
            self.withdrawn.extend(gone);
        }
        match change {
            Change::Dispatched(sent) if sent.effect != Effect::None && self.given.contains_key(&node) => {
                Some(format!("{path:?} ran ahead of its plan with an effect"))
            }
            _ => None,
        }
    }
}
