//! `simulate`: policies in virtual time, against baselines and bounds. The same core; nothing of this installation is read.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use agendum_sim::lab::report::{self, Ran};
use agendum_sim::lab::scenario::{Scenario, Wishes};
use agendum_sim::lab::{self, Step};
use agendum_types::Limits;

use super::policy;
use crate::args::Simulate;
use crate::failure::Failure;
use crate::hosting::tell;
use crate::{next, show};

pub(crate) fn simulate(json: bool, asked: Simulate) -> Result<(), Failure> {
    // `--compare` takes all the words that follow it.
    let Some(name) = asked.scenario else {
        return Err(Failure::usage("which scenario?")
            .hint("name it before --compare, as in: agendum simulate e2 --compare fifo balanced"));
    };
    let text = lab::scenario(&name).map_err(Failure::usage)?;
    // What is wrong with a document is told as `policy check` tells it.
    for name in asked.compare.iter().filter(|name| lab::is_document(name)) {
        policy::found(json, Path::new(name), &Limits::STANDARD)?;
    }
    let wishes = Wishes { seeds: asked.seeds, loads: asked.loads, policies: asked.compare };
    let written = Scenario::read(&text).map_err(|wrong| Failure::usage(named(&wrong, &name)))?;
    let scenario = written.clone().with(wishes);
    if let Some(folder) = asked.report.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty())
        && !folder.is_dir()
    {
        // Before it plays for minutes.
        return Err(Failure::usage(format!("--report: there is no folder {}: make it first", folder.display())));
    }
    let began = Instant::now();
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let line = show::Rewritten::new(json);
    let tells = |step: &Step<'_>| line.tell(|| told(step, began.elapsed()));
    let tables = lab::run(&scenario, asked.traces.as_deref(), &clock, &tells).map_err(Failure::usage)?;
    line.erase();
    let ran = Ran::of(&written, &scenario, &tables);
    if let Some(file) = asked.report {
        std::fs::write(&file, report::page(&ran, &text, &tables))
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        tell(&format!("written: {}", file.display()));
    }
    if json {
        return show::json(&serde_json::to_value(&tables).unwrap_or_default());
    }
    Ok(writeln!(show::out(), "{}", report::text(&ran, &text, &tables).trim_end())?)
}

/// Nothing of an installation is read here: with a folder of traces there the figures would be of drawn work, and nobody would know.
pub(crate) fn no_data() -> Failure {
    Failure::usage("`simulate` reads no data directory")
        .hint(format!("public traces are --traces DIR; {} replay --data DIR plays a journal again", next::reading()))
}

/// What is wrong, in the file that was named.
fn named(wrong: &str, file: &str) -> String {
    let wrong = wrong.replace("--> scenario:", &format!("--> {file}:"));
    wrong.strip_prefix("scenario:").map_or_else(|| format!("{file}: {wrong}"), |rest| format!("{file}:{rest}"))
}

/// How far it is.
fn told(step: &Step<'_>, since: Duration) -> String {
    let Step { load, policy, seed, seeds, done, of } = step;
    let percent = done * 100 / of.max(&1);
    format!("… {percent} %, {:.0} s: at {load}, seed {seed} of {seeds}, {policy}", since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agendum_sim::lab::Step;

    use super::told;

    #[test]
    fn how_far_it_is_is_told_in_a_line() {
        let step = Step { load: 0.95, policy: "balanced", seed: 3, seeds: 8, done: 20, of: 64 };
        assert_eq!(told(&step, Duration::from_millis(12_300)), "… 31 %, 12 s: at 0.95, seed 3 of 8, balanced");
    }
}
