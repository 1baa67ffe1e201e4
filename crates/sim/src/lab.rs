//! The policy laboratory: the same core, in virtual time, on real traces, against baselines and bounds.
//!
//! Ground rules. Policies see what they see in production; a rule that sees more is called `oracle`. All constants stand in the scenario, which the
//! report repeats. Every metric is printed, also the worse ones, over eight seeds or more with an interval, and as a ratio to the baseline
//! of the same seeds. What a decision costs is measured by the clock of whoever runs the laboratory, and not charged. A hash of all that was sent shows
//! a change of behaviour.

pub mod backends;
pub mod balancers;
pub mod bounds;
pub mod chart;
pub mod data;
pub mod faults;
pub mod fleet;
pub mod flows;
pub mod measure;
pub mod meter;
mod play;
pub mod provider;
pub mod reference;
pub mod report;
pub mod scenario;
#[cfg(test)]
mod tests;
pub mod workload;
pub mod world;

use agendum_spec::diagnostic::nearest;
use agendum_types::policy::Index;
use agendum_types::{Limits, Policy};

use crate::lab::faults::Faults;
use balancers::Balancer;
use bounds::Knows;
use fleet::Fleet;
use flows::{Budget, Sees};
use measure::Seen;
use reference::Rule;
use workload::{Job, Workload};
use world::{Clock, Met, View};

pub use play::{Step, Tells, run};

/// The scenarios that are shipped, by name.
pub const SHIPPED: [(&str, &str); 25] = [
    ("e1", include_str!("../scenarios/e1.yaml")),
    ("e2", include_str!("../scenarios/e2.yaml")),
    ("e2-runs", include_str!("../scenarios/e2-runs.yaml")),
    ("e2-said", include_str!("../scenarios/e2-said.yaml")),
    ("e2-noise", include_str!("../scenarios/e2-noise.yaml")),
    ("e2-outage", include_str!("../scenarios/e2-outage.yaml")),
    ("e2-storm", include_str!("../scenarios/e2-storm.yaml")),
    ("e2-urgent", include_str!("../scenarios/e2-urgent.yaml")),
    ("e3", include_str!("../scenarios/e3.yaml")),
    ("e3-ahead", include_str!("../scenarios/e3-ahead.yaml")),
    ("e3-deep", include_str!("../scenarios/e3-deep.yaml")),
    ("e3-servegen", include_str!("../scenarios/e3-servegen.yaml")),
    ("e3-weights", include_str!("../scenarios/e3-weights.yaml")),
    ("e4-j30", include_str!("../scenarios/e4-j30.yaml")),
    ("e4-j60", include_str!("../scenarios/e4-j60.yaml")),
    ("e4-j120", include_str!("../scenarios/e4-j120.yaml")),
    ("e4-online", include_str!("../scenarios/e4-online.yaml")),
    ("e5", include_str!("../scenarios/e5.yaml")),
    ("e5-regions", include_str!("../scenarios/e5-regions.yaml")),
    ("e9", include_str!("../scenarios/e9.yaml")),
    ("e9-luck", include_str!("../scenarios/e9-luck.yaml")),
    ("e10", include_str!("../scenarios/e10.yaml")),
    ("e10-cold", include_str!("../scenarios/e10-cold.yaml")),
    ("e10-tenants", include_str!("../scenarios/e10-tenants.yaml")),
    ("quota", include_str!("../scenarios/quota.yaml")),
];

/// The text of a scenario: one that is shipped, or a file.
///
/// # Errors
///
/// If it is neither.
pub fn scenario(name: &str) -> Result<String, String> {
    match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) => Ok((*text).to_owned()),
        None => data::document(std::path::Path::new(name)).map_err(|error| {
            let shipped = SHIPPED.map(|(name, _)| name);
            match nearest(&name.to_lowercase(), shipped) {
                Some(near) => format!("{name}: {error}; did you mean {near}, which is shipped?"),
                None => format!("{name}: {error}; shipped are {}", shipped.join(", ")),
            }
        }),
    }
}

/// Who is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Contender {
    /// The core under a policy, and what it is kept from seeing.
    Core(Box<Policy>, View),
    /// The same, where each workflow meets a core that has seen nothing.
    Fresh(Box<Policy>, View),
    /// A clairvoyant on slots, or what judges the laboratory itself.
    Slots(Knows),
    /// The rule of others inside the engine.
    Engine(Rule),
    /// A balancer of others before backends.
    Balanced(Balancer),
    /// A list schedule of workflows.
    Listed(Sees),
    /// The core as always, with workflows whose further needs keep it to the schedule of a search.
    Thought(Budget),
}

