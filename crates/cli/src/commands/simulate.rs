//! `simulate`: policies in virtual time, against baselines and bounds. The same core; nothing of this installation is read.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use agendum_sim::lab::scenario::{Scenario, Wishes};
use agendum_sim::lab::{self, report};
use agendum_types::Limits;

use super::policy;
use crate::args::Simulate;
use crate::failure::Failure;
use crate::hosting::tell;
use crate::show;

pub(crate) fn simulate(json: bool, asked: Simulate) -> Result<(), Failure> {
    let text = lab::scenario(&asked.scenario).map_err(Failure::usage)?;
    // What is wrong with a document is told as `policy check` tells it.
    for name in asked.compare.iter().filter(|name| lab::is_document(name)) {
        policy::found(json, Path::new(name), &Limits::STANDARD)?;
    }
    let wishes = Wishes { seeds: asked.seeds, loads: asked.loads, policies: asked.compare };
    let scenario = Scenario::read(&text).map_err(Failure::usage)?.with(wishes);
    let began = Instant::now();
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tables = lab::run(&scenario, asked.traces.as_deref(), &clock).map_err(Failure::usage)?;
    if let Some(file) = asked.report {
        std::fs::write(&file, report::page(&scenario.about, &text, &tables))
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        tell(&format!("written: {}", file.display()));
    }
    if json {
        return show::json(&serde_json::to_value(&tables).unwrap_or_default());
    }
    Ok(writeln!(show::out(), "{}", report::text(&text, &tables).trim_end())?)
}
