//! What the output of a task that adds others is read as.

use std::sync::Arc;

use agendum_testkit::script;

use super::{World, payload};
use crate::{Addition, Evaluate, Evaluation};

impl World {
    pub(super) fn plan(&mut self, asked: &Evaluate) -> Evaluation {
        let mut evaluation = Evaluation::default();
        if asked.plan.is_none() {
            return evaluation;
        }
        let name = self.graphs[&asked.run].path_text(&asked.path);
        let said = self.says.get(&(name, "plan".to_owned())).cloned().unwrap_or_else(|| "refused no plan".to_owned());
        if let Some(why) = said.strip_prefix("refused ") {
            evaluation.refused = Some(why.into());
            return evaluation;
        }
        let graph = Arc::new(script::graph(&said));
        self.learned.push(Arc::clone(&graph));
        if graph.tasks.len() > self.graphs[&asked.run].tasks.len() {
            self.graphs.insert(asked.run, Arc::clone(&graph));
        }
        evaluation.added = Some(Box::new(Addition { of: asked.graph.hash, graph, document: payload(0) }));
        evaluation
    }
}
