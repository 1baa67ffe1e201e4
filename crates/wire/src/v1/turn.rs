//! A run that waits for its turn in its group.

use agendum_core::Held;
use serde::{Deserialize, Serialize};

use super::instant;

/// What it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Runs of its group that have begun and are not done, or wait before it.
    pub ahead: u32,
    /// It does not begin before.
    pub settles: String,
    /// True if it is next, and waits for that instant and for nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settling: bool,
}

impl Turn {
    pub(super) fn of(held: Held) -> Self {
        Self { ahead: held.ahead, settles: instant(held.settles), settling: held.settling }
    }
}
