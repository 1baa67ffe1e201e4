//! What was spent, in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use agendum_types::{Booked, Money, Tenant, Timestamp, Waste, Window};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::spending::{HourSpent, Invoice, LostCalls, Reconciliation, Settled, Spending, Spent, SpentBy, part};
use crate::store::StoreError;

/// An attempt that was settled.
#[derive(Debug)]
pub(super) struct Counted {
    graph: Arc<str>,
    settled: Settled,
    /// What bills have taken off: money and tokens.
    released: (Money, u64),
}

/// Money and tokens of hours.
type Hours = BTreeMap<Timestamp, (Money, u64)>;

fn add(hours: &mut Hours, at: Timestamp, of: (Money, u64)) {
    if of != (Money::ZERO, 0) {
        let hour = hours.entry(Window::Hour.start(at)).or_default();
        *hour = (hour.0.plus(of.0), hour.1 + of.1);
    }
}

impl State {
    /// The days that begin in this range, and targets of a tenant on which calls were lost.
    fn lost(&self, tenant: &Tenant, begin: &Range<Timestamp>) -> Vec<LostCalls> {
        let mut days = BTreeMap::<(Timestamp, Arc<str>), LostCalls>::new();
        for Counted { settled: Settled { booked, .. }, released, .. } in
            self.settled.iter().filter(|of| of.settled.tenant == *tenant)
        {
            let key = (Window::Day.start(booked.taken), Arc::clone(&booked.target));
            if !begin.contains(&key.0) {
                continue;
            }
            let of = days.entry(key.clone()).or_insert_with(|| LostCalls {
                day: key.0,
                target: key.1,
                ..LostCalls::default()
            });
            of.counted = (of.counted.0.plus(booked.cost), of.counted.1 + booked.tokens);
            if booked.waste == Some(Waste::Lost) {
                of.attempts += 1;
                of.lost = (of.lost.0.plus(booked.cost), of.lost.1 + booked.tokens);
                of.released = (of.released.0.plus(released.0), of.released.1 + released.1);
            }
        }
        days.into_values().filter(|of| of.attempts > 0).collect()
    }

    /// Under the graph of its run, which may be forgotten later.
    pub(super) fn settle(&mut self, settled: Settled) {
        let same = |before: &Settled| {
            let void = Booked { waste: None, ..settled.booked.clone() };
            (&before.tenant, before.run, &before.booked) == (&settled.tenant, settled.run, &void)
        };
        if settled.moved
            && let Some(before) = self.settled.iter_mut().find(|before| same(&before.settled))
        {
            before.settled.booked.waste = settled.booked.waste;
            return;
        }
        let graph = self.runs.get(&(settled.tenant.clone(), settled.run)).map(|run| Arc::clone(&run.graph));
        self.settled.push(Counted { graph: graph.unwrap_or_default(), settled, released: (Money::ZERO, 0) });
    }
}

impl Spending for MemoryStore {
    fn spent_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourSpent>, StoreError>> {
        let mut spent = BTreeMap::<(Tenant, Timestamp), (Money, u64)>::new();
        let state = self.state();
        let settled = state.settled.iter().map(|of| &of.settled);
        for settled in settled.filter(|settled| settled.booked.taken >= since) {
            let hour = Window::Hour.start(settled.booked.taken);
            let sum = spent.entry((settled.tenant.clone(), hour)).or_default();
            *sum = (sum.0.plus(settled.booked.cost), sum.1.saturating_add(settled.booked.tokens));
        }
        let hours = spent.into_iter().map(|((tenant, hour), (money, tokens))| (tenant, hour, money, tokens));
        ready(Ok(hours.collect())).boxed()
    }

