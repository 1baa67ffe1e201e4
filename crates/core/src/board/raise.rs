//! Budgets that were raised.

use crate::board::{Board, Todo};
use crate::inst::Body;
use crate::record::Raised;
use crate::run::Slot;

impl Board {
    /// What was refused is asked for again once the budget is raised.
    pub(super) fn raised(&mut self, slot: Slot, raised: &Raised) {
        if raised.path.segments().is_empty() {
            let run = self.run_mut(slot);
            run.refused = raised.refused;
            run.pleas.clear();
            if let Some(budget) = run.budget.as_deref_mut() {
                budget.money = budget.money.map(|money| money.plus(raised.money));
                budget.tokens = budget.tokens.map(|tokens| tokens.saturating_add(raised.tokens));
            }
            self.todo.push_back(Todo::Afford(slot));
            self.todo.push_back(Todo::Plea(slot));
            return;
        }
        let id = self.find(slot, &raised.path).expect("a record names a live task");
        if let Some(Body::Loop(repeat)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() {
            let (money, tokens) = repeat.raised;
            repeat.raised = (money.plus(raised.money), tokens.saturating_add(raised.tokens));
            self.todo.push_back(Todo::AffordIn(slot, id));
        } else {
            self.holds_more(slot, id, raised);
        }
    }
}
