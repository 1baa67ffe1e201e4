//! The arguments of `spend`'s subcommands.

use clap::Subcommand;

use crate::config::Age;

/// What was lost in crashes, and what bills say of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Spend {
    /// List the days on which calls were lost in a crash; they count for the most that they may have cost, until a bill says less
    Lost {
        /// For how long back, such as 7d or 12h
        #[arg(long, default_value = "31d", value_name = "AGE")]
        since: Age,
    },
    /// Say what the bill of a provider says of a day, so that what was lost and not billed does not count any more
    ///
    /// Compares the bill with all that is counted for that target on that day. What is counted above it is released, up to what calls that were
    /// lost in a crash count for: in `agendum spend` and in the windows of `[budgets]`. What was answered stays as it is, and the same bill
    /// twice releases nothing more. To give a run more money, see `agendum runs raise`.
    Reconcile {
        /// The target
        target: String,
        /// The day in UTC, which must be over, such as 2026-11-23
        day: String,
        /// What it bills for that day in all, in US dollars
        #[arg(long, value_name = "USD", allow_hyphen_values = true)]
        usd: f64,
        /// How many tokens it counts in all; without it their number stays
        #[arg(long, value_name = "N")]
        tokens: Option<u64>,
    },
}
