//! What a replay is asked.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use agendum_types::Timestamp;

use crate::config::Age;

/// Shown below the flags.
pub(super) const HELP: &str = "\
First comes how well the past is reproduced under the policy that was in force:
that is the error bar of all below. Then what each other policy would have done
to latency, deadlines, cost and tenants; a * marks what is more than the error.

  agendum replay --since 24h                       only the error bar
  agendum replay --policy fifo rules.yaml          two others beside it
  agendum replay --policy rules.yaml --since 2026-11-28 --report out.html

It reads the journal, beside a server too, and writes nothing there. The same
graphs run in the same scheduler in virtual time: attempts take what they took,
evaluations say what they said, people do what they did. What never happened is
made up of medians and counted. docs/policies.md says more.";

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// A policy to try: a document, or the name of a built-in one; once or more
    #[arg(long = "policy", value_name = "FILE|NAME", num_args = 1..)]
    pub(crate) policies: Vec<PathBuf>,
    /// Runs that were submitted since then: an age such as 24h or 7d, or a date
    #[arg(long, default_value = "24h", value_name = "AGE|DATE")]
    pub(crate) since: Since,
    /// The policy that was in force then [default: the one in force now]
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) was: Option<PathBuf>,
    /// Where to write one page of HTML with everything: curves, series over time, Gantt charts
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long before now.
    Age(Age),
    /// An instant.
    At(Timestamp),
}

impl Since {
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Age(age) => now.before(age.0),
            Self::At(at) => at,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let instant = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse()).ok();
        let micros = instant.and_then(|instant| u64::try_from(instant.as_microsecond()).ok());
        let age = || text.parse().map(Self::Age);
        let wrong = |_| {
            format!("{text:?} is neither an age nor a date: write it as 24h, 7d, 2026-11-28 or 2026-11-28T12:00:00Z")
        };
        micros.map(Timestamp).map(Self::At).map_or_else(|| age().map_err(wrong), Ok)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(age) => write!(f, "{}", age.0),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Since;

    #[test]
    fn since_is_an_age_or_an_instant() {
        let said = ["24h", "7d", "2026-11-28", "2026-11-28T12:30:00Z", "yesterday", ""].map(|text| {
            match text.parse::<Since>() {
                Ok(since) => since.to_string(),
                Err(_) => "none".to_owned(),
            }
        });
        insta::assert_snapshot!(
            said.join(", "),
            @"24h 00m, 168h 00m, 2026-11-28T00:00:00.000000Z, 2026-11-28T12:30:00.000000Z, none, none"
        );
    }
}
