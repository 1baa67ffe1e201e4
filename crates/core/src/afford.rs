//! What an attempt may cost, and whether the purses that pay for it cover that: the budgets of the loops around it and of its run, and its
//! tenant's windows.

use agendum_types::graph::{Section, Work};
use agendum_types::{Class, Failure, Money, TargetId, Timestamp, Window};
use smallvec::SmallVec;

use crate::child;
use crate::purse::{Payer, Purse};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// An output cap is not lowered below this many tokens to fit a budget: what comes out would be of no use.
const OUTPUT_CAP_MIN: u32 = 64;

/// What an attempt sets aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) money: Money,
    pub(crate) tokens: u64,
    pub(crate) cap: Option<u32>,
}

/// An attempt that is not covered.
#[derive(Debug)]
pub(crate) struct Uncovered {
    target: TargetId,
    /// The worst case with the cap that was asked for.
    whole: Hold,
    /// The same with the least cap that is of use.
    least: Hold,
    /// Those that do not cover the least; one at least.
    purses: SmallVec<[Purse; 1]>,
}

impl Uncovered {
    /// True if it is the run's own budget that does not cover it.
    pub(crate) fn is_of_run(&self) -> bool {
        self.purses.iter().any(|purse| purse.payer == Payer::Run)
    }

    /// What it costs and uses at least.
    pub(crate) fn needs(&self) -> (Money, u64) {
        (self.least.money, self.least.tokens)
    }

    /// True if the run's budget would cover it if what it holds came back.
    pub(crate) fn would_do(&self) -> bool {
        self.purses.iter().any(|purse| purse.payer == Payer::Run && purse.would_do(&self.least))
    }

    /// The innermost loop that would not cover it even if all that it holds came back: that has run out.
    pub(crate) fn run_out(&self) -> Option<InstId> {
        self.loops().find_map(|(of, purse)| (!purse.would_do(&self.least)).then_some(of))
    }

    /// The innermost loop that does not cover it now.
    pub(crate) fn short_loop(&self) -> Option<InstId> {
        self.loops().next().map(|(of, _)| of)
    }

    fn loops(&self) -> impl Iterator<Item = (InstId, &Purse)> {
        self.purses.iter().filter_map(|purse| if let Payer::Loop(of) = purse.payer { Some((of, purse)) } else { None })
    }

    /// When the windows that do not cover it are over, with the last of them; `None` if their next ones cannot cover it either.
    pub(crate) fn until(&self, now: Timestamp) -> Option<(Timestamp, Window)> {
        let ends = self.purses.iter().map(|purse| match purse.payer {
            Payer::Window(window) if purse.could_cover(&self.least) => Some((window.end(now), window)),
            Payer::Window(_) | Payer::Run | Payer::Loop(_) => None,
        });
        ends.collect::<Option<SmallVec<[(Timestamp, Window); 3]>>>()?.into_iter().max()
    }
}

