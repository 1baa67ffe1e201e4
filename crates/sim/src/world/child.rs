//! Child runs, of which the world knows only what they come to: when, with what, and for how much.

use std::sync::Arc;

use agendum_core::{Dispatch, Event, Raise, Submission};
use agendum_types::graph::{Budget, Call, Work};
use agendum_types::{AttemptId, Money, Outcome, Parent, Partition, Principal, RunId, Usage};

use super::{Coming, World, payload};
use crate::chance::Chance;

/// Runs inside runs at most: each may have more inside it.
const INSIDE_MAX: usize = 3;

impl World {
    /// One of this life, or one that is out since an earlier one. It mostly tells of itself at once, and comes to something some time later.
    pub(super) fn begin_child(&mut self, dispatch: Dispatch) {
        let (span, outcome) = self.outcome(&dispatch);
        let attempt = dispatch.attempt.clone();
        let graph = Arc::clone(&dispatch.graph);
        let Work::Call(call) = &graph.task(dispatch.node).work else { return };
        let inside = self.begin_inside(&dispatch, call, span);
        if self.chance.hits(80) {
            let run = inside.map_or_else(|| "child".to_owned(), |run| run.to_string());
            let event = Event::AttemptReferenced { attempt: attempt.clone(), reference: Arc::from(run) };
            self.at(span / 3, Coming::Core(event));
        }
        let event = self.child_ended(attempt.clone(), outcome, call.child.as_ref().and_then(|child| child.budget()));
        let number = self.at(span, Coming::Core(event));
        self.flying.insert(attempt, number);
    }

    /// Now and then there is a run inside it indeed: with its parent that shares what is set aside, and nothing else. By dice of their own.
    fn begin_inside(&mut self, dispatch: &Dispatch, call: &Call, span: u64) -> Option<RunId> {
        let (attempt, child) = (&dispatch.attempt, call.child.as_ref()?);
        let task: Arc<str> = dispatch.graph.path_text(&attempt.path).into();
        let place = (attempt.run, Arc::clone(&task));
        let known = self.inside.get(&place).copied();
        let is_over = dispatch.child.as_ref().is_some_and(|child| child.is_over);
        let mut dice = Chance::new(self.now.0 ^ attempt.run.0 as u64 ^ ((self.inside.len() as u64) << 40));
        if known.is_some() || is_over || self.inside.len() >= INSIDE_MAX || !dice.hits(50) {
            return known;
        }
        let run = RunId::compose(self.now, Partition(1), u128::from(dice.number()));
        self.inside.insert(place, run);
        self.grew(run, &child.graph);
        let budget = child.budget();
        let submission = Submission {
            run,
            tenant: self.tenant_of(attempt.run),
            principal: Principal::new("sim"),
            graph: Arc::clone(&child.graph),
            document: payload(1),
            inputs: payload(2),
            priority: None,
            deadline: None,
            budget,
            strict: dice.hits(20),
            key: None,
            origin: None,
            concurrency: None,
            parent: Some(Arc::new(Parent { run: attempt.run, task: Arc::clone(&task) })),
        };
        self.at(1, Coming::Core(Event::RunSubmitted(Box::new(submission))));
        for _ in 0..budget.map_or(0, |_| 4) {
            let (money, tokens) = (Money::micro_dollars(dice.below(800)), dice.below(100));
            let (money, tokens) = dice.of(&[(money, 0), (Money::ZERO, tokens), (money, tokens)]);
            let (of, task) = if dice.hits(50) { (attempt.run, Some(Arc::clone(&task))) } else { (run, None) };
            let by = Principal::new("payer");
            let raise = Raise { run: of, task, money, tokens, by, refused: false };
            let early = dice.below(2 * span);
            self.at(early, Coming::Told(Event::BudgetRaised(Box::new(raise))));
        }
        Some(run)
    }

    /// What it has spent lies within what it may spend, but for now and then: a bill may be above what was set aside.
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
