//! What was spent, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::{Booked, Money, Tenant, Timestamp, Waste, Window};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::spending::{HourReleased, HourSpent, Invoice, LostCalls, Settled, Spending, Spent, SpentBy, release};
use crate::store::StoreError;

/// What a bill has released of the calls to a target in an hour.
#[derive(Debug)]
pub(super) struct Released {
    tenant: Tenant,
    target: Arc<str>,
    hour: HourReleased,
}

impl State {
    fn lost(&self, tenant: &Tenant, since: Timestamp) -> Vec<LostCalls> {
        let mut days = BTreeMap::<(Timestamp, Arc<str>), LostCalls>::new();
        for (_, Settled { booked, .. }) in self.settled.iter().filter(|(_, settled)| settled.tenant == *tenant) {
            let key = (Window::Day.start(booked.taken), Arc::clone(&booked.target));
            let of = days.entry(key.clone()).or_insert_with(|| LostCalls {
                day: key.0,
                target: key.1,
                ..LostCalls::default()
            });
            of.counted = (of.counted.0.plus(booked.cost), of.counted.1 + booked.tokens);
            if booked.waste == Some(Waste::Lost) {
                of.attempts += 1;
                of.lost = (of.lost.0.plus(booked.cost), of.lost.1 + booked.tokens);
            }
        }
        for Released { target, hour: (hour, money, tokens), .. } in
            self.released.iter().filter(|of| of.tenant == *tenant)
        {
            let of = days.get_mut(&(Window::Day.start(*hour), Arc::clone(target))).expect("it was counted");
            of.released = (of.released.0.plus(*money), of.released.1 + tokens);
        }
        days.into_values().filter(|of| of.attempts > 0 && of.day >= Window::Day.start(since)).collect()
    }

    /// Under the graph of its run, which may be forgotten later.
    pub(super) fn settle(&mut self, settled: Settled) {
        let same = |before: &Settled| {
            let void = Booked { waste: None, ..settled.booked.clone() };
            (&before.tenant, before.run, &before.booked) == (&settled.tenant, settled.run, &void)
        };
        if settled.moved
            && let Some((_, before)) = self.settled.iter_mut().find(|(_, before)| same(before))
        {
            before.booked.waste = settled.booked.waste;
            return;
        }
        let graph = self.runs.get(&(settled.tenant.clone(), settled.run)).map(|run| Arc::clone(&run.graph));
        self.settled.push((graph.unwrap_or_default(), settled));
    }
}

impl Spending for MemoryStore {
    fn spent_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourSpent>, StoreError>> {
        let mut spent = BTreeMap::<(Tenant, Timestamp), (Money, u64)>::new();
        let state = self.state();
        for (_, settled) in state.settled.iter().filter(|(_, settled)| settled.booked.taken >= since) {
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
        for (graph, Settled { booked, .. }) in state.settled.iter().filter(|(_, settled)| counts(settled)) {
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
        let hours = state.settled.iter_mut().map(|(_, settled)| &mut settled.booked.taken);
        let mut left = count_max;
        for taken in hours.filter(|taken| of_hours(**taken)).take(count_max as usize) {
            *taken = Window::Day.start(*taken);
            left -= 1;
        }
        ready(Ok(left == 0)).boxed()
    }

    fn lost(&self, tenant: &Tenant, since: Timestamp) -> BoxFuture<'_, Result<Vec<LostCalls>, StoreError>> {
        ready(Ok(self.state().lost(tenant, since))).boxed()
    }

    fn reconcile(&self, tenant: &Tenant, invoice: Invoice) -> BoxFuture<'_, Result<Vec<HourReleased>, StoreError>> {
        let mut state = self.state();
        let days = state.lost(tenant, invoice.day);
        let Some(day) = days.into_iter().find(|of| of.day == invoice.day && of.target == invoice.target) else {
            return ready(Ok(Vec::new())).boxed();
        };
        let mut over = day.over(&invoice);
        let is_lost = |of: &Settled| {
            let booked = &of.booked;
            let there = of.tenant == *tenant && booked.target == invoice.target && booked.waste == Some(Waste::Lost);
            there && Window::Day.start(booked.taken) == invoice.day
        };
        let mut hours = BTreeMap::<Timestamp, (Money, u64)>::new();
        let mut lost: Vec<_> = state.settled.iter_mut().map(|(_, settled)| settled).filter(|of| is_lost(of)).collect();
        lost.sort_by_key(|of| of.booked.taken);
        for Settled { booked, .. } in lost {
            let (money, tokens) = release(&mut over, (booked.cost, booked.tokens));
            (booked.cost, booked.tokens) = (booked.cost.minus(money), booked.tokens - tokens);
            let hour = hours.entry(Window::Hour.start(booked.taken)).or_default();
            *hour = (hour.0.plus(money), hour.1 + tokens);
        }
        hours.retain(|_, released| *released != (Money::ZERO, 0));
        let released: Vec<HourReleased> =
            hours.into_iter().map(|(hour, (money, tokens))| (hour, money, tokens)).collect();
        let noted = released.iter().map(|hour| Released {
            tenant: tenant.clone(),
            target: Arc::clone(&invoice.target),
            hour: *hour,
        });
        state.released.extend(noted.collect::<Vec<_>>());
        ready(Ok(released)).boxed()
    }
}