impl Scheduler {
    /// The worst case of an attempt there, if all purses cover it; the output cap is lowered to what the least of them affords.
    pub(crate) fn afford_on(&self, slot: Slot, id: InstId, target: TargetId) -> Result<Hold, Box<Uncovered>> {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let plan = self.board.plan(slot);
        let task = plan.task(inst.node);
        let row = &self.targets.row(target).target;
        let cap = self.output_cap(slot, id, target);
        let constant = || match &task.work {
            Work::Call(call) => plan.graph.expr(call.input).source.len() as u64,
            Work::Group(_) => 0,
        };
        let input_bytes = inst.input.as_ref().map_or_else(constant, |input| input.size);
        let input_bytes = input_bytes + self.board.told_bytes(slot, id);
        let tokens_in = input_bytes.div_ceil(u64::from(row.bytes_per_token_min.max(1)));
        let egress_max = match &task.work {
            Work::Call(call) => call.capability.egress_max(input_bytes),
            Work::Group(_) => 0,
        };
        let fixed = row.price.call.plus(row.price.egress(egress_max)).plus(row.price.token_in_max().times(tokens_in));
        let worst = |cap: u32| fixed.plus(row.price.token_out.times(u64::from(cap)));
        let hold = |cap: Option<u32>| Hold {
            money: row.max_cost.unwrap_or_else(|| worst(cap.unwrap_or(0))),
            tokens: if cap.is_some() { tokens_in + u64::from(cap.unwrap_or(0)) } else { 0 },
            cap,
        };
        let hold = |cap: Option<u32>| child::hold(task).unwrap_or_else(|| hold(cap));
        let mut purses = self.purses(slot, id, task.section);
        // The attempts of a child run hold in the windows themselves.
        purses.retain(|purse| !matches!(purse.payer, Payer::Window(_)) || child::hold(task).is_none());
        let covered = |hold: &Hold| purses.iter().all(|purse| purse.covers(hold));
        let whole = hold(cap);
        if covered(&whole) {
            return Ok(whole);
        }
        if let Some(cap) = cap {
            let affords = |purse: &Purse| {
                // What is declared is set aside whatever the cap is: lowering it saves tokens alone.
                let price = if row.max_cost.is_some() { 0 } else { row.price.token_out.0 };
                let by_money = purse.money_left().minus(fixed).0.checked_div(price).unwrap_or(u64::MAX);
                by_money.min(purse.tokens_left().saturating_sub(tokens_in))
            };
            let affordable = purses.iter().map(affords).min().unwrap_or(u64::MAX).min(u64::from(cap));
            let lowered = hold(u32::try_from(affordable).ok());
            if affordable >= u64::from(OUTPUT_CAP_MIN.min(cap)) && covered(&lowered) {
                return Ok(lowered);
            }
        }
        let least = hold(cap.map(|cap| cap.min(OUTPUT_CAP_MIN)));
        Err(Box::new(Uncovered {
            target,
            whole,
            least,
            purses: purses.into_iter().filter(|purse| !purse.covers(&least)).collect(),
        }))
    }

    /// The output cap that is asked for there: the task's, else the target's.
    pub(crate) fn output_cap(&self, slot: Slot, id: InstId, target: TargetId) -> Option<u32> {
        match &self.board.plan(slot).task(self.board.run(slot).inst(id).node).work {
            Work::Call(call) => {
                let of_target = self.targets.row(target).target.output_cap;
                call.output_cap.or(Some(of_target)).filter(|cap| *cap > 0)
            }
            Work::Group(_) => None,
        }
    }

    /// What pays for a task: the budgets of the loops around it, the innermost first; its run's, which ends with the answer; the windows.
    fn purses(&self, slot: Slot, id: InstId, section: Section) -> SmallVec<[Purse; 1]> {
        let mut purses: SmallVec<[Purse; 1]> = self.board.purses_of(slot, id, section).collect();
        let ledger = &self.board.ledger;
        if ledger.windows.is_unlimited() {
            return purses;
        }
        let tenant = &self.board.run(slot).tenant;
        for window in Window::ALL {
            let cap = ledger.windows.cap(window);
            let sum = ledger.sum(tenant, window, self.now);
            purses.push(Purse {
                payer: Payer::Window(window),
                money: cap.money,
                tokens: cap.tokens,
                spent: (sum.spent, sum.tokens),
                held: (sum.held, sum.held_tokens),
            });
        }
        purses
    }

    /// Says what is missing: in this loop's budget, or else in the run's, or in the first window that is short.
    pub(crate) fn unaffordable(&self, slot: Slot, uncovered: &Uncovered, of: Option<InstId>) -> Failure {
        let Uncovered { target, whole, purses, .. } = uncovered;
        let is_meant = |purse: &&Purse| match purse.payer {
            Payer::Loop(one) => of == Some(one),
            Payer::Run | Payer::Window(_) => of.is_none(),
        };
        let purse = purses.iter().find(is_meant).expect("it names those that do not cover it");
        let name = &self.targets.row(*target).target.name;
        let of = match purse.payer {
            Payer::Loop(of) => {
                let path = self.board.run(slot).path(of);
                format!("the budget of loop {}", self.board.plan(slot).graph.path_text(&path))
            }
            Payer::Run => "the budget".to_owned(),
            Payer::Window(window) => format!("the {}'s budget", window.word()),
        };
        let left = purse.money_left();
        let message = if whole.money > left {
            let (spent, held) = (purse.spent.0, purse.held.0);
            format!(
                "an attempt on {name} may cost up to {}; {left} of {of} is left ({spent} spent, {held} held)",
                whole.money
            )
        } else {
            let left = purse.tokens_left();
            format!("an attempt on {name} may use up to {} tokens; {left} of {of} are left", whole.tokens)
        };
        Failure::new(Class::BudgetExceeded, &message).without_effect()
    }
}
