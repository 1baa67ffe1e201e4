//! A person decides about a budget: raises it, or refuses to.

use std::sync::Arc;

use agendum_types::{Money, TaskPath, WaitFor};

use crate::event::Raise;
use crate::inst::Body;
use crate::record::{Raised, Record};
use crate::rejected::Rejected;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// A budget is raised whether or not somebody asks; what is refused has been asked for. The windows of the tenant hold all the same.
    pub(crate) fn on_raised(&mut self, raise: Raise) -> Result<(), Rejected> {
        let raise = self.meant(raise);
        let slot = self.board.slot(raise.run).ok_or(Rejected::Over(raise.run))?;
        let run = self.board.run(slot);
        if run.is_answered() {
            return Err(Rejected::BudgetEnded(raise.run));
        }
        let path = if raise.refused { self.refuses(slot, &raise)? } else { self.raises(slot, &raise)? };
        if let Some(around) = self.raises_around(slot, &raise)? {
            let (parent, raised) = (around.run, Record::Raised(Box::new(around)));
            self.record_of(self.board.slot(parent).ok_or(Rejected::Over(parent))?, raised);
        }
        let Raise { run, money, tokens, by, refused, .. } = raise;
        let (money, tokens) = if refused { (Money::ZERO, 0) } else { (money, tokens) };
        self.record_of(slot, Record::Raised(Box::new(Raised { run, path, money, tokens, by, refused })));
        Ok(())
    }

    /// Only runs ask.
    fn refuses(&self, slot: Slot, raise: &Raise) -> Result<TaskPath, Rejected> {
        let run = self.board.run(slot);
        if let Some(task) = &raise.task {
            return Err(Rejected::NotWaiting { task: Arc::clone(task), of: WaitFor::Money });
        }
        if run.awaiting.values().any(|id| run.inst(*id).plea().is_some()) {
            return Ok(TaskPath::default());
        }
        Err(Rejected::NobodyWaits { run: run.id, of: WaitFor::Money })
    }

    /// Whose budget it is, if that has the limits that are raised.
    fn raises(&self, slot: Slot, raise: &Raise) -> Result<TaskPath, Rejected> {
        let run = self.board.run(slot);
        let (path, of, money, tokens) = match &raise.task {
            None => {
                let budget = run.budget.as_deref();
                let limits = (budget.and_then(|of| of.money), budget.and_then(|of| of.tokens));
                (TaskPath::default(), format!("run {}", run.id), limits.0, limits.1)
            }
            Some(task) => {
                let no_loop = || Rejected::NoLoop { task: Arc::clone(task) };
                let path = self.board.plan(slot).graph.parse_path(task).ok_or_else(no_loop)?;
                let id = self.board.find(slot, &path).ok_or_else(no_loop)?;
                let (money, tokens) = self.limits_of_loop(slot, id).ok_or_else(no_loop)?;
                (path, format!("task {task:?}"), money, tokens)
            }
        };
        if raise.money == Money::ZERO && raise.tokens == 0 {
            return Err(Rejected::RaisesNothing);
        }
        let missing = |what| Rejected::NoBudget { of: of.as_str().into(), what };
        if raise.money > Money::ZERO {
            let limit = money.ok_or_else(|| missing("money"))?;
            limit.0.checked_add(raise.money.0).ok_or(Rejected::RaisesTooMuch)?;
        }
        if raise.tokens > 0 {
            let limit = tokens.ok_or_else(|| missing("tokens"))?;
            limit.checked_add(raise.tokens).ok_or(Rejected::RaisesTooMuch)?;
        }
        Ok(path)
    }

    /// The limits of a loop that is under way, as they were raised.
    fn limits_of_loop(&self, slot: Slot, id: InstId) -> Option<(Option<Money>, Option<u64>)> {
        let inst = self.board.run(slot).inst(id);
        let Some(Body::Loop(repeat)) = inst.body.as_deref() else { return None };
        let budget = self.board.plan(slot).task(inst.node).repeat.as_ref()?.budget?;
        let money = budget.money.map(|money| money.plus(repeat.raised.0));
        Some((money, budget.tokens.map(|tokens| tokens.saturating_add(repeat.raised.1))))
    }
}
