//! People who are asked for money, and some who were not.

use std::sync::Arc;

use agendum_core::{Event, Raise};
use agendum_types::{Graph, Money, Principal, RunId, WaitFor};

use super::{Coming, World};

/// Microseconds in which whoever is asked has answered.
const ANSWERED: u64 = 100_000_000;

impl World {
    /// Something asks for money that has not asked before: somebody answers, some day; at the latest by a refusal.
    pub(super) fn asked_for_money(&mut self) {
        let (views, _) = self.core.waits(|_, wait| wait.of == WaitFor::Money, RunId(0).., usize::MAX);
        for view in views {
            if let Some(graph) = self.runs.get(&view.run) {
                self.checker.shown_to_ask(&view, graph);
            }
            if !self.pleas.insert((view.run, view.task.clone(), view.since)) {
                continue;
            }
            let at = if self.payers.hits(65) { 500_000 } else { ANSWERED };
            let span = self.payers.below(at);
            let budget = view.plea.expect("it says how much").budget;
            let refused = self.payers.hits(30);
            let money = budget.money.map_or(Money::ZERO, |_| Money::micro_dollars(self.payers.below(4_000)));
            let tokens = budget.tokens.map_or(0, |_| self.payers.below(400));
            self.raises(span, Raise { money, tokens, refused, ..raise(view.run) });
            self.raises(ANSWERED, Raise { refused: true, ..raise(view.run) });
        }
    }

    /// Now and then a budget is raised before anything asks, be it that of a loop, or one that there is not.
    pub(super) fn raised_early(&mut self, run: RunId, graph: &Graph) {
        let loops = graph.main.iter().map(|node| graph.task(*node)).filter(|task| task.repeat.is_some());
        let budgets = graph.budget.into_iter().map(|_| None).chain(loops.map(|task| Some(Arc::clone(&task.name))));
        for task in budgets.collect::<Vec<_>>() {
            if !self.payers.hits(30) {
                continue;
            }
            let (money, tokens) = (Money::micro_dollars(self.payers.below(3_000)), self.payers.below(300));
            let (money, tokens) = self.payers.of(&[(money, 0), (Money::ZERO, tokens), (money, tokens)]);
            let span = self.payers.below(300_000);
            let refused = self.payers.hits(5);
            self.raises(span, Raise { task, money, tokens, refused, ..raise(run) });
        }
    }

    fn raises(&mut self, span: u64, raise: Raise) {
        self.at(span, Coming::Told(Event::BudgetRaised(Box::new(raise))));
    }
}

fn raise(run: RunId) -> Raise {
    Raise { run, task: None, money: Money::ZERO, tokens: 0, by: Principal::new("payer"), refused: false }
}
