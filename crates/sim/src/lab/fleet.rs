//! What serves the calls: slots that each take one, or an engine that works on a batch, token by token.

use agendum_types::Duration;
use serde::Deserialize;

use super::backends::Backends;
use super::provider::Quota;
use super::workload::Job;

/// What there is. Tools run beside it, as many at once as there are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fleet {
    /// So many calls at once; each takes what its record says.
    Slots(u32),
    /// An engine with continuous batching.
    Engine(Spec),
    /// A provider with a quota; each call takes what its record says.
    Provider(Quota),
    /// As many workers as the load of the experiment says, which are all alike.
    Workers,
    /// The same in two regions. What tasks are given lies in one of them.
    Regions(Regions),
    /// Pools of so many units that all workflows take theirs of, whenever they come, and workers without end.
    Pools(Vec<u64>),
    /// Backends that remember what they have read.
    Backends(Backends),
}

/// Workers in two regions: a near one, where inputs lie, and a far one that each task has to be given its input in. Outputs come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// So many of a hundred workers are far away.
    pub far_percent: u32,
    /// How many bytes of the input of each task reach them in a second.
    pub bytes_per_s: u64,
}

impl Regions {
    /// How many of so many workers are near, and how many far away.
    #[must_use]
    pub fn split(self, workers: u32) -> (u32, u32) {
        let far = u64::from(workers) * u64::from(self.far_percent) / 100;
        let far = u32::try_from(far).unwrap_or(workers).min(workers);
        (workers - far, far)
    }

    /// How long so many bytes are on their way.
    #[must_use]
    pub fn moves(self, bytes: u64) -> Duration {
        let micros = u128::from(bytes) * 1_000_000 / u128::from(self.bytes_per_s.max(1));
        Duration(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// The constants of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Calls that the scheduler lets in at once; those that find no room in the batch wait in the engine, in the order in which they came. 0: it asks the
    /// engine, and lets in what there is room for, and one more.
    pub slots: u32,
    /// Tokens that the batch may come to while it is worked off, with the true lengths: the engine's own admission.
    pub tokens_max: u64,
    /// Microseconds of a step,
    pub step_us: u64,
    /// and more for each call of the batch.
    pub step_call_us: u64,
    /// Microseconds more of a step that takes calls in,
    pub prefill_us: u64,
    /// and for each of their input tokens.
    pub prefill_token_us: u64,
    /// It takes calls in at every so-many-th step, and whenever it has none.
    pub admit_every: u64,
    /// Nothing waits inside: a call that it has no room for is turned away at once, as servers do whose queue is bounded.
    #[serde(default)]
    pub turns_away: bool,
}

impl Fleet {
    /// How many calls at once.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        match self {
            Self::Slots(slots) => *slots,
            Self::Engine(spec) => spec.slots,
            Self::Provider(quota) => quota.slots,
            Self::Backends(spec) => spec.count * spec.slots,
            // The busiest pool counts as one.
            Self::Pools(_) => 1,
            Self::Workers | Self::Regions(_) => 0,
        }
    }

    /// True if it works on one workflow after the other, each of which has all of it.
    #[must_use]
    pub const fn is_in_turn(&self) -> bool {
        match self {
            Self::Workers | Self::Regions(_) => true,
            Self::Slots(_) | Self::Engine(_) | Self::Provider(_) | Self::Backends(_) | Self::Pools(_) => false,
        }
    }

    /// True if it works on workflows.
    #[must_use]
    pub const fn is_for_workflows(&self) -> bool {
        self.is_in_turn() || matches!(self, Self::Pools(_))
    }

    /// Its regions, if it has some.
    #[must_use]
    pub const fn regions(&self) -> Option<Regions> {
        let Self::Regions(regions) = self else { return None };
        Some(*regions)
    }

    /// The same where as many come as the load of the experiment says; workers without end beside pools.
    ///
    /// # Errors
    ///
    /// If that is no whole number of workers.
    pub fn slots_at(&self, load: f64) -> Result<u32, String> {
        if matches!(self, Self::Pools(_)) {
            return Ok(u32::MAX);
        }
        if !self.is_in_turn() {
            return Ok(self.slots());
        }
        let is_whole = load.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(&load);
        if !is_whole {
            return Err(format!("{load} workers: a load is how many there are, from 1 on"));
        }
        let workers = load as u32;
        match self.regions().map(|regions| regions.split(workers)) {
            Some((0, _) | (_, 0)) => {
                Err(format!("{load} workers: too few to be in both regions; write a greater load"))
            }
            _ => Ok(workers),
        }
    }

    /// How many slots there are, where nothing else is said of them.
    #[must_use]
    pub const fn plain(&self) -> Option<u32> {
        let Self::Slots(count) = self else { return None };
        Some(*count)
    }

    /// The constants of the engine, if it is one.
    #[must_use]
    pub const fn engine(&self) -> Option<&Spec> {
        let Self::Engine(spec) = self else { return None };
        Some(spec)
    }

    /// The quota of the provider, if it is one.
    #[must_use]
    pub const fn provider(&self) -> Option<&Quota> {
        let Self::Provider(quota) = self else { return None };
        Some(quota)
    }

    /// The constants of the backends, if it is some.
    #[must_use]
    pub const fn backends(&self) -> Option<&Backends> {
        let Self::Backends(spec) = self else { return None };
        Some(spec)
    }

