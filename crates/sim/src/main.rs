//! `agendum-sim`: seeds, the corpus of plans, the core's own figures.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use agendum_sim::chance::Chance;
use agendum_sim::{Faults, Played, bench, corpus, generate, play, show};
use agendum_spec::{NoFiles, Source};
use agendum_types::{Graph, Limits};

const USAGE: &str = "agendum-sim seeds COUNT [FROM]   play seeds, each with four generated graphs, faults and crashes
agendum-sim show SEED            the journal of a seed, a line for each record
agendum-sim corpus DIR           check and run the agent plans in a folder (.jsonl, .json)
agendum-sim bench                what the core costs";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["seeds", count] => seeds(count, "0"),
        ["seeds", count, from] => seeds(count, from),
        ["show", seed] => number(seed).and_then(|seed| {
            println!("{}", show(seed, &graphs(seed)?, faults(seed)));
            Ok(())
        }),
        ["corpus", folder] => corpus::run(folder.as_ref()).map(|report| println!("{report}")),
        ["bench"] => {
            println!("{}", bench::run());
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn seeds(count: &str, from: &str) -> Result<(), String> {
    let (count, from) = (number(count)?, number(from)?);
    let began = Instant::now();
    let mut all = Played::default();
    for seed in from..from + count {
        let played = play(seed, &graphs(seed)?, faults(seed));
        if let Some(first) = played.violations.first() {
            return Err(format!("seed {seed}: {first}\nagain: cargo run --release -p agendum-sim -- seeds 1 {seed}"));
        }
        all.events += played.events;
        all.runs += played.runs;
        all.crashes += played.crashes;
        for (sum, count) in all.answers.iter_mut().zip(played.answers) {
            *sum += count;
        }
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

fn number(text: &str) -> Result<u64, String> {
    text.parse::<u64>().map_err(|error| format!("{text:?}: {error}\n{USAGE}"))
}

/// Seeds take turns in how bad their world is.
const fn faults(seed: u64) -> Faults {
    match seed % 4 {
        0 => Faults { failing: 0, slow: 0, evaluations: 0, crashes: 1 },
        1 => Faults { failing: 25, slow: 10, evaluations: 2, crashes: 0 },
        2 => Faults { failing: 15, slow: 10, evaluations: 1, crashes: 3 },
        _ => Faults { failing: 60, slow: 30, evaluations: 5, crashes: 6 },
    }
}

fn graphs(seed: u64) -> Result<Vec<Arc<Graph>>, String> {
    let mut chance = Chance::new(seed);
    let make = |number| {
        let text = generate::document(&mut chance, number);
        let checked = agendum_spec::check(Source { name: "generated", text: &text }, &NoFiles, &Limits::STANDARD);
        let accepted = checked.runnable().map(|accepted| Arc::clone(&accepted.graph));
        accepted.ok_or_else(|| format!("seed {seed}: a generated document is refused: {:?}", checked.diagnostics))
    };
    (0..4).map(make).collect()
}
