//! An attempt that is sent, and why.

use serde::{Deserialize, Serialize};

use super::{Text, Waits, is_default};

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Dispatched<'a> {
    pub(in crate::journal) attempt: u32,
    pub(in crate::journal) incarnation: u32,
    #[serde(borrow)]
    pub(in crate::journal) target: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) effect: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) hold: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) hold_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) output_cap: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) lower: bool,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::journal) waits: Waits<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) reattached: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) beside: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) estimated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) expected: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) choice: Option<Choice<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(in crate::journal) preempted: Option<Preempted<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Preempted<'a> {
    #[serde(borrow)]
    pub(in crate::journal) run: Text<'a>,
    #[serde(borrow)]
    pub(in crate::journal) task: Text<'a>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) foreign: bool,
    /// Microseconds.
    pub(in crate::journal) lost: u64,
}

#[derive(Serialize, Deserialize)]
pub(in crate::journal) struct Choice<'a> {
    #[serde(borrow)]
    pub(in crate::journal) policy: Text<'a>,
    #[serde(borrow)]
    pub(in crate::journal) index: Text<'a>,
    pub(in crate::journal) rank: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) risky: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) near: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) ahead: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::journal) behind: u64,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::journal) passed: Vec<(Text<'a>, Text<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::journal) scores: Vec<(Text<'a>, u64)>,
}
