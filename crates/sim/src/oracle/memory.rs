//! What a life had learned, told to the next, which takes it for the worse: a copy of all that the reference knew then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::graph::Kind;
use agendum_types::{AttemptId, Duration, Hash, Money, RunId, TaskPath, Tenant, Timestamp};

use super::Reference;
use super::breaker::Done;
use super::estimate::Estimate;
use super::learned::Seen;
use super::order::Observed;
use super::pace::Bucket;
use super::score::Shown;
use super::share::{Came, Of};
use super::state::{Run, Running};

/// What is remembered beyond a life.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// What attempts of runs came to, in the order of the journal.
    booked: Vec<Booked>,
    /// What this life is told of an earlier one, until it begins.
    told: Option<Box<Memory>>,
}

#[derive(Clone, Debug)]
struct Booked {
    run: RunId,
    of: Of,
    target: Arc<str>,
    cost: u64,
    /// How long it was out, where that is known.
    took: u64,
}

/// What was known then.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    at: Timestamp,
    /// In which life, and whether that was to send nothing more.
    life: u32,
    is_last: bool,
    time: BTreeMap<Of, u64>,
    reached: [u64; 3],
    usual: [(u64, u64); 3],
    targets: BTreeMap<Arc<str>, Target>,
    estimates: BTreeMap<Hash, Estimate>,
    kinds: BTreeMap<Kind, (u64, u64)>,
    observed: Observed,
    /// Attempts that were out, and how many had been booked.
    out: BTreeSet<AttemptId>,
    booked: usize,
}

/// How a target stood.
#[derive(Clone, Debug)]
struct Target {
    closed: Timestamp,
    pace: Option<[Bucket; 2]>,
    tokens: Option<Came>,
    counted: Option<Came>,
    speed: Option<(u64, u64)>,
    done: Done,
    seen: Seen,
    does_most_with: Option<(usize, Timestamp)>,
    used: Option<Timestamp>,
    retries: (u64, u128),
}

impl Run {
    /// All attempts that are out, awaited or not: on which target each is, and what it holds.
    fn all_out(&self, run: RunId) -> Vec<(AttemptId, Arc<str>, Money)> {
        let id = |path: &TaskPath, running: &Running| AttemptId {
            run,
            path: path.clone(),
            attempt: running.attempt,
            incarnation: running.incarnation,
        };
        let running = self.running().map(|(path, of)| (id(path, of), Arc::clone(&of.name), of.hold));
        let others = self.orphans.iter().map(|of| (of.id.clone(), Arc::clone(&of.name), of.hold));
        running.chain(others).collect()
    }
}

impl Reference {
    /// What is known now.
    pub(crate) fn memory(&self, is_last: bool) -> Memory {
        let out = self.runs.iter().flat_map(|(id, run)| run.all_out(*id)).map(|(attempt, ..)| attempt);
        let targets = self.targets.iter().enumerate().map(|(place, row)| {
            let of = &self.accounts;
            let target = Target {
                closed: self.closed[place],
                pace: of.paces.get(&row.name).copied(),
                tokens: of.tokens.get(&row.name).cloned(),
                counted: of.counted.get(&row.name).cloned(),
                speed: of.speeds.get(&row.name).map(|shown| (shown.took, shown.usual)),
                done: of.done.get(&place).cloned().unwrap_or_default(),
                seen: self.seen_of(place),
                does_most_with: self.knee_to_tell(place),
                used: self.last_used(place),
                retries: of.retries.get(&place).copied().unwrap_or_default(),
            };
            (Arc::clone(&row.name), target)
        });
        Memory {
            at: self.now,
            life: self.incarnation.0,
            is_last,
            time: self.times_to_remember(),
            reached: self.accounts.reached,
            usual: self.accounts.usual,
            targets: targets.collect(),
            estimates: self.estimates.iter().map(|(graph, estimate)| (*graph, estimate.to_remember())).collect(),
            kinds: self.kinds.clone(),
            observed: self.observed.to_remember(),
            out: out.collect(),
            booked: self.past.booked.len(),
        }
    }

    /// Those that would not be lifted if they came back now.
    fn times_to_remember(&self) -> BTreeMap<Of, u64> {
        let queued = self.queued().into_iter().map(|(id, path, ..)| self.account(id, path));
        let waiting: BTreeSet<Of> =
            queued.chain(self.short_ones().iter().map(|(id, path, _)| self.account(*id, path))).collect();
        let time = |of: &Of| self.accounts.time.get(of).copied().unwrap_or_default();
        let floor = |(band, tenant): &Of| {
            let least = waiting.iter().filter(|of| of.0 == *band).map(|of| self.sure(of)).min().unwrap_or(u64::MAX);
            self.lifted_to(tenant, *band, least.min(self.accounts.reached[*band]))
        };
        let counts = |of: &Of| waiting.contains(of) || time(of) > floor(of);
        let tenants: BTreeSet<&Tenant> =
            self.accounts.time.keys().filter(|of| counts(of)).map(|(_, tenant)| tenant).collect();
        self.accounts.time.clone().into_iter().filter(|(of, _)| tenants.contains(&of.1)).collect()
    }

