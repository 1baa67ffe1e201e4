//! What each tenant has had in each band, in maps; and what an attempt counts for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::{AttemptId, Duration, Money, Outcome, RunId, TaskPath, Tenant, Timestamp};

use super::breaker::Done;
use super::estimate::size;
use super::knee::Knees;
use super::learned::Learned;
use super::pace::Bucket;
use super::score::Read;
use super::score::Shown;
use super::{Flight, Reference};

/// Until one of these targets is well again: until when at most, and before when it is not made.
#[derive(Clone, Debug)]
pub(super) struct PutOff {
    pub(super) until: Timestamp,
    pub(super) opens: Timestamp,
    pub(super) targets: Vec<Arc<str>>,
}

/// By band and tenant.
pub(super) type Of = (usize, Tenant);

/// What an attempt counts for that is out, and whether that is a guess.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) of: Of,
    pub(super) cost: u64,
    pub(super) is_guess: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    /// What was counted, by the weight.
    pub(super) time: BTreeMap<Of, u64>,
    /// What of that is a guess, since nothing was known of the target; in pico-dollars.
    pub(super) guessed: BTreeMap<Of, u64>,
    /// When one of its tasks waited last.
    waited: BTreeMap<Of, Timestamp>,
    /// Of each band the time of who was sent last, and where who comes back stands at least, but for a few attempts.
    pub(super) reached: [u64; 3],
    pub(super) floors: [u64; 3],
    /// What the latest attempts of a band counted for when they were sent.
    pub(super) usual: [(u64, u64); 3],
    /// By target: what attempts came to, and how long the latest were out.
    pub(super) counted: BTreeMap<Arc<str>, Came>,
    pub(super) out: BTreeMap<Arc<str>, (u64, u64)>,
    /// By target: what was sent of what a minute lets through, and the tokens of the latest attempts.
    pub(super) paces: BTreeMap<Arc<str>, [Bucket; 2]>,
    pub(super) tokens: BTreeMap<Arc<str>, Came>,
    /// By target: how long attempts took and would usually have taken, and what it has read.
    pub(super) speeds: BTreeMap<Arc<str>, Shown>,
    pub(super) read: BTreeMap<Arc<str>, Read>,
    /// What was saved up for second attempts; those of late, and those of them that were first.
    pub(super) saved: u64,
    pub(super) seconds: (u64, u64),
    /// What was saved up to stop attempts, and how many were stopped.
    pub(super) stops: u64,
    pub(super) stopped: u64,
    /// Of each band: how long about the last 32 that were sent stood in the queue, and since when that is more than the policy has it.
    pub(super) stood: [(u64, u64); 3],
    pub(super) long_since: [Option<Timestamp>; 3],
    /// By the place of a target: how it has done lately.
    pub(super) done: BTreeMap<usize, Done>,
    /// How many targets get at once that turn some away.
    pub(super) learned: Learned,
    /// With how many at once targets do most.
    pub(super) knees: Knees,
    /// By the place of a target: until when it loads what had gone cold.
    pub(super) loads: BTreeMap<usize, Timestamp>,
    /// And what first attempts have earned for those after failures, and when all else that those took has come in, in nanoseconds.
    pub(super) retries: BTreeMap<usize, (u64, u128)>,
    /// By the place of a target: when it has answered last.
    pub(super) answered: BTreeMap<usize, Timestamp>,
    /// Last attempts that were put off.
    pub(super) outlasting: BTreeMap<(RunId, TaskPath), PutOff>,
    /// Those whose last attempt was put off until the target is well again which the attempt that has just ended shows to be so.
    pub(super) well_again: Vec<(Timestamp, (RunId, TaskPath), Timestamp)>,
}

/// What the latest attempts came to: how many of all, with their mean, and of those of each size.
#[derive(Clone, Debug, Default)]
pub(super) struct Came {
    all: (u64, u64),
    alike: BTreeMap<u64, (u64, u64)>,
}

impl Came {
    pub(super) fn takes(&mut self, bytes: u64, number: u64) {
        mean(&mut self.all, number);
        mean(self.alike.entry(size(bytes)).or_default(), number);
    }

    pub(super) const fn mean(&self) -> u64 {
        self.all.1
    }

    /// None of the means is more.
    pub(super) fn at_most(mut self, most: u64) -> Self {
        self.all.1 = self.all.1.min(most);
        self.alike.values_mut().for_each(|of| of.1 = of.1.min(most));
        self
    }

    /// Of those of a size once there are four; of all before, if there are so many.
    pub(super) fn to(&self, bytes: u64, seen_min: u64) -> Option<u64> {
        let alike = self.alike.get(&size(bytes)).filter(|(count, _)| *count >= 4);
        alike.or(Some(&self.all)).filter(|_| self.all.0 >= seen_min).map(|(_, mean)| *mean)
    }
}

/// One more.
pub(super) fn mean((count, mean): &mut (u64, u64), cost: u64) {
    *count = (*count + 1).min(32);
    *mean = ((u128::from(*mean) * u128::from(*count - 1) + u128::from(cost)) / u128::from(*count)) as u64;
}

impl Reference {
    pub(super) fn account(&self, id: RunId, path: &TaskPath) -> Of {
        (self.band(id, path), self.runs[&id].tenant.clone())
    }

    /// What the tenant of this task has had.
    pub(super) fn had(&self, id: RunId, path: &TaskPath) -> u64 {
        self.accounts.time.get(&self.account(id, path)).copied().unwrap_or_default()
    }

