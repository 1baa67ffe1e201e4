//! What was spent, and on what.

use agendum_types::{Money, WindowView};
use serde::{Deserialize, Serialize};

use super::{dollars, instant};

/// What was spent since an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// Since when: a full hour.
    pub since: String,
    /// `graph`, `target`, `day`, `waste` or `tenant`.
    pub by: String,
    /// All of it.
    pub total: SpendLine,
    /// By name; they add up to all of it.
    pub lines: Vec<SpendLine>,
    /// The limited windows of `[budgets]`, as they stand now.
    #[serde(default)]
    pub windows: Vec<SpendWindow>,
}

/// A window of `[budgets]`. Dollars where it limits those, tokens where it limits those.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpendWindow {
    /// `hour`, `day` or `month`.
    pub window: String,
    /// When the next one begins.
    pub ends: String,
    /// What may be spent in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<f64>,
    /// What was spent in it.
    pub spent_usd: f64,
    /// What attempts that are out may yet cost; absent where no process has the directory, as what is out then is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_usd: Option<f64>,
    /// What is neither spent nor held, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_usd: Option<f64>,
    /// How many tokens may be used in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// How many were used.
    pub tokens: u64,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_tokens: Option<u64>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_tokens: Option<u64>,
}

impl SpendWindow {
    /// In the API's words.
    #[must_use]
    pub fn of(view: &WindowView) -> Self {
        let (money, tokens) = view.spent;
        let (held, held_tokens) = view.held.unwrap_or_default();
        let left = |limit: Money| dollars(limit.minus(money.plus(held)));
        let left_tokens = |limit: u64| limit.saturating_sub(tokens.saturating_add(held_tokens));
        Self {
            window: view.window.word().to_owned(),
            ends: instant(view.ends),
            limit_usd: view.cap.money.map(dollars),
            spent_usd: dollars(money),
            held_usd: view.held.map(|(money, _)| dollars(money)),
            left_usd: view.cap.money.map(left),
            limit_tokens: view.cap.tokens,
            tokens,
            held_tokens: view.held.map(|(_, tokens)| tokens),
            left_tokens: view.cap.tokens.map(left_tokens),
        }
    }
}

/// What was spent under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpendLine {
    /// The graph, the target, the day in UTC, the tenant; of waste `failed`, `superseded`, `preempted`, `abandoned`, `lost`, or `used` for what was of use.
    /// Empty for targets of runs before attempts were counted.
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

/// Days on which calls to a target were lost in a crash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// In their order.
    pub days: Vec<LostDay>,
}

/// One target on one day on which calls to it were lost in a crash: they count for their worst case until a bill says less.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LostDay {
    /// The day in UTC, as `2026-11-23`.
    pub day: String,
    /// The target.
    pub target: String,
    /// How many calls were lost.
    pub attempts: u64,
    /// What they count for still.
    pub lost_usd: f64,
    /// Likewise.
    pub lost_tokens: u64,
    /// What all calls of that day to the target count for.
    pub counted_usd: f64,
    /// Likewise.
    pub counted_tokens: u64,
    /// What bills have released.
    pub released_usd: f64,
    /// Likewise.
    pub released_tokens: u64,
}

/// What the bill of a provider says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// Of which target.
    pub target: String,
    /// Of which day in UTC, which must be over, as `2026-11-23`.
    pub day: String,
    /// What it bills in all, in US dollars.
    pub usd: f64,
    /// How many tokens it counts in all; without it their number stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// What came of a bill: of several of a target and day the last counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reconciled {
    /// What it released.
    pub released_usd: f64,
    /// Likewise.
    pub released_tokens: u64,
    /// What earlier bills had released, and it charges again.
    pub recharged_usd: f64,
    /// Likewise.
    pub recharged_tokens: u64,
    /// How that day stands now.
    pub day: LostDay,
}
