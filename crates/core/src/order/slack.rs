//! Least slack first: who must start first to be answered in time, over the longest way that is left.

use super::{Rule, Seen};

pub(super) struct Slack;

impl Rule for Slack {
    fn index(&self, seen: &Seen) -> u64 {
        seen.due.before(seen.tail).0
    }

    fn is_due(&self) -> bool {
        true
    }
}
