//! With how many at once a target does most: from all attempts that were ever out there in this life.

use std::collections::BTreeMap;

use agendum_types::{Class, Outcome, Timestamp};

use super::{Flight, Reference};

/// What is known of all targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Knees {
    /// Attempts that have ended: on which target, from when to when.
    ended: Vec<(usize, u64, u64)>,
    levels: BTreeMap<usize, Levels>,
    most: BTreeMap<usize, usize>,
}

/// What attempts did, by the half of a doubling of how many were out beside them.
pub(super) type Levels = BTreeMap<u64, Level>;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    seen: u64,
    /// In 64ths of an attempt.
    load: u64,
    took: u64,
    work: u64,
    latest: Timestamp,
}

impl Knees {
    /// When the last attempt there has ended.
    pub(super) fn idle_since(&self, target: usize) -> Option<Timestamp> {
        self.ended.iter().filter(|(of, ..)| *of == target).map(|(.., to)| Timestamp(*to)).max()
    }
}

impl Level {
    fn mean(&self) -> u128 {
        u128::from(self.load / self.seen.max(1))
    }

    fn does(&self) -> u128 {
        self.mean() * u128::from(self.work) * 1_000_000 / u128::from(self.took.max(1))
    }
}

/// The half of a doubling in which a number stands.
fn half(number: u64) -> u64 {
    let number = number.max(1);
    let doubling = u64::from(number.ilog2());
    2 * doubling + u64::from(2 * number >= 3 << doubling)
}

impl Reference {
    /// As many as a target does most with, and a quarter more.
    pub(super) fn knee(&self, target: usize) -> Option<usize> {
        self.accounts.knees.most.get(&target).copied()
    }

    /// An attempt has ended, and is in flight no more.
    pub(super) fn shows_knee(&mut self, flight: &Flight, outcome: &Outcome) {
        let (now, target, from) = (self.now, flight.target, flight.sent.0);
        let others = self.flights.iter().filter(|flight| flight.target == target);
        let others: Vec<_> = others.map(|flight| (target, flight.sent.0, now.0)).collect();
        let knees = &mut self.accounts.knees;
        knees.ended.push((target, from, now.0));
        let is_model = self.targets[target].capabilities.iter().any(|can| can.is_served_by_models());
        let work = match outcome {
            Outcome::Succeeded(success) => {
                let usage = &success.usage;
                16 + usage.tokens_out + usage.tokens_reasoning + usage.tokens_in / 16
            }
            Outcome::Failed(failure) if failure.class == Class::Timeout => 0,
            Outcome::Failed(_) => return,
        };
        if flight.reattached || !is_model || self.policy.limits.gain == 0 {
            return;
        }
        let out = knees.ended.iter().filter(|(of, ..)| *of == target).chain(&others);
        let area: u64 = out.map(|(_, since, until)| until.saturating_sub(*since.max(&from))).sum();
        let took = now.since(flight.sent).0.max(1);
        let load = area * 64 / took;
        let level = knees.levels.entry(target).or_default().entry(half(load)).or_default();
        if level.seen >= 128 {
            for sum in [&mut level.seen, &mut level.load, &mut level.took, &mut level.work] {
                *sum /= 2;
            }
        }
        level.seen += 1;
        (level.load, level.took, level.work) = (level.load + load, level.took + took, level.work + work);
        level.latest = now;
        self.finds_knee(target);
    }

    fn finds_knee(&mut self, target: usize) {
        let (now, gain) = (self.now, u128::from(self.policy.limits.gain));
        let seen_min = (2 * u64::from(self.policy.admission.samples)).min(64);
        let knees = &mut self.accounts.knees;
        let levels = knees.levels.entry(target).or_default();
        levels.retain(|_, level| now.since(level.latest).0 < 600_000_000);
        let known: Vec<&Level> = levels.values().filter(|level| level.seen >= seen_min).collect();
        let is_knee = |(place, level): &(usize, &&Level)| {
            let above = &known[place + 1..];
            let goes_far = above.last().is_some_and(|most| most.mean() >= 2 * level.mean());
            goes_far && above.iter().all(|more| more.does() <= level.does() * (100 + gain) / 100)
        };
        let knee = known.iter().enumerate().find(is_knee).filter(|_| gain > 0).map(|(_, level)| level.mean());
        knees.most.remove(&target);
        knees.most.extend(knee.map(|mean| (target, (mean + mean / 4).div_ceil(64) as usize + 1)));
    }

    /// What is known of a target, to be told to another life.
    pub(super) fn levels_of(&self, target: usize) -> Levels {
        self.accounts.knees.levels.get(&target).cloned().unwrap_or_default()
    }

    /// What an earlier life knew of it.
    pub(super) fn has_levels(&mut self, target: usize, levels: &Levels) {
        let mut levels = levels.clone();
        levels.values_mut().for_each(|level| level.latest = level.latest.min(self.now));
        self.accounts.knees.levels.insert(target, levels);
        self.finds_knee(target);
    }

    /// Other rules: where nothing is to be limited, what was learned is forgotten.
    pub(super) fn may_forget_knees(&mut self) {
        if self.policy.limits.gain == 0 {
            self.accounts.knees.levels.clear();
            self.accounts.knees.most.clear();
        }
    }
}
