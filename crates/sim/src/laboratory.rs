//! `agendum-sim lab`: reads what is asked for, and has the clock that the laboratory has not.

use std::path::{Path, PathBuf};
use std::time::Instant;

use agendum_sim::lab::scenario::{Scenario, Wishes};
use agendum_sim::lab::{self, report};

/// What is asked for.
#[derive(Default)]
struct Asked {
    data: Option<PathBuf>,
    json: Option<PathBuf>,
    report: Option<PathBuf>,
    wishes: Wishes,
}

/// Runs a scenario, one that is shipped or a file, and gives its report.
pub(crate) fn run(name: &str, words: &[&str]) -> Result<String, String> {
    let asked = asked(words)?;
    let text = lab::scenario(name)?;
    let written = Scenario::read(&text)?;
    let scenario = written.clone().with(asked.wishes);
    let began = Instant::now();
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tables = lab::run(&scenario, asked.data.as_deref(), &clock, &|_| {})?;
    let ran = report::Ran::of(&written, &scenario, &tables);
    if let Some(file) = asked.json {
        write(&file, &serde_json::to_string_pretty(&tables).map_err(|error| error.to_string())?)?;
    }
    if let Some(file) = asked.report {
        write(&file, &report::page(&ran, &text, &tables))?;
    }
    Ok(format!("{}\n{:.1} s", report::text(&ran, &text, &tables), began.elapsed().as_secs_f64()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
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
            "--report" => asked.report = Some(value.into()),
            "--seeds" => asked.wishes.seeds = Some(value.parse().map_err(|error| number(&error))?),
            "--load" => asked.wishes.loads.push(value.parse().map_err(|error| number(&error))?),
            "--policy" => asked.wishes.policies.push(value.to_owned()),
            _ => return Err(format!("{word:?} is not known here")),
        }
    }
    Ok(asked)
}
