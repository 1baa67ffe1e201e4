//! What a scenario may ask for: everything ends, fits in memory, and no sum of times overflows.

use agendum_spec::diagnostic::nearest;
use agendum_types::pool::UNITS_MAX;

use super::{Kind, Scenario};
use crate::lab::fleet::Fleet;
use crate::lab::report::figures::{Better, FIGURES, figure};
use crate::lab::workload::Arrivals;
use crate::lab::workload::quantiles::Quantiles;

/// Jobs, rows, calls or sessions: as many as runs live at once.
pub(crate) const JOBS_MAX: u64 = 2_000_000;
/// Calls of all jobs together.
pub(super) const CALLS_MAX: u64 = 10_000_000;
/// Calls of a run: that many rounds the graph of an agent goes on for.
pub(super) const ROUNDS_MAX: u64 = 1_000;
/// Tasks of a workflow: more the core does not take.
pub(super) const TASKS_MAX: u64 = 10_000;
/// Tokens of a call, in or out.
pub(crate) const TOKENS_MAX: u64 = 10_000_000;
/// Seconds of anything: 30 years. Two of them do not overflow.
pub(crate) const SECS_MAX: u64 = 1_000_000_000;
pub(super) const MS_MAX: u64 = SECS_MAX * 1_000;
/// Microseconds of a step of an engine, or of a token in it.
const STEP_US_MAX: u64 = 1_000_000_000;
/// A number a second or a minute.
pub(super) const RATE_MAX: u64 = 1_000_000_000_000;
/// Microseconds of all that is to come.
pub(super) const SPAN_MAX: u64 = 100_000_000_000_000_000;
/// Times each tenant with each job: what is kept to compare tenants.
pub(super) const PAIRS_MAX: u64 = 100_000_000;
const SEEDS_MAX: u64 = 1_000;
const SLOTS_MAX: u64 = 100_000;
const BACKENDS_MAX: u64 = 10_000;
pub(super) const TENANTS_MAX: u64 = 10_000;
const LOADS: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

/// What is wrong with a number, by where it stands, and what it may be.
pub(super) fn within(place: &str, number: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(format!("`{place}: {number}`: write a number from {least} to {most}"))
}

/// The same of several, from the least on.
pub(super) fn all(places: &[(&str, u64)], least: u64, most: u64) -> Result<(), String> {
    places.iter().try_for_each(|(place, number)| within(place, *number, least, most))
}

/// Quantiles that rise, and whose most is no more than that.
pub(super) fn drawn(of: &[(&str, &Quantiles)], most: u64) -> Result<(), String> {
    of.iter().try_for_each(|(place, of)| {
        of.check().map_err(|error| format!("`{place}`: {error}"))?;
        if of.at(1.0) <= most as f64 * 1.000_001 {
            return Ok(());
        }
        Err(format!("`{place}`: {:.0} at most is too much: write no more than {most}", of.at(1.0)))
    })
}

impl Scenario {
    /// What is wrong with it, with all that was wished for.
    ///
    /// # Errors
    ///
    /// If parts of it do not belong together, or a number is none that can be played.
    pub fn check(&self) -> Result<(), String> {
        if !self.policies.contains(&self.baseline) {
            let near = nearest(&self.baseline, self.policies.iter().map(String::as_str));
            let near = near.map_or_else(|| self.policies.join(", "), |near| format!("did you mean {near}?"));
            return Err(format!("baseline {:?} is none of the policies: {near}", self.baseline));
        }
        within("seeds", self.seeds, 1, SEEDS_MAX)?;
        for name in &self.front {
            if figure(name).is_none_or(|known| known.better == Better::Neither) {
                let counting = FIGURES.iter().filter(|known| known.better != Better::Neither).map(|known| known.name);
                let near = nearest(name, counting.clone());
                let near = near
                    .map_or_else(|| counting.collect::<Vec<_>>().join(", "), |near| format!("did you mean {near}?"));
                return Err(format!("`front: {name}`: no figure of that name counts: {near}"));
            }
        }
        let at_random = matches!(self.arrivals, Arrivals::Poisson { .. } | Arrivals::Bursts { .. });
        let is_shared = matches!(self.fleet, Fleet::Pools(_));
        if is_shared && !(at_random && matches!(self.workload, Kind::Psplib { .. })) {
            return Err("`pools` are for `psplib` whose projects come at random: write `poisson` or `bursts`".into());
        }
        let flows = [
            matches!(self.workload, Kind::Flows { .. } | Kind::Psplib { .. }),
            self.fleet.is_for_workflows(),
            self.arrivals == Arrivals::InTurn || is_shared,
        ];
        if flows.contains(&true) && flows.contains(&false) {
            return Err(
                "workflows are for workers, and come in turn: `flows`, `workers` and `in-turn` belong together".into(),
            );
        }
        if matches!(self.workload, Kind::Servegen { .. }) != matches!(self.arrivals, Arrivals::Clients { .. }) {
            return Err("`servegen` says how `clients` send, and no other workload does: they belong together".into());
        }
        if let Some(estimates) = self.estimates.filter(|of| !(0.0..=10.0).contains(&of.noise)) {
            return Err(format!("`estimates: noise: {}`: write a number from 0 to 10", estimates.noise));
        }
        self.fleet.check()?;
        self.check_tenancy()?;
        self.check_loads()?;
        self.check_arrivals()?;
        self.workload.check()?;
        self.faults.check(&self.fleet)?;
        self.check_faults()
    }

