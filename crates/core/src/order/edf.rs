//! Earliest deadline first.

use super::{Rule, Seen};

pub(super) struct Edf;

impl Rule for Edf {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        seen.due.0
    }

    fn is_due(&self) -> bool {
        true
    }
}
