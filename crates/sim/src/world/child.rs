//! Child runs, of which the world knows only what they come to: when, with what, and for how much.

use std::sync::Arc;

use agendum_core::{Dispatch, Event};
use agendum_types::graph::{Budget, Work};
use agendum_types::{AttemptId, Money, Outcome, Usage};

use super::{Coming, World};

impl World {
    /// One of this life, or one that is out since an earlier one. It mostly tells of itself at once, and comes to something some time later.
    pub(super) fn begin_child(&mut self, dispatch: Dispatch) {
        let (span, outcome) = self.outcome(&dispatch);
        let attempt = dispatch.attempt.clone();
        if self.chance.hits(80) {
            let event = Event::AttemptReferenced { attempt: attempt.clone(), reference: Arc::from("child") };
            self.at(span / 3, Coming::Core(event));
        }
        let Work::Call(call) = &dispatch.graph.task(dispatch.node).work else { return };
        let event = self.child_ended(attempt.clone(), outcome, call.child.as_ref().and_then(|child| child.budget()));
        let number = self.at(span, Coming::Core(event));
        self.flying.insert(attempt, number);
    }

    /// What it has spent lies within what it may spend, but for now and then: what comes after its answer knows no budget.
    fn child_ended(&mut self, attempt: AttemptId, mut outcome: Outcome, budget: Option<Budget>) -> Event {
        let part = self.payers.below(120);
        let of = |most: u64| (u128::from(most) * u128::from(part) / 100) as u64;
        let spent = Money(of(budget.and_then(|budget| budget.money).unwrap_or(Money(1_000_000)).0));
        let tokens = of(budget.and_then(|budget| budget.tokens).unwrap_or(50));
        let usage = Usage { tokens_in: tokens, calls: 1, ..Usage::default() };
        match &mut outcome {
            Outcome::Succeeded(success) => success.usage = usage,
            Outcome::Failed(failure) => failure.usage = usage,
        }
        let degraded = self.payers.hits(20);
        self.tells_of_its_own(&mut outcome);
        Event::ChildEnded { attempt, outcome, spent, degraded }
    }

    /// An attempt was told to stop: a child run ends all the same, and says what it has cost.
    pub(super) fn stopped(&mut self, attempt: AttemptId, outcome: Outcome) -> Event {
        let graph = &self.runs[&attempt.run];
        let work = attempt.path.node().and_then(|node| graph.tasks.get(node.0 as usize)).map(|task| &task.work);
        match work {
            Some(Work::Call(call)) if call.child.is_some() => {
                let budget = call.child.as_ref().and_then(|child| child.budget());
                self.child_ended(attempt, outcome, budget)
            }
            _ => Event::AttemptFinished { attempt, outcome },
        }
    }
}
