//! What an attempt may cost, and whether the purses that pay for it cover that: its run's budget and its tenant's windows.

use agendum_types::graph::{Section, Work};
use agendum_types::{Class, Failure, Money, TargetId, Timestamp, Window};
use smallvec::SmallVec;

use crate::child;
use crate::run::{InstId, Run, Slot};
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

/// Something that pays for an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purse {
    /// `None` for the run's budget.
    pub(crate) window: Option<Window>,
    money: Option<Money>,
    tokens: Option<u64>,
    spent: Money,
    held: Money,
    used: u64,
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

impl Purse {
    fn money_left(&self) -> Money {
        self.money.unwrap_or(Money::MAX).minus(self.spent.plus(self.held))
    }

    fn tokens_left(&self) -> u64 {
        self.tokens.unwrap_or(u64::MAX).saturating_sub(self.used)
    }

    fn covers(&self, hold: &Hold) -> bool {
        hold.money <= self.money_left() && hold.tokens <= self.tokens_left()
    }

    /// True if it would cover it with nothing spent.
    fn could_cover(&self, hold: &Hold) -> bool {
        hold.money <= self.money.unwrap_or(Money::MAX) && hold.tokens <= self.tokens.unwrap_or(u64::MAX)
    }
}

impl Uncovered {
    /// True if it is the run's own budget that does not cover it.
    pub(crate) fn is_of_run(&self) -> bool {
        self.purses.iter().any(|purse| purse.window.is_none())
    }

    /// What it costs and uses at least.
    pub(crate) fn needs(&self) -> (Money, u64) {
        (self.least.money, self.least.tokens)
    }

    /// True if the run's budget would cover it if what it holds came back.
    pub(crate) fn would_do(&self, run: &Run) -> bool {
        let own = self.purses.iter().find(|purse| purse.window.is_none());
        own.is_some_and(|purse| Purse { held: Money::ZERO, used: run.tokens, ..*purse }.covers(&self.least))
    }

    /// When the windows that do not cover it are over, with the last of them; `None` if their next ones cannot cover it either.
    pub(crate) fn until(&self, now: Timestamp) -> Option<(Timestamp, Window)> {
        let ends = self.purses.iter().map(|purse| {
            let window = purse.window.filter(|_| purse.could_cover(&self.least))?;
            Some((window.end(now), window))
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
        let tokens_in = input_bytes.div_ceil(u64::from(row.bytes_per_token_min.max(1)));
        let egress_max = match &task.work {
            Work::Call(call) => call.capability.egress_max(input_bytes),
            Work::Group(_) => 0,
        };
        let fixed = row
            .price
            .call
            .plus(row.price.egress(egress_max))
            .plus(row.price.token_in.max(row.price.token_cached).times(tokens_in));
        let worst = |cap: u32| fixed.plus(row.price.token_out.times(u64::from(cap)));
        let hold = |cap: Option<u32>| Hold {
            money: row.max_cost.unwrap_or_else(|| worst(cap.unwrap_or(0))),
            tokens: if cap.is_some() { tokens_in + u64::from(cap.unwrap_or(0)) } else { 0 },
            cap,
        };
        let hold = |cap: Option<u32>| child::hold(task).unwrap_or_else(|| hold(cap));
        let mut purses = self.purses(slot, task.section);
        // The attempts of a child run hold in the windows themselves.
        purses.retain(|purse| purse.window.is_none() || child::hold(task).is_none());
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

    /// What pays for a task of this section: the run's budget ends with its answer, the windows do not.
    fn purses(&self, slot: Slot, section: Section) -> SmallVec<[Purse; 1]> {
        let run = self.board.run(slot);
        let budget = run.budget.as_deref().filter(|_| section == Section::Main).map(|budget| Purse {
            window: None,
            money: budget.money,
            tokens: budget.tokens,
            spent: run.spent,
            held: run.held,
            used: run.tokens.saturating_add(run.held_tokens),
        });
        let ledger = &self.board.ledger;
        let mut purses: SmallVec<[Purse; 1]> = budget.into_iter().collect();
        if ledger.windows.is_unlimited() {
            return purses;
        }
        for window in Window::ALL {
            let cap = ledger.windows.cap(window);
            let sum = ledger.sum(&run.tenant, window, self.now);
            purses.push(Purse {
                window: Some(window),
                money: cap.money,
                tokens: cap.tokens,
                spent: sum.spent,
                held: sum.held,
                used: sum.tokens.saturating_add(sum.held_tokens),
            });
        }
        purses
    }

    /// Says what is missing.
    pub(crate) fn unaffordable(&self, uncovered: &Uncovered) -> Failure {
        let Uncovered { target, whole, purses, .. } = uncovered;
        let purse = purses.iter().find(|purse| purse.window.is_none()).or_else(|| purses.first());
        let purse = purse.expect("it names those that do not cover it");
        let name = &self.targets.row(*target).target.name;
        let of =
            purse.window.map_or_else(|| "the budget".to_owned(), |window| format!("the {}'s budget", window.word()));
        let left = purse.money_left();
        let message = if whole.money > left {
            let (spent, held) = (purse.spent, purse.held);
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
