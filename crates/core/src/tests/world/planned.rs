//! What the output of a task that adds others is read as.

use std::sync::Arc;

use agendum_testkit::script;
use agendum_types::AttemptId;

use super::{World, payload};
use crate::{Addition, Evaluate, Evaluation, Event};

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

    /// Tasks join a run: a caller's, or those that an attempt writes.
    pub(super) fn grow(&mut self, word: &str, rest: &str) {
        if word == "add" { self.add(rest) } else { self.stream(rest) }
    }

    /// The attempt of this task that is out gives the first tasks of its plan: the run's graph with them.
    fn stream(&mut self, rest: &str) {
        let (name, text) = rest.split_once(' ').unwrap();
        let of_name = |attempt: &&AttemptId| self.graphs[&attempt.run].path_text(&attempt.path) == name;
        let attempt = self.flying.iter().rev().find(of_name).expect("an attempt of it is out").clone();
        let graph = Arc::new(script::graph(text));
        self.learned.push(Arc::clone(&graph));
        let of = self.graphs[&attempt.run].hash;
        let added = Addition { of, graph: Arc::clone(&graph), document: payload(0) };
        let before = self.lines.len();
        // Its graph is shown with what follows from it.
        let known = self.graphs.insert(attempt.run, graph);
        self.event(Event::TasksStreamed { attempt: attempt.clone(), added: Box::new(added) });
        let is_refused = self.lines[before..].iter().any(|line| line.contains("rejected"));
        if let Some(known) = known.filter(|_| is_refused) {
            self.graphs.insert(attempt.run, known);
        }
    }
}
