//! How targets and pools are used now.

use agendum_types::snapshot::{Lately, PoolLoad, Snapshot, TargetLoad};
use agendum_types::{Money, Target};
use serde::{Deserialize, Serialize};

use super::{instant, millis};

/// How the targets and pools are used of the process that has the data directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// When; absent where no process has the data directory: nothing is out then, and nothing of this is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// By which rules it is decided: the policy's version, and behind a `+` that of the plan in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// Tasks that are ready and wait to be sent, whichever target they wait for.
    #[serde(default)]
    pub queued: u64,
    /// In the order in which one of those that are alike is taken.
    pub targets: Vec<TargetLine>,
    /// By name.
    pub pools: Vec<PoolLine>,
}

/// How a target is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetLine {
    /// Its name.
    pub target: String,
    /// Attempts that are out.
    pub running: u32,
    /// As many as it takes at once, as configured.
    pub concurrency: u32,
    /// Where it turns some away: as many as it gets at once for that, where those are fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<u32>,
    /// Where more at once take longer and no more is done: as many as it gets at once for that, where those are fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does_most_with: Option<u32>,
    /// It asked for a pause: until then it gets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_until: Option<String>,
    /// Too many of its latest attempts failed: until then it gets nothing, and then one attempt that tries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_until: Option<String>,
    /// Requests that its provider lets through in a minute, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens that its provider lets through in a minute, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// The requests are as the provider says with its answers, and not as configured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requests_are_stated: bool,
    /// The same of the tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tokens_are_stated: bool,
    /// What its provider lets through in a minute is used up until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paced_until: Option<String>,
    /// How long an attempt takes there, as configured: what counts before enough was seen.
    pub expected_ms: f64,
    /// What attempts have come to there since the process began, about the last 256 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lately: Option<LatelyLine>,
    /// The same of about the last 256 of each size that they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lately_by_size: Vec<LatelyLine>,
}

/// What attempts on a target have come to. Of those that succeeded a half took no more, and 95 of a hundred; it may be up to a quarter less.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatelyLine {
    /// The bytes that they were given, from and to; of all together it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(u64, u64)>,
    /// How many have ended.
    pub attempts: u32,
    /// How many of them failed; those that were told to stop count nowhere.
    pub failed: u32,
    /// How long they took.
    pub duration_ms: QuantilesLine,
    /// Their tokens, in and out.
    pub tokens: QuantilesLine,
    /// Their cost, in US dollars.
    pub cost_usd: QuantilesLine,
}

/// Two quantiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuantilesLine {
    /// A half is no more.
    pub p50: f64,
    /// 95 of a hundred are no more.
    pub p95: f64,
}

/// How a pool is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLine {
    /// Its name.
    pub pool: String,
    /// Units that there are.
    pub units: u32,
    /// Units that attempts hold: more than there are once the pool was made smaller.
    pub held: u64,
}

impl Targets {
    /// In the API's words.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        // What serves child runs is no target of anybody's.
        let own = snapshot.targets.iter().filter(|load| *load.name != *Target::CHILD);
        Self {
            at: Some(instant(snapshot.at)),
            rules: Some(snapshot.rules.to_string()),
            queued: snapshot.queued,
            targets: own.map(line).collect(),
            pools: snapshot.pools.iter().map(pool).collect(),
        }
    }
}

fn line(load: &TargetLoad) -> TargetLine {
    TargetLine {
        target: load.name.to_string(),
        running: load.running,
        concurrency: load.concurrency_max,
        learned: load.learned,
        does_most_with: load.does_most_with,
        closed_until: load.closed_until.map(instant),
        broken_until: load.broken_until.map(instant),
        requests_per_minute: load.rate.requests,
        tokens_per_minute: load.rate.tokens,
        requests_are_stated: load.stated.requests.is_some(),
        tokens_are_stated: load.stated.tokens.is_some(),
        paced_until: load.paced_until.map(instant),
        expected_ms: millis(load.expected),
        lately: load.lately.first().map(lately),
        lately_by_size: load.lately.iter().skip(1).map(lately).collect(),
    }
}

fn lately(of: &Lately) -> LatelyLine {
    let quantiles = |[p50, p95]: [f64; 2]| QuantilesLine { p50, p95 };
    LatelyLine {
        bytes: of.bytes,
        attempts: of.attempts,
        failed: of.failed,
        duration_ms: quantiles(of.took.map(millis)),
        tokens: quantiles(of.tokens.map(|tokens| tokens as f64)),
        cost_usd: quantiles(of.cost.map(Money::dollars)),
    }
}

fn pool(load: &PoolLoad) -> PoolLine {
    PoolLine { pool: load.name.to_string(), units: load.units, held: load.held }
}
