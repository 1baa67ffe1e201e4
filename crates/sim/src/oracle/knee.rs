//! With how many at once a target does most: from all attempts that were ever out there in this life.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Outcome, Timestamp};

use super::{Flight, Reference};

/// What is known of all targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Knees {
    /// Attempts that have ended: on which target, from when to when.
    ended: Vec<(usize, u64, u64)>,
    tasks: BTreeMap<usize, Tasks>,
    /// How many attempts were counted.
    counted: BTreeMap<usize, u64>,
    most: BTreeMap<usize, usize>,
    /// What an earlier life had found, and until when that counts.
    told: BTreeMap<usize, (usize, Timestamp)>,
    /// When it was used last, as an earlier life has told.
    used: BTreeMap<usize, Timestamp>,
}

/// What attempts of tasks were, by how many were out beside them: by the beginning of the hash of the graph, and which task; by the half of a doubling.
type Tasks = BTreeMap<(u64, NodeId), BTreeMap<u64, Level>>;

#[derive(Clone, Debug, Default)]
struct Level {
    seen: u64,
    /// In 64ths of an attempt.
    load: u64,
    /// By the doublings of what they were given and gave: how many, and how long they took.
    sizes: BTreeMap<(u32, u32), (u64, u64)>,
    latest: Timestamp,
}

impl Knees {
    /// When the last attempt there has ended.
    pub(super) fn idle_since(&self, target: usize) -> Option<Timestamp> {
        let ended = self.ended.iter().filter(|(of, ..)| *of == target).map(|(.., to)| Timestamp(*to));
        ended.chain(self.used.get(&target).copied()).max()
    }
}

