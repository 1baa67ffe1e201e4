//! `agendum-sim`: seeds, the corpus of plans, the core's own figures, the policy laboratory.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]
#![expect(clippy::disallowed_types, reason = "it tells what seeds take on the wall clock")]

mod laboratory;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use agendum_sim::plans::{faults, planned, shrink};
use agendum_sim::{Played, bench, corpus, lab, play, show};

const USAGE: &str = "agendum-sim seeds COUNT [FROM]   play seeds, each with four generated graphs, faults and crashes
agendum-sim kinds COUNT [FROM]   how many of these seeds come to each kind of decision, and the first of them: what is rare is named in the tests
agendum-sim show SEED            the journal of a seed, a line for each record
agendum-sim shrink SEED          what is left of a broken seed's documents without all that it does not take
agendum-sim corpus DIR           check and run the agent plans in a folder (.jsonl, .json)
agendum-sim bench [waiting|ready|learned]  what the core costs; or alone: many tasks that wait for money, or are ready; what is kept of what it learns
agendum-sim lab SCENARIO [--data DIR] [--seeds N] [--load L]... [--policy NAME]... [--json FILE] [--report HTML]
                                 policies against baselines and bounds, with a folder of public traces on those; a file, or
                                 ";

/// Runs of a seed.
const RUNS: u64 = 4;

/// Seeds that are told of before the rest is left.
const BROKEN_MAX: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["seeds", count] => seeds(count, "0"),
        ["seeds", count, from] => seeds(count, from),
        ["kinds", count] => kinds(count, "0"),
        ["kinds", count, from] => kinds(count, from),
        ["show", seed] => number(seed).and_then(|seed| {
            println!("{}", show(seed, &planned(seed, RUNS)?, faults(seed)));
            Ok(())
        }),
        ["shrink", seed] => number(seed).and_then(|seed| shrink(seed, RUNS)).map(|left| println!("{left}")),
        ["corpus", folder] => corpus::run(folder.as_ref()).map(|report| println!("{report}")),
        ["bench"] => {
            for runs in bench::RUNS {
                println!("{}", bench::run(runs));
            }
            println!("{}", bench::parked());
            println!("{}", bench::waiting());
            println!("{}", bench::ready());
            Ok(())
        }
        ["bench", "ready"] => {
            println!("{}", bench::ready());
            Ok(())
        }
        ["bench", "learned"] => {
            println!("{}", bench::learned());
            Ok(())
        }
        ["bench", "waiting"] => {
            println!("{}", bench::waiting());
            Ok(())
        }
        ["lab", scenario, options @ ..] => laboratory::run(scenario, options).map(|report| println!("{report}")),
        _ => Err(usage()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    USAGE.to_owned() + &lab::SHIPPED.map(|(name, _)| name).join(", ")
}

fn seeds(count: &str, from: &str) -> Result<(), String> {
    let (count, from) = (number(count)?, number(from)?);
    let began = Instant::now();
    let mut all = Played::default();
    let mut broken = Vec::new();
    for seed in from..from + count {
        let played = play(seed, &planned(seed, RUNS)?, faults(seed));
        if let Some(first) = played.violations.first() {
            broken.push(format!(
                "seed {seed}: {first}\nagain: cargo run -p agendum-sim -- seeds 1 {seed}, or shrink {seed}"
            ));
        }
        if broken.len() == BROKEN_MAX {
            break;
        }
        all.events += played.events;
        all.runs += played.runs;
        all.crashes += played.crashes;
        for (sum, count) in all.answers.iter_mut().zip(played.answers) {
            *sum += count;
        }
    }
    if !broken.is_empty() {
        return Err(broken.join("\n"));
    }
    let [succeeded, failed, cancelled] = all.answers;
    println!(
        "{count} seeds from {from}: {} runs ({succeeded} succeeded, {failed} failed, {cancelled} cancelled), {} crashes, {} events, no promise broken, {:.1} s",
        all.runs,
        all.crashes,
        all.events,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn kinds(count: &str, from: &str) -> Result<(), String> {
    let (count, from) = (number(count)?, number(from)?);
    let mut all: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for seed in from..from + count {
        for kind in play(seed, &planned(seed, RUNS)?, faults(seed)).kinds {
            all.entry(kind).or_insert((0, seed)).0 += 1;
        }
    }
    for (kind, (seeds, first)) in all {
        println!("{seeds:>6}  {kind} (seed {first})");
    }
    Ok(())
}

fn number(text: &str) -> Result<u64, String> {
    text.parse::<u64>().map_err(|error| format!("{text:?}: {error}\n{}", usage()))
}