    fn check_tenancy(&self) -> Result<(), String> {
        let Some(of) = &self.tenancy else { return Ok(()) };
        if self.fleet.engine().is_none() || !matches!(self.workload, Kind::Vtc { .. } | Kind::Servegen { .. }) {
            return Err("`tenancy` is of calls of tenants to an engine: of `vtc` or `servegen`".into());
        }
        if of.weights.is_empty() {
            return Err("`tenancy: weights` is empty: write one at least, such as [1, 2]".into());
        }
        within("tenancy: how many weights", of.weights.len() as u64, 1, TENANTS_MAX)?;
        of.weights.iter().try_for_each(|weight| within("tenancy: weights", (*weight).into(), 1, 1_000))?;
        within("tenancy: background_percent", of.background_percent.into(), 0, 99)
    }

    fn check_loads(&self) -> Result<(), String> {
        if self.loads.is_empty() {
            return Err("`loads` is empty: write one at least, such as 0.9".into());
        }
        if self.fleet.is_in_turn() {
            return self.loads.iter().try_for_each(|load| self.fleet.slots_at(*load).map(drop));
        }
        // It would be a heading, and nothing else: how long these calls take is not known before.
        let is_as_recorded = matches!((&self.workload, self.arrivals), (Kind::Vtc { .. }, Arrivals::Recorded { .. }));
        if is_as_recorded && self.loads != [1.0] {
            return Err("a load has no effect here, where calls come as they were recorded: leave it at 1".into());
        }
        match self.loads.iter().find(|load| !LOADS.contains(load)) {
            Some(load) => Err(format!("load {load}: write a number from {} to {}", LOADS.start(), LOADS.end())),
            None => Ok(()),
        }
    }

    fn check_arrivals(&self) -> Result<(), String> {
        let has_slots = self.fleet.slots() > 0;
        let slots =
            || if has_slots { Ok(()) } else { Err("`arrivals`: the load of `poisson` and `bursts` is of slots") };
        match self.arrivals {
            Arrivals::Poisson { jobs } => {
                slots()?;
                within("arrivals: jobs", jobs.into(), 1, JOBS_MAX)
            }
            Arrivals::Bursts { jobs, short_percent, shorter_percent } => {
                slots()?;
                within("arrivals: jobs", jobs.into(), 1, JOBS_MAX)?;
                within("arrivals: short_percent", short_percent.into(), 0, 99)?;
                // The long gaps make up for the short ones: what those take must be less than all.
                let least = u64::from(short_percent).max(1);
                within("arrivals: shorter_percent", shorter_percent.into(), least, 1_000_000)
            }
            Arrivals::Recorded { secs } => within("arrivals: secs", secs.unwrap_or(1), 1, SECS_MAX),
            Arrivals::InTurn => Ok(()),
            Arrivals::Clients { from_s, secs, calls } => {
                within("arrivals: from_s", from_s, 0, SECS_MAX)?;
                within("arrivals: secs", secs, 1, SECS_MAX)?;
                within("arrivals: calls", calls.into(), 1, JOBS_MAX)?;
                let most = self.loads.iter().copied().fold(0.0, f64::max) * f64::from(calls);
                if most <= JOBS_MAX as f64 {
                    return Ok(());
                }
                Err(format!("{calls} calls times the load are {most:.0}, more than {JOBS_MAX}: write a lower load"))
            }
        }
    }

