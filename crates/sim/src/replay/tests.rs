use std::collections::BTreeMap;

use agendum_core::Record;
use agendum_types::RunId;

use super::past::Life;
use super::{Asked, Past, Records, Setting, run};
use crate::plans::planned;
use crate::world::{Faults, Journal, journal};

/// Runs of a seed.
const RUNS: u64 = 4;

/// The records of each run.
fn records(journal: &Journal) -> Vec<Records> {
    let mut runs: BTreeMap<RunId, Records> = BTreeMap::new();
    for entry in &journal.entries {
        let Some((run, tenant)) = entry.record.run().zip(entry.tenant.clone()) else { continue };
        let of = runs.entry(run).or_insert_with(|| Records { tenant, graphs: BTreeMap::new(), entries: Vec::new() });
        if let Some((_, hash, _)) = entry.record.names_graph() {
            of.graphs.insert(hash, journal.graphs[&hash].clone());
        }
        of.entries.push(entry.clone());
    }
    runs.into_values().collect()
}

fn seed_of(journal: &Journal) -> u64 {
    let opened = |record: &Record| match record {
        Record::Opened { seed, .. } => Some(*seed),
        _ => None,
    };
    journal.entries.iter().find_map(|entry| opened(&entry.record)).unwrap()
}

fn replayed(seed: u64, faults: Faults) -> (Past, super::Report) {
    let journal = journal(seed, &planned(seed, RUNS).unwrap(), faults);
    let mut past = Past::default();
    records(&journal).iter().for_each(|records| past.take(records));
    let setting = Setting {
        targets: journal.targets.clone(),
        limits: journal.limits.clone(),
        windows: journal.windows,
        seed: seed_of(&journal),
    };
    let asked = Asked { old: (journal.policy.clone(), "it".into()), new: vec![], notes: vec![] };
    let report = run(&past, &setting, &asked, &|| 0, &|_, _, _| {});
    (past, report)
}

#[test]
fn look() {
    for seed in 0..200 {
        let faults = Faults { failing: 15, slow: 10, evaluations: 1, crashes: 0, unrest: false };
        let (_, report) = replayed(seed, faults);
        let of = &report.accuracy;
        let made = report.policies[0].made_up.unwrap();
        println!(
            "{seed} {}/{} {:.4} {:.4} {:.4} {made:?} {} {}",
            of.same_answer, of.compared, of.median, of.p95, of.bias, report.attempts, report.policies[0].attempts
        );
    }
}

#[test]
fn differ() {
    let Ok(seed) = std::env::var("SEED") else { return };
    let seed: u64 = seed.parse().unwrap();
    let faults = Faults { failing: 15, slow: 10, evaluations: 1, crashes: 0, unrest: false };
    let journal = journal(seed, &planned(seed, RUNS).unwrap(), faults);
    let mut past = Past::default();
    records(&journal).iter().for_each(|records| past.take(records));
    let (targets, _) = super::compare::targets(&past, &journal.targets);
    let usual = super::Usual::of(past.lives.values());
    let ground = super::Ground {
        targets: &targets,
        limits: &journal.limits,
        windows: journal.windows,
        seed: seed_of(&journal),
        boundless: false,
    };
    let played = super::world::play(&past.lives, &usual, &ground, &journal.policy, &|| 0, true);
    let show = |entry: &agendum_core::Entry| {
        let graph = entry
            .record
            .run()
            .and_then(|run| past.lives.get(&run))
            .map(|life| life.graphs.values().next().unwrap().clone());
        let line = graph
            .and_then(|graph| agendum_wire::v1::event(&graph, entry))
            .and_then(|event| serde_json::to_string(&event).ok());
        format!(
            "{} {:?} {}",
            entry.at.0 as i64 - 1_000_000,
            entry.record.run().map(|run| run.0 as u32 % 1000),
            line.unwrap_or_else(|| format!("{:?}", entry.record))
        )
    };
    std::fs::write("/tmp/a.txt", journal.entries.iter().map(show).collect::<Vec<_>>().join("\n")).unwrap();
    std::fs::write("/tmp/b.txt", played.entries.iter().map(show).collect::<Vec<_>>().join("\n")).unwrap();
    for (run, course) in &played.courses {
        let real = &past.courses()[run];
        println!("{} {:?} {:?}", run.0 as u32 % 1000, real.answered, course.answered);
    }
}
