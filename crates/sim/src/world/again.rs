//! Runs that are over and are run again, as they were or with other inputs.

use std::sync::Arc;

use agendum_core::{Before, Event, NotTaken, Submission, Wish};
use agendum_types::graph::NodeId;
use agendum_types::{Partition, Principal, RunId};

use super::{World, payload};
use crate::chance::Chance;

impl World {
    /// As the driver does it: from the records of the run. Who is refused for an effect asks for it by name, now and then.
    pub(super) fn again(&mut self, old: RunId) {
        let mut before = Before::new(self.limits.clone());
        let entries: Vec<_> = self.journal.iter().filter(|entry| entry.record.run() == Some(old)).cloned().collect();
        let mut known = None;
        for entry in &entries {
            if let Some((_, hash, _)) = entry.record.names_graph() {
                known = self.graphs.get(&hash).cloned();
            }
            let Some(known) = &known else { return };
            before.take(known, entry);
        }
        let Some(graph) = known else { return };
        let Some(submitted) = before.submitted().cloned() else { return };
        let tops: Vec<NodeId> = graph.main.clone();
        let mut one = |percent: u64| (!tops.is_empty() && self.chance.hits(percent)).then(|| self.chance.of(&tops));
        let (from, again) = (one(30), one(10).into_iter().collect());
        let mut wish = Wish { from, again, other_inputs: self.chance.hits(40), ..Wish::default() };
        // What reads other inputs has dice of its own.
        let mut dice = Chance::new(self.now.0 ^ 0x666F_726B);
        wish.touched = tops.iter().copied().filter(|_| wish.other_inputs && dice.hits(40)).collect();
        wish.is_fork = before.has_succeeded() && dice.hits(40);
        let new = RunId::compose(self.now, Partition(1), u128::from(self.chance.number()));
        let origin = loop {
            match before.take_over(new, &wish) {
                Ok(origin) => break origin,
                Err(NotTaken::Effect { task, .. }) if self.chance.hits(60) => {
                    let node = graph.tasks.iter().position(|one| one.parent.is_none() && one.name == task);
                    let Some(node) = node.and_then(|node| u32::try_from(node).ok()) else { return };
                    wish.again.push(NodeId(node));
                }
                Err(_) => return,
            }
        };
        // What a task had planned is there: it does not plan anew.
        let mut planners =
            (0..).map(NodeId).zip(&graph.tasks).filter(|(_, task)| task.adds.as_ref().is_some_and(|adds| adds.made));
        if planners.any(|(node, _)| wish.other_inputs || origin.given(node).is_none()) {
            return;
        }
        // How a run ends is told by each run.
        let closing = graph.on_failure.iter().chain(&graph.finally).copied();
        self.checker.taken_over(new, old, &wish.again.iter().copied().chain(closing).collect::<Vec<_>>());
        self.runs.insert(new, Arc::clone(&graph));
        let inputs = if wish.other_inputs { payload(3) } else { submitted.inputs.clone() };
        let strict = self.chance.hits(20);
        self.tell(Event::RunSubmitted(Box::new(Submission {
            run: new,
            tenant: self.tenant_of(old),
            principal: Principal::new("sim"),
            graph,
            document: payload(1),
            inputs,
            priority: None,
            deadline: None,
            budget: None,
            strict,
            key: None,
            origin: Some(Arc::new(origin)),
            concurrency: submitted.concurrency,
            parent: None,
        })));
    }
}
