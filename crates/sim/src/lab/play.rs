//! Plays a scenario: every load, every seed, everyone who is compared; and puts down what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use agendum_types::Duration;

use super::Contender;
use super::measure::{Estimate, Seen};
use super::report::{Comes, Row, Table, front};
use super::scenario::Scenario;
use super::workload::{Job, Workload};
use super::world::{Clock, Met};

/// What is about to be played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'s> {
    /// At which load.
    pub load: f64,
    /// Who.
    pub policy: &'s str,
    /// With which seed, from 1 on,
    pub seed: u64,
    /// of so many.
    pub seeds: u64,
    /// How many plays are over,
    pub done: u64,
    /// of so many.
    pub of: u64,
}

/// Is told of each play before it begins.
pub type Tells<'t> = &'t dyn Fn(&Step<'_>);

/// Runs a scenario: every load, every policy, every seed. What is drawn in the place of data is drawn anew for each seed.
///
/// # Errors
///
/// If it asks for what cannot be played, its data cannot be read, or a policy has no such name.
pub fn run(
    scenario: &Scenario,
    folder: Option<&Path>,
    clock: Clock<'_>,
    tells: Tells<'_>,
) -> Result<Vec<Table>, String> {
    scenario.check()?;
    let first = scenario.workload(folder, 0)?;
    let contenders = scenario.policies.iter().map(|name| Ok((name.as_str(), Contender::named(name)?)));
    let contenders = contenders.collect::<Result<Vec<_>, String>>()?;
    // Before anything is played that would be lost.
    for (name, contender) in &contenders {
        contender.fits(&scenario.fleet, &scenario.faults).map_err(|error| format!("{name}: {error}"))?;
    }
    let mut step = Step { load: 0.0, policy: "", seed: 0, seeds: scenario.seeds, done: 0, of: 0 };
    step.of = scenario.loads.len() as u64 * scenario.seeds * contenders.len() as u64;
    let mut tables = Vec::new();
    for load in &scenario.loads {
        let mut seen: BTreeMap<&str, Vec<Seen>> = BTreeMap::new();
        let mut comes = Comes::default();
        for seed in 0..scenario.seeds {
            let drawn = (first.is_generated && seed > 0).then(|| scenario.workload(folder, seed)).transpose()?;
            let workload = drawn.as_ref().unwrap_or(&first);
            let mut told = |policy: &str| {
                tells(&Step { load: *load, policy, seed: seed + 1, ..step });
                step.done += 1;
            };
            let jobs = jobs(scenario, workload, (*load, seed))?;
            if seed == 0 {
                comes = Comes::of(workload, &jobs);
            }
            let of = (workload, &*jobs);
            for (name, played) in one_seed(scenario, of, (*load, seed), &contenders, clock, &mut told)? {
                seen.entry(name).or_default().push(played);
            }
        }
        tables.push(Table { comes, is_generated: first.is_generated, ..table(scenario, *load, seen) });
    }
    Ok(tables)
}

/// What comes with a seed.
fn jobs(scenario: &Scenario, workload: &Workload, (load, seed): (f64, u64)) -> Result<Vec<Job>, String> {
    let mut jobs = scenario.arrivals.jobs(workload, seed, load, scenario.fleet.slots());
    if let Some(tenancy) = &scenario.tenancy {
        tenancy.urges(&mut jobs, workload, seed);
    }
    scenario.check_jobs(workload, &jobs).map_err(|error| format!("load {load}, seed {seed}: {error}"))?;
    if let Some(estimates) = scenario.estimates {
        estimates.say(&mut jobs, seed);
    }
    Ok(jobs)
}

/// Everyone, on the same jobs.
fn one_seed<'c>(
    scenario: &Scenario,
    (workload, jobs): (&Workload, &[Job]),
    (load, seed): (f64, u64),
    contenders: &[(&'c str, Contender)],
    clock: Clock<'_>,
    told: &mut dyn FnMut(&str),
) -> Result<Vec<(&'c str, Seen)>, String> {
    let (fleet, faults) = (&scenario.fleet, &scenario.faults);
    let met = Met { fleet, slots: fleet.slots_at(load)?, faults };
    let mut all = Vec::new();
    for (name, contender) in contenders {
        told(name);
        let mut played = contender.play(workload, jobs, met, clock).map_err(|error| format!("{name}: {error}"))?;
        if let Some(left) = played.ended.iter().position(|job| !job.is_over()) {
            return Err(format!("{name}, load {load}, seed {seed}: job {left} was never answered"));
        }
        if seed > 0 {
            // Charts are of the first.
            played.bars = Vec::new();
        }
        all.push((*name, played));
    }
    Ok(all)
}

fn table(scenario: &Scenario, load: f64, mut seen: BTreeMap<&str, Vec<Seen>>) -> Table {
    let base: Vec<Figures> = seen[scenario.baseline.as_str()].iter().map(Seen::figures).collect();
    let mut rows: Vec<Row> = scenario.policies.iter().map(|name| row(name, &seen[name.as_str()], &base)).collect();
    Row::tell_twins(&mut rows, &scenario.baseline);
    let counts = front::counts(&rows, &scenario.front);
    let pictures = |row: &Row| {
        let bars = std::mem::take(&mut seen.get_mut(row.policy.as_str())?.first_mut()?.bars);
        row.same_as.is_none().then(|| (row.policy.clone(), bars))
    };
    Table {
        load,
        of: if scenario.fleet.is_in_turn() { "workers" } else { "load" },
        seeds: scenario.seeds,
        baseline: scenario.baseline.clone(),
        is_generated: false,
        comes: Comes::default(),
        front: front::front(&rows, &counts),
        counts,
        pictures: rows.iter().filter_map(pictures).collect(),
        rows,
    }
}

type Figures = BTreeMap<&'static str, f64>;

fn row(name: &str, seen: &[Seen], base: &[Figures]) -> Row {
    let own: Vec<Figures> = seen.iter().map(Seen::figures).collect();
    let values = |of: &[Figures], figure: &str| -> Vec<f64> {
        of.iter().filter_map(|figures| figures.get(figure).copied()).collect()
    };
    let of = |figure: &&'static str| {
        let (mine, theirs) = (values(&own, figure), values(base, figure));
        let ratios: Vec<f64> = mine.iter().zip(&theirs).map(|(mine, theirs)| mine / theirs).collect();
        // Where the baseline has nothing, nothing is so many times that.
        let is_ratio = ratios.len() == own.len() && ratios.iter().all(|ratio| ratio.is_finite());
        let ratio = is_ratio.then(|| Estimate::of(&ratios));
        (*figure, Estimate::of(&mine), ratio)
    };
    let took: Vec<Duration> = seen.iter().flat_map(Seen::took).collect();
    let hashes = seen.iter().filter_map(|seen| seen.hash);
    // What was seen with one seed alone is a figure too; that nothing was refused is none.
    let mut names: BTreeSet<&'static str> = own.iter().flat_map(BTreeMap::keys).copied().collect();
    names.retain(|name| *name != "refused" || values(&own, name).iter().any(|count| *count > 0.0));
    Row::new(name, names.iter().map(of).collect(), &hashes.collect::<Vec<_>>(), took)
}
