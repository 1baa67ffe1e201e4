//! What is measured of one play, and what comes of many: a mean with its interval of 95 %, and the ratio to the baseline of the same seeds.

use std::collections::BTreeMap;

use agendum_types::{Duration, Hash};
use serde::Serialize;

use super::chart::Bar;
use super::faults::Harmed;
use super::workload::Job;

/// A job and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    tenant: u32,
    cost: u64,
    tokens: u64,
    at: Duration,
    /// When it came for the last time, and how often it came again.
    last: Duration,
    again: u32,
    ideal: Duration,
    deadline: Option<Duration>,
    began: Option<Duration>,
    /// How often it was refused when it came.
    refused: u32,
    /// How many calls it has.
    calls: usize,
    /// The time of the slots that it had, and of that what it had before it came again or gave way.
    spent: Duration,
    lost: Duration,
    /// Until when it has the slot that it has, and how often it gave way.
    until: Duration,
    stops: u32,
    /// When it was answered, and whether it succeeded.
    over: Option<(Duration, bool)>,
}

impl Ended {
    /// One that has not come.
    #[must_use]
    pub fn of(job: &Job, ideal: Duration) -> Self {
        let tokens = super::workload::calls(&job.rounds).map(|call| u64::from(call.tokens_in + call.tokens_out)).sum();
        let calls = super::workload::calls(&job.rounds).count();
        let (tenant, cost, at, deadline) = (job.tenant, job.cost(), job.at, job.deadline);
        let (last, again, began, spent, over, lost) = (at, 0, None, Duration::ZERO, None, Duration::ZERO);
        let (until, stops, refused) = (Duration::ZERO, 0, 0);
        Self {
            tenant,
            cost,
            tokens,
            at,
            last,
            again,
            ideal,
            deadline,
            began,
            refused,
            calls,
            spent,
            lost,
            until,
            stops,
            over,
        }
    }

    /// It comes only now.
    pub const fn comes(&mut self, now: Duration) {
        (self.at, self.last) = (now, now);
    }

    /// It comes again: its deadline counts anew.
    pub const fn comes_again(&mut self, now: Duration) {
        (self.last, self.lost) = (now, self.spent);
        self.again += 1;
    }

    /// It came, and was not let in.
    pub const fn is_refused(&mut self) {
        self.refused += 1;
    }

    /// Its first call is sent.
    pub fn begins(&mut self, now: Duration) {
        self.began.get_or_insert(now);
    }

    /// It takes a slot from now on for so long.
    pub fn spends(&mut self, now: Duration, span: Duration) {
        (self.spent, self.until) = (self.spent.plus(span), now.plus(span));
    }

    /// It is stopped after so long, and begins anew some time.
    pub fn gives_way(&mut self, now: Duration, lost: Duration) {
        self.spares(self.until.minus(now));
        self.lost = self.lost.plus(lost);
        self.stops += 1;
    }

    /// So much of that it did not take after all.
    pub fn spares(&mut self, span: Duration) {
        self.spent = self.spent.minus(span);
    }

    /// It is answered.
    pub fn ends(&mut self, now: Duration, well: bool) {
        self.over = Some((now, well));
    }

    /// From when it came to its answer.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        self.over.filter(|(_, well)| *well).map(|(at, _)| Duration(at.0.saturating_sub(self.at.0)))
    }

    /// When it was answered, well or not.
    #[must_use]
    pub fn over_at(&self) -> Option<Duration> {
        self.over.map(|(at, _)| at)
    }

    /// True if it was answered, well or not.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    fn is_in_time(&self) -> bool {
        let since = |(at, well): (Duration, bool)| well.then(|| at.minus(self.last));
        self.over.and_then(since).is_some_and(|took| self.deadline.is_none_or(|deadline| took <= deadline))
    }
}

