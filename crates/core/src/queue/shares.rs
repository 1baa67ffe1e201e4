//! What each tenant has had, in virtual time: what its attempts cost, by its weight. Of a band whoever has had least goes first.
//!
//! An attempt counts when it is sent, by an estimate, and is corrected when it has ended (as in the Virtual Token Counter, OSDI '24). A tenant that
//! comes back after it had nothing to send is lifted to the least of those that wait, less a few attempts: nobody saves up more of what was left
//! unused. What is out on a target of which nothing is known counts there for nothing: a guess that is far off is corrected for whoever it was counted
//! for, and not for who came meanwhile. The next life begins where this one was ([`kept`]); where that is not known, with what open runs have spent.

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
    /// The same of those of which something that is out is a guess, without that.
    guessed: [BTreeSet<(Virtual, TenantNo)>; 3],
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
    /// What of that is a guess, in pico-dollars.
    guessed: u64,
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
        self.accounts.push(Account { weight: fairness.weight_of(tenant), of: Default::default() });
        self.by_name.insert(tenant.clone(), number);
        if number == TenantNo(1) {
            Priority::ALL.into_iter().for_each(|band| self.enters(TenantNo(0), band));
        }
        number
    }

    /// Weights are others from now on; what was had stays.
    pub(crate) fn weigh(&mut self, fairness: &Fairness) {
        self.credit = fairness.credit;
        for (tenant, number) in &self.by_name {
            self.accounts[number.0 as usize].weight = fairness.weight_of(tenant);
        }
        // By other weights guesses are other times.
        self.guessed = Default::default();
        (0..self.accounts.len() as u32).for_each(|number| {
            Priority::ALL.into_iter().for_each(|band| self.enters(TenantNo(number), band));
        });
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
        if of.tasks == 1 {
            self.enters(tenant, band);
        }
    }

    /// It stands among those that wait, if it does, and there are others.
    fn enters(&mut self, tenant: TenantNo, band: Priority) {
        let of = self.of(tenant, band);
        if of.tasks == 0 || self.accounts.len() < 2 {
            return;
        }
        let (time, has_guess) = (of.time, of.guessed > 0);
        self.waiting[band as usize].insert((time, tenant));
        if has_guess {
            let sure = self.sure(tenant, band);
            self.guessed[band as usize].insert((sure, tenant));
        }
    }

    /// It does no more, or will stand elsewhere.
    fn leaves(&mut self, tenant: TenantNo, band: Priority) {
        if self.accounts.len() < 2 {
            return;
        }
        let of = self.of(tenant, band);
        let (time, has_guess) = (of.time, of.guessed > 0);
        self.waiting[band as usize].remove(&(time, tenant));
        if has_guess {
            let sure = self.sure(tenant, band);
            self.guessed[band as usize].remove(&(sure, tenant));
        }
    }

    /// What a tenant has had without what is a guess.
    fn sure(&self, tenant: TenantNo, band: Priority) -> Virtual {
        let of = self.of(tenant, band);
        of.time.saturating_sub(of.guessed / u64::from(self.accounts[tenant.0 as usize].weight))
    }

    /// To where a tenant is lifted that comes back when this is the least: a few attempts less.
    fn floor(&self, tenant: TenantNo, band: Priority, least: Virtual) -> Virtual {
        let credit = self.usual[band as usize].1.saturating_mul(self.credit.into());
        let weight = u64::from(self.accounts[tenant.0 as usize].weight);
        least.saturating_sub(credit / weight)
    }

    /// What the tenant has had that has had least of those that wait, guesses aside.
    fn least(&self, band: Priority) -> Option<Virtual> {
        match self.accounts.as_slice() {
            [alone] => (alone.of[band as usize].tasks > 0).then(|| self.sure(TenantNo(0), band)),
            _ => [&self.waiting, &self.guessed]
                .into_iter()
                .filter_map(|of| of[band as usize].first())
                .min()
                .map(|of| of.0),
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
        if of.tasks == 0 {
            self.leaves(tenant, band);
        }
    }

    /// Another event comes.
    pub(super) fn looks(&mut self) {
        for band in Priority::ALL {
            self.floors[band as usize] = self.least(band).unwrap_or(self.reached[band as usize]);
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
        self.reached[band as usize] = self.sure(tenant, band);
    }

    /// Counts what it has had: so much more, and so much less than was counted before; and what of both is a guess.
    pub(super) fn charge(
        &mut self,
        tenant: TenantNo,
        band: Priority,
        (more, less): (u64, u64),
        (guess, known): (u64, u64),
    ) {
        let waits = self.of(tenant, band).tasks > 0;
        if waits {
            self.leaves(tenant, band);
        }
        let account = &mut self.accounts[tenant.0 as usize];
        let weight = u64::from(account.weight);
        let of = &mut account.of[band as usize];
        of.time = of.time.saturating_add(more / weight).saturating_sub(less / weight);
        of.guessed = of.guessed.saturating_add(guess).saturating_sub(known);
        if waits {
            self.enters(tenant, band);
        }
    }

    fn of(&self, tenant: TenantNo, band: Priority) -> &OfBand {
        &self.accounts[tenant.0 as usize].of[band as usize]
    }

    fn of_mut(&mut self, tenant: TenantNo, band: Priority) -> &mut OfBand {
        &mut self.accounts[tenant.0 as usize].of[band as usize]
    }
}
