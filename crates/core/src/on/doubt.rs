//! Attempts that may have taken effect: what is decided once somebody found out.

use agendum_types::graph::OnUncertain;
use agendum_types::{Class, Failure, PayloadRef, Principal};

use crate::inst::State;
use crate::record::{Change, Next, Resolved};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// What follows on an attempt that may have taken effect.
    pub(crate) fn next_in_doubt(&self, slot: Slot, id: InstId, failure: Failure) -> Next {
        let run = self.board.run(slot);
        match self.board.plan(slot).task(run.inst(id).node).on_uncertain {
            OnUncertain::Fail => self.rung_or_fail(slot, id, failure, true),
            OnUncertain::Ask | OnUncertain::Check { .. } => Next::Doubt(Box::new(failure)),
        }
    }

    /// The check of a task has ended.
    pub(crate) fn checked(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else {
            return;
        };
        let inst = run.inst(id);
        if let State::Checked(happened) = inst.state {
            let output = inst.output.as_deref().cloned();
            self.resolve(slot, id, happened, output, None);
        }
    }

    /// A person told.
    pub(crate) fn told(&mut self, slot: Slot, id: InstId, happened: Option<bool>, output: PayloadRef, by: Principal) {
        let input = self.board.run(slot).inst(id).input.as_deref().map(|input| &input.labels);
        let labels = self.board.joined(slot, input.into_iter().chain([&output.labels]));
        let output = PayloadRef { labels, ..output };
        self.resolve(slot, id, happened, Some(output).filter(|_| happened == Some(true)), Some(by));
    }

    fn resolve(
        &mut self,
        slot: Slot,
        id: InstId,
        happened: Option<bool>,
        output: Option<PayloadRef>,
        by: Option<Principal>,
    ) {
        let failure = self.board.run(slot).inst(id).failure.as_deref().cloned();
        let failure = failure.unwrap_or_else(|| Failure::new(Class::Uncertain, ""));
        let next = match happened {
            Some(true) if self.board.wants_judgement(slot, id) => Next::Judge,
            Some(true) => Next::Succeed,
            // The proof that it may be repeated; how often says `retry`.
            Some(false) => {
                let message = format!("it was found to have had no effect: {}", failure.message);
                let said = Failure::new(Class::Unavailable, &message).labelled(&failure.labels);
                self.next_after(slot, id, &said.without_effect(), true)
            }
            None => self.rung_or_fail(slot, id, failure, true),
        };
        self.record_task(slot, id, Change::Resolved(Box::new(Resolved { happened, output, by, next })));
    }
}
