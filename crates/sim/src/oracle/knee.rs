//! With how many at once a target does most: from all attempts that were ever out there in this life.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Class, Outcome, Timestamp};

use super::{Flight, Reference};

/// What is known of all targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Knees {
    /// Attempts that have ended: on which target, from when to when.
    ended: Vec<(usize, u64, u64)>,
    tasks: BTreeMap<usize, Tasks>,
    most: BTreeMap<usize, usize>,
}

/// What attempts did, by their task: the beginning of the hash of its graph, and which it is.
pub(super) type Tasks = BTreeMap<(u64, NodeId), Levels>;

/// By the half of a doubling of how many were out beside them.
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
        let Some(node) = flight.attempt.path.node() else { return };
        let graph = self.runs[&flight.attempt.run].graph.hash.0;
        let task = (u64::from_le_bytes(graph[..8].try_into().expect("eight bytes")), node);
        let out = knees.ended.iter().filter(|(of, ..)| *of == target).chain(&others);
        let area: u64 = out.map(|(_, since, until)| until.saturating_sub(*since.max(&from))).sum();
        let took = now.since(flight.sent).0.max(1);
        let load = area * 64 / took;
        let tasks = knees.tasks.entry(target).or_default();
        if !tasks.contains_key(&task) && tasks.len() == 16 {
            let latest = |levels: &Levels| levels.values().map(|level| level.latest).max();
            let oldest = *tasks.iter().min_by_key(|(_, levels)| latest(levels)).expect("there are sixteen").0;
            tasks.remove(&oldest);
        }
        let level = tasks.entry(task).or_default().entry(half(load)).or_default();
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
        let tasks = knees.tasks.entry(target).or_default();
        tasks.values_mut().for_each(|levels| levels.retain(|_, level| now.since(level.latest).0 < 600_000_000));
        tasks.retain(|_, levels| !levels.is_empty());
        // Of each task where no more is done, if there is such a load, and the greatest that was seen.
        let mut found = Vec::new();
        for levels in tasks.values() {
            let known: Vec<&Level> = levels.values().filter(|level| level.seen >= seen_min).collect();
            let is_knee = |(place, level): &(usize, &&Level)| {
                let above = &known[place + 1..];
                let goes_far = above.last().is_some_and(|most| most.mean() >= 2 * level.mean());
                goes_far && above.iter().all(|more| more.does() <= level.does() * (100 + gain) / 100)
            };
            let knee = known.iter().enumerate().find(is_knee).map(|(_, level)| level.mean());
            if let Some((least, most)) = known.first().zip(known.last())
                && most.mean() >= 2 * least.mean()
            {
                found.push((knee, most.mean()));
            }
        }
        let knee = found.iter().filter_map(|(knee, _)| *knee).max().filter(|_| gain > 0);
        let goes_on = |knee: u128| found.iter().any(|(of, most)| of.is_none() && *most >= 2 * knee);
        let most = knee.filter(|knee| !goes_on(*knee)).map(|mean| (mean + mean / 4).div_ceil(64) as usize + 1);
        knees.most.remove(&target);
        knees.most.extend(most.map(|most| (target, most)));
    }

    /// What is known of a target, to be told to another life.
    pub(super) fn tasks_of(&self, target: usize) -> Tasks {
        self.accounts.knees.tasks.get(&target).cloned().unwrap_or_default()
    }

    /// What an earlier life knew of it.
    pub(super) fn has_tasks(&mut self, target: usize, tasks: &Tasks) {
        let mut tasks = tasks.clone();
        let levels = tasks.values_mut().flat_map(BTreeMap::values_mut);
        levels.for_each(|level| level.latest = level.latest.min(self.now));
        self.accounts.knees.tasks.insert(target, tasks);
        self.finds_knee(target);
    }

    /// Other rules: where nothing is to be limited, what was learned is forgotten.
    pub(super) fn may_forget_knees(&mut self) {
        if self.policy.limits.gain == 0 {
            self.accounts.knees.tasks.clear();
            self.accounts.knees.most.clear();
        }
    }
}
