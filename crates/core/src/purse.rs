//! What pays for an attempt: the budgets of the loops around it and of its run, and the windows of its tenant. Each of them covers its
//! worst case, or it is not made.
//!
//! A loop whose budget does not cover an attempt is waited for while what it holds would do. Else it has run out: the task fails, and a
//! round that fails with it is the loop's last.

use agendum_types::graph::{Budget, Section};
use agendum_types::{Money, Window};

use crate::afford::{Hold, Uncovered};
use crate::board::{Board, Todo};
use crate::inst::{Body, Inst, Loop, State};
use crate::record::End;
use crate::run::{InstId, Run, Slot};
use crate::scheduler::Scheduler;

/// Who pays for an attempt, together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payer {
    /// A loop around it that has a budget.
    Loop(InstId),
    /// Its run.
    Run,
    /// Its tenant, in this window.
    Window(Window),
}

/// What a payer has to give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purse {
    pub(crate) payer: Payer,
    pub(crate) money: Option<Money>,
    pub(crate) tokens: Option<u64>,
    /// Money and tokens that are gone.
    pub(crate) spent: (Money, u64),
    /// What attempts that are out may yet cost.
    pub(crate) held: (Money, u64),
}

impl Purse {
    pub(crate) fn money_left(&self) -> Money {
        self.money.unwrap_or(Money::MAX).minus(self.spent.0.plus(self.held.0))
    }

    pub(crate) fn tokens_left(&self) -> u64 {
        self.tokens.unwrap_or(u64::MAX).saturating_sub(self.spent.1.saturating_add(self.held.1))
    }

    pub(crate) fn covers(&self, hold: &Hold) -> bool {
        hold.money <= self.money_left() && hold.tokens <= self.tokens_left()
    }

    /// True if it would cover it if all that it holds came back.
    pub(crate) fn would_do(&self, hold: &Hold) -> bool {
        Self { held: (Money::ZERO, 0), ..*self }.covers(hold)
    }

    /// True if it would cover it with nothing spent.
    pub(crate) fn could_cover(&self, hold: &Hold) -> bool {
        Self { spent: (Money::ZERO, 0), ..*self }.would_do(hold)
    }

    fn of_loop(payer: InstId, body: &Loop, budget: Budget) -> Self {
        let (money, tokens) = body.raised;
        Self {
            payer: Payer::Loop(payer),
            money: budget.money.map(|most| most.plus(money)),
            tokens: budget.tokens.map(|most| most.saturating_add(tokens)),
            spent: (body.spent, body.tokens),
            held: body.held,
        }
    }

    fn of_run(run: &Run, budget: &Budget) -> Self {
        Self {
            payer: Payer::Run,
            money: budget.money,
            tokens: budget.tokens,
            spent: (run.spent, run.tokens),
            held: (run.held, run.held_tokens),
        }
    }
}

impl Board {
    /// The budgets of the loops around a task, the innermost first, as they stand.
    pub(crate) fn purses_of_loops(&self, slot: Slot, id: InstId) -> impl Iterator<Item = Purse> {
        let (run, plan) = (self.run(slot), self.plan(slot));
        let first = Some(id).filter(|id| plan.has_loop_budget && *id != InstId::TOP);
        let around =
            std::iter::successors(first, |at| Some(run.inst(*at).parent).filter(|parent| *parent != InstId::TOP));
        around.filter_map(|at| {
            let inst = run.inst(at);
            let Some(Body::Loop(body)) = inst.body.as_deref() else { return None };
            Some(Purse::of_loop(at, body, plan.task(inst.node).repeat.as_ref()?.budget?))
        })
    }

    /// The budget of its run.
    pub(crate) fn purse_of_run(&self, slot: Slot) -> Option<Purse> {
        let run = self.run(slot);
        run.budget.as_deref().map(|budget| Purse::of_run(run, budget))
    }

    /// The budgets that pay for a task, the innermost first: that of its run ends with the answer.
    pub(crate) fn purses_of(&self, slot: Slot, id: InstId, section: Section) -> impl Iterator<Item = Purse> {
        let of_run = self.purse_of_run(slot).filter(|_| section == Section::Main);
        self.purses_of_loops(slot, id).chain(of_run)
    }

