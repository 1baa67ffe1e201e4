//! Runs that are over, run again: as the driver does it, from their records.

use std::sync::Arc;

use agendum_types::graph::NodeId;
use agendum_types::{Graph, Principal, RunId, Tenant};

use super::{SAID, World, payload, run_id, run_name};
use crate::{Before, Event, Submission, Wish};

impl World {
    pub(super) fn again(&mut self, rest: &str) {
        let mut words = rest.split_whitespace();
        let (new, old) = (run_id(words.next().unwrap()), run_id(words.next().unwrap()));
        let graph = Arc::clone(&self.graphs[&old]);
        let node = |name: &str| {
            let place = graph.tasks.iter().position(|task| task.parent.is_none() && *task.name == *name);
            NodeId(u32::try_from(place.unwrap()).unwrap())
        };
        let (mut wish, mut parent) = (Wish::default(), None);
        for word in words {
            match word.split_once('=') {
                Some(("from", name)) => wish.from = Some(node(name)),
                Some(("parent", _)) => parent = super::child::parent(&format!("{word} ")).0,
                Some(("do", name)) => wish.again.push(node(name)),
                None if word == "other" => wish.other_inputs = true,
                None if word == "fork" => wish.is_fork = true,
                Some(("reads", name)) => drop(wish.touched.insert(node(name))),
                _ => panic!("a run that is run again knows no word {word:?}"),
            }
        }
        let mut before = Before::new(self.limits.clone());
        for entry in self.journal.iter().filter(|entry| entry.record.run() == Some(old)) {
            before.take(&graph, entry);
        }
        match before.take_over(new, &wish) {
            Ok(origin) => {
                self.graphs.insert(new, Arc::clone(&graph));
                let inputs = payload(if wish.other_inputs { 41 } else { 40 });
                let origin = Some(Arc::new(origin));
                let concurrency = before.submitted().and_then(|of| of.concurrency.clone());
                let of = submission(new, graph);
                self.event(Event::RunSubmitted(Box::new(Submission { inputs, origin, concurrency, parent, ..of })));
            }
            Err(refused) => self.line(format!("{SAID}{} is not taken over: {refused}", run_name(old))),
        }
    }
}

/// What is submitted where a scenario says nothing else.
pub(super) fn submission(run: RunId, graph: Arc<Graph>) -> Submission {
    Submission {
        run,
        tenant: Tenant::default(),
        principal: Principal::new("test"),
        graph,
        document: payload(0),
        inputs: payload(40),
        priority: None,
        deadline: None,
        budget: None,
        strict: false,
        key: None,
        origin: None,
        concurrency: None,
        parent: None,
    }
}
