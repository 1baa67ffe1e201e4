//! What was spent, and on what.

use serde::{Deserialize, Serialize};

/// The words of `by`.
pub const SPEND_BY: [&str; 4] = ["graph", "target", "day", "waste"];

/// What was spent since an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// Since when: a full hour.
    pub since: String,
    /// `graph`, `target`, `day` or `waste`.
    pub by: String,
    /// All of it.
    pub total: SpendLine,
    /// By name; they add up to all of it.
    pub lines: Vec<SpendLine>,
}

/// What was spent under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpendLine {
    /// The graph, the target, the day in UTC; of waste `failed`, `superseded`, `abandoned`, `lost`, or `used` for what was of use. Empty
    /// for targets of runs before attempts were counted.
    pub name: String,
    /// Attempts that cost something, or used tokens.
    pub attempts: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// How much of that bought nothing: attempts that failed, or that nobody waited for any more.
    pub wasted_usd: f64,
    /// How much of it was billed above what had been set aside.
    pub over_usd: f64,
    /// Tokens they used.
    pub tokens: u64,
}