impl Level {
    fn mean(&self) -> u128 {
        u128::from(self.load / self.seen.max(1))
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.latest).0 >= 600_000_000
    }

    /// So many at once, each as quick as here, would do what is done there, where so many attempts can be compared.
    fn is_worth(&self, there: &Self, seen_min: u64) -> Option<u128> {
        let (mut pairs, mut here, mut longer) = (0, 0, 0);
        for (size, (seen, took)) in &self.sizes {
            if let Some((others, took_there)) = there.sizes.get(size) {
                let count = seen.min(others);
                pairs += count;
                here += u128::from(*count) * u128::from(*took) / u128::from(*seen);
                longer += u128::from(*count) * u128::from(*took_there) / u128::from(*others);
            }
        }
        (pairs >= seen_min.max(1)).then(|| there.mean() * here / longer.max(1))
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
        let Outcome::Succeeded(success) = outcome else { return };
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
            let latest = |levels: &BTreeMap<u64, Level>| levels.values().map(|level| level.latest).max();
            let oldest = *tasks.iter().min_by_key(|(_, levels)| latest(levels)).expect("there are sixteen").0;
            tasks.remove(&oldest);
        }
        let level = tasks.entry(task).or_default().entry(half(load)).or_default();
        if level.is_old(now) {
            *level = Level::default();
        } else if level.seen >= 128 {
            (level.seen, level.load) = (level.seen / 2, level.load / 2);
            level.sizes.values_mut().for_each(|of| *of = (of.0 / 2, of.1 / 2));
            level.sizes.retain(|_, of| of.0 > 0);
        }
        (level.seen, level.load, level.latest) = (level.seen + 1, level.load + load, now);
        let made = success.usage.tokens_out + success.usage.tokens_reasoning;
        let size = [flight.bytes, made].map(|of| of.max(1).ilog2());
        if level.sizes.len() < 32 || level.sizes.contains_key(&(size[0], size[1])) {
            let of = level.sizes.entry((size[0], size[1])).or_default();
            *of = (of.0 + 1, of.1 + took);
        }
        let count = knees.counted.entry(target).or_default();
        *count += 1;
        // Each time that half as many more were seen as are compared.
        let each = u64::from(self.policy.admission.samples).clamp(1, 32);
        if count.is_multiple_of(each) {
            self.finds_knee(target);
        }
    }

    fn finds_knee(&mut self, target: usize) {
        let (now, gain) = (self.now, u128::from(self.policy.limits.gain));
        let seen_min = (2 * u64::from(self.policy.admission.samples)).min(64);
        let knees = &mut self.accounts.knees;
        let tasks = knees.tasks.entry(target).or_default();
        tasks.values_mut().for_each(|levels| levels.retain(|_, level| now.since(level.latest).0 < 86_400_000_000));
        tasks.retain(|_, levels| !levels.is_empty());
        let is_more = |more: u128, than: u128| more * 100 > than * (100 + gain);
        // Of each task where no more is done, whether that is recent, and what a greater load was worth that did more.
        let found = tasks.values().map(|levels| {
            let levels: Vec<&Level> = levels.values().collect();
            let (mut knee, mut reach) = (None, 0);
            for (place, level) in levels.iter().enumerate() {
                let above = levels[place + 1..].iter().filter_map(|of| Some((*of, level.is_worth(of, seen_min)?)));
                let above: Vec<(&Level, u128)> = above.collect();
                let far = || above.iter().filter(|(of, _)| of.mean() >= 3 * level.mean());
                let more = far().map(|(_, worth)| *worth).filter(|worth| is_more(*worth, level.mean()));
                reach = more.fold(reach, u128::max);
                let is_knee = far().count() > 0 && above.iter().all(|(_, worth)| !is_more(*worth, level.mean()));
                if is_knee && knee.is_none() {
                    knee = Some((level.mean(), far().any(|(of, _)| !of.is_old(now))));
                }
            }
            (knee, reach)
        });
        let found: Vec<_> = found.collect();
        let knee = found.iter().filter_map(|(knee, _)| knee.map(|(load, _)| load)).max().filter(|_| gain > 0);
        let goes_on = |knee: u128| found.iter().any(|(of, reach)| of.is_none() && is_more(*reach, knee));
        let is_fresh = |knee: u128| found.iter().any(|(of, _)| *of == Some((knee, true)));
        let mean = knee.filter(|knee| !goes_on(*knee)).map(|knee| if is_fresh(knee) { knee } else { 2 * knee });
        let told = knees.told.get(&target).filter(|(_, until)| *until > now && gain > 0).map(|(most, _)| *most);
        let most = mean.map(|mean| (mean + mean / 4).div_ceil(64) as usize + 1).or(told);
        knees.most.remove(&target);
        knees.most.extend(most.map(|most| (target, most)));
    }

    /// What was found of a target, to be told to another life.
    pub(super) fn knee_to_tell(&self, target: usize) -> Option<(usize, Timestamp)> {
        let (now, knees) = (self.now, &self.accounts.knees);
        let has_seen = knees.tasks.get(&target).is_some_and(|tasks| !tasks.is_empty());
        let until = knees.told.get(&target).map(|(_, until)| *until).filter(|_| !has_seen);
        self.knee(target).map(|most| (most, until.unwrap_or(Timestamp(now.0 + 600_000_000))))
    }

    /// When it was used last.
    pub(super) fn last_used(&self, target: usize) -> Option<Timestamp> {
        let is_out = self.flights.iter().any(|flight| flight.target == target);
        if is_out { Some(self.now) } else { self.accounts.knees.idle_since(target) }
    }

    /// It was used last then, in an earlier life.
    pub(super) fn was_used(&mut self, target: usize, at: Option<Timestamp>) {
        let now = self.now;
        self.accounts.knees.used.extend(at.map(|at| (target, at.min(now))));
    }

    /// What an earlier life had found.
    pub(super) fn has_found(&mut self, target: usize, told: Option<(usize, Timestamp)>) {
        let latest = Timestamp(self.now.0 + 600_000_000);
        let told = told.map(|(most, until)| (most.max(1), until.min(latest)));
        self.accounts.knees.told.extend(told.map(|told| (target, told)));
        self.finds_knee(target);
    }

    /// Other rules: where nothing is to be limited, what was learned is forgotten.
    pub(super) fn may_forget_knees(&mut self) {
        if self.policy.limits.gain == 0 {
            self.accounts.knees.tasks.clear();
            self.accounts.knees.most.clear();
            self.accounts.knees.told.clear();
        }
    }
}
