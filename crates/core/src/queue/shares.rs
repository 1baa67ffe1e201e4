//! What each tenant has had, in virtual time: what its attempts cost, by its weight. Of a band whoever has had least goes first.
//!
//! An attempt counts when it is sent, by an estimate, and is corrected when it has ended (as in the Virtual Token Counter, OSDI '24). A tenant that
//! comes back after it had nothing to send is lifted to the least of those that wait, less a few attempts: nobody saves up more of what was left
//! unused. The next life begins where this one was ([`kept`]); where that is not known, with what open runs have spent.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::Priority;
use agendum_types::policy::Fairness;
use agendum_types::{Tenant, Timestamp};
use smallvec::SmallVec;

use super::ClassId;

/// A tenant, as the queue knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TenantNo(u32);

/// Virtual time: pico-dollars at weight 1. It ends at 18 million dollars in one life, from where on all rank alike.
pub(crate) type Virtual = u64;

/// All tenants that were queued in this life: as many as there are customers.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    by_name: BTreeMap<Tenant, TenantNo>,
    accounts: Vec<Account>,
    /// In each band the tenants that wait, by what they have had; kept from the second tenant on, since one alone is compared with nobody.
    waiting: [BTreeSet<(Virtual, TenantNo)>; 3],
    /// In each band the virtual time of who was sent last.
    reached: [Virtual; 3],
    /// To where who comes back is lifted: the least of those that waited when the present event came, or else who was sent last.
    floors: [Virtual; 3],
    /// What attempts of a band count for when they are sent: how many, and a mean of the latest.
    usual: [(u32, u64); 3],
    credit: u32,
}

#[derive(Debug)]
struct Account {
    weight: u32,
    of: [OfBand; 3],
}

#[derive(Debug, Default)]
struct OfBand {
    time: Virtual,
    /// Tasks that wait, be it for money.
    tasks: u64,
    /// When the last of them left.
    idle_since: Option<Timestamp>,
    /// The classes in which they are queued.
    classes: SmallVec<[ClassId; 4]>,
}

impl Shares {
    /// The number of a tenant.
    pub(crate) fn number(&mut self, tenant: &Tenant, fairness: &Fairness) -> TenantNo {
        if let Some(number) = self.by_name.get(tenant) {
            return *number;
        }
        let number = TenantNo(u32::try_from(self.accounts.len()).expect("fewer tenants than runs"));
        if number == TenantNo(1) {
            let of = |band| (&self.accounts[0].of[band], TenantNo(0));
            let alone = [0, 1, 2].map(of).map(|(of, number)| (of.tasks > 0).then_some((of.time, number)));
            self.waiting.iter_mut().zip(alone).for_each(|(waiting, alone)| waiting.extend(alone));
        }
        self.accounts.push(Account { weight: fairness.weight_of(tenant), of: Default::default() });
        self.by_name.insert(tenant.clone(), number);
        number
    }

    /// Weights are others from now on; what was had stays.
    pub(crate) fn weigh(&mut self, fairness: &Fairness) {
        self.credit = fairness.credit;
        for (tenant, number) in &self.by_name {
            self.accounts[number.0 as usize].weight = fairness.weight_of(tenant);
        }
    }

    /// What a tenant has had in a band.
    pub(crate) fn time(&self, tenant: TenantNo, band: Priority) -> Virtual {
        self.of(tenant, band).time
    }

    /// A task more waits. A tenant that comes back is lifted; not where it stood a moment ago, and only moves.
    pub(super) fn comes(&mut self, tenant: TenantNo, band: Priority, now: Timestamp) {
        let floor = self.floor(tenant, band, self.floors[band as usize]);
        let of = self.of_mut(tenant, band);
        if of.tasks == 0 && of.idle_since.is_none_or(|since| since < now) {
            of.time = of.time.max(floor);
        }
        of.tasks += 1;
        let (time, is_first) = (of.time, of.tasks == 1);
        if is_first && self.accounts.len() > 1 {
            self.waiting[band as usize].insert((time, tenant));
        }
    }