/// Those that are no core, by name.
const FIXED: [(&str, Contender); 13] = [
    ("oracle", Contender::Slots(Knows::Rest)),
    ("oracle:means", Contender::Listed(Sees::Means)),
    ("oracle:sizes", Contender::Listed(Sees::Sizes)),
    ("oracle:times", Contender::Listed(Sees::Times)),
    ("reference:call-fifo", Contender::Slots(Knows::Ready)),
    ("reference:fcfs", Contender::Engine(Rule::Fcfs)),
    ("reference:vtc", Contender::Engine(Rule::Vtc)),
    ("reference:lcf", Contender::Engine(Rule::Lcf)),
    ("reference:least-loaded", Contender::Balanced(Balancer::LeastLoaded)),
    ("reference:sticky", Contender::Balanced(Balancer::Sticky)),
    ("reference:preble", Contender::Balanced(Balancer::Preble)),
    ("reference:fifo", Contender::Listed(Sees::Nothing)),
    ("reference:near", Contender::Listed(Sees::Near)),
];

impl Contender {
    /// The one of this name: `balanced`; an index, for all runs and with the rest of `balanced`, such as `gittins`, or `gittins@8` with another aging, and
    /// `balanced+9` where a tenant that comes back has saved up so many attempts; `blind:` before one of these, where all tenants are one; `unpaced:`, where
    /// what a provider lets through is not known; `unread:`, where it is not known how inputs begin; `unwarned:`, where it is not known that backends go cold
    /// and workers are far away; `unhedged:`, where no second attempt is sent; `patient:`, where none gives way; `unbent:`, where nobody goes before the
    /// tenant that has had least; `full:`, where a target gets as many at once as it is said to take; `cold:`, where each workflow meets a core that has seen
    /// nothing; `plain:`, where what pools hold does not count where the tasks of a run stand; `alike:`, where nobody knows what tenants weigh; `oracle`; the
    /// path of a policy's document, such as `rules.yaml`; `reference:call-fifo`, `reference:fcfs`, `reference:vtc`, `reference:lcf`; before backends
    /// `reference:least-loaded`, `reference:sticky`, `reference:preble`; of workflows `thinking:600` and `thinking:10ms`, which keep to the best schedule
    /// that a search has found after so many, or so long; `reference:fifo`, `reference:near` on the workers that are near alone, and as clairvoyants
    /// `oracle:means`, `oracle:sizes` and `oracle:times`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, String> {
        if let Some((_, fixed)) = FIXED.iter().find(|(fixed, _)| *fixed == name) {
            return Ok(fixed.clone());
        }
        if let Some(budget) = name.strip_prefix("thinking:") {
            let wrong = |error| format!("{name:?}: {error}");
            return Ok(Self::Thought(match budget.strip_suffix("ms") {
                Some(millis) => Budget::Millis(millis.parse::<u32>().map_err(wrong)?.into()),
                None => Budget::Schedules(budget.parse::<u32>().map_err(wrong)?.into()),
            }));
        }
        let (mut rest, mut view, mut is_cold) = (name, View::default(), false);
        while let Some((word, of)) = rest.split_once(':') {
            match word {
                "blind" => view.blind = true,
                "alike" => view.alike = true,
                "unpaced" => view.unpaced = true,
                "unread" => view.unread = true,
                "unwarned" => view.unwarned = true,
                "plain" => view.plain = true,
                "cold" => is_cold = true,
                _ => break,
            }
            rest = of;
        }
        let policy = Box::new(policy(rest)?);
        Ok(if is_cold { Self::Fresh(policy, view) } else { Self::Core(policy, view) })
    }

    /// What is wrong with it before this fleet, if anything.
    fn fits(&self, fleet: &Fleet, faults: &Faults) -> Result<(), String> {
        let is_met = |is: bool, what: &str| if is { Ok(()) } else { Err(what.to_owned()) };
        if !matches!(self, Self::Core(..) | Self::Fresh(..)) {
            is_met(faults.is_none(), "only the core meets `faults`")?;
        }
        match self {
            Self::Core(..) => Ok(()),
            Self::Fresh(..) => {
                is_met(fleet.is_in_turn(), "a core for each job (`cold:`) is for workflows that come in turn")
            }
            Self::Slots(_) => is_met(fleet.plain().is_some(), "it is for a fleet of `slots`"),
            Self::Engine(_) => is_met(fleet.engine().is_some(), "it is for a fleet that is an `engine`"),
            Self::Balanced(_) => is_met(fleet.backends().is_some(), "it is for a fleet of `backends`"),
            Self::Listed(_) => is_met(fleet.is_in_turn(), "that reference is of workflows that come in turn"),
            Self::Thought(_) => {
                is_met(*fleet == Fleet::Workers, "that search is of workflows on workers that are alike")
            }
        }
    }

    fn play(&self, workload: &Workload, jobs: &[Job], met: Met<'_>, clock: Clock<'_>) -> Result<Seen, String> {
        let fleet = met.fleet;
        self.fits(fleet, met.faults)?;
        match self {
            Self::Core(policy, view) if workload.has_references() => {
                // Once to learn, and then again.
                let twice = [jobs, jobs].concat();
                Ok(world::play(workload, &twice, met, (**policy).clone(), *view, clock)?.last(jobs.len()))
            }
            Self::Core(policy, view) => world::play(workload, jobs, met, (**policy).clone(), *view, clock),
            Self::Fresh(policy, view) => {
                let one =
                    |job: &Job| world::play(workload, std::slice::from_ref(job), met, (**policy).clone(), *view, clock);
                Ok(Seen::joined(jobs.iter().map(one).collect::<Result<Vec<_>, String>>()?.into_iter()))
            }
            Self::Slots(knows) => {
                let count = fleet.plain().expect("it fits");
                Ok(bounds::slots(jobs, count, *knows))
            }
            Self::Engine(rule) => {
                let spec = fleet.engine().expect("it fits");
                Ok(reference::engine(workload, jobs, spec, *rule, |job| fleet.ideal(job)))
            }
            Self::Balanced(rule) => {
                let spec = fleet.backends().expect("it fits");
                balancers::play(jobs, spec, *rule, |job| fleet.ideal(job))
            }
            Self::Listed(sees) => flows::listed(workload, jobs, (fleet, met.slots), *sees),
            Self::Thought(budget) => {
                let (workload, thought) = flows::thought(workload, *budget, clock);
                let seen = world::play(&workload, jobs, met, Policy::default(), View::default(), clock)?;
                Ok(Seen { thought, ..seen })
            }
        }
    }
}

