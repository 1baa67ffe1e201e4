//! `uses: graph`: a call that a run of its own answers, the child.
//!
//! The driver runs it, under a key made of run, path and try: whoever asks a second time finds the same child. So an attempt of an earlier
//! life is always taken up again, one that nobody awaits any more included, which is only told to stop: no child is left alone, and none
//! is made twice. What it may spend is set aside in the budget of the run around it as a whole, and settled when all of it has ended. Its
//! own attempts hold and book in the windows of the calendar, so that there its parent's does not. Waiting for it takes no credit that
//! the child could need.

mod inside;
mod raise;

use std::sync::Arc;

use agendum_types::graph::{Budget, NodeId, Priority, Section, Task, Timeouts, Work};
use agendum_types::{AttemptId, Capability, Class, Duration, Failure, Labels, Money, Target, TaskPath, Timestamp};

use crate::action::{Deed, Dispatch};
use crate::afford::Hold;
use crate::board::Todo;
use crate::inst::{Flight, Inst};
use crate::run::{InstId, Orphan, Slot};
use crate::scheduler::Scheduler;
use crate::standing::Standing;

/// What a child run has of the run around it, besides what its task says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// Which try of the task it is, from 1. One that a later life goes on with is the same.
    pub number: u32,
    /// When the try began, be it in an earlier life: its time counts from there.
    pub since: Timestamp,
    /// Its urgency.
    pub priority: Priority,
    /// Every step is committed before the next begins.
    pub strict: bool,
    /// It is not wanted any more: if there is such a run it is told to stop, and its end awaited. None is begun.
    pub is_over: bool,
}

/// What a child run has come to, besides its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) spent: Money,
    pub(crate) degraded: bool,
}

/// True if an attempt there is a child run.
pub(crate) fn is_target(name: &str) -> bool {
    name == Target::CHILD
}

/// By what an attempt there is taken up again that told of no reference: the driver finds a child without.
pub(crate) fn reference(target: &str) -> Option<Arc<str>> {
    is_target(target).then(Arc::default)
}

/// What is set aside for a child run; `None` for another task.
pub(crate) fn hold(task: &Task) -> Option<Hold> {
    let budget = budget(task)?;
    let money = budget.and_then(|budget| budget.money).unwrap_or(Money::ZERO);
    Some(Hold { money, tokens: budget.and_then(|budget| budget.tokens).unwrap_or(0), cap: None })
}

/// What a child run may spend; `None` for another task.
fn budget(task: &Task) -> Option<Option<Budget>> {
    let Work::Call(call) = &task.work else { return None };
    (call.capability == Capability::Graph).then(|| call.child.as_ref().and_then(|child| child.budget()))
}

impl Scheduler {
    /// True if the attempts of this task are child runs.
    pub(crate) fn is_child(&self, slot: Slot, path: &TaskPath) -> bool {
        path.node().is_some_and(|node| self.board.plan(slot).capability(node) == Some(Capability::Graph))
    }

    pub(crate) fn inherited(&self, slot: Slot, id: InstId) -> Option<Box<Inherited>> {
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        budget(task)?;
        let since = inst.running().map_or(self.now, |running| running.taken);
        Some(Box::new(self.inherits(slot, task.section, (inst.rung_attempts, since))))
    }

    fn inherits(&self, slot: Slot, section: Section, (number, since): (u32, Timestamp)) -> Inherited {
        let run = self.board.run(slot);
        let priority = if section == Section::After { Priority::Background } else { run.priority };
        Inherited { number, since, priority, strict: run.strict, is_over: false }
    }

    /// Why a child run is not begun that nothing bounds, where there is a budget around it.
    pub(crate) fn unbounded(&self, slot: Slot, id: InstId) -> Option<Failure> {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let own = budget(task)?;
        if task.section != Section::Main {
            return None;
        }
        let around = || self.board.purses_of(slot, id, task.section);
        let lacks_money = || around().any(|purse| purse.money.is_some()) && own.is_none_or(|own| own.money.is_none());
        let lacks_tokens =
            || around().any(|purse| purse.tokens.is_some()) && own.is_none_or(|own| own.tokens.is_none());
        let what = if lacks_money() { "usd" } else { lacks_tokens().then_some("tokens")? };
        let message = format!(
            "there is a budget in {what}, and nothing says how much of it the child run may spend: write `budget: {{ {what}: … }}` \
             in its `with`"
        );
        Some(Failure::new(Class::BudgetExceeded, &message).without_effect())
    }

    /// An attempt of an earlier life that nobody awaits any more: its child is told to stop, and tells what it has cost. False if it is none.
    pub(crate) fn recall(&mut self, slot: Slot, orphan: &Orphan) -> bool {
        let (true, Some(node)) = (is_target(&orphan.target), orphan.path.node()) else { return false };
        let Some(target) = self.targets.find_id(&orphan.target) else { return false };
        let row = self.targets.row_mut(target);
        row.takes(self.now);
        let (price, digest) = (row.price, row.target.digest);
        self.hold_units(slot, &orphan.path);
        let charged = self.charge_nothing(slot);
        let flight = Flight {
            target,
            price,
            digest,
            bytes: 0,
            whole: false,
            sent: self.now,
            turn: 0,
            tokens: 0,
            foretold: None,
            hedge_at: None,
            charged,
            start: Duration::ZERO,
            is_cold: false,
            area: None,
            watch: None,
            freed: None,
        };
        for known in &mut self.board.run_mut(slot).orphans {
            if known.is(&orphan.path, orphan.attempt, orphan.incarnation) {
                known.flight = Some(flight);
            }
        }
        let run = self.board.run(slot);
        let attempt = AttemptId {
            run: run.id,
            path: orphan.path.clone(),
            attempt: orphan.attempt,
            incarnation: orphan.incarnation,
        };
        let dispatch = self.recalled(slot, node, orphan, attempt.clone(), flight);
        self.act(None, Deed::Dispatch(Box::new(dispatch)));
        // What has abandoned it just now wants it to be stopped already.
        let is_stopped = |todo: &Todo| matches!(todo, Todo::Stop(other) if *other == attempt);
        if !self.board.todo.iter().any(is_stopped) {
            self.board.todo.push_back(Todo::Stop(attempt));
        }
        true
    }

    fn recalled(&self, slot: Slot, node: NodeId, orphan: &Orphan, attempt: AttemptId, flight: Flight) -> Dispatch {
        let run = self.board.run(slot);
        let plan = self.board.plan(slot);
        let inherited = self.inherits(slot, plan.task(node).section, (orphan.number, orphan.taken));
        Dispatch {
            tenant: run.tenant.clone(),
            principal: run.principal.clone(),
            graph: Arc::clone(&plan.graph),
            node,
            target: flight.target,
            input: None,
            effect: orphan.effect,
            is_paid: false,
            key_origin: run.key_origin(&attempt.path),
            attempt,
            output_cap: None,
            timeouts: Timeouts::default(),
            expires: None,
            labels: Labels::NONE,
            live: false,
            held_back: false,
            reattach: Some(Arc::default()),
            child: Some(Box::new(Inherited { is_over: true, ..inherited })),
            refused: None,
        }
    }

    /// How the child run stands for which a task waits: `None` if it is not known to be there.
    pub(crate) fn child_standing(&self, inst: &Inst) -> Option<Standing> {
        self.standing(inst.child()?)
    }
}

impl Inst {
    /// True if it waits for a child run.
    pub(crate) fn waits_for_child(&self) -> bool {
        self.running().is_some_and(|running| is_target(&running.target))
    }
}