    /// How long a job takes that is alone.
    #[must_use]
    pub fn ideal(&self, job: &Job) -> Duration {
        let spec = match self {
            Self::Slots(_) | Self::Backends(_) | Self::Workers | Self::Regions(_) | Self::Pools(_) => {
                return job.ideal();
            }
            Self::Provider(quota) => {
                let all = job.rounds.iter().map(|round| quota.takes(&round.call).plus(round.tools));
                return all.fold(Duration::ZERO, Duration::plus);
            }
            Self::Engine(spec) => spec,
        };
        job.rounds.iter().fold(Duration::ZERO, |sum, round| {
            let (tokens_in, tokens_out) = (u64::from(round.call.tokens_in), u64::from(round.call.tokens_out));
            let steps = tokens_out * (spec.step_us + spec.step_call_us);
            sum.plus(Duration(spec.prefill_us + spec.prefill_token_us * tokens_in + steps)).plus(round.tools)
        })
    }
}

/// A call that wants to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which: the caller's number.
    pub number: usize,
    /// On whose account: see [`Workload::account`](super::workload::Workload::account).
    pub account: u32,
    /// Its input tokens.
    pub tokens_in: u64,
    /// The tokens it will make: at least 1.
    pub tokens_out: u64,
}

/// Who says which call is next.
pub trait Line {
    /// The next, which stays.
    fn first(&self) -> Option<Offer>;
    /// Takes it out: it is served its input tokens.
    fn take(&mut self);
    /// A call on this account was served a token more.
    fn makes(&mut self, account: u32);
}

/// An engine at work.
#[derive(Clone, Debug)]
pub struct Engine {
    spec: Spec,
    /// What it works on, each with the tokens that are made.
    batch: Vec<(Offer, u64)>,
    /// Input tokens of what was taken in since the last step, if anything was.
    fresh: Option<u64>,
    steps: u64,
}

impl Engine {
    /// An idle one.
    #[must_use]
    pub const fn new(spec: Spec) -> Self {
        Self { spec, batch: Vec::new(), fresh: None, steps: 0 }
    }

    /// How many calls it works on.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.batch.len()
    }

    /// True if it works on none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Takes in what there is room for, if it does so now. True if that was anything.
    pub fn admit(&mut self, line: &mut dyn Line) -> bool {
        let mut taken = false;
        if !self.batch.is_empty() && self.fresh.is_none() && !self.steps.is_multiple_of(self.spec.admit_every.max(1)) {
            return false;
        }
        while let Some(offer) = line.first().filter(|offer| self.batch.is_empty() || self.has_room(offer)) {
            line.take();
            self.fresh = Some(self.fresh.unwrap_or(0) + offer.tokens_in);
            self.batch.push((offer, 0));
            taken = true;
        }
        taken
    }

    /// True if it turns this call away that comes now, beside those that it has accepted and not yet taken in.
    #[must_use]
    pub fn turns_away<'a>(&self, accepted: impl ExactSizeIterator<Item = &'a Offer>, offer: &'a Offer) -> bool {
        let is_idle = self.batch.is_empty() && accepted.len() == 0;
        self.spec.turns_away && !is_idle && !self.has_room_beside(accepted, offer)
    }

    /// Begins a step, with what there is room for. How long it lasts; `None` if there is nothing to do.
    pub fn begin(&mut self, line: &mut dyn Line) -> Option<Duration> {
        self.admit(line);
        if self.batch.is_empty() {
            return None;
        }
        self.steps += 1;
        let prefill = |tokens| self.spec.prefill_us + self.spec.prefill_token_us * tokens;
        let prefill = self.fresh.take().map_or(0, prefill);
        Some(Duration(self.spec.step_us + self.spec.step_call_us * self.batch.len() as u64 + prefill))
    }

    /// Ends a step: each call of the batch has a token more. The numbers of those that are done.
    pub fn end(&mut self, line: &mut dyn Line) -> Vec<usize> {
        let mut done = Vec::new();
        self.batch.retain_mut(|(offer, made)| {
            *made += 1;
            line.makes(offer.account);
            let goes_on = *made < offer.tokens_out;
            if !goes_on {
                done.push(offer.number);
            }
            goes_on
        });
        done
    }

    /// True if the batch never comes to more than its tokens with this call: those with most to make go last.
    fn has_room(&self, offer: &Offer) -> bool {
        self.has_room_beside([].iter(), offer)
    }

    /// The same with what it is to take in before.
    fn has_room_beside<'a>(&self, accepted: impl Iterator<Item = &'a Offer>, offer: &'a Offer) -> bool {
        let left = |(offer, made): &(Offer, u64)| (offer.tokens_out - made, offer.tokens_in + made);
        let mut calls: Vec<(u64, u64)> = self.batch.iter().map(left).collect();
        calls.extend(accepted.chain([offer]).map(|offer| (offer.tokens_out, offer.tokens_in)));
        calls.sort_unstable_by_key(|(to_make, _)| std::cmp::Reverse(*to_make));
        let mut held = 0;
        (1..).zip(&calls).all(|(count, (to_make, holds))| {
            held += holds;
            held + to_make * count <= self.spec.tokens_max
        })
    }
}