/// What was seen of one play.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every job.
    pub ended: Vec<Ended>,
    /// True if what a job takes alone is no more than a bound: nothing can be done sooner.
    pub has_bounds: bool,
    /// True if jobs are workflows: of those nobody counts the calls.
    pub of_workflows: bool,
    /// True if that is the shortest that is known.
    pub has_references: bool,
    /// Nanoseconds that a search took for each job.
    pub thought: Vec<u64>,
    /// The most by which the service of two tenants drifted apart while both waited, where an engine serves them token by token.
    pub difference: Option<u64>,
    /// Of what an engine served while calls of every urgency waited the part of the least urgent.
    pub least_urgent: Option<f64>,
    /// Of a provider with a quota: the part of it that was used, requests that it refused, and those of them after the first minute.
    pub quota: Option<(f64, usize, usize)>,
    /// Of backends that remember what they have read: the share of blocks that were remembered, that share of what could have been, and how much more
    /// than the mean the busiest had to do.
    pub memory: Option<[f64; 3]>,
    /// Bytes that were brought to workers far away, where there are some.
    pub moved: Option<u64>,
    /// What came of faults, where there are any.
    pub harmed: Option<Harmed>,
    /// When the last was answered.
    pub makespan: Duration,
    /// Nanoseconds of each event in the core.
    pub costs: Vec<u64>,
    /// Attempts that were sent.
    pub dispatches: u64,
    /// Those of them that were calls of models.
    pub calls_sent: u64,
    /// Of all that was sent, in order: the same as long as the core behaves the same.
    pub hash: Option<Hash>,
    /// What lay where, of the core.
    pub bars: Vec<Bar>,
}

/// What there is to say even where nothing was answered, or only a bound is known.
const LASTING: [&str; 3] = ["makespan", "done", "refused"];

