//! More money for a child run: what is set aside for it grows with its budget, by one decision.
//!
//! Its parent holds what it may spend. So the purses that pay for its task there have to cover what comes to that, and the record that
//! says so stands before the one that raises the child's budget: what a crash leaves is never more than what is set aside.

use std::sync::Arc;

use agendum_types::TaskPath;

use crate::afford::Hold;
use crate::board::Board;
use crate::child;
use crate::event::Raise;
use crate::inst::State;
use crate::purse::{Payer, Purse};
use crate::record::Raised;
use crate::rejected::Rejected;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Who names the task of a parent means the child run that it waits for.
    pub(crate) fn meant(&self, raise: Raise) -> Raise {
        let found = || {
            let slot = self.board.slot(raise.run)?;
            let path = self.board.plan(slot).graph.parse_path(raise.task.as_ref()?)?;
            self.board.run(slot).inst(self.board.find(slot, &path)?).child()
        };
        match found().filter(|_| !raise.refused) {
            Some(run) => Raise { run, task: None, ..raise },
            None => raise,
        }
    }

    /// What is set aside for this run by its parent, as it is to be raised before the run's own budget is; `None` for what is no child.
    pub(crate) fn raises_around(&self, slot: Slot, raise: &Raise) -> Result<Option<Raised>, Rejected> {
        let Some(of) = self.board.run(slot).parent.clone().filter(|_| raise.task.is_none() && !raise.refused) else {
            return Ok(None);
        };
        let Some(around) = self.board.slot(of.run) else { return Ok(None) };
        let (path, id) =
            self.place_of(around, &of.task).ok_or(Rejected::NotAwaited { run: raise.run, parent: of.run })?;
        let more = Hold { money: raise.money, tokens: raise.tokens, cap: None };
        let section = self.board.plan(around).task(self.board.run(around).inst(id).node).section;
        if let Some(short) = self.board.purses_of(around, id, section).find(|purse| !purse.covers(&more)) {
            return Err(self.is_short(around, raise, &short));
        }
        let (money, tokens, by) = (raise.money, raise.tokens, raise.by.clone());
        Ok(Some(Raised { run: of.run, path, money, tokens, by, refused: false }))
    }

    /// Whose budget does not cover it, and by how much.
    fn is_short(&self, around: Slot, raise: &Raise, short: &Purse) -> Rejected {
        let task = match short.payer {
            Payer::Loop(at) => Some(self.board.plan(around).graph.path_text(&self.board.run(around).path(at))),
            Payer::Run | Payer::Window(_) => None,
        };
        let (money, tokens) = (short.money_left(), short.tokens_left());
        let (left, lacks) = if raise.money > money {
            (money.to_string(), format!("--usd {}", raise.money.minus(money).dollars()))
        } else {
            (format!("{tokens} tokens"), format!("--tokens {}", raise.tokens.saturating_sub(tokens)))
        };
        let of = task.as_ref().map_or_else(String::new, |task| format!(" --task {task}"));
        let parent = self.board.run(around).id;
        let (task, left, raised) = (task.map(Into::into), left.into(), format!("{of} {lacks}").into());
        Rejected::SetAside { run: raise.run, parent, task, left, raise: raised }
    }

    /// Where a run waits for a child run now.
    fn place_of(&self, slot: Slot, task: &Arc<str>) -> Option<(TaskPath, InstId)> {
        let path = self.board.plan(slot).graph.parse_path(task)?;
        let id = self.board.find(slot, &path).filter(|id| self.board.run(slot).inst(*id).waits_for_child())?;
        Some((path, id))
    }
}

impl Board {
    /// More is set aside for a child run.
    pub(crate) fn holds_more(&mut self, slot: Slot, id: InstId, raised: &Raised) {
        let hold = (raised.money, raised.tokens);
        let State::Running(running) = &mut self.run_mut(slot).inst_mut(id).state else { return };
        if !child::is_target(&running.target) {
            return;
        }
        (running.hold, running.hold_tokens) = (running.hold.plus(hold.0), running.hold_tokens.saturating_add(hold.1));
        let run = self.run_mut(slot);
        (run.held, run.held_tokens) = (run.held.plus(hold.0), run.held_tokens.saturating_add(hold.1));
        self.hold_in_loops(slot, id, hold);
    }
}
