//! What an attempt may cost, and whether the purses that pay for it cover that: the budgets of the loops around it and of its run, and its
//! tenant's windows.

use agendum_types::graph::Section;
use agendum_types::{Capability, Class, Failure, Money, Target, TargetId, Timestamp, Window};
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

/// What the worst case of an attempt hangs on, besides its target and the bytes that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    pub(crate) capability: Capability,
    /// The output cap that the task asks for.
    pub(crate) cap: Option<u32>,
}

impl Ask {
    /// The output cap that is asked for there: the task's, else the target's.
    pub(crate) fn cap_on(&self, row: &Target) -> Option<u32> {
        self.cap.or(Some(row.output_cap)).filter(|cap| *cap > 0)
    }

    /// The worst case there with this cap. It grows with the bytes.
    fn hold_on(&self, row: &Target, bytes: u64, cap: Option<u32>) -> Hold {
        let tokens_in = tokens_in(row, bytes);
        let money = row.max_cost.unwrap_or_else(|| {
            fixed(row, self.capability.egress_max(bytes), tokens_in)
                .plus(row.price.token_out.times(u64::from(cap.unwrap_or(0))))
        });
        Hold { money, tokens: cap.map_or(0, |cap| tokens_in + u64::from(cap)), cap }
    }

    /// The same with the least cap that is of use.
    pub(crate) fn least_on(&self, row: &Target, bytes: u64) -> Hold {
        self.hold_on(row, bytes, self.cap_on(row).map(|cap| cap.min(OUTPUT_CAP_MIN)))
    }
}

/// How many tokens so many bytes are at most.
fn tokens_in(row: &Target, bytes: u64) -> u64 {
    bytes.div_ceil(u64::from(row.bytes_per_token_min.max(1)))
}

/// What an attempt costs there before it says anything.
fn fixed(row: &Target, egress: u64, tokens_in: u64) -> Money {
    let input = row.price.token_in_max().times(tokens_in);
    row.price.call.plus(row.price.egress(egress)).plus(input)
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

    /// Of the windows that do not cover it the one that is over last; `None` if their next ones cannot cover it either.
    pub(crate) fn last_window(&self, now: Timestamp) -> Option<Window> {
        let ends = self.purses.iter().map(|purse| match purse.payer {
            Payer::Window(window) if purse.could_cover(&self.least) => Some((window.end(now), window)),
            Payer::Window(_) | Payer::Run | Payer::Loop(_) => None,
        });
        ends.collect::<Option<SmallVec<[(Timestamp, Window); 3]>>>()?.into_iter().max().map(|(_, window)| window)
    }
}

impl Scheduler {
    /// The worst case of an attempt there, if all purses cover it; the output cap is lowered to what the least of them affords.
    pub(crate) fn afford_on(&self, slot: Slot, id: InstId, target: TargetId) -> Result<Hold, Box<Uncovered>> {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let row = &self.targets.row(target).target;
        let (ask, bytes) = self.ask_of(slot, id);
        let cap = ask.cap_on(row);
        let tokens_in = tokens_in(row, bytes);
        let fixed = fixed(row, ask.capability.egress_max(bytes), tokens_in);
        let hold = |cap: Option<u32>| child::hold(task).unwrap_or_else(|| ask.hold_on(row, bytes, cap));
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

    /// What pays for a task: the budgets of the loops around it, the innermost first; its run's, which ends with the answer; the windows.
    fn purses(&self, slot: Slot, id: InstId, section: Section) -> SmallVec<[Purse; 1]> {
        let mut purses: SmallVec<[Purse; 1]> = self.board.purses_of(slot, id, section).collect();
        purses.extend(self.windows_of(&self.board.run(slot).tenant));
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
