//! How many attempts at once a target does most with: beyond that, more of them take longer and no more is done.
//!
//! A target that is said to take more at once than it works on lets the rest wait inside, in an order of its own, where no deadline, tenant or priority
//! counts; one that is crowded (memory that runs out, a database that thrashes) does less the more it is given. Both are seen in how long attempts
//! take for what they do, beside how many were out meanwhile:
//!
//! ```text
//! does(load) = load x work / time        of attempts during which about so many were out; work: a call, its output, and a part of its input
//! ```
//!
//! As long as that grows with the load by [`gain`](agendum_types::policy::Limits::gain) percent and more for a doubling (an engine with a batch gets slower
//! and does more in all), it gets what it is sent. From the least load on beyond which it does not, it gets a quarter more than that at once, so that it is
//! never idle; the rest waits in the queue, where order counts.
//!
//! Only attempts of one task are compared with one another: others do other work, whose time may not hang on tokens at all, and come at other hours. Where
//! tasks disagree, the greatest load counts, and none where one of them went on to do more beyond it.
//!
//! It is no ratio of latencies now and before, as limiters of services have it (Gradient2): a batch that fills is slower at each call and better in all, and
//! where a target was always crowded there is no before. Nothing is tried out for it: loads come and go by themselves.
//!
//! What was seen of a load counts for ten minutes after the last attempt there, so that what has grown, or is well again, is found out. Only of targets that
//! serve models, as [`breaker`](crate::breaker) has it.

use std::collections::BTreeMap;

use agendum_types::graph::NodeId;
use agendum_types::{Class, Duration, Outcome, Policy, TaskPath, Timestamp};
use smallvec::SmallVec;

use crate::checkpoint::LevelKept;
use crate::inst::Flight;
use crate::run::Slot;
use crate::scheduler::Scheduler;
use crate::sketch::quarter;

/// Loads are counted in parts of an attempt.
const PARTS: u64 = 64;
/// What was seen of a load counts for so long.
const KEEPS: Duration = Duration::secs(600);
/// Attempts beside a load from which something is concluded: so many times as many as from which their time is foretold
/// ([`samples`](agendum_types::policy::Admission::samples)).
const SAMPLES: u32 = 2;
/// Beside so many the earlier ones count half.
const SEEN_MAX: u32 = 128;
/// A call is as much work as so many tokens of output,
const CALL: u64 = 16;
/// and as so many of input as a token of output.
const READ: u64 = 16;
/// More than what does most with: the so-many-th part, so that it is never idle.
const SPARE: u64 = 4;
/// Of so many tasks at once, those seen last.
const TASKS_MAX: usize = 16;
/// No time and no work of one attempt counts for more: thirty hours, and a hundred million tokens.
const MOST: u64 = 100_000_000_000;

/// What attempts did, and how long they took, while about so many were out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Level {
    /// How many, the earlier ones for less.
    seen: u32,
    /// How many were out meanwhile, in parts, all together.
    load: u64,
    /// In microseconds, all together.
    took: u64,
    work: u64,
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
    limit: Option<u32>,
}

impl Level {
    fn takes(&mut self, load: u64, took: u64, work: u64, now: Timestamp) {
        if self.seen >= SEEN_MAX {
            *self =
                Self { seen: self.seen / 2, load: self.load / 2, took: self.took / 2, work: self.work / 2, ..*self };
        }
        self.seen += 1;
        for (sum, more) in [(&mut self.load, load), (&mut self.took, took), (&mut self.work, work)] {
            *sum += more;
        }
        self.latest = now;
    }

    /// The mean, in parts of an attempt.
    fn mean_load(&self) -> u64 {
        self.load / u64::from(self.seen.max(1))
    }

