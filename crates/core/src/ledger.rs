//! What each tenant has spent and holds, by calendar window.
//!
//! The rule: what was spent and what is held never exceed the limit of any window, but for what a provider bills above what had been set
//! aside, and for what a bill had released that a later one charges again. Above the limit nothing more is set aside. An attempt's money is
//! taken in the window in which its record lies (the record's time decides, not the clock), and counts there until it is settled, and its
//! cost after that, whenever it settles. What goes on in a later life keeps its window.
//!
//! Durability: money leaves only behind the durable record that holds it, so the records of open runs say what is held. What was spent
//! is settled by a record too, and the store adds it up in the transaction of that record: [`Scheduler::learn_spending`] tells it to the
//! next life, that of closed runs included. So a hold whose record a crash has lost has never left, and one whose settlement it has lost
//! is found held, and counts as spent in full, until a bill says less: the store lowers its sums first, and then tells this life
//! ([`Event::SpendingReleased`]), so that a crash in between loses nothing. A later bill that says more charges again what the earlier one
//! released too much ([`Event::SpendingRecharged`]): it counts as spent. Nothing more is written for a call than without windows.
//!
//! [`Scheduler::learn_spending`]: crate::Scheduler::learn_spending
//! [`Event::SpendingReleased`]: crate::Event::SpendingReleased
//! [`Event::SpendingRecharged`]: crate::Event::SpendingRecharged

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::{Cap, Money, Tenant, Timestamp, Window, Windows};

use crate::run::Slot;

/// Money and tokens of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sum {
    pub(crate) spent: Money,
    pub(crate) held: Money,
    pub(crate) tokens: u64,
    pub(crate) held_tokens: u64,
}

/// All windows that count now, or in which something is still held.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) windows: Windows,
    sums: BTreeMap<(Tenant, Window, Timestamp), Sum>,
    /// Runs with tasks that wait for a cheaper target than they would have with more money. Kept where windows are limited.
    pub(crate) short: BTreeSet<Slot>,
}

impl Ledger {
    /// Sets an attempt's worst case aside.
    pub(crate) fn hold(&mut self, tenant: &Tenant, at: Timestamp, (money, tokens): (Money, u64)) {
        if money == Money::ZERO && tokens == 0 {
            return;
        }
        for window in Window::ALL {
            let sum = self.sum_mut(tenant, window, at);
            sum.held = sum.held.plus(money);
            sum.held_tokens = sum.held_tokens.saturating_add(tokens);
        }
    }

    /// What was set aside at that instant is spent for what it cost.
    pub(crate) fn settle(&mut self, tenant: &Tenant, taken: Timestamp, hold: (Money, u64), cost: (Money, u64)) {
        if hold == (Money::ZERO, 0) && cost == (Money::ZERO, 0) {
            return;
        }
        for window in Window::ALL {
            let sum = self.sum_mut(tenant, window, taken);
            sum.held = sum.held.minus(hold.0);
            sum.held_tokens = sum.held_tokens.saturating_sub(hold.1);
            sum.spent = sum.spent.plus(cost.0);
            sum.tokens = sum.tokens.saturating_add(cost.1);
        }
    }

    /// So much was spent in a window: the store knows it better than the records of open runs do.
    pub(crate) fn learn(&mut self, tenant: &Tenant, window: Window, start: Timestamp, money: Money, tokens: u64) {
        let sum = self.sums.entry((tenant.clone(), window, start)).or_default();
        (sum.spent, sum.tokens) = (money, tokens);
    }

    /// A bill says that so much of what was counted in this hour was never spent.
    pub(crate) fn release(&mut self, tenant: &Tenant, hour: Timestamp, (money, tokens): (Money, u64)) {
        for window in Window::ALL {
            if let Some(sum) = self.sums.get_mut(&(tenant.clone(), window, window.start(hour))) {
                sum.spent = sum.spent.minus(money);
                sum.tokens = sum.tokens.saturating_sub(tokens);
            }
        }
    }

    /// A later bill says that so much of what was released in this hour was spent after all. What is no window of the present any more is of no
    /// use; in one that is, everything may have been released, so that nothing stands there.
    pub(crate) fn recharge(&mut self, tenant: &Tenant, hour: Timestamp, now: Timestamp, (money, tokens): (Money, u64)) {
        for window in Window::ALL.into_iter().filter(|window| window.start(hour) == window.start(now)) {
            let sum = self.sum_mut(tenant, window, hour);
            sum.spent = sum.spent.plus(money);
            sum.tokens = sum.tokens.saturating_add(tokens);
        }
    }

    /// True if a window may have so much more to give.
    pub(crate) fn frees(&self, (money, tokens): (Money, u64)) -> bool {
        let limits = |is_limited: fn(&Cap) -> bool| self.windows.caps.iter().any(is_limited);
        let frees_money = money > Money::ZERO && limits(|cap| cap.money.is_some());
        let frees_tokens = tokens > 0 && limits(|cap| cap.tokens.is_some());
        frees_money || frees_tokens
    }

    /// What stands in the window that holds this instant.
    pub(crate) fn sum(&self, tenant: &Tenant, window: Window, at: Timestamp) -> Sum {
        self.sums.get(&(tenant.clone(), window, window.start(at))).copied().unwrap_or_default()
    }

    fn sum_mut(&mut self, tenant: &Tenant, window: Window, at: Timestamp) -> &mut Sum {
        let key = (tenant.clone(), window, window.start(at));
        if !self.sums.contains_key(&key) {
            // A window begins: those before it are of no use, unless something is still held there.
            let start = key.2;
            self.sums.retain(|(of, sort, began), sum| {
                of != tenant || *sort != window || *began >= start || (sum.held, sum.held_tokens) != (Money::ZERO, 0)
            });
        }
        self.sums.entry(key).or_default()
    }

    /// What is held, by window: equal after a restart to what live handling had. What was spent the store knows.
    pub(crate) fn held(&self) -> Vec<(&Tenant, Window, Timestamp, Money, u64)> {
        let held = self.sums.iter().map(|(key, sum)| (&key.0, key.1, key.2, sum.held, sum.held_tokens));
        held.filter(|(.., money, tokens)| (*money, *tokens) != (Money::ZERO, 0)).collect()
    }
}
