//! Tasks that ask for more than the budget of their run: told once, as long as they need the same and nobody has answered.

use agendum_core::Change;
use agendum_types::graph::OnExceeded;
use agendum_types::{Money, Plea, RunId, TaskPath};

use super::place::{OUTPUT_CAP_MIN, Purse};
use super::records::Checked;
use super::state::State;
use super::{Reference, ensure};

impl Reference {
    /// What an attempt needs at least, on the target that it would go to.
    fn needs(&self, id: RunId, path: &TaskPath, state: &State) -> Option<(Money, u64)> {
        let targets = match state {
            State::Queued(_, targets) => targets.clone(),
            // It has waited for the money of a window, which is there now.
            State::Short(_) => self.eligible(id, path)?,
            _ => return None,
        };
        let best = targets.into_iter().find(|target| self.goes_to(id, path, *target))?;
        let (with, wanted) = self.cases(id, path, best);
        let least = with(wanted.map(|cap| cap.min(OUTPUT_CAP_MIN as u32)));
        Some((least.money, least.tokens))
    }

    /// It was told that it asks for so much, and nobody has answered.
    pub(super) fn has_asked(&self, id: RunId, path: &TaskPath, state: &State) -> bool {
        let asked = self.runs[&id].tasks[path].asked;
        asked.is_some() && asked == self.needs(id, path, state)
    }

    /// Whatever else is told of a task, it asks no more; but for attempts that nobody awaited.
    pub(super) fn asks_no_more(&mut self, id: RunId, path: &TaskPath, change: &Change) {
        let goes_on = matches!(change, Change::Pleaded(_) | Change::Abandoned { .. });
        if let Some(inst) = self.run(id).tasks.get_mut(path).filter(|_| !goes_on) {
            inst.asked = None;
        }
    }

    pub(super) fn pleaded(&mut self, id: RunId, path: &TaskPath, said: &Plea) -> Checked {
        self.comes_up(id, path)?;
        let state = self.runs[&id].tasks[path].state.clone();
        let purse = self.purse(id, path);
        ensure(purse == Purse::Asks, &format!("it need not ask: {purse:?}"))?;
        ensure(!self.has_asked(id, path, &state), "it has asked for that before")?;
        let needs = self.needs(id, path, &state).ok_or("it could go nowhere")?;
        let run = &self.runs[&id];
        let budget = run.submitted.budget.ok_or("it has no budget")?;
        ensure(budget.on_exceeded == OnExceeded::Ask, "its budget does not ask")?;
        ensure((said.needs, said.needs_tokens) == needs && said.budget == budget, "it needs something else")?;
        let used = (run.spent.plus(run.held()), run.tokens + run.held_tokens());
        let left = budget.money.map_or(Money::MAX, |money| money.minus(used.0));
        let left_tokens = budget.tokens.map_or(u64::MAX, |tokens| tokens.saturating_sub(used.1));
        ensure((said.left, said.left_tokens) == (left, left_tokens), "something else is left")?;
        let inst = self.run(id).inst(path);
        (inst.state, inst.asked) = (State::Begs, Some(needs));
        Ok(())
    }
}