    fn spent(&self, tenant: &Tenant, since: Timestamp, by: SpentBy) -> BoxFuture<'_, Result<Vec<Spent>, StoreError>> {
        let since = Window::Hour.start(since);
        let mut spent = BTreeMap::<String, Spent>::new();
        let state = self.state();
        let counts = |settled: &Settled| settled.tenant == *tenant && settled.booked.taken >= since;
        for Counted { graph, settled: Settled { booked, .. }, .. } in
            state.settled.iter().filter(|of| counts(&of.settled))
        {
            let name = match by {
                SpentBy::Graph => graph.to_string(),
                SpentBy::Target => booked.target.to_string(),
                SpentBy::Day => booked.taken.to_string()[..10].to_owned(),
                SpentBy::Tenant => tenant.0.to_string(),
                SpentBy::Waste => booked.waste.map_or("", |waste| waste.word()).to_owned(),
            };
            let wasted = booked.waste.map_or(Money::ZERO, |_| booked.cost);
            let (cost, over, tokens) = (booked.cost, booked.over, booked.tokens);
            let line = Spent { name: name.clone(), attempts: 1, cost, wasted, over, tokens };
            spent.entry(name.clone()).or_insert_with(|| Spent { name, ..Spent::default() }).add(&line);
        }
        ready(Ok(spent.into_values().collect())).boxed()
    }

    fn fold_spent(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut state = self.state();
        let of_hours = |taken: Timestamp| taken < before && taken != Window::Day.start(taken);
        let hours = state.settled.iter_mut().map(|of| &mut of.settled.booked.taken);
        let mut left = count_max;
        for taken in hours.filter(|taken| of_hours(**taken)).take(count_max as usize) {
            *taken = Window::Day.start(*taken);
            left -= 1;
        }
        ready(Ok(left == 0)).boxed()
    }

    fn lost(&self, tenant: &Tenant, since: Timestamp) -> BoxFuture<'_, Result<Vec<LostCalls>, StoreError>> {
        let begin = Window::Day.start(since)..Timestamp(u64::MAX);
        ready(Ok(self.state().lost(tenant, &begin))).boxed()
    }

    fn reconcile(
        &self,
        tenant: &Tenant,
        invoice: Invoice,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        let mut state = self.state();
        let days = state.lost(tenant, &(invoice.day..Window::Day.end(invoice.day)));
        let Some(mut day) = days.into_iter().find(|of| of.target == invoice.target) else {
            return ready(Ok(None)).boxed();
        };
        let (mut over, mut under) = (day.over(&invoice), day.under(&invoice));
        let is_lost = |of: &Counted| {
            let Settled { tenant: of, booked, .. } = &of.settled;
            let there = of == tenant && booked.target == invoice.target && booked.waste == Some(Waste::Lost);
            there && Window::Day.start(booked.taken) == invoice.day
        };
        let (mut less, mut more) = (Hours::new(), Hours::new());
        let mut lost: Vec<_> = state.settled.iter_mut().filter(|of| is_lost(of)).collect();
        lost.sort_by_key(|of| of.settled.booked.taken);
        for Counted { settled: Settled { booked, .. }, released, .. } in &mut lost {
            let (money, tokens) = part(&mut over, (booked.cost, booked.tokens));
            (booked.cost, booked.tokens) = (booked.cost.minus(money), booked.tokens - tokens);
            *released = (released.0.plus(money), released.1 + tokens);
            day.release((money, tokens));
            add(&mut less, booked.taken, (money, tokens));
        }
        for Counted { settled: Settled { booked, .. }, released, .. } in lost.into_iter().rev() {
            let (money, tokens) = part(&mut under, *released);
            (booked.cost, booked.tokens) = (booked.cost.plus(money), booked.tokens + tokens);
            *released = (released.0.minus(money), released.1 - tokens);
            day.recharge((money, tokens));
            add(&mut more, booked.taken, (money, tokens));
        }
        let told = |(hour, (money, tokens))| (hour, money, tokens);
        let released = less.into_iter().map(told).collect();
        let recharged = more.into_iter().rev().map(told).collect();
        ready(Ok(Some(Reconciliation { released, recharged, day }))).boxed()
    }
}