    /// To where a tenant is lifted that comes back when this is the least: a few attempts less.
    fn floor(&self, tenant: TenantNo, band: Priority, least: Virtual) -> Virtual {
        let credit = self.usual[band as usize].1.saturating_mul(self.credit.into());
        let weight = u64::from(self.accounts[tenant.0 as usize].weight);
        least.saturating_sub(credit / weight)
    }

    /// What the tenant has had that has had least of those that wait.
    fn least(&self, band: usize) -> Option<Virtual> {
        match self.accounts.as_slice() {
            [alone] => Some(alone.of[band].time).filter(|_| alone.of[band].tasks > 0),
            _ => self.waiting[band].first().map(|(time, _)| *time),
        }
    }

    /// How many tasks of this tenant wait.
    pub(super) fn waiting_of(&self, tenant: &Tenant, band: Priority) -> u64 {
        self.by_name.get(tenant).map_or(0, |number| self.of(*number, band).tasks)
    }

    /// A task waits no more.
    pub(super) fn goes(&mut self, tenant: TenantNo, band: Priority, now: Timestamp) {
        let of = self.of_mut(tenant, band);
        of.tasks -= 1;
        of.idle_since = Some(now);
        let (time, is_last) = (of.time, of.tasks == 0);
        if is_last && self.accounts.len() > 1 {
            self.waiting[band as usize].remove(&(time, tenant));
        }
    }

    /// Another event comes.
    pub(super) fn looks(&mut self) {
        for band in 0..self.floors.len() {
            self.floors[band] = self.least(band).unwrap_or(self.reached[band]);
        }
    }

    /// The first of its tasks stands in this class, or the last has left it.
    pub(super) fn stands(&mut self, tenant: TenantNo, band: Priority, class: ClassId, stands: bool) {
        let classes = &mut self.of_mut(tenant, band).classes;
        if stands {
            classes.push(class);
        } else {
            classes.retain(|of| *of != class);
        }
    }

    pub(super) fn classes(&self, tenant: TenantNo, band: Priority) -> SmallVec<[ClassId; 4]> {
        self.of(tenant, band).classes.clone()
    }

    /// An attempt was sent that counts for so much.
    pub(super) fn sent(&mut self, band: Priority, cost: u64) {
        crate::share::take_into(&mut self.usual[band as usize], cost);
    }

    /// What a tenant of weight 1 has had after so many usual attempts more.
    pub(super) fn after(&self, time: Virtual, band: Priority, attempts: u32) -> Virtual {
        time.saturating_add(self.usual[band as usize].1.saturating_mul(attempts.into()))
    }

    /// One of its tasks is sent: who comes back is compared with this from now on.
    pub(super) fn sends(&mut self, tenant: TenantNo, band: Priority) {
        self.reached[band as usize] = self.time(tenant, band);
    }

    /// Counts what it has had: so much more, and so much less than was counted before.
    pub(super) fn charge(&mut self, tenant: TenantNo, band: Priority, (more, less): (u64, u64)) {
        let account = &mut self.accounts[tenant.0 as usize];
        let weight = u64::from(account.weight);
        let of = &mut account.of[band as usize];
        let before = of.time;
        of.time = before.saturating_add(more / weight).saturating_sub(less / weight);
        let (after, waits) = (of.time, of.tasks > 0);
        if waits && self.accounts.len() > 1 {
            self.waiting[band as usize].remove(&(before, tenant));
            self.waiting[band as usize].insert((after, tenant));
        }
    }

    fn of(&self, tenant: TenantNo, band: Priority) -> &OfBand {
        &self.accounts[tenant.0 as usize].of[band as usize]
    }

    fn of_mut(&mut self, tenant: TenantNo, band: Priority) -> &mut OfBand {
        &mut self.accounts[tenant.0 as usize].of[band as usize]
    }
}
