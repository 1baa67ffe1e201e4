//! What comes: jobs, each a chain of calls of models with the tools between them, read from a public trace or drawn from quantiles.

pub mod agents;
mod among;
pub mod azure;
pub mod flows;
pub mod mooncake;
pub mod psplib;
pub mod quantiles;
pub mod servegen;
pub mod tenancy;
pub mod vtc;

use std::sync::Arc;

use agendum_types::graph::Priority;
use agendum_types::{Duration, Prefix};

use super::scenario::check::SECS_MAX;
use crate::chance::Chance;

/// One call of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// How long a slot takes for it. Zero where the engine of the fleet says.
    pub service: Duration,
    /// Input tokens.
    pub tokens_in: u32,
    /// Output tokens.
    pub tokens_out: u32,
    /// The size of what it is given, if that is another than its input tokens.
    pub said: Option<u64>,
}

impl Call {
    /// The bytes that it is given.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.said.unwrap_or_else(|| 4 * u64::from(self.tokens_in))
    }
}

/// A call and what follows it before the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The call.
    pub call: Call,
    /// How long its tools take, all together.
    pub tools: Duration,
    /// What a helper that it calls does meanwhile: a chain of its own, whose calls go through the same slots. Its rounds have no helper.
    pub side: Vec<Self>,
    /// How the input of the call begins, by the blocks of it, where that counts.
    pub prefix: Option<Arc<Prefix>>,
}

/// A run to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// When it comes, from the beginning.
    pub at: Duration,
    /// For whom.
    pub tenant: u32,
    /// Of which kind: runs of one kind have one graph.
    pub class: u32,
    /// By when it has to be answered, from when it came.
    pub deadline: Option<Duration>,
    /// What it does. At least one round.
    pub rounds: Vec<Round>,
}

impl Job {
    /// The time of its calls.
    #[must_use]
    pub fn work(&self) -> Duration {
        work(&self.rounds)
    }

    /// How long it takes where nothing is waited for.
    #[must_use]
    pub fn ideal(&self) -> Duration {
        ideal(&self.rounds)
    }

    /// What it counts for among tenants: input tokens, and output tokens twice.
    #[must_use]
    pub fn cost(&self) -> u64 {
        calls(&self.rounds).map(|call| u64::from(call.tokens_in) + 2 * u64::from(call.tokens_out)).sum()
    }
}

/// All calls of these rounds and of their helpers.
pub fn calls(rounds: &[Round]) -> impl Iterator<Item = &Call> {
    rounds.iter().flat_map(|round| std::iter::once(&round.call).chain(round.side.iter().map(|side| &side.call)))
}

/// The time of the calls of these rounds.
#[must_use]
pub fn work(rounds: &[Round]) -> Duration {
    calls(rounds).fold(Duration::ZERO, |sum, call| sum.plus(call.service))
}

/// How long these rounds take where nothing is waited for.
#[must_use]
pub fn ideal(rounds: &[Round]) -> Duration {
    let of = |round: &Round| round.call.service.plus(round.tools.max(ideal(&round.side)));
    rounds.iter().fold(Duration::ZERO, |sum, round| sum.plus(of(round)))
}

/// What a workload is made from, once it is read or drawn.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Its kinds, by number.
    pub classes: Vec<String>,
    /// How urgent each of them is, where they differ.
    pub priorities: Vec<Priority>,
    /// The names of its tenants, by number.
    pub tenants: Vec<String>,
    /// The weights of its tenants, by number; all are alike where there are none.
    pub weights: Vec<u32>,
    /// What comes: as recorded, or what is drawn from.
    pub jobs: Vec<Job>,
    /// Of each kind its workflow, where jobs are workflows.
    pub flows: Vec<flows::Flow>,
    /// Of each tenant how it sends, where nothing is recorded but that.
    pub clients: Vec<servegen::Client>,
    /// True if all runs of a kind have as many rounds, and their graph says how many; else each goes on until it has enough.
    pub is_known: bool,
    /// True if it was drawn because there was no data.
    pub is_generated: bool,
}

impl Workload {
    /// True if of each workflow the shortest schedule is known.
    #[must_use]
    pub fn has_references(&self) -> bool {
        !self.flows.is_empty() && self.flows.iter().all(|flow| flow.reference.is_some())
    }
}

/// How jobs come.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrivals {
    /// So many drawn from all that there are, at times without memory, so that the slots are used to the load of the experiment.
    Poisson {
        /// How many.
        jobs: u32,
    },
    /// The same, where the gaps are either short or long (hyper-exponential).
    Bursts {
        /// How many.
        jobs: u32,
        /// Of a hundred gaps so many are short,
        short_percent: u32,
        /// and so many times shorter than the mean, in hundredths. The others make up for it.
        shorter_percent: u32,
    },
    /// As recorded. With each further seed the times of every tenant and kind are turned round by another span, where they were not drawn for that seed
    /// anyway. On slots time is stretched so that they are used to the load of the experiment.
    Recorded {
        /// How long the record is; until the last job comes where that is not said.
        secs: Option<u64>,
    },
    /// One after the other, each when the one before is answered; all that there are, in an order of the seed's own.
    InTurn,
    /// Each client sends as it does, drawn for each seed.
    Clients {
        /// From this second of the record on,
        from_s: u64,
        /// for so many seconds.
        secs: u64,
        /// All of them send so much more, or less, that it is so many calls in all on the mean, times the load.
        calls: u32,
    },
}

