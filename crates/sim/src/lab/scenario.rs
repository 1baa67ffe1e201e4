//! A scenario: what comes, what it meets, and who is compared. A small YAML document; the report repeats it whole, so that every constant is in it.

pub(crate) mod check;
mod kinds;
mod recorded;
mod said;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::faults::Faults;
use super::fleet::Fleet;
use super::workload::tenancy::Tenancy;
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
    /// What tenants are to each other, if they differ in more than in what they ask for.
    pub tenancy: Option<Tenancy>,
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
    /// Which figures count in the Pareto front, besides the share that was answered; the usual ones where there are none.
    #[serde(default)]
    pub front: Vec<String>,
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
        /// Its conversations belong to so many tenants; to one, where nothing is said.
        #[serde(default = "alone")]
        tenants: u32,
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
            self.policies = baseline.chain(wishes.policies).collect();
        }
        // Each once: a load has one table, and a policy one row, where each seed stands once.
        let mut known = BTreeSet::new();
        self.policies.retain(|name| known.insert(name.clone()));
        let mut known = BTreeSet::new();
        self.loads.retain(|load| known.insert(load.to_bits()));
        self
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// If the text is no scenario, or one that cannot be played.
    pub fn read(text: &str) -> Result<Self, String> {
        let scenario: Self = serde_saphyr::from_str(text).map_err(|error| said::unread(&error.to_string(), text))?;
        scenario.check().map_err(|wrong| said::placed(&wrong, text))?;
        Ok(scenario)
    }

    /// What comes: from the folder of data, the same for each seed; or drawn without one, for each seed anew.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not of its kind, or what there is without data cannot be drawn.
    pub fn workload(&self, folder: Option<&Path>, seed: u64) -> Result<Workload, String> {
        let mut workload = self.made(folder, GENERATED + seed)?;
        if let Kind::Mooncake { tenants: tenants @ 2.., .. } = self.workload {
            workload.among(tenants);
        }
        if let Fleet::Pools(units) = &self.fleet {
            workload.share(units)?;
        }
        if let Some(tenancy) = &self.tenancy {
            tenancy.tells(&mut workload);
        }
        self.check_workload(&workload)?;
        Ok(workload)
    }

    fn made(&self, folder: Option<&Path>, seed: u64) -> Result<Workload, String> {
        let recorded = folder.map_or(Ok(None), |folder| recorded::read(&self.workload, folder))?;
        recorded.map_or_else(|| self.workload.draw(seed), Ok)
    }
}

const fn alone() -> u32 {
    1
}

impl Kind {
    /// Where its data lies in the folder of data; nothing where it is always drawn.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Self::Agents { data, .. }
            | Self::Flows { data, .. }
            | Self::Psplib { data, .. }
            | Self::Mooncake { data, .. }
            | Self::Servegen { data, .. }
            | Self::Vtc { data, .. } => Some(data),
            Self::Azure { data, .. } => data.as_deref(),
        }
    }

    fn draw(&self, seed: u64) -> Result<Workload, String> {
        match self {
            Self::Agents { generate, .. } => generate.draw(seed),
            Self::Flows { generate, .. } => generate.draw(seed),
            Self::Psplib { generate, .. } => generate.draw(seed),
            Self::Mooncake { takes, generate, .. } => generate.draw(*takes, seed),
            Self::Vtc { generate, .. } => generate.draw(seed),
            Self::Servegen { lengths, generate, .. } => generate.draw(lengths, seed),
            Self::Azure { kinds, .. } => azure::draw(kinds, seed),
        }
    }
}

/// The seed of what the first seed of an experiment draws in the place of data; the others follow.
const GENERATED: u64 = 1;
