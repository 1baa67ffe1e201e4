//! A scenario: what comes, what it meets, and who is compared. A small YAML document; the report repeats it whole, so that every constant is in it.

use std::path::Path;

use serde::Deserialize;

use super::data;
use super::faults::Faults;
use super::fleet::Fleet;
use super::workload::{Arrivals, Job, Workload, agents, azure, flows, mooncake, psplib, quantiles, servegen, vtc};
use crate::chance::Chance;

/// An experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// How it is called.
    pub name: String,
    /// What it asks.
    pub about: String,
    /// What comes.
    pub workload: Kind,
    /// How it comes.
    pub arrivals: Arrivals,
    /// What it meets.
    pub fleet: Fleet,
    /// What calls say of themselves, if they say more than their input.
    #[serde(default)]
    pub estimates: Option<Estimates>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
    /// How much of the slots is used, on the mean; one experiment each. Recorded arrivals come as they are: one number that says nothing. Of workers
    /// how many there are.
    pub loads: Vec<f64>,
    /// How many seeds, from 0 on; the same for each that is compared. Eight or more.
    pub seeds: u64,
    /// Who is compared: see [`super::Contender`].
    pub policies: Vec<String>,
    /// With which of them the others are compared, seed by seed.
    pub baseline: String,
}

/// Calls come with a size that stands for how long they take, as a caller would know it: the core learns what calls of a size take.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// How far off it is: the deviation of the logarithm of what is said around that of the truth.
    pub noise: f64,
}

impl Estimates {
    /// Has the calls of these jobs say how long they take.
    pub fn say(self, jobs: &mut [Job], seed: u64) {
        let mut chance = Chance::new(seed ^ 0x6573_7469_6D61_7465);
        for call in jobs.iter_mut().flat_map(|job| &mut job.rounds).map(|round| &mut round.call) {
            let normal = (0..12).map(|_| quantiles::share(&mut chance)).sum::<f64>() - 6.0;
            let millis = call.service.as_micros() as f64 / 1_000.0 * (self.noise * normal).exp();
            call.said = Some((millis as u64).max(1));
        }
    }
}

/// A kind of workload: a file below the folder of data, or what is drawn in its place.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kind {
    /// Sessions of agents.
    Agents {
        /// The file, without `.gz`.
        data: String,
        /// Where there is none.
        generate: agents::Generator,
    },
    /// Calls with deadlines.
    Azure {
        /// The folder of the files; without one it is always drawn.
        data: Option<String>,
        /// Of which kinds.
        kinds: Vec<azure::Kind>,
    },
    /// Workflows.
    Flows {
        /// The file, without `.gz`.
        data: String,
        /// Where there is none.
        generate: flows::Generator,
    },
    /// Workflows whose tasks hold units of several pools at once.
    Psplib {
        /// The file, without `.gz`.
        data: String,
        /// Where there is none.
        generate: psplib::Generator,
    },
    /// Calls of conversations that go on.
    Mooncake {
        /// The file, without `.gz`.
        data: String,
        /// How long a call takes.
        takes: mooncake::Takes,
        /// Where there is no file.
        generate: mooncake::Generator,
    },
    /// Clients of which it is known how each sends.
    Servegen {
        /// The folder of the files.
        data: String,
        /// Of which model.
        model: String,
        /// How long calls are, where that is not known or they are too long.
        lengths: servegen::Lengths,
        /// Where there is none.
        generate: servegen::Generator,
    },
    /// Calls of many tenants.
    Vtc {
        /// The file, without `.gz`.
        data: String,
        /// Which of its experiments.
        experiment: String,
        /// Under which policy it was run; only when calls came is read.
        policy: String,
        /// Where there is none.
        generate: vtc::Generator,
    },
}

/// What is other than the scenario says.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// How many seeds.
    pub seeds: Option<u64>,
    /// Which loads; those of the scenario where there are none.
    pub loads: Vec<f64>,
    /// Who is compared, with the baseline; those of the scenario where there are none.
    pub policies: Vec<String>,
}