impl Arrivals {
    /// The jobs of a seed, in the order in which they come.
    #[must_use]
    pub fn jobs(self, workload: &Workload, seed: u64, load: f64, slots: u32) -> Vec<Job> {
        let mut chance = Chance::new(seed.wrapping_mul(7_919).wrapping_add(12_345));
        match self {
            Self::Poisson { jobs } => drawn(&mut chance, workload, jobs, load, slots, |_| 1.0),
            Self::Bursts { jobs, short_percent, shorter_percent } => {
                let (share, short) = (f64::from(short_percent) / 100.0, 100.0 / f64::from(shorter_percent.max(1)));
                let long = (1.0 - share * short) / (1.0 - share).max(0.01);
                drawn(&mut chance, workload, jobs, load, slots, |dice| {
                    if dice.hits(u64::from(short_percent)) { short } else { long }
                })
            }
            Self::Recorded { secs } => {
                let last = workload.jobs.iter().map(|job| job.at.plus(Duration(1))).max().unwrap_or(Duration(1));
                // One that goes on for longer than is said, by more than its last calls, is played whole with each seed: turned round it would lie on itself.
                let said = secs.map_or(last, Duration::secs);
                let is_longer = last.as_micros() > said.as_micros().saturating_add(said.as_micros() / 100);
                let whole = if is_longer { last } else { said };
                stretched(turned(&mut chance, workload, seed, whole), whole, load, slots)
            }
            Self::InTurn => {
                let mut jobs = workload.jobs.clone();
                for left in (1..jobs.len()).rev() {
                    jobs.swap(left, chance.below(left as u64 + 1) as usize);
                }
                jobs
            }
            Self::Clients { from_s, secs, calls } => {
                let span = (from_s as f64, (from_s + secs) as f64);
                servegen::jobs(&workload.clients, span, f64::from(calls) * load, &mut chance)
            }
        }
    }
}

fn drawn(
    chance: &mut Chance,
    workload: &Workload,
    count: u32,
    load: f64,
    slots: u32,
    scale: impl Fn(&mut Chance) -> f64,
) -> Vec<Job> {
    let all = &workload.jobs;
    let sum: f64 = all.iter().map(|job| job.work().as_micros() as f64).sum();
    let gap = sum / all.len() as f64 / (load * f64::from(slots));
    let mut at = 0.0;
    let next = |_| {
        at += -quantiles::share(chance).ln() * gap * scale(chance);
        Job { at: Duration(at as u64), ..all[chance.below(all.len() as u64) as usize].clone() }
    };
    (0..count).map(next).collect()
}

fn turned(chance: &mut Chance, workload: &Workload, seed: u64, whole: Duration) -> Vec<Job> {
    let kinds = workload.classes.len();
    let turns: Vec<u64> = (0..workload.tenants.len() * kinds).map(|_| chance.below(whole.as_micros())).collect();
    let turn = |job: &Job| match seed {
        0 => job.at,
        _ if workload.is_generated => job.at,
        _ => {
            let by = turns[job.tenant as usize * kinds + job.class as usize];
            Duration((job.at.as_micros() + by) % whole.as_micros())
        }
    };
    let mut jobs: Vec<Job> = workload.jobs.iter().map(|job| Job { at: turn(job), ..job.clone() }).collect();
    jobs.sort_by_key(|job| job.at);
    jobs
}

fn stretched(mut jobs: Vec<Job>, whole: Duration, load: f64, slots: u32) -> Vec<Job> {
    let work: f64 = jobs.iter().map(|job| job.work().as_micros() as f64).sum();
    if work > 0.0 {
        let by = work / (load * f64::from(slots) * whole.as_micros() as f64);
        jobs.iter_mut().for_each(|job| job.at = Duration((job.at.as_micros() as f64 * by) as u64));
    }
    jobs
}

/// The number of a name, which is given one if it has none.
pub(crate) fn number_of(names: &mut Vec<String>, name: &str) -> u32 {
    let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u32::try_from(place).expect("fewer names than rows")
}

/// Seconds as a trace writes them.
pub(crate) fn secs(text: &str) -> Result<Duration, String> {
    span(text.trim().parse().map_err(|error| format!("{text:?}: {error}"))?)
}

/// The same as a number.
pub(crate) fn span(secs: f64) -> Result<Duration, String> {
    if (0.0..=SECS_MAX as f64).contains(&secs) {
        return Ok(Duration((secs * 1e6).round() as u64));
    }
    Err(format!("{secs} s are no time that can be played: it is from 0 to {SECS_MAX} s"))
}
