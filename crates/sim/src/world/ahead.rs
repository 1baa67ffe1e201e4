//! Plans that come piece by piece while their attempt is out, and what the whole says in the end.

use std::sync::Arc;

use agendum_core::{Addition, Dispatch, Event};
use agendum_types::{AttemptId, Limits};
use serde_json::{Value as Json, json};

use super::answers::payload;
use super::{Coming, World};
use crate::generate;

impl World {
    /// The attempt of a task that adds others may write its plan before it ends, a task after the other.
    pub(super) fn writes(&mut self, dispatch: &Dispatch, span: u64) {
        let task = dispatch.graph.task(dispatch.node);
        if !self.streams || task.adds.as_ref().is_none_or(|adds| adds.made) || self.streamers.hits(20) {
            return;
        }
        let attempt = &dispatch.attempt;
        let plan = generate::streamed(&mut self.streamers, &dispatch.graph.path_text(&attempt.path));
        let tasks = plan["tasks"].as_object().cloned().unwrap_or_default();
        let (mut at, step) = (0, span / (tasks.len() as u64 + 1) + 1);
        for (name, task) in tasks {
            at += self.streamers.below(step);
            let mut piece = json!({});
            piece[name] = task;
            self.at(at, Coming::Piece(attempt.clone(), piece));
        }
        self.written.insert((attempt.run, attempt.path.clone()), plan);
    }

    /// Some of it is there.
    pub(super) fn piece(&mut self, attempt: AttemptId, tasks: &Json) {
        let Some(graph) = self.runs.get(&attempt.run).cloned() else { return };
        let Some(document) = self.documents.get(&graph.hash) else { return };
        let planner = graph.path_text(&attempt.path);
        let read = agendum_spec::planned_ahead(document, &planner, &tasks.to_string(), &Limits::STANDARD);
        let Some(accepted) = read.expect("a document that was accepted") else { return };
        self.graphs.insert(accepted.graph.hash, Arc::clone(&accepted.graph));
        self.documents.insert(accepted.graph.hash, accepted.document);
        let added = Box::new(Addition { of: graph.hash, graph: accepted.graph, document: payload(1) });
        self.tell(Event::TasksStreamed { attempt, added });
    }

    /// What the attempt that wrote its plan so gives in the end: that, or something else.
    pub(super) fn whole(&mut self, mut plan: Json) -> Json {
        let first = plan["tasks"].as_object().and_then(|tasks| tasks.keys().next().cloned());
        match (self.streamers.below(10), first) {
            (0, _) => json!({ "text": "I cannot." }),
            (6, _) => json!({ "tasks": {} }),
            (1 | 2, Some(first)) => {
                plan["tasks"][first]["delay"] = json!("1ms");
                plan
            }
            (3, Some(first)) => {
                if let Some(tasks) = plan["tasks"].as_object_mut().filter(|tasks| tasks.len() > 1) {
                    tasks.remove(&first);
                }
                plan
            }
            (4 | 5, Some(first)) => {
                plan["tasks"][format!("{first}z")] = json!({ "uses": "chat", "with": { "prompt": "more" } });
                plan
            }
            _ => plan,
        }
    }
}
