//! How many attempts at once a target does most with: beyond that, more of them take longer and no more is done.
//!
//! A target that is said to take more at once than it works on lets the rest wait inside, in an order of its own, where no deadline, tenant or priority
//! counts; one that is crowded (memory that runs out, a database that thrashes) does less the more it is given. Both are seen in how long attempts
//! take for what they do, beside how many were out meanwhile:
//!
//! ```text
//! does(load) = load / time        of attempts during which about so many were out
//! ```
//!
//! As long as that grows with the load by [`gain`](agendum_types::policy::Limits::gain) percent and more from a load to three times that (an engine with a
//! batch gets slower and does more in all), it gets what it is sent. From the least load on beyond which it does not, it gets a quarter more than that at
//! once, so that it is never idle; the rest waits in the queue, where order counts.
//!
//! What comes at another load may be other work: the times of two loads are compared by attempts of one task that were given about as much and gave about
//! as much, as many of each at both, and where there are not enough of those they are not compared. Where tasks disagree the greatest load counts, and none
//! where one of them did more than that at a greater.
//!
//! It is no ratio of latencies now and before, as limiters of services have it (Gradient2): a batch that fills is slower at each call and better in all, and
//! where a target was always crowded there is no before. Nothing is tried out for it: loads come and go by themselves.
//!
//! What was seen of a load is old ten minutes after the last attempt there. Where nothing newer says that more would not help, twice as many are let in,
//! which shows it anew, so that what has grown, or is well again, is found out; old numbers are forgotten with the next attempt beside such a load, or after a
//! day. The next life is told what was found, and keeps to it for ten minutes if it finds nothing itself. Only of targets that serve models, as
//! [`breaker`](crate::breaker) has it.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Duration, Outcome, Policy, TaskPath, Timestamp};
use smallvec::SmallVec;

use crate::inst::Flight;
use crate::run::Slot;
use crate::scheduler::Scheduler;
use crate::sketch::quarter;

/// Loads are counted in parts of an attempt.
const PARTS: u64 = 64;
/// What was seen of a load is old after so long,
const OLD: Duration = Duration::secs(600);
/// and is forgotten after so long.
const KEEPS: Duration = Duration::secs(86_400);
/// So many times as many attempts that can be compared as from which their time is foretold
/// ([`samples`](agendum_types::policy::Admission::samples)).
const SAMPLES: u32 = 2;
/// Beside so many the earlier ones count half.
const SEEN_MAX: u32 = 128;
/// So many times a load is far enough from it to say that more does not help. At twice a load chance alone may say so, where times differ for reasons of
/// their own.
const FAR: u64 = 3;
/// More than what does most with: the so-many-th part, so that it is never idle.
const SPARE: u64 = 4;
/// Of so many tasks at once, those seen last.
const TASKS_MAX: usize = 16;
/// Of so many sizes beside a load, those seen first.
const SIZES_MAX: usize = 32;
/// No time of one attempt counts for more: a day.
const TOOK_MAX: u64 = 86_400_000_000;
/// No load is more.
const LOAD_MAX: u64 = 1 << 32;

/// How much an attempt was given and gave: the doublings of its bytes, and of its tokens of output.
type Size = (u8, u8);

/// Attempts of a size: how many, and how long they took all together, in microseconds.
type Sized = (u32, u64);

/// What was seen while about so many were out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Level {
    /// How many attempts, the earlier ones for less.
    seen: u32,
    /// How many were out meanwhile, in parts, all together.
    load: u64,
    /// In the order of sizes.
    sizes: SmallVec<[(Size, Sized); 8]>,
    latest: Timestamp,
}

/// What was seen of the attempts of a task, by the half of a doubling of the load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Levels(BTreeMap<u8, Level>);

/// A task: the beginning of the hash of its graph, and which it is.
pub(crate) type TaskKey = (u64, NodeId);

/// What was seen of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Knee {
    /// How long attempts were out here, all together, in microseconds.
    area: u64,
    until: Timestamp,
    /// Of the tasks seen last.
    tasks: BTreeMap<TaskKey, Levels>,
    /// Attempts that were counted.
    ended: u32,
    limit: Option<u32>,
    /// What an earlier life had found, and until when that counts.
    told: Option<(u32, Timestamp)>,
}