/// True if a policy is named by its document and not by a word.
#[must_use]
pub fn is_document(name: &str) -> bool {
    name.contains(std::path::is_separator) || [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// The policy of a document.
fn document(name: &str) -> Result<Policy, String> {
    let text = data::document(std::path::Path::new(name)).map_err(|error| format!("{name}: {error}"))?;
    let checked = agendum_spec::policy::check(&text, &Limits::STANDARD);
    let wrong = |of: &agendum_spec::Diagnostic| format!("{name}:{}:{}: {}", of.line, of.column, of.message);
    let first = || checked.diagnostics.first().map_or_else(|| format!("{name} is no policy"), wrong);
    checked.accepted.as_ref().map(|accepted| (*accepted.policy).clone()).ok_or_else(first)
}

/// No policy has this name.
fn unknown(name: &str) -> String {
    let indexes = Index::ALL.map(Index::word);
    let fixed = FIXED.map(|(name, _)| name);
    let all = indexes.into_iter().chain([Policy::BALANCED]).chain(fixed);
    let near = nearest(name, all);
    let hint = near.map_or_else(
        || format!("it is a document (rules.yaml), balanced, one of {}, or {}", indexes.join(", "), fixed.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    format!("no policy is called {name:?}; {hint}")
}

/// A built-in policy, or one that differs from it in its index.
fn policy(name: &str) -> Result<Policy, String> {
    let (word, rest) = name.split_once(':').unwrap_or(("", name));
    let without: Option<fn(&mut Policy)> = match word {
        "unhedged" => Some(|policy| policy.hedging.after = 0),
        "patient" => Some(|policy| policy.preemption.share = 0),
        "unbent" => Some(|policy| policy.fairness.locality_quantum = 0),
        "full" => Some(|policy| policy.limits.gain = 0),
        _ => None,
    };
    if let Some(without) = without {
        let mut policy = policy(rest)?;
        without(&mut policy);
        return Ok(policy);
    }
    if is_document(name) {
        return document(name);
    }
    let mut policy = Policy { name: name.into(), ..Policy::default() };
    let (name, credit) = name.split_once('+').unwrap_or((name, ""));
    if !credit.is_empty() {
        let number = credit.parse().ok().filter(|credit| *credit <= 1_000);
        policy.fairness.credit = number.ok_or_else(|| format!("+{credit}: a credit is a number from 0 to 1000"))?;
    }
    if name == Policy::BALANCED {
        return Ok(policy);
    }
    let (word, aging) = name.split_once('@').unwrap_or((name, ""));
    let index = Index::from_word(word).ok_or_else(|| unknown(name))?;
    for band in &mut policy.bands {
        (band.index, band.deadline_index) = (index, index);
        if !aging.is_empty() {
            let number = aging.parse().ok().filter(|aging| (1..=1_000).contains(aging));
            band.aging = number.ok_or_else(|| format!("{name:?}: `aging` is a number from 1 to 1000"))?;
        }
    }
    Ok(policy)
}
