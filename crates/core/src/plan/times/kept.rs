//! What attempts of the tasks of a graph took, over a restart.

use agendum_types::graph::NodeId;

use super::{CELLS_MAX, Sketches};
use crate::checkpoint::{GraphKept, TaskKept};
use crate::order::Service;
use crate::plan::{NodePlan, Plan};
use crate::share::mean_of;
use crate::sketch::Sketch;

impl Plan {
    /// Something is seen of this task.
    pub(super) fn shows(&mut self, node: NodeId) {
        let seen = &mut self.nodes[node.0 as usize].is_seen;
        if !std::mem::replace(seen, true) {
            self.seen.push(node);
        }
    }

    /// What was seen, if anything, if it is not more than so many tasks and histograms; with how many those are.
    pub(crate) fn kept(&self, most: usize) -> Option<(GraphKept, usize)> {
        let service = self.service.kept();
        if self.seen.is_empty() && service == Default::default() {
            return None;
        }
        let count = 1 + 2 * self.seen.len() + self.cells;
        let graph = self.graph.hash;
        let tasks = || self.seen.iter().map(|node| self.nodes[node.0 as usize].kept(*node)).collect();
        (count <= most).then(|| (GraphKept { graph, tasks: tasks(), service }, count))
    }

    /// What an earlier life has seen. Nothing was derived from it yet.
    pub(crate) fn remember(&mut self, kept: GraphKept) {
        *self.service = Service::remembered(&kept.service);
        for task in kept.tasks {
            let (node, index) = (task.node, task.node.0 as usize);
            if index < self.nodes.len() && !self.nodes[index].is_seen {
                let room = CELLS_MAX.saturating_sub(self.cells);
                self.nodes[index].remember(task, room);
                self.cells += self.nodes[index].sketches.as_ref().map_or(0, |sketches| sketches.by_size.len());
                self.shows(node);
            }
        }
    }
}

impl NodePlan {
    fn kept(&self, node: NodeId) -> TaskKept {
        let means = [self.observed, self.made, self.stood];
        let Some(Sketches { all, by_size }) = self.sketches.as_deref() else {
            return TaskKept { node, means, ..TaskKept::default() };
        };
        let by_size = by_size.iter().map(|(size, sketch)| (*size, sketch.kept())).collect();
        TaskKept { node, means, all: all.kept(), by_size }
    }

    fn remember(&mut self, kept: TaskKept, cells_max: usize) {
        [self.observed, self.made, self.stood] = kept.means.map(mean_of);
        if self.observed.0 > 0 {
            let by_size = kept.by_size.into_iter().take(cells_max);
            let by_size = by_size.map(|(size, sketch)| (size, Sketch::remembered(&sketch))).collect();
            self.sketches = Some(Box::new(Sketches { all: Sketch::remembered(&kept.all), by_size }));
        }
    }
}