impl Level {
    fn takes(&mut self, load: u64, size: Size, took: u64, now: Timestamp) {
        if self.is_old(now) {
            *self = Self::default();
        } else if self.seen >= SEEN_MAX {
            self.sizes.iter_mut().for_each(|(_, (seen, took))| (*seen, *took) = (*seen / 2, *took / 2));
            self.sizes.retain(|(_, (seen, _))| *seen > 0);
            (self.seen, self.load) = (self.seen / 2, self.load / 2);
        }
        (self.seen, self.load, self.latest) = (self.seen + 1, self.load + load, now);
        match self.sizes.binary_search_by_key(&size, |(of, _)| *of) {
            Ok(place) => {
                let (_, (seen, all)) = &mut self.sizes[place];
                (*seen, *all) = (*seen + 1, *all + took);
            }
            Err(place) if self.sizes.len() < SIZES_MAX => self.sizes.insert(place, (size, (1, took))),
            Err(_) => {}
        }
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.latest) >= OLD
    }

    /// The mean, in parts of an attempt.
    fn mean_load(&self) -> u64 {
        self.load / u64::from(self.seen.max(1))
    }

    /// With how many at once, each as quick as at this load, as much would be done as at another; `None` if too few can be compared.
    fn is_worth(&self, other: &Self, seen_min: u32) -> Option<u64> {
        let (mut pairs, mut here, mut there) = (0, 0, 0);
        let mut others = other.sizes.iter().peekable();
        for (size, (seen, took)) in &self.sizes {
            while others.next_if(|(of, _)| of < size).is_some() {}
            let Some((_, (others, longer))) = others.next_if(|(of, _)| of == size) else { continue };
            let count = (*seen).min(*others);
            pairs += count;
            here += u128::from(count) * u128::from(*took) / u128::from(*seen);
            there += u128::from(count) * u128::from(*longer) / u128::from(*others);
        }
        let worth = u128::from(other.mean_load()) * here / there.max(1);
        (pairs >= seen_min.max(1)).then(|| u64::try_from(worth).unwrap_or(u64::MAX))
    }
}

impl Knee {
    /// As many as it gets at once, where more of them would do no more.
    pub(crate) const fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// So many were out until now.
    pub(crate) fn passes(&mut self, running: u32, now: Timestamp) {
        self.area = self.area.saturating_add(u64::from(running).saturating_mul(now.since(self.until).as_micros()));
        self.until = now;
    }

    /// How long attempts were out here until now: what one that is sent remembers.
    pub(crate) const fn area(&self) -> u64 {
        self.area
    }

    /// An attempt of a task has ended that was sent when this was the area.
    fn ends(&mut self, task: TaskKey, area: u64, (size, took): (Size, Duration)) {
        let (now, took) = (self.until, took.as_micros().clamp(1, TOOK_MAX));
        let load = u128::from(self.area.saturating_sub(area)) * u128::from(PARTS) / u128::from(took);
        let load = u64::try_from(load).unwrap_or(u64::MAX).min(LOAD_MAX);
        self.ended = self.ended.wrapping_add(1);
        if !self.tasks.contains_key(&task) && self.tasks.len() >= TASKS_MAX {
            let oldest = self.tasks.iter().min_by_key(|(_, levels)| levels.latest()).map(|(task, _)| *task);
            oldest.into_iter().for_each(|task| drop(self.tasks.remove(&task)));
        }
        let levels = self.tasks.entry(task).or_default();
        levels.0.entry(quarter(load) / 2).or_default().takes(load, size, took, now);
    }

    /// Anew, by these rules, with every so-many-th attempt: a look at all that was seen takes some microseconds.
    fn looks(&mut self, policy: &Policy) {
        if self.ended.is_multiple_of((seen_min(policy) / 2).max(1)) {
            self.learn(policy);
        }
    }

    fn learn(&mut self, policy: &Policy) {
        let (now, gain, seen_min) = (self.until, u64::from(policy.limits.gain), seen_min(policy));
        self.tasks.values_mut().for_each(|levels| levels.0.retain(|_, level| now.since(level.latest) < KEEPS));
        self.tasks.retain(|_, levels| !levels.0.is_empty());
        let found: SmallVec<[Found; TASKS_MAX]> =
            self.tasks.values().map(|levels| levels.finds(gain, seen_min, now)).collect();
        let knee = found.iter().filter_map(|of| of.knee).max().filter(|_| gain > 0);
        let does_more = |knee: &u64| found.iter().any(|of| of.knee.is_none() && is_more(of.reach, *knee, gain));
        let knee = knee.filter(|knee| !does_more(knee));
        // Where it is long ago that more did not help, that is seen anew.
        let is_old = |knee: u64| !found.iter().any(|of| of.knee == Some(knee) && of.is_fresh);
        let limit = |load: u64| u32::try_from((load + load / SPARE).div_ceil(PARTS) + 1).unwrap_or(u32::MAX);
        let told = self.told.filter(|(_, until)| *until > now && gain > 0).map(|(limit, _)| limit);
        self.limit = knee.map(|knee| limit(if is_old(knee) { 2 * knee } else { knee })).or(told);
    }