    /// To where a tenant is lifted that comes back when this is the least.
    pub(super) fn lifted_to(&self, tenant: &Tenant, band: usize, least: u64) -> u64 {
        let weight = u64::from(self.policy.fairness.weight_of(tenant));
        let usual = self.accounts.usual[band].1 * u64::from(self.policy.fairness.credit);
        least.saturating_sub(usual / weight)
    }

    /// The life that begins is told of an earlier one, or of none.
    pub(crate) fn remembers(&mut self, memory: Option<Memory>) {
        if let Some(memory) = &memory {
            self.estimates.clone_from(&memory.estimates);
            self.kinds.clone_from(&memory.kinds);
            self.observed = memory.observed.clone();
        }
        self.past.told = memory.map(Box::new);
    }

    /// An attempt is booked. Of one that was not awaited nobody knows how long it was out.
    pub(super) fn is_booked(&mut self, run: RunId, path: &TaskPath, target: &Arc<str>, cost: Money, took: u64) {
        let of = &self.runs[&run];
        if !of.is_child(path) {
            let (of, target) = ((of.submitted.priority as usize, of.tenant.clone()), Arc::clone(target));
            self.past.booked.push(Booked { run, of, target, cost: cost.0, took });
        }
    }

    /// Open runs are taken up: who waits has not come back.
    pub(super) fn life_begins(&mut self) {
        match self.past.told.take() {
            Some(memory) => {
                self.targets_stand(&memory);
                self.tenants_stand(*memory);
            }
            None => self.count_again(),
        }
        self.accounts.floors = [0; 3];
    }

    fn tenants_stand(&mut self, memory: Memory) {
        (self.accounts.reached, self.accounts.usual) = (memory.reached, memory.usual);
        let known: BTreeSet<Tenant> = memory.time.keys().map(|(_, tenant)| tenant.clone()).collect();
        self.accounts.time = memory.time;
        let live: BTreeSet<Tenant> = self.runs.values().map(|run| run.tenant.clone()).collect();
        for tenant in live.difference(&known) {
            for band in 0..3 {
                let time = self.lifted_to(tenant, band, memory.reached[band]);
                self.accounts.time.insert((band, tenant.clone()), time);
            }
        }
        let mut since = BTreeMap::<(Of, Arc<str>), (u64, u64)>::new();
        for booked in self.past.booked[memory.booked..].iter().filter(|booked| self.runs.contains_key(&booked.run)) {
            let sum = since.entry((booked.of.clone(), Arc::clone(&booked.target))).or_default();
            *sum = (sum.0 + booked.cost, sum.1 + booked.took);
        }
        for ((of, target), (cost, took)) in since {
            let is_free = self.named(&target).is_some_and(|target| self.targets[target].price.is_free());
            let cost = if is_free { self.time_counts(Duration(took)) } else { cost };
            self.count(&of, cost, 0);
        }
        let out: Vec<_> = self.runs.iter().flat_map(|(id, run)| run.all_out(*id)).collect();
        for (attempt, target, hold) in out {
            let run = &self.runs[&attempt.run];
            if !memory.out.contains(&attempt) && !run.is_child(&attempt.path) {
                let of = (run.submitted.priority as usize, run.tenant.clone());
                let cost = self.estimated(self.named(&target), hold, None);
                self.count(&of, cost, 0);
            }
        }
    }

    fn targets_stand(&mut self, memory: &Memory) {
        let now = self.now;
        let hour = now.after(Duration::secs(3_600));
        // What was to be tried may have been since, and what may go may have gone.
        let is_known = memory.is_last && memory.life + 1 == self.incarnation.0;
        let then = if is_known { Timestamp(0) } else { memory.at };
        for place in 0..self.targets.len() {
            let row = self.targets[place].clone();
            let of = &mut self.accounts;
            if let Some(known) = memory.targets.get(&row.name) {
                self.closed[place] = known.closed.min(hour);
                of.paces.extend(known.pace.map(|pace| (Arc::clone(&row.name), pace)));
                let limit = row.rate.tokens.unwrap_or(u64::MAX);
                let tokens = known.tokens.clone().map(|came| came.at_most(limit));
                of.tokens.extend(tokens.map(|tokens| (Arc::clone(&row.name), tokens)));
                of.counted.extend(known.counted.clone().map(|counted| (Arc::clone(&row.name), counted)));
                let speed =
                    known.speed.map(|(took, usual)| Shown { took, usual, at: now, waits: 60_000_000, asked: false });
                of.speeds.extend(speed.map(|speed| (Arc::clone(&row.name), speed)));
                of.retries.insert(place, known.retries);
                self.has_seen(place, &known.seen);
                self.has_found(place, known.does_most_with);
                self.was_used(place, known.used);
                self.has_done(place, &known.done, then);
            }
            self.paces_stand(place, is_known);
        }
    }
}