    /// Who waits when something happens has waited until then.
    pub(super) fn all_wait(&mut self) {
        let queued: Vec<Of> = self.queued().iter().map(|(id, path, ..)| self.account(*id, path)).collect();
        let short: Vec<Of> = self.short_ones().iter().map(|(id, path, _)| self.account(*id, path)).collect();
        let now = self.now;
        let waiting: BTreeSet<Of> = queued.into_iter().chain(short).collect();
        for band in 0..3 {
            let least = waiting.iter().filter(|of| of.0 == band).map(|of| self.sure(of)).min();
            self.accounts.floors[band] = least.unwrap_or(self.accounts.reached[band]);
        }
        self.accounts.waited.extend(waiting.into_iter().map(|of| (of, now)));
    }

    /// What a tenant has had without what is a guess.
    pub(super) fn sure(&self, of: &Of) -> u64 {
        let of_it = |all: &BTreeMap<Of, u64>| all.get(of).copied().unwrap_or_default();
        let weight = u64::from(self.policy.fairness.weight_of(&of.1));
        of_it(&self.accounts.time).saturating_sub(of_it(&self.accounts.guessed) / weight)
    }

    /// What a tenant has had after so many usual attempts more.
    pub(super) fn after(&self, band: usize, time: u64, attempts: u32) -> u64 {
        time + self.accounts.usual[band].1 * u64::from(attempts)
    }

    /// A task joins the queue: a tenant that comes back has had as much as who was sent.
    pub(super) fn lift(&mut self, id: RunId, path: &TaskPath) {
        let (of, now) = (self.account(id, path), self.now);
        if self.accounts.waited.get(&of).is_none_or(|at| *at < now) {
            let floor = self.lifted_to(&of.1, of.0, self.accounts.floors[of.0]);
            let time = self.accounts.time.entry(of.clone()).or_default();
            *time = (*time).max(floor);
        }
        self.accounts.waited.insert(of, now);
    }

    /// One of its tasks is sent.
    pub(super) fn overtakes(&mut self, id: RunId, path: &TaskPath) {
        let of = self.account(id, path);
        self.accounts.reached[of.0] = self.sure(&of);
    }

    /// What an attempt counts for when it is sent.
    pub(super) fn counts_for(&mut self, id: RunId, path: &TaskPath, target: usize, hold: Money) -> Counted {
        let of = self.account(id, path);
        let bytes = self.bytes(id, path);
        let cost = if self.runs[&id].is_child(path) { 0 } else { self.estimated(Some(target), hold, Some(bytes)) };
        let is_guess =
            !self.runs[&id].is_child(path) && !self.accounts.counted.contains_key(&self.targets[target].name);
        if !self.runs[&id].is_child(path) {
            mean(&mut self.accounts.usual[of.0], cost);
        }
        if is_guess {
            *self.accounts.guessed.entry(of.clone()).or_default() += cost;
        }
        self.count(&of, cost, 0);
        Counted { of, cost, is_guess }
    }

    /// What one counts for that is out, on a target that is known or not.
    pub(super) fn estimated(&self, target: Option<usize>, hold: Money, bytes: Option<u64>) -> u64 {
        let Some(row) = target.map(|target| &self.targets[target]) else { return hold.0 };
        let usual = self.accounts.counted.get(&row.name).map(|came| match bytes {
            Some(bytes) => came.to(bytes, 1).unwrap_or_default(),
            None => came.all.1,
        });
        usual.unwrap_or_else(|| if hold == Money::ZERO { self.time_counts(row.expected) } else { hold.0 })
    }

    /// An attempt has ended.
    pub(super) fn corrected(&mut self, attempt: &AttemptId, flight: &Flight, outcome: &Outcome) {
        let Some(run) = self.runs.get(&attempt.run) else { return };
        let is_child = run.is_child(&attempt.path);
        let is_beaten = run.orphans.iter().any(|orphan| orphan.id == *attempt && orphan.is_beaten);
        self.settles_pace(flight, outcome);
        if !is_beaten {
            self.shows_speed(flight, outcome);
        }
        let cost = if is_child {
            0
        } else if flight.price.is_free() {
            self.time_counts(self.now.since(flight.sent))
        } else {
            flight.bill(outcome, flight.hold.0, flight.hold.1).0.0
        };
        if !is_child && !self.has_no_room {
            let name = Arc::clone(&self.targets[flight.target].name);
            self.accounts.counted.entry(Arc::clone(&name)).or_default().takes(flight.bytes, cost);
            mean(self.accounts.out.entry(name).or_default(), self.now.since(flight.sent).0);
        }
        let Counted { of, cost: before, is_guess } = flight.counted.clone();
        if let Some(guessed) = self.accounts.guessed.get_mut(&of).filter(|_| is_guess) {
            *guessed -= before;
        }
        self.count(&of, cost, before);
    }

    pub(super) fn count(&mut self, of: &Of, more: u64, less: u64) {
        let weight = u64::from(self.policy.fairness.weight_of(&of.1));
        let time = self.accounts.time.entry(of.clone()).or_default();
        *time = (*time + more / weight).saturating_sub(less / weight);
    }

    pub(super) fn time_counts(&self, took: Duration) -> u64 {
        took.0 * (self.policy.fairness.free_hour.0 / 3_600) / 1_000_000
    }

    /// A life that was told nothing knows of what open runs have spent.
    pub(super) fn count_again(&mut self) {
        let spent: Vec<_> =
            self.runs.values().map(|run| (run.submitted.priority as usize, run.tenant.clone(), run.spent.0)).collect();
        spent.into_iter().for_each(|(band, tenant, spent)| self.count(&(band, tenant), spent, 0));
    }
}