impl Seen {
    /// All that is measured, by name; seconds where nothing else is said.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<&'static str, f64> {
        let done: Vec<&Ended> = self.ended.iter().filter(|job| job.took().is_some()).collect();
        let secs = |span: Duration| span.as_micros() as f64 / 1e6;
        let mut took: Vec<f64> = done.iter().filter_map(|job| job.took()).map(secs).collect();
        let slow = |job: &&Ended| secs(job.took().unwrap_or_default()) / secs(job.ideal).max(1e-6);
        let mut slowdown: Vec<f64> = done.iter().map(slow).collect();
        let first = |job: &&Ended| Some(secs(job.began?.minus(job.at)));
        let waits: Vec<f64> = done.iter().filter_map(first).collect();
        took.sort_by(f64::total_cmp);
        slowdown.sort_by(f64::total_cmp);
        let squares: f64 = slowdown.iter().map(|value| value * value).sum();
        let sum: f64 = slowdown.iter().sum();
        let mut costs: Vec<f64> = self.costs.iter().map(|cost| *cost as f64).collect();
        costs.sort_by(f64::total_cmp);
        let tokens: u64 = done.iter().map(|job| job.tokens).sum();
        let (lighter, heavier, worst) = self.by_tenant();
        let mut figures = BTreeMap::from([
            ("mean", mean(&took)),
            ("p50", quantile(&took, 0.5)),
            ("p95", quantile(&took, 0.95)),
            ("p99", quantile(&took, 0.99)),
            ("p99.9", quantile(&took, 0.999)),
            ("slowdown", mean(&slowdown)),
            ("slowdown p99", quantile(&slowdown, 0.99)),
            ("jain", if squares > 0.0 { sum * sum / (squares * slowdown.len() as f64) } else { 1.0 }),
            ("first wait", mean(&waits)),
            ("makespan", secs(self.makespan)),
            ("done", done.len() as f64 / self.ended.len() as f64),
            ("refused", self.ended.iter().map(|job| f64::from(job.refused)).sum()),
        ]);
        if done.is_empty() {
            // Of nothing there is no mean, and a mean of 0 would beat all others.
            figures.retain(|name, _| LASTING.contains(name));
        } else if self.has_bounds {
            figures.retain(|name, _| LASTING.contains(name));
            figures.extend(self.over(&slowdown));
        }
        figures.extend(self.by_deadline());
        figures.extend(self.by_urgency());
        if self.ended.iter().any(|job| job.tenant > 0) {
            let means = [("lighter half", lighter), ("heavier half", heavier), ("worst tenant", worst)];
            figures.extend(means.into_iter().filter(|_| !done.is_empty()));
            figures.extend(self.difference.map(|apart| ("difference", apart as f64)));
            figures.extend(self.least_urgent.map(|part| ("background", part)));
            figures.insert("tokens/s", tokens as f64 / secs(self.makespan).max(1e-6));
        }
        if let Some((used, refused, later)) = self.quota {
            figures.extend([("quota used", used), ("429s", refused as f64), ("429s later", later as f64)]);
        }
        if let Some([share, of_bound, busiest]) = self.memory {
            figures.extend([("reused", share), ("of bound", of_bound), ("busiest", busiest)]);
        }
        figures.extend(self.moved.map(|bytes| ("moved", bytes as f64 / 1e9)));
        figures.extend(self.harmed.map(|harmed| self.of_faults(harmed)).unwrap_or_default());
        let calls: usize = self.ended.iter().map(|job| job.calls).sum();
        if self.calls_sent > calls as u64 && !self.of_workflows {
            figures.insert("extra", self.calls_sent as f64 / calls as f64 - 1.0);
        }
        if self.dispatches > 0 {
            figures.insert("ns/decision", costs.iter().sum::<f64>() / self.dispatches as f64);
            figures.insert("ns/event p99", quantile(&costs, 0.99));
        }
        figures
    }

    /// Where some have a deadline: who was in time, and what the others cost.
    fn by_deadline(&self) -> Vec<(&'static str, f64)> {
        if self.ended.iter().all(|job| job.deadline.is_none()) {
            return Vec::new();
        }
        let secs = |span: Duration| span.as_micros() as f64 / 1e6;
        let in_time = self.ended.iter().filter(|job| job.is_in_time()).count();
        let mut figures = vec![("in time", in_time as f64 / self.ended.len() as f64)];
        let wasted = |job: &Ended| secs(if job.is_in_time() { job.lost } else { job.spent });
        let all: f64 = self.ended.iter().map(|job| secs(job.spent)).sum();
        if all > 0.0 {
            figures.push(("wasted", self.ended.iter().map(wasted).sum::<f64>() / all));
        }
        if self.ended.iter().any(|job| job.calls > 1) {
            let begun = self.ended.iter().filter(|job| !job.is_in_time() && job.began.is_some()).count();
            figures.push(("half shed", begun as f64 / self.ended.len() as f64));
        }
        figures
    }

    /// Where some have a deadline and others none: who was in time, how long the others took, and how often one gave way.
    fn by_urgency(&self) -> Vec<(&'static str, f64)> {
        let (urgent, others): (Vec<&Ended>, Vec<&Ended>) = self.ended.iter().partition(|job| job.deadline.is_some());
        if urgent.is_empty() || others.is_empty() {
            return Vec::new();
        }
        let secs = |span: Duration| span.as_micros() as f64 / 1e6;
        let in_time = urgent.iter().filter(|job| job.is_in_time()).count() as f64 / urgent.len() as f64;
        let mut took: Vec<f64> = others.iter().filter_map(|job| job.took()).map(secs).collect();
        took.sort_by(f64::total_cmp);
        let over = others.iter().filter_map(|job| job.over).map(|(at, _)| secs(at)).fold(0.0, f64::max);
        let stops: u32 = self.ended.iter().map(|job| job.stops).sum();
        let lost = others.iter().map(|job| secs(job.lost)).sum();
        let mut figures = vec![
            ("urgent in time", in_time),
            ("others/min", took.len() as f64 * 60.0 / over.max(1e-6)),
            ("gave way", f64::from(stops)),
            ("lost", lost),
        ];
        if !took.is_empty() {
            figures.extend([("others mean", mean(&took)), ("others p95", quantile(&took, 0.95))]);
        }
        figures
    }

    fn of_faults(&self, harmed: Harmed) -> Vec<(&'static str, f64)> {
        let mut figures = Vec::new();
        figures.extend(harmed.failed.map(|count| ("failed", count as f64)));
        figures.extend(harmed.loads.map(|count| ("loads", count as f64)));
        figures.extend(harmed.spent.map(|spent| ("dollars", spent.dollars())));
        if harmed.has_again {
            let again: u32 = self.ended.iter().map(|job| job.again).sum();
            let once = self.ended.iter().filter(|job| job.again == 0 && job.is_in_time()).count();
            figures.extend([("again", f64::from(again)), ("in time at once", once as f64 / self.ended.len() as f64)]);
        }
        figures
    }

    /// How far all are from what bounds them, by ordered multiples of that; and what was thought.
    fn over(&self, times: &[f64]) -> Vec<(&'static str, f64)> {
        let [middle, late] = [mean(times), quantile(times, 0.95)];
        let mut figures = if self.has_references {
            let over = |times: f64| (times - 1.0) * 100.0;
            let solved = times.iter().filter(|times| **times <= 1.0).count() as f64 / self.ended.len() as f64;
            vec![("over reference", over(middle)), ("over reference p95", over(late)), ("solved", solved)]
        } else {
            vec![("over bound", middle), ("over bound p95", late)]
        };
        if !self.thought.is_empty() {
            let thought: Vec<f64> = self.thought.iter().map(|took| *took as f64 / 1e6).collect();
            figures.push(("thinking", mean(&thought)));
        }
        figures
    }

    /// Plays one after the other as one; what was decided is hashed in that order.
    #[must_use]
    pub fn joined(plays: impl Iterator<Item = Self>) -> Self {
        let (mut all, mut hasher) =
            (Self { has_bounds: true, has_references: true, ..Self::default() }, blake3::Hasher::new());
        for play in plays {
            all.ended.extend(play.ended);
            all.makespan = all.makespan.plus(play.makespan);
            all.costs.extend(play.costs);
            all.dispatches += play.dispatches;
            all.has_references &= play.has_references;
            all.moved = play.moved.map(|bytes| bytes.saturating_add(all.moved.unwrap_or(0)));
            play.hash.iter().for_each(|hash| _ = hasher.update(&hash.0));
        }
        Self { hash: Some(Hash(*hasher.finalize().as_bytes())), ..all }
    }

    /// What came last, of jobs that come in turn: what was before was to learn from.
    #[must_use]
    pub fn last(mut self, count: usize) -> Self {
        self.ended = self.ended.split_off(self.ended.len().saturating_sub(count));
        self.makespan = self.ended.iter().filter_map(Ended::took).fold(Duration::ZERO, Duration::plus);
        self
    }

    /// Everything that took, ordered: for a curve.
    #[must_use]
    pub fn took(&self) -> Vec<Duration> {
        let mut took: Vec<Duration> = self.ended.iter().filter_map(Ended::took).collect();
        took.sort_unstable();
        took
    }

    /// The mean over tenants of how long theirs took, of those that ask for less than the others and of the others; and the worst.
    fn by_tenant(&self) -> (f64, f64, f64) {
        let mut tenants: BTreeMap<u32, (u64, Vec<f64>)> = BTreeMap::new();
        for job in &self.ended {
            let of = tenants.entry(job.tenant).or_default();
            of.0 += job.cost;
            of.1.extend(job.took().map(|took| took.as_micros() as f64 / 1e6));
        }
        let mut by_cost: Vec<(u64, f64)> = tenants.values().map(|(cost, took)| (*cost, mean(took))).collect();
        by_cost.sort_by_key(|(cost, _)| *cost);
        let means: Vec<f64> = by_cost.iter().map(|(_, mean)| *mean).collect();
        let (lighter, heavier) = means.split_at(means.len() / 2);
        (mean(lighter), mean(heavier), means.iter().copied().fold(0.0, f64::max))
    }
}

/// A mean over seeds, and half of its interval of 95 % (Student).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half of the interval; of one value there is none.
    pub within: Option<f64>,
}

impl Estimate {
    /// Of values, one for each seed.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let (middle, count) = (mean(values), values.len() as f64);
        let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
        let within = || student(values.len()) * (squares / (count - 1.0)).sqrt() / count.sqrt();
        Self { mean: middle, within: (values.len() > 1).then(within) }
    }
}

/// The 97.5 % quantile of Student's distribution for a mean of so many values.
fn student(count: usize) -> f64 {
    const TABLE: [f64; 16] =
        [0.0, 0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145];
    TABLE.get(count).copied().unwrap_or(if count < 25 { 2.131 } else { 2.064 })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Of ordered values.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = (share * values.len() as f64) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
