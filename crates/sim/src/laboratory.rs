//! `agendum-sim lab`: reads what is asked for, and has the clock that the laboratory has not.

use std::path::PathBuf;
use std::time::Instant;

use agendum_sim::lab::{self, report, scenario::Scenario};

/// What is asked for.
#[derive(Default)]
struct Asked {
    data: Option<PathBuf>,
    json: Option<PathBuf>,
    seeds: Option<u64>,
    policies: Vec<String>,
    loads: Vec<f64>,
}

/// Runs a scenario, one that is shipped or a file, and gives its report.
pub(crate) fn run(name: &str, words: &[&str]) -> Result<String, String> {
    let asked = asked(words)?;
    let text = match lab::SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?,
    };
    let mut scenario = Scenario::read(&text)?;
    scenario.seeds = asked.seeds.unwrap_or(scenario.seeds);
    if !asked.loads.is_empty() {
        scenario.loads = asked.loads;
    }
    if !asked.policies.is_empty() {
        let baseline = scenario.baseline.clone();
        let others = asked.policies.into_iter().filter(|name| *name != baseline);
        scenario.policies = std::iter::once(baseline.clone()).chain(others).collect();
    }
    let began = Instant::now();
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tables = lab::run(&scenario, asked.data.as_deref(), &clock)?;
    if let Some(file) = asked.json {
        let json = serde_json::to_string_pretty(&tables).map_err(|error| error.to_string())?;
        std::fs::write(&file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(format!("{}\n{:.1} s", report::text(&text, &tables), began.elapsed().as_secs_f64()))
}

fn asked(words: &[&str]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = *words.next().ok_or_else(|| format!("{word} wants a value"))?;
        let number = |error: &dyn std::fmt::Display| format!("{word} {value:?}: {error}");
        match *word {
            "--data" => asked.data = Some(value.into()),
            "--json" => asked.json = Some(value.into()),
            "--seeds" => asked.seeds = Some(value.parse().map_err(|error| number(&error))?),
            "--load" => asked.loads.push(value.parse().map_err(|error| number(&error))?),
            "--policy" => asked.policies.push(value.to_owned()),
            _ => return Err(format!("{word:?} is not known here")),
        }
    }
    Ok(asked)
}