    /// What is done in a second, in parts.
    fn does(&self) -> u128 {
        u128::from(self.mean_load()) * u128::from(self.work) * 1_000_000 / u128::from(self.took.max(1))
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

    /// An attempt of a task has ended that was sent when this was the area; `work` is nothing if it gave nothing.
    fn ends(&mut self, task: TaskKey, area: u64, (took, work): (Duration, u64)) {
        let took = took.as_micros().max(1);
        let load = u128::from(self.area.saturating_sub(area)) * u128::from(PARTS) / u128::from(took);
        let load = u64::try_from(load).unwrap_or(u64::MAX);
        let now = self.until;
        if !self.tasks.contains_key(&task) && self.tasks.len() >= TASKS_MAX {
            let oldest = self.tasks.iter().min_by_key(|(_, levels)| levels.latest()).map(|(task, _)| *task);
            oldest.into_iter().for_each(|task| drop(self.tasks.remove(&task)));
        }
        let levels = self.tasks.entry(task).or_default();
        levels.0.entry(quarter(load) / 2).or_default().takes(load.min(MOST), took.min(MOST), work.min(MOST), now);
    }

    /// Anew, by these rules.
    fn learn(&mut self, policy: &Policy) {
        let (now, gain) = (self.until, policy.limits.gain);
        let seen_min = policy.admission.samples.saturating_mul(SAMPLES).min(SEEN_MAX / 2);
        self.tasks.values_mut().for_each(|levels| levels.forget(now));
        self.tasks.retain(|_, levels| !levels.0.is_empty());
        let found: SmallVec<[Found; TASKS_MAX]> =
            self.tasks.values().filter_map(|levels| levels.finds(gain, seen_min)).collect();
        let knee = found.iter().filter_map(|of| of.knee).max().filter(|_| gain > 0);
        let does_more = |knee: &u64| found.iter().any(|of| of.knee.is_none() && of.most >= 2 * knee);
        let limit = |load: u64| u32::try_from((load + load / SPARE).div_ceil(PARTS) + 1).unwrap_or(u32::MAX);
        self.limit = knee.filter(|knee| !does_more(knee)).map(limit);
    }

    /// What was seen of the loads.
    pub(crate) fn kept(&self) -> Vec<LevelKept> {
        let of = |(task, levels): (&TaskKey, &Levels)| {
            let task = *task;
            let level = move |(step, level): (&u8, &Level)| {
                let Level { seen, load, took, work, latest } = *level;
                LevelKept { graph: task.0, node: task.1, step: *step, seen, sums: [load, took, work], latest }
            };
            levels.0.iter().map(level).collect::<Vec<_>>()
        };
        self.tasks.iter().flat_map(of).collect()
    }

    /// What an earlier life has seen: not what its clock says of the time to come.
    pub(crate) fn remembered(kept: &[LevelKept], policy: &Policy, now: Timestamp) -> Self {
        let mut knee = Self { until: now, ..Self::default() };
        for kept in kept {
            let task = (kept.graph, kept.node);
            if knee.tasks.contains_key(&task) || knee.tasks.len() < TASKS_MAX {
                let [load, took, work] = kept.sums.map(|sum| sum.min(MOST * u64::from(SEEN_MAX)));
                let (seen, latest) = (kept.seen.min(SEEN_MAX), kept.latest.min(now));
                let levels = knee.tasks.entry(task).or_default();
                levels.0.insert(kept.step, Level { seen, load, took, work, latest });
            }
        }
        knee.learn(policy);
        knee
    }
}

/// What one task says of a target.
struct Found {
    /// The least load beyond which no more is done.
    knee: Option<u64>,
    /// The greatest load that was seen.
    most: u64,
}

impl Levels {
    fn latest(&self) -> Timestamp {
        self.0.values().map(|level| level.latest).max().unwrap_or_default()
    }

    fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, level| now.since(level.latest) < KEEPS);
    }

    /// Where twice as many have to bring so many percent more; `None` if no load was seen that is twice another.
    fn finds(&self, gain: u8, seen_min: u32) -> Option<Found> {
        let seen = self.0.values().filter(|level| level.seen >= seen_min);
        let levels: SmallVec<[(u64, u128); 16]> = seen.map(|level| (level.mean_load(), level.does())).collect();
        let no_more = |(place, (load, does)): (usize, &(u64, u128))| {
            let above = &levels[place + 1..];
            let most = does * (100 + u128::from(gain)) / 100;
            (above.last()?.0 >= 2 * load && above.iter().all(|(_, does)| *does <= most)).then_some(*load)
        };
        let knee = levels.iter().enumerate().find_map(no_more);
        let [(least, _), .., (most, _)] = *levels.as_slice() else { return None };
        (most >= 2 * least).then_some(Found { knee, most })
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
        let work = match outcome {
            Outcome::Succeeded(success) => {
                let usage = success.usage;
                let made = usage.tokens_out.saturating_add(usage.tokens_reasoning);
                CALL.saturating_add(made).saturating_add(usage.tokens_in / READ)
            }
            // It was at work until then, for nothing.
            Outcome::Failed(failure) if failure.class == Class::Timeout => 0,
            Outcome::Failed(_) => return,
        };
        row.knee.ends(task, area, (self.now.since(flight.sent), work));
        row.knee.learn(&self.policy);
    }

    /// Other rules count: where they limit nothing, what was learned is forgotten.
    pub(crate) fn forget_knees(&mut self) {
        for target in self.targets.ids().filter(|_| self.policy.limits.gain == 0) {
            let knee = &mut self.targets.row_mut(target).knee;
            knee.tasks.clear();
            if knee.limit.take().is_some() {
                self.board.queue.wake(target, self.now);
            }
        }
    }
}
