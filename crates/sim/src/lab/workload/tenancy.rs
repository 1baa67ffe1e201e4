//! What tenants are to each other beside what they ask for: their weights, and how urgent their calls are.

use agendum_types::graph::Priority;
use agendum_types::policy::Fairness;
use serde::Deserialize;

use super::{Job, Workload};
use crate::chance::Chance;

/// What a scenario says of it. Policies are told of weights as a configuration would.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenancy {
    /// The weights of the tenants, one after the other, and from the first on again where there are more of them.
    pub weights: Vec<u32>,
    /// Of a hundred jobs of each so many are `background`, by chance; the others are `standard`.
    #[serde(default)]
    pub background_percent: u32,
}

/// What is counted for itself: the calls of one tenant that are equally urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// How urgent.
    pub band: Priority,
    /// The weight of its tenant.
    pub weight: u32,
}

impl Tenancy {
    /// Has a workload know of it: its tenants have weights, and each kind of job is there once more, for the background.
    pub fn tells(&self, workload: &mut Workload) {
        workload.weights = (0..workload.tenants.len()).map(|of| self.weights[of % self.weights.len()]).collect();
        if self.background_percent > 0 {
            let kinds = workload.classes.len();
            let again: Vec<String> = workload.classes.iter().map(|name| format!("{name}-background")).collect();
            workload.classes.extend(again);
            workload.priorities = [vec![Priority::Standard; kinds], vec![Priority::Background; kinds]].concat();
        }
    }

    /// Has chance say which jobs of a seed are for the background.
    pub fn urges(&self, jobs: &mut [Job], workload: &Workload, seed: u64) {
        let mut chance = Chance::new(seed ^ 0x7465_6E61_6E63_7921);
        let kinds = workload.classes.len() as u32 / 2;
        for job in jobs.iter_mut().filter(|_| chance.hits(self.background_percent.into())) {
            job.class += kinds;
        }
    }
}

impl Workload {
    /// The number of the account of a job.
    #[must_use]
    pub fn account(&self, job: &Job) -> u32 {
        let bands = self.bands();
        let band = bands.iter().position(|band| *band == self.band(job.class)).unwrap_or_default();
        band as u32 * self.tenants.len() as u32 + job.tenant
    }

    /// All accounts, by number.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let weight = |tenant: usize| self.weights.get(tenant).copied().unwrap_or(1);
        let of = |band| (0..self.tenants.len()).map(move |tenant| Account { band, weight: weight(tenant) });
        self.bands().into_iter().flat_map(of).collect()
    }

    /// What a configuration says of the weights of its tenants.
    pub fn weigh(&self, fairness: &mut Fairness) {
        let tenants = self.tenants.iter().map(|name| agendum_types::Tenant::new(name));
        fairness.weights.extend(tenants.zip(self.weights.iter().copied()));
    }

    fn band(&self, class: u32) -> Priority {
        self.priorities.get(class as usize).copied().unwrap_or_default()
    }

    /// The bands that there are, the most urgent first.
    fn bands(&self) -> Vec<Priority> {
        let mut bands: Vec<Priority> = (0..self.classes.len()).map(|class| self.band(class as u32)).collect();
        bands.sort_unstable();
        bands.dedup();
        bands
    }
}
