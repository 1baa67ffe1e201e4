//! How much was served on each account, and which had something waiting, twice a second.

use agendum_types::Duration;
use agendum_types::graph::Priority;

use super::workload::tenancy::Account;

/// A meter at the engine.
#[derive(Clone, Debug)]
pub struct Meter {
    accounts: Vec<Account>,
    served: Vec<u64>,
    waiting: Vec<u32>,
    seen: Vec<(Vec<u64>, Vec<bool>)>,
    next: Duration,
}

impl Meter {
    /// How often it looks.
    const EVERY: Duration = Duration::millis(500);

    /// Of these.
    #[must_use]
    pub fn new(accounts: Vec<Account>) -> Self {
        let (served, waiting) = (vec![0; accounts.len()], vec![0; accounts.len()]);
        Self { accounts, served, waiting, seen: Vec::new(), next: Duration::ZERO }
    }

    /// A call on this account waits.
    pub fn waits(&mut self, account: u32) {
        self.waiting[account as usize] += 1;
    }

    /// It was taken in, or is gone.
    pub fn goes(&mut self, account: u32) {
        self.waiting[account as usize] -= 1;
    }

    /// So much was served on an account.
    pub fn serves(&mut self, account: u32, cost: u64) {
        self.served[account as usize] += cost;
    }

    /// It is so late.
    pub fn looks(&mut self, now: Duration) {
        if now >= self.next {
            self.seen.push((self.served.clone(), self.waiting.iter().map(|count| *count > 0).collect()));
            self.next = now.plus(Self::EVERY);
        }
    }

    /// The most by which the service of two tenants, each by its weight, drifted apart while both had something waiting that is equally urgent.
    #[must_use]
    pub fn difference(&self) -> u64 {
        let had = |served: &[u64], of: usize| (served[of] / u64::from(self.accounts[of].weight)).cast_signed();
        let pairs = (0..self.accounts.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        let mut most = 0;
        for (one, other) in pairs.filter(|(one, other)| self.accounts[*one].band == self.accounts[*other].band) {
            let mut range: Option<(i64, i64)> = None;
            for (served, waiting) in &self.seen {
                if !(waiting[one] && waiting[other]) {
                    range = None;
                    continue;
                }
                let apart = had(served, one) - had(served, other);
                let (low, high) = range.map_or((apart, apart), |(low, high)| (low.min(apart), high.max(apart)));
                range = Some((low, high));
                most = most.max(low.abs_diff(high));
            }
        }
        most
    }

    /// Of what was served while calls of every urgency waited the part of the least urgent; none where all are alike, or never waited together.
    #[must_use]
    pub fn least_urgent(&self) -> Option<f64> {
        let least = self.accounts.iter().map(|account| account.band).max()?;
        let bands: Vec<Priority> = Priority::ALL.into_iter().filter(|band| self.of(*band).next().is_some()).collect();
        if bands.len() < 2 {
            return None;
        }
        let all_wait = |waiting: &[bool]| bands.iter().all(|band| self.of(*band).any(|of| waiting[of]));
        let (mut of_least, mut of_all) = (0, 0);
        for pair in self.seen.windows(2).filter(|pair| all_wait(&pair[0].1) && all_wait(&pair[1].1)) {
            let grew = |of: usize| pair[1].0[of] - pair[0].0[of];
            of_least += self.of(least).map(grew).sum::<u64>();
            of_all += (0..self.accounts.len()).map(grew).sum::<u64>();
        }
        (of_all > 0).then(|| of_least as f64 / of_all as f64)
    }

    /// The accounts of a band.
    fn of(&self, band: Priority) -> impl Iterator<Item = usize> + '_ {
        (0..self.accounts.len()).filter(move |of| self.accounts[*of].band == band)
    }
}
