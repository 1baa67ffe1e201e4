//! Attempts that ended, or gave a reference.

use std::sync::Arc;

use agendum_types::{AttemptId, Class, Effect, Failure, Outcome, Success};

use crate::inst::Running;
use crate::record::{Change, Finished, Next, Record};
use crate::run::{InstId, Slot};
use crate::scheduler::{Flight, Scheduler};

impl Scheduler {
    pub(crate) fn on_finished(&mut self, attempt: AttemptId, outcome: Outcome) {
        // An attempt of an earlier life, or one that was answered already: fenced off.
        let Some(flight) = self.flights.remove(&attempt) else {
            return;
        };
        self.targets.row_mut(flight.target).running -= 1;
        self.pause_target(&flight, &outcome);
        self.board.queue.wake(flight.target, self.now);
        let Some(slot) = self.board.slot(attempt.run) else {
            return;
        };
        match self.board.find(slot, &attempt.path).filter(|id| self.awaits(slot, *id, &attempt)) {
            Some(id) => self.finish(slot, id, &flight, outcome),
            None => self.abandon(slot, attempt, &flight, &outcome),
        }
    }

    fn awaits(&self, slot: Slot, id: InstId, attempt: &AttemptId) -> bool {
        let running = self.board.run(slot).inst(id).running();
        running.is_some_and(|running| running.attempt == attempt.attempt && running.incarnation == attempt.incarnation)
    }

    /// Takes the provider at its word: nothing more goes there before it said.
    fn pause_target(&mut self, flight: &Flight, outcome: &Outcome) {
        let Outcome::Failed(failure) = outcome else {
            return;
        };
        let Some(span) = failure.retry_after else {
            return;
        };
        if matches!(failure.class, Class::RateLimited | Class::Overloaded) {
            self.close_target(flight.target, self.now.after(span));
        }
    }

    fn abandon(&mut self, slot: Slot, attempt: AttemptId, flight: &Flight, outcome: &Outcome) {
        let change = Change::Abandoned {
            attempt: attempt.attempt,
            incarnation: attempt.incarnation,
            cost: flight.price.cost(outcome.usage()),
            tokens: outcome.usage().tokens(),
        };
        self.record_of(slot, Record::Task { run: attempt.run, path: attempt.path, change });
    }

    fn finish(&mut self, slot: Slot, id: InstId, flight: &Flight, outcome: Outcome) {
        let Some(running) = self.board.run(slot).inst(id).running().cloned() else {
            return;
        };
        let cost = flight.price.cost(outcome.usage());
        let (outcome, next) = match outcome {
            Outcome::Succeeded(success) => {
                let run = self.board.run(slot);
                let (plan, node) = (run.plan, run.inst(id).node);
                self.board.plans.get_mut(plan).observe(node, self.now.since(running.since));
                let next = if self.board.wants_judgement(slot, id) { Next::Judge } else { Next::Succeed };
                (Outcome::Succeeded(self.label(slot, id, success)), next)
            }
            Outcome::Failed(failure) => {
                let failure = certain(failure, &running);
                let may_repeat = running.effect != Effect::Once || failure.no_effect;
                let next = self.next_after(slot, id, &failure, may_repeat);
                (Outcome::Failed(failure), next)
            }
        };
        let finished = Finished { attempt: running.attempt, incarnation: running.incarnation, outcome, cost, next };
        self.record_task(slot, id, Change::Finished(Box::new(finished)));
    }

    /// The output carries the labels of the input.
    fn label(&self, slot: Slot, id: InstId, mut success: Success) -> Success {
        let input = self.board.run(slot).inst(id).input.as_deref().map(|input| &input.labels);
        success.output.labels = self.board.joined(slot, input);
        success
    }

    pub(crate) fn record_task(&mut self, slot: Slot, id: InstId, change: Change) {
        let run = self.board.run(slot);
        let record = Record::Task { run: run.id, path: run.path(id), change };
        self.record_of(slot, record);
    }

    pub(crate) fn on_referenced(&mut self, attempt: &AttemptId, reference: Arc<str>) {
        let Some(slot) = self.board.slot(attempt.run) else {
            return;
        };
        if let Some(id) = self.board.find(slot, &attempt.path).filter(|id| self.awaits(slot, *id, attempt)) {
            self.record_task(slot, id, Change::Referenced { reference });
        }
    }
}

/// A `once` attempt without a definite answer is uncertain, whatever the adapter calls it.
fn certain(failure: Failure, running: &Running) -> Failure {
    let definite = match failure.class {
        Class::Timeout | Class::Unavailable | Class::Overloaded | Class::Cancelled => failure.no_effect,
        Class::RateLimited
        | Class::InvalidOutput
        | Class::ContentBlocked
        | Class::Permanent
        | Class::PermissionDenied
        | Class::BudgetExceeded
        | Class::DeadlineExceeded
        | Class::Uncertain => true,
    };
    if running.effect != Effect::Once || definite {
        return failure;
    }
    let message =
        format!("no definite answer ({}: {}): the attempt may have taken effect", failure.class, failure.message);
    Failure {
        class: Class::Uncertain,
        ..Failure { message: Failure::new(Class::Uncertain, &message).message, ..failure }
    }
}
