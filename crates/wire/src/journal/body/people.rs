//! What waits for people, and what they say.

use serde::{Deserialize, Serialize};

use super::{Budget, Payload, Text, Waits, is_default};

/// What a `wait` waits for.
#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Wait<'a> {
    #[serde(borrow, rename = "for")]
    pub(in crate::journal) of: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) name: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) queue: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::journal) who: Vec<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) reminder: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct SignalKept<'a> {
    #[serde(borrow, rename = "for")]
    pub(in crate::journal) of: Text<'a>,
    #[serde(borrow)]
    pub(in crate::journal) name: Text<'a>,
    #[serde(borrow)]
    pub(in crate::journal) payload: Payload<'a>,
    #[serde(borrow)]
    pub(in crate::journal) by: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) webhook: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Raised<'a> {
    #[serde(borrow, default, skip_serializing_if = "is_default")]
    pub(in crate::journal) path: Text<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) money: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) tokens: u64,
    #[serde(borrow)]
    pub(in crate::journal) by: Text<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) refused: bool,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Waited<'a> {
    #[serde(borrow)]
    pub(in crate::journal) output: Payload<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) by: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) approved: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) webhook: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) kept: bool,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::journal) waits: Waits<'a>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Pleaded<'a> {
    pub(in crate::journal) needs: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) needs_tokens: u64,
    #[serde(borrow)]
    pub(in crate::journal) budget: Budget<'a>,
    /// Of what the budget limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) left: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) left_tokens: Option<u64>,
}
