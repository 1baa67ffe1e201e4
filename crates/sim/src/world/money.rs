//! People who are asked for money, and some who were not.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Event, Raise};
use agendum_types::{Graph, Money, Principal, RunId, Seq, Target, Tenant, Timestamp, WaitFor, Waste, Window};

use super::{Coming, World};

/// Microseconds in which whoever is asked has answered.
const ANSWERED: u64 = 100_000_000;

/// What a bill has released of what was lost by this record, or a later one has charged again.
#[derive(Clone, Debug)]
pub(super) struct Billed {
    pub(super) again: bool,
    pub(super) seq: Seq,
    pub(super) tenant: Tenant,
    pub(super) hour: Timestamp,
    pub(super) money: Money,
    pub(super) tokens: u64,
}

impl World {
    /// Something asks for money that has not asked before: somebody answers, some day; at the latest by a refusal.
    pub(super) fn asked_for_money(&mut self) {
        let (views, _) = self.core.waits(|_, wait| wait.of == WaitFor::Money, RunId(0).., usize::MAX);
        for view in views {
            if let Some(graph) = self.runs.get(&view.run) {
                self.checker.shown_to_ask(&view, graph);
            }
            if !self.pleas.insert((view.run, view.task.clone(), view.since)) {
                continue;
            }
            let at = if self.payers.hits(65) { 500_000 } else { ANSWERED };
            let span = self.payers.below(at);
            let budget = view.plea.expect("it says how much").budget;
            let refused = self.payers.hits(30);
            let money = budget.money.map_or(Money::ZERO, |_| Money::micro_dollars(self.payers.below(4_000)));
            let tokens = budget.tokens.map_or(0, |_| self.payers.below(400));
            self.raises(span, Raise { money, tokens, refused, ..raise(view.run) });
            self.raises(ANSWERED, Raise { refused: true, ..raise(view.run) });
        }
    }

    /// Now and then a budget is raised before anything asks, be it that of a loop, or one that there is not.
    pub(super) fn raised_early(&mut self, run: RunId, graph: &Graph) {
        let loops = graph.main.iter().map(|node| graph.task(*node)).filter(|task| task.repeat.is_some());
        let budgets = graph.budget.into_iter().map(|_| None).chain(loops.map(|task| Some(Arc::clone(&task.name))));
        for task in budgets.collect::<Vec<_>>() {
            if !self.payers.hits(30) {
                continue;
            }
            let (money, tokens) = (Money::micro_dollars(self.payers.below(3_000)), self.payers.below(300));
            let (money, tokens) = self.payers.of(&[(money, 0), (Money::ZERO, tokens), (money, tokens)]);
            let span = self.payers.below(300_000);
            let refused = self.payers.hits(5);
            self.raises(span, Raise { task, money, tokens, refused, ..raise(run) });
        }
    }

    /// Now and then a bill has come for what was lost before this life, and says less than that counts for, or more than the one before.
    pub(super) fn bill(&mut self, last: Seq) {
        let mut lost = BTreeMap::<(Tenant, Timestamp), (Money, u64)>::new();
        for entry in self.journal.iter().filter(|entry| entry.seq <= last) {
            let booked = entry.booked.as_ref().filter(|booked| booked.waste == Some(Waste::Lost));
            let (Some(booked), Some(tenant)) =
                (booked.filter(|booked| *booked.target != *Target::CHILD), &entry.tenant)
            else {
                continue;
            };
            let of = lost.entry((tenant.clone(), Window::Hour.start(booked.taken))).or_default();
            *of = (of.0.plus(booked.cost), of.1 + booked.tokens);
        }
        let mut given = BTreeMap::<(Tenant, Timestamp), (Money, u64)>::new();
        for Billed { again, tenant, hour, money, tokens, .. } in &self.billed {
            let key = (tenant.clone(), *hour);
            let of = lost.get_mut(&key).expect("what was released was lost");
            let released = given.entry(key).or_default();
            let (from, to) = if *again { (released, of) } else { (of, released) };
            (from.0, from.1) = (from.0.minus(*money), from.1 - tokens);
            (to.0, to.1) = (to.0.plus(*money), to.1 + tokens);
        }
        for (again, sums) in [(false, lost), (true, given)] {
            for ((tenant, hour), (money, tokens)) in sums {
                if !self.payers.hits(40) {
                    continue;
                }
                let (money, tokens) = (Money(self.payers.below(money.0 + 1)), self.payers.below(tokens + 1));
                self.bills(Billed { again, seq: last, tenant, hour, money, tokens });
            }
        }
    }

    fn bills(&mut self, billed: Billed) {
        let Billed { again, tenant, hour, money, tokens, .. } = billed.clone();
        self.billed.push(billed);
        if again {
            self.played.kinds.insert("higher bill");
            // What was sent before was covered then.
            let last = self.journal.last().map_or(Seq(0), |entry| entry.seq);
            self.checker.recharged(last, hour, (money, tokens));
            self.tell(Event::SpendingRecharged { tenant, hour, money, tokens });
        } else {
            self.played.kinds.insert("bill");
            self.checker.released(hour, (money, tokens));
            self.tell(Event::SpendingReleased { tenant, hour, money, tokens });
        }
    }

    fn raises(&mut self, span: u64, raise: Raise) {
        self.at(span, Coming::Told(Event::BudgetRaised(Box::new(raise))));
    }
}

fn raise(run: RunId) -> Raise {
    Raise { run, task: None, money: Money::ZERO, tokens: 0, by: Principal::new("payer"), refused: false }
}
