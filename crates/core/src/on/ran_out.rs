//! Loops that end in the middle of a round: their time is over, or their budget does not cover what the round needs.

use agendum_types::graph::Exhausted;
use agendum_types::{Class, Failure, PayloadRef};

use crate::inst::Body;
use crate::record::{Change, NextRound};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// A round could not be paid for: what the rounds before it gave is used, as `on_exhausted` says.
    pub(crate) fn ran_out_in_a_round(&mut self, slot: Slot, id: InstId) {
        if self.board.run_if_live(slot).is_none() || !self.board.has_run_out(slot, id) {
            return;
        }
        let Some(Body::Loop(body)) = self.board.run(slot).inst(id).body.as_deref() else { return };
        let why = body.unpaid.as_deref().cloned().unwrap_or_else(|| Failure::new(Class::BudgetExceeded, ""));
        let message = format!("the loop's budget does not cover round {}: {}", body.round, why.message);
        let failure = Failure::new(Class::BudgetExceeded, &message).labelled(&why.labels);
        let next = match self.given_so_far(slot, id) {
            Some(output) => NextRound::Use { output: Box::new(output), unpaid: true },
            None => NextRound::Fail(self.rung_or_fail(slot, id, failure, true)),
        };
        self.record_task(slot, id, Change::RoundJudged { evaluation: Box::default(), next });
    }

    /// The output of the rounds that have ended that counts, if the loop ends now and `on_exhausted` uses any.
    pub(crate) fn given_so_far(&self, slot: Slot, id: InstId) -> Option<PayloadRef> {
        let inst = self.board.run(slot).inst(id);
        let Some(Body::Loop(body)) = inst.body.as_deref() else { return None };
        match self.board.plan(slot).task(inst.node).repeat.as_ref()?.exhausted {
            Exhausted::UseBest(_) => body.best.as_ref().map(|(_, output)| output.clone()),
            Exhausted::UseLast => body.last.clone(),
            Exhausted::Fail | Exhausted::Escalate(_) => None,
        }
    }
}
