//! People and programs outside: they answer what waits for them, early, late, twice, or somebody answers who is not asked.

use std::sync::Arc;

use agendum_core::{Addressee, Change, Entry, Event, Next, Record, Signal};
use agendum_types::graph::{OnUncertain, Work};
use agendum_types::{Graph, Principal, RunId, Wait, WaitFor};

use super::answers::payload;
use super::{Coming, World};

/// Names that signals have.
pub(crate) const NAMES: [&str; 2] = ["one", "two"];
/// Microseconds in which whoever is asked has answered.
const ANSWERED: u64 = 200_000_000;

impl World {
    /// A record may say that something waits for somebody.
    pub(super) fn waits_for_people(&mut self, entry: &Entry) {
        let Record::Task { run, path, change } = &entry.record else { return };
        let Some(graph) = self.runs.get(run).cloned() else { return };
        let doubt = Wait::new(WaitFor::Effect);
        let asks = || path.node().is_some_and(|node| graph.task(node).on_uncertain == OnUncertain::Ask);
        let wait = match change {
            Change::Entered(evaluation) => evaluation.wait.as_deref(),
            Change::Finished(finished) => Some(&doubt).filter(|_| matches!(finished.next, Next::Doubt(_)) && asks()),
            Change::Ended(ended) => Some(&doubt).filter(|_| matches!(ended.next, Next::Doubt(_)) && asks()),
            Change::Dispatched(_)
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Resolved(_)
            | Change::Waited(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Reused { .. }
            | Change::Cached(_)
            | Change::Abandoned { .. } => None,
        };
        if let Some(wait) = wait {
            let task = graph.path_text(path);
            self.asked(*run, &task, wait);
        }
    }

    /// Something waits: somebody answers, some day.
    pub(super) fn asked(&mut self, run: RunId, task: &str, wait: &Wait) {
        let at = if self.chance.hits(65) { 1_500_000 } else { ANSWERED };
        let span = self.chance.below(at);
        self.says(run, task, wait, span);
        if self.chance.hits(20) {
            let span = self.chance.below(at);
            self.says(run, task, wait, span);
        }
        // Who answers may not be heard, for a crash: they say it again.
        self.says(run, task, wait, ANSWERED);
    }

    fn says(&mut self, run: RunId, task: &str, wait: &Wait, span: u64) {
        let stranger = span < ANSWERED && self.chance.hits(15);
        let by = wait.who.first().filter(|_| !stranger).cloned().unwrap_or_else(|| Principal::new("somebody"));
        let decides = matches!(wait.of, WaitFor::Approval | WaitFor::Effect);
        let to = match &wait.name {
            Some(name) => Addressee::Named(wait.of, Arc::clone(name)),
            None if span < ANSWERED && self.chance.hits(30) => Addressee::Task(wait.of, None),
            None => Addressee::Task(wait.of, Some(Arc::from(task))),
        };
        let webhook = (wait.of == WaitFor::Webhook).then(|| Arc::from(self.chance.number().to_string()));
        // Of an effect whoever is asked may not know either.
        let knows = decides && !(wait.of == WaitFor::Effect && self.chance.hits(20));
        let approved = knows.then(|| self.chance.hits(70));
        let signal = Signal { run, to, payload: payload(self.chance.below(50)), by, approved, attempt: None, webhook };
        if wait.of != WaitFor::Time {
            self.at(span, Coming::Told(Event::Signalled(Box::new(signal))));
        }
    }

    /// What is sent before anybody knows whether something waits for it.
    pub(super) fn sent_early(&mut self, run: RunId, graph: &Graph) {
        let waits = |task: &agendum_types::graph::Task| matches!(&task.work, Work::Call(call) if !call.capability.has_targets());
        for _ in graph.tasks.iter().filter(|task| waits(task)) {
            if self.chance.hits(50) {
                continue;
            }
            let webhook = self.chance.hits(50);
            let of = if webhook { WaitFor::Webhook } else { WaitFor::Signal };
            let signal = Signal {
                run,
                to: Addressee::Named(of, Arc::from(self.chance.of(&NAMES))),
                payload: payload(self.chance.below(50)),
                by: Principal::new("early"),
                approved: None,
                attempt: None,
                // Now and then the same again.
                webhook: webhook.then(|| Arc::from(self.chance.below(3).to_string())),
            };
            let span = self.chance.below(1_500_000);
            self.at(span, Coming::Told(Event::Signalled(Box::new(signal))));
        }
    }

    /// A new life: whoever is asked still is.
    pub(super) fn asked_still(&mut self) {
        for view in self.core.waits(|_, wait| wait.of != WaitFor::Money, RunId(0).., usize::MAX).0 {
            self.asked(view.run, &view.task, &view.wait);
        }
    }
}