    fn check_faults(&self) -> Result<(), String> {
        let faults = &self.faults;
        for of in &faults.outages {
            all(&[("outages: from_s", of.from_s), ("outages: secs", of.secs)], 0, SECS_MAX)?;
            within("outages: percent", of.percent.into(), 0, 100)?;
            within("outages: after_ms", of.after_ms, 0, MS_MAX)?;
        }
        for of in &faults.errors {
            all(&[("errors: from_s", of.from_s), ("errors: secs", of.secs)], 0, SECS_MAX)?;
            within("errors: per_mille", of.per_mille.into(), 0, 1_000)?;
            within("errors: after_ms", of.after_ms, 0, MS_MAX)?;
        }
        for of in &faults.prices {
            within("prices: from_s", of.from_s, 0, SECS_MAX)?;
            all(&[("prices: token_in", of.token_in), ("prices: token_out", of.token_out)], 0, RATE_MAX)?;
        }
        if let Some(of) = &faults.cold {
            within("cold: idle_s", of.idle_s, 0, SECS_MAX)?;
            within("cold: ms", of.ms, 0, MS_MAX)?;
        }
        if let Some(of) = &faults.again {
            within("again: times", of.times.into(), 0, 1_000)?;
            within("again: after_ms", of.after_ms, 0, MS_MAX)?;
        }
        Ok(())
    }
}

impl Fleet {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Slots(slots) => within("fleet: slots", (*slots).into(), 1, SLOTS_MAX),
            Self::Engine(of) => {
                within("engine: slots", of.slots.into(), 0, SLOTS_MAX)?;
                within("engine: tokens_max", of.tokens_max, 1, STEP_US_MAX)?;
                let steps = [("engine: step_us", of.step_us), ("engine: step_call_us", of.step_call_us)];
                all(&steps, 0, STEP_US_MAX)?;
                let reads = [("engine: prefill_us", of.prefill_us), ("engine: prefill_token_us", of.prefill_token_us)];
                all(&reads, 0, STEP_US_MAX)
            }
            Self::Provider(of) => {
                within("provider: slots", of.slots.into(), 1, SLOTS_MAX)?;
                all(&[("provider: requests", of.requests), ("provider: tokens", of.tokens.unwrap_or(1))], 1, RATE_MAX)?;
                within("provider: tokens_out_per_s", of.tokens_out_per_s, 1, RATE_MAX)?;
                let spans = [("skew_ms", of.skew_ms), ("jitter_ms", of.jitter_ms), ("base_ms", of.base_ms)];
                all(&spans, 0, MS_MAX)
            }
            Self::Workers => Ok(()),
            Self::Pools(units) => {
                within("fleet: pools", units.len() as u64, 1, 100)?;
                units.iter().try_for_each(|units| within("fleet: pools", *units, 1, u64::from(UNITS_MAX)))
            }
            Self::Regions(of) => {
                within("regions: far_percent", of.far_percent.into(), 1, 99)?;
                within("regions: bytes_per_s", of.bytes_per_s, 1, RATE_MAX)
            }
            Self::Backends(of) => {
                within("backends: count", of.count.into(), 1, BACKENDS_MAX)?;
                within("backends: slots", of.slots.into(), 1, SLOTS_MAX)?;
                within("backends: count times slots", u64::from(of.count) * u64::from(of.slots), 1, 10 * SLOTS_MAX)?;
                within("backends: tokens_in_per_s", of.tokens_in_per_s, 1, RATE_MAX)?;
                within("stalls: per_mille", of.stalls.per_mille.into(), 0, 1_000)?;
                within("stalls: ms", of.stalls.ms, 0, MS_MAX)?;
                of.luck.iter().try_for_each(|luck| drawn(&[("backends: luck", luck)], 1_000_000))
            }
        }
    }
}
