//! Outputs that add tasks: read as the driver reads them, and some of them are wrong.

use std::sync::Arc;

use agendum_core::{Addition, Evaluate, Evaluation, Record};
use agendum_types::{Graph, Limits, PayloadRef};
use serde_json::json;

use super::World;
use super::answers::payload;
use crate::generate;

impl World {
    /// Reads the output of a task as further tasks of its run.
    pub(super) fn plan(&mut self, asked: &Evaluate, output: &PayloadRef, evaluation: &mut Evaluation) {
        if evaluation.truth == Some(true) {
            return;
        }
        let planner = asked.graph.path_text(&asked.path);
        let written = self.written.get(&(asked.run, asked.path.clone())).cloned();
        // Of outputs some are no plan, and some plan what may not be added.
        let plan = match (written, self.planners.below(10)) {
            (Some(written), _) => self.whole(written),
            (None, 0) => json!({ "text": "I cannot." }),
            (None, 1) => json!({ "tasks": { "more": { "uses": "http", "with": { "url": "http://localhost" } } } }),
            (None, _) => {
                let replaced = self.replaced(&asked.graph);
                generate::plan(&mut self.planners, &planner, &replaced)
            }
        };
        let Some(document) = self.documents.get(&asked.graph.hash) else {
            evaluation.refused = Some("the run has no document".into());
            return;
        };
        let read = agendum_spec::planned(document, &planner, &plan, (&output.labels, asked.ahead), &Limits::STANDARD);
        match read.expect("a document that was accepted") {
            Ok(accepted) => {
                let (of, graph) = (asked.graph.hash, Arc::clone(&accepted.graph));
                self.graphs.insert(graph.hash, Arc::clone(&graph));
                self.documents.insert(graph.hash, accepted.document);
                evaluation.added = Some(Box::new(Addition { of, graph, document: payload(output.size) }));
            }
            Err(refused) => evaluation.refused = Some(refused.into()),
        }
    }

    /// From this record on the run has another graph, if it says so.
    pub(super) fn joined(&mut self, record: &Record) {
        if let Some((run, graph, _)) = record.names_graph()
            && let Some(graph) = self.graphs.get(&graph)
        {
            self.runs.insert(run, Arc::clone(graph));
        }
    }

    /// A task with all that wait for it, started or not.
    fn replaced(&mut self, graph: &Graph) -> Vec<String> {
        if graph.main.is_empty() || self.planners.hits(50) {
            return Vec::new();
        }
        let node = self.planners.of(&graph.main);
        let all = graph.with_dependents([node]);
        let fresh =
            all.iter().map(|node| graph.task(*node)).filter(|task| task.replaced.is_none() && task.ahead.is_none());
        fresh.map(|task| task.name.to_string()).collect()
    }
}