    /// A task waits for what this loop holds.
    pub(crate) fn waits_in(&mut self, slot: Slot, id: InstId, of: InstId) {
        if let Some(Body::Loop(body)) = self.run_mut(slot).inst_mut(of).body.as_deref_mut() {
            body.broke.push(id);
        }
    }

    /// Every loop around an attempt holds what that may cost.
    pub(crate) fn hold_in_loops(&mut self, slot: Slot, id: InstId, hold: (Money, u64)) {
        self.each_loop_around(slot, id, |_, body| {
            body.held = (body.held.0.plus(hold.0), body.held.1.saturating_add(hold.1));
        });
    }

    /// Of every loop around an attempt, what that held goes.
    pub(crate) fn release_in_loops(&mut self, slot: Slot, id: InstId, hold: (Money, u64)) {
        self.each_loop_around(slot, id, |_, body| body.release(hold));
    }

    /// Every loop around an attempt has spent what that cost. Whoever waits for what one of them holds may go on, or never will.
    pub(crate) fn book_in_loops(&mut self, slot: Slot, id: InstId, hold: (Money, u64), cost: (Money, u64)) {
        let mut waited_for = Vec::new();
        self.each_loop_around(slot, id, |at, body| {
            body.release(hold);
            body.spent = body.spent.plus(cost.0);
            body.tokens = body.tokens.saturating_add(cost.1);
            if !body.broke.is_empty() {
                waited_for.push(Todo::AffordIn(slot, at));
            }
        });
        self.todo.extend(waited_for);
    }

    fn each_loop_around(&mut self, slot: Slot, id: InstId, mut change: impl FnMut(InstId, &mut Loop)) {
        if !self.plan(slot).has_loop_budget {
            return;
        }
        let run = self.run_mut(slot);
        let mut at = id;
        while at != InstId::TOP {
            let inst = run.inst_mut(at);
            if let Some(Body::Loop(body)) = inst.body.as_deref_mut() {
                change(at, body);
            }
            at = inst.parent;
        }
    }

    /// A loop has run out in the middle of a round, which failed for that: what follows is to be decided.
    pub(crate) fn run_out(&mut self, slot: Slot, id: InstId, failure: agendum_types::Failure) {
        if let Some(Body::Loop(body)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() {
            body.unpaid = Some(Box::new(failure));
            self.todo.push_back(Todo::RanOut(slot, id));
        }
    }

    /// True if nobody has decided yet what follows on that.
    pub(crate) fn has_run_out(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let is_unpaid = matches!(inst.body.as_deref(), Some(Body::Loop(body)) if body.unpaid.is_some());
        is_unpaid && matches!(inst.state, State::Open)
    }
}

impl Inst {
    /// True if it waits for what others of its run hold.
    pub(crate) fn waits_for_run(&self) -> bool {
        matches!(&self.state, State::Broke(broke) if broke.of == Payer::Run)
    }

    /// The loop that it waits for, which holds the money.
    pub(crate) fn waits_for_loop(&self) -> Option<InstId> {
        let State::Broke(broke) = &self.state else { return None };
        if let Payer::Loop(of) = broke.of { Some(of) } else { None }
    }
}

impl Loop {
    fn release(&mut self, hold: (Money, u64)) {
        self.held = (self.held.0.minus(hold.0), self.held.1.saturating_sub(hold.1));
    }
}

impl Scheduler {
    /// A loop has run out: its task takes the next rung that catches this, or fails.
    pub(crate) fn unpaid_in(&mut self, slot: Slot, id: InstId, of: InstId, uncovered: &Uncovered) {
        let failure = self.unaffordable(slot, uncovered, Some(of));
        let next = self.rung_or_fail(slot, id, failure, false);
        let short = self.board.run(slot).path(of);
        self.end_for(slot, id, (End::Unaffordable, next), Some(short));
    }

    /// What a loop holds has changed, or it was raised: those that waited for that try again, in their order.
    pub(crate) fn afford_in(&mut self, slot: Slot, of: InstId) {
        if self.board.run_if_live(slot).is_none() {
            return;
        }
        let Some(Body::Loop(body)) = self.board.run_mut(slot).inst_mut(of).body.as_deref_mut() else { return };
        for id in std::mem::take(&mut body.broke) {
            // One that is taken up may end others, and give their places to tasks that wait for something else.
            if self.board.run(slot).inst(id).waits_for_loop() == Some(of) {
                self.try_again(slot, id);
            }
        }
    }
}
