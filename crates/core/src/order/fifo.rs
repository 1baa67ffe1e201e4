//! Who came first.

use super::{Rule, Seen};

pub(super) struct Fifo;

impl Rule for Fifo {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        seen.submitted.0
    }
}
