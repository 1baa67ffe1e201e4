//! The arguments of `plan`.

use std::path::PathBuf;

use agendum_planner::Figure;
use agendum_planner::lint::LASTS_MAX;
use clap::Subcommand;

use super::replay::Since;
use crate::config::Age;

/// Shown below the commands of `plan`.
pub(super) const HELP: &str = "\
A plan changes parameters of the policy in force for a while, and says why. When
it runs out, or is withdrawn, the policy counts alone. Example, busy.yaml:

  version: 1
  plan: busy-hours
  lasts: 2h
  rules:
    hedging: { share: 2 }                 # fewer second attempts
  evidence: { how: yesterday's queue, runs: 800 }

  agendum plan check busy.yaml            what is wrong with it, and what it changes
  agendum plan publish busy.yaml          puts it in force, now
  agendum plan withdraw --why 'too slow'  takes it back
  agendum plan ls                         who published what, and what became of it

  agendum plan propose --since 24h        looks for one in the journal: what would
                                          have done better, and how sure that is
  agendum plan propose --every 10m --publish   does so again and again

`agendum schema plan` prints every word; docs/policies.md says more.";

#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// Check documents against the policy in force: everything that is wrong, and what they change
    Check {
        /// The documents, YAML or JSON; - for standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Put a plan in force, in place of the one before
    Publish {
        /// The document, YAML or JSON; - for standard input
        file: PathBuf,
    },
    /// Take back the plan in force: the policy counts alone
    Withdraw {
        /// Why, for whoever reads the list
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// List the plans that were published, latest first
    Ls {
        /// So many at most
        #[arg(short = 'n', long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Show a plan: what it changes, what speaks for it, what became of it
    Show {
        /// Its number, as `plan ls` says it [default: the latest]
        #[arg(value_parser = number)]
        number: Option<u64>,
    },
    /// Look for rules that would have done better on the journal, and say how sure that is; of 73 runs and more
    Propose(Propose),
}

/// What a proposal is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Propose {
    /// Runs that were submitted since then: an age such as 24h or 7d, or a date
    #[arg(long, default_value = "24h", value_name = "AGE|DATE")]
    pub(crate) since: Since,
    /// What shall become less: mean, p95, p99, slowdown, worst-tenant, missed, failed or cost
    #[arg(long = "for", default_value = "mean", value_name = "FIGURE", value_parser = Figure::ALL.map(Figure::word))]
    pub(crate) goal: String,
    /// By so many percent at least
    #[arg(long, default_value_t = 2.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) gain: f64,
    /// No other figure may rise by more than so many percent; missed and failed by a fifth of that, of 100 runs
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) harm: f64,
    /// One has to be sure by so many percent that it becomes less at all
    #[arg(long, default_value_t = 90.0, value_name = "PERCENT", value_parser = percent)]
    pub(crate) sure: f64,
    /// Parameters that are changed at most
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) steps: u8,
    /// Stop trying after so long, and go on with what was found
    #[arg(long, default_value = "60s", value_name = "TIME")]
    pub(crate) think: Age,
    /// For how long a plan is in force [default: 1h; with --every twice that]
    #[arg(long, value_name = "TIME", value_parser = lasts)]
    pub(crate) lasts: Option<Age>,
    /// How it is called
    #[arg(long, default_value = "proposed", value_name = "NAME", value_parser = name)]
    pub(crate) name: String,
    /// Write its document there; exit code 1 if no plan was found
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Put it in force; exit code 1 if no plan was found
    #[arg(long)]
    pub(crate) publish: bool,
    /// Look again every so often, until stopped
    #[arg(long, value_name = "TIME", requires = "publish", value_parser = lasts)]
    pub(crate) every: Option<Age>,
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "plans are shown by their numbers, which `plan ls` says: names may come again".to_owned())
}

fn lasts(text: &str) -> Result<Age, String> {
    let age: Age = text.parse()?;
    match age.0 {
        time if time >= agendum_types::Duration::secs(1) && time <= LASTS_MAX => Ok(age),
        _ => Err(format!("a time from 1s to {LASTS_MAX}")),
    }
}

fn name(text: &str) -> Result<String, String> {
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(is_part) && !text.starts_with('-');
    is_name.then(|| text.to_owned()).ok_or_else(|| "a name has 1 to 64 small letters, digits and -".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        Ok(_) | Err(_) => Err("a percentage is a number from 0 to 100".to_owned()),
    }
}
