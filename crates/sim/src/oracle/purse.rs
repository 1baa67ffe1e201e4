//! The budgets of loops: what is left of them, who waits for that, and the end of a loop that has run out in the middle of a round.

use agendum_types::{Money, RunId, TaskPath};

use super::Reference;
use super::place::{Left, Payer};
use super::state::{How, State, parent};

impl Reference {
    /// What is left of the budget of each loop around a task, the innermost first, and what would be if nothing were out. Every attempt
    /// that is out is looked at.
    pub(super) fn purses_of_loops(&self, id: RunId, path: &TaskPath) -> Vec<(Payer, Left, Left)> {
        let run = &self.runs[&id];
        let mut purses = Vec::new();
        // What takes an effect back is no part of the loop that had it.
        if run.task(path).is_compensation() {
            return purses;
        }
        let mut at = path.clone();
        while !at.0.is_empty() {
            let budget = run.task(&at).repeat.as_ref().and_then(|repeat| repeat.budget).filter(|_| run.is_loop(&at));
            if let Some(budget) = budget {
                let rounds = &run.tasks[&at].rounds;
                let money = budget.money.map_or(Money::MAX, |most| most.plus(rounds.raised.0)).minus(rounds.spent);
                let tokens =
                    budget.tokens.map_or(u64::MAX, |most| most + rounds.raised.1).saturating_sub(rounds.tokens);
                let running = run.running().map(|(of, running)| (of, running.hold, running.hold_tokens));
                let orphans = run.orphans.iter().map(|orphan| (&orphan.id.path, orphan.hold, orphan.hold_tokens));
                let inside = running.chain(orphans).filter(|(of, ..)| of.0.starts_with(&at.0));
                let held = inside.fold((Money::ZERO, 0), |sum, (_, money, tokens)| (sum.0.plus(money), sum.1 + tokens));
                let left = (money.minus(held.0), tokens.saturating_sub(held.1));
                purses.push((Payer::Loop(at.clone()), left, (money, tokens)));
            }
            at = parent(&at);
        }
        purses
    }

    /// What a loop holds has changed, or it was raised: those that wait for that try again.
    pub(super) fn has_money_again_in(&mut self, id: RunId, is_meant: impl Fn(&TaskPath) -> bool) {
        let waits = |state: &State| matches!(state, State::Broke(Some(of)) if is_meant(of));
        self.run(id).tasks.values_mut().filter(|inst| waits(&inst.state)).for_each(|inst| inst.state = State::Ready);
    }

    /// A round has failed: true if what made it fail could not be paid for out of its loop's budget, which then has run out.
    pub(super) fn ran_out(&mut self, id: RunId, path: &TaskPath, how: How) -> bool {
        let is_short = how == How::Failed && self.short.as_ref() == Some(&(id, path.clone()));
        let rounds = &mut self.run(id).inst(path).rounds;
        rounds.unpaid |= is_short;
        rounds.unpaid
    }
}
