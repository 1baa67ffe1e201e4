//! Results that are kept.

use serde::{Deserialize, Serialize};

/// What is kept for a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// How many there are of what was asked for, be it more than is listed.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The latest first; a thousand at most.
    pub results: Vec<CacheLine>,
}

/// A kept result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheLine {
    /// The address of what was asked for: 64 hexadecimal digits.
    pub key: String,
    /// What was asked for: `chat`, `http`, ….
    pub capability: String,
    /// The target that gave it.
    pub target: String,
    /// The run that paid for it.
    pub run: String,
    /// When it was kept.
    pub kept: String,
    /// What it cost.
    pub cost_usd: f64,
    /// Its bytes.
    pub bytes: u64,
    /// What it can be forgotten by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What is kept no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheForgotten {
    /// How many results.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}
