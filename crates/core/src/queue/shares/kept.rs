//! What tenants have had, over a restart.

use agendum_types::graph::Priority;
use agendum_types::policy::Fairness;
use agendum_types::{Policy, Tenant};

use super::{OfBand, Shares, TenantNo};
use crate::checkpoint::{BandKept, TenantKept};
use crate::queue::Queue;
use crate::share::mean_of;

impl Queue {
    /// What tenants have had, so many of them at most.
    pub(crate) fn kept(&self, tenants_max: usize) -> ([BandKept; 3], Vec<TenantKept>) {
        let Shares { reached, usual, .. } = &self.shares;
        let bands = [0, 1, 2].map(|band| BandKept { reached: reached[band], usual: usual[band] });
        (bands, self.shares.kept(tenants_max))
    }

    /// What they had had in an earlier life.
    pub(crate) fn remember(&mut self, bands: &[BandKept; 3], tenants: &[TenantKept], fairness: &Fairness) {
        for (band, kept) in bands.iter().enumerate() {
            self.shares.reached[band] = kept.reached;
            self.shares.usual[band] = mean_of(kept.usual);
        }
        for TenantKept { tenant, times } in tenants {
            let number = self.shares.number(tenant, fairness);
            let account = &mut self.shares.accounts[number.0 as usize];
            account.of.iter_mut().zip(times).for_each(|(of, time)| of.time = *time);
        }
    }

    /// A tenant with open runs. One of which nothing is known stands as one that comes back.
    pub(crate) fn stands_in_line(&mut self, tenant: &Tenant, policy: &Policy) {
        if self.shares.by_name.contains_key(tenant) {
            return;
        }
        let number = self.shares.number(tenant, &policy.fairness);
        for band in Priority::ALL {
            let floor = self.shares.floor(number, band, self.shares.reached[band as usize]);
            self.shares.of_mut(number, band).time = floor;
        }
    }

    /// Whoever is queued in this event had waited before: nobody is lifted.
    pub(crate) fn nobody_comes_back(&mut self) {
        self.shares.floors = [0; 3];
    }
}

impl Shares {
    /// Those that would not be lifted if they came back now; where these are too many, those that have had most.
    fn kept(&self, tenants_max: usize) -> Vec<TenantKept> {
        let floor = |band| self.least(band).unwrap_or(u64::MAX).min(self.reached[band as usize]);
        let floors = Priority::ALL.map(floor);
        let counts = |number: TenantNo, of: &OfBand, band: Priority| {
            of.tasks > 0 || of.time > self.floor(number, band, floors[band as usize])
        };
        let is_kept = |(_, number): &(&Tenant, &TenantNo)| {
            let of = &self.accounts[number.0 as usize].of;
            Priority::ALL.into_iter().any(|band| counts(**number, &of[band as usize], band))
        };
        let kept = self.by_name.iter().filter(is_kept).map(|(tenant, number)| {
            let times = self.accounts[number.0 as usize].of.each_ref().map(|of| of.time);
            TenantKept { tenant: tenant.clone(), times }
        });
        let mut kept: Vec<TenantKept> = kept.collect();
        if kept.len() > tenants_max {
            let most = |of: &TenantKept| std::cmp::Reverse(of.times.iter().copied().max());
            kept.select_nth_unstable_by(tenants_max, |one, other| {
                most(one).cmp(&most(other)).then_with(|| one.tenant.cmp(&other.tenant))
            });
            kept.truncate(tenants_max);
            kept.sort_unstable_by(|one, other| one.tenant.cmp(&other.tenant));
        }
        kept
    }
}