impl Scenario {
    /// The same with what is wished for.
    #[must_use]
    pub fn with(mut self, wishes: Wishes) -> Self {
        self.seeds = wishes.seeds.unwrap_or(self.seeds);
        if !wishes.loads.is_empty() {
            self.loads = wishes.loads;
        }
        if !wishes.policies.is_empty() {
            let baseline = std::iter::once(self.baseline.clone());
            let others = wishes.policies.into_iter().filter(|name| *name != self.baseline);
            self.policies = baseline.chain(others).collect();
        }
        self
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// If the text is no scenario.
    pub fn read(text: &str) -> Result<Self, String> {
        let scenario: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        if !scenario.policies.contains(&scenario.baseline) {
            return Err(format!("baseline {:?} is none of the policies", scenario.baseline));
        }
        if scenario.loads.is_empty() || scenario.loads.iter().any(|load| *load <= 0.0) {
            return Err("loads must be above zero, one at least".into());
        }
        let flows = [
            matches!(scenario.workload, Kind::Flows { .. } | Kind::Psplib { .. }),
            scenario.fleet == Fleet::Workers,
            scenario.arrivals == Arrivals::InTurn,
        ];
        if flows.contains(&true) && flows.contains(&false) {
            return Err(
                "workflows are for workers, and come in turn: `flows`, `workers` and `in-turn` belong together".into(),
            );
        }
        scenario.faults.check(&scenario.fleet)?;
        scenario.loads.iter().try_for_each(|load| scenario.fleet.slots_at(*load).map(drop))?;
        if matches!(scenario.workload, Kind::Servegen { .. }) != matches!(scenario.arrivals, Arrivals::Clients { .. }) {
            return Err("`servegen` says how `clients` send, and no other workload does: they belong together".into());
        }
        Ok(scenario)
    }

    /// What comes: from the folder of data, or drawn without one.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not of its kind, or what there is without data cannot be drawn.
    pub fn workload(&self, folder: Option<&Path>) -> Result<Workload, String> {
        match (&self.workload, folder) {
            (Kind::Agents { data, .. }, Some(folder)) => agents::read(&data::text(&folder.join(data))?),
            (Kind::Agents { generate, .. }, None) => generate.draw(GENERATED),
            (Kind::Flows { data, .. }, Some(folder)) => flows::read(&data::text(&folder.join(data))?),
            (Kind::Flows { generate, .. }, None) => generate.draw(GENERATED),
            (Kind::Psplib { data, .. }, Some(folder)) => psplib::read(&data::text(&folder.join(data))?),
            (Kind::Psplib { generate, .. }, None) => generate.draw(GENERATED),
            (Kind::Vtc { data, experiment, policy, .. }, Some(folder)) => {
                vtc::read(&data::text(&folder.join(data))?, experiment, policy)
            }
            (Kind::Mooncake { data, takes, .. }, Some(folder)) => {
                mooncake::read(&data::text(&folder.join(data))?, *takes)
            }
            (Kind::Mooncake { takes, generate, .. }, None) => generate.draw(*takes, GENERATED),
            (Kind::Vtc { generate, .. }, None) => generate.draw(GENERATED),
            (Kind::Servegen { data, model, lengths, .. }, Some(folder)) => {
                let text = |name| data::text(&folder.join(data).join(name));
                servegen::read(&text("client_rates.csv")?, &text("client_token_quantiles.jsonl")?, model, lengths)
            }
            (Kind::Servegen { lengths, generate, .. }, None) => generate.draw(lengths, GENERATED),
            (Kind::Azure { data: Some(data), kinds }, Some(folder)) => {
                let file = |kind| -> Result<(&azure::Kind, String), String> {
                    Ok((kind, data::text(&folder.join(data).join(format!("{}.csv", kind.name)))?))
                };
                azure::read(&kinds.iter().map(file).collect::<Result<Vec<_>, String>>()?)
            }
            (Kind::Azure { kinds, .. }, _) => azure::draw(kinds, GENERATED),
        }
    }
}

/// The seed of what is drawn in the place of data: one population for all seeds of the experiment.
const GENERATED: u64 = 1;