    /// What was found, and until when the next life is to keep to it.
    pub(crate) fn kept(&self, now: Timestamp) -> Option<(u32, Timestamp)> {
        let until = self.told.map_or_else(|| now.after(OLD), |(_, until)| until);
        self.limit.map(|limit| (limit, if self.tasks.is_empty() { until } else { now.after(OLD) }))
    }

    /// What an earlier life had found.
    pub(crate) fn remembered(kept: Option<(u32, Timestamp)>, policy: &Policy, now: Timestamp) -> Self {
        let told = kept.map(|(limit, until)| (limit.max(1), until.min(now.after(OLD))));
        let mut knee = Self { until: now, told, ..Self::default() };
        knee.learn(policy);
        knee
    }
}

/// Attempts of each of two loads that can be compared.
fn seen_min(policy: &Policy) -> u32 {
    policy.admission.samples.saturating_mul(SAMPLES).min(SEEN_MAX / 2)
}

/// Whether one load is greater than another by more than so many percent.
fn is_more(load: u64, than: u64, gain: u64) -> bool {
    u128::from(load) * 100 > u128::from(than) * u128::from(100 + gain)
}

/// What one task says of a target.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// The least load beyond which no more is done.
    knee: Option<u64>,
    /// It is not long ago that more did not help.
    is_fresh: bool,
    /// With so many at once, each as quick as at a lower load, as much would be done as was, where a greater load did more.
    reach: u64,
}

impl Levels {
    fn latest(&self) -> Timestamp {
        self.0.values().map(|level| level.latest).max().unwrap_or_default()
    }

    /// Where [`FAR`] times as many have to bring so many percent more.
    fn finds(&self, gain: u64, seen_min: u32, now: Timestamp) -> Found {
        // With the mean load of each.
        let levels: SmallVec<[(u64, &Level); 16]> = self.0.values().map(|level| (level.mean_load(), level)).collect();
        let mut found = Found::default();
        for (place, (load, level)) in levels.iter().enumerate() {
            let is_far = |of: u64| of >= FAR * load;
            // Nothing is found by loads that are near alone, and once there is a knee they say nothing more.
            let has_far = levels[place + 1..].iter().any(|(of, _)| is_far(*of));
            let counts = |of: &&(u64, &Level)| has_far && (found.knee.is_none() || is_far(of.0));
            let worth =
                |(of, other): &(u64, &Level)| Some((is_far(*of), other.latest, level.is_worth(other, seen_min)?));
            let above = levels[place + 1..].iter().filter(counts).filter_map(worth);
            let above: SmallVec<[(bool, Timestamp, u64); 16]> = above.collect();
            let does_more = above.iter().filter(|(.., worth)| is_more(*worth, *load, gain));
            let far = || above.iter().filter(|(is_far, ..)| *is_far);
            found.reach = does_more.clone().filter(|(is_far, ..)| *is_far).map(|of| of.2).fold(found.reach, u64::max);
            if found.knee.is_none() && does_more.count() == 0 && far().count() > 0 {
                found.knee = Some(*load);
                found.is_fresh = far().any(|(_, latest, _)| now.since(*latest) < OLD);
            }
        }
        found
    }
}

impl Scheduler {
    /// An attempt has ended: what it says of how many at once its target does most with.
    pub(crate) fn learn_knee(&mut self, (slot, path): (Slot, &TaskPath), flight: Flight, outcome: &Outcome) {
        let graph = self.board.plan(slot).graph.hash.0;
        let graph = u64::from_le_bytes(graph[..8].try_into().expect("a hash has more bytes"));
        let Some(task) = path.node().map(|node| (graph, node)) else { return };
        let (is_on, row) = (self.policy.limits.gain > 0, self.targets.row_mut(flight.target));
        let Some(area) = flight.area.filter(|_| is_on && row.serves_models()) else { return };
        // What failed may have been at work for any part of its time.
        let Outcome::Succeeded(success) = outcome else { return };
        let made = success.usage.tokens_out.saturating_add(success.usage.tokens_reasoning);
        let size = (quarter(flight.bytes) / 4, quarter(made) / 4);
        row.knee.ends(task, area, (size, self.now.since(flight.sent)));
        row.knee.looks(&self.policy);
    }

    /// Other rules count: where they limit nothing, what was learned is forgotten.
    pub(crate) fn forget_knees(&mut self) {
        for target in self.targets.ids().filter(|_| self.policy.limits.gain == 0) {
            let knee = &mut self.targets.row_mut(target).knee;
            knee.tasks.clear();
            knee.told = None;
            if knee.limit.take().is_some() {
                self.board.queue.wake(target, self.now);
            }
        }
    }
}
