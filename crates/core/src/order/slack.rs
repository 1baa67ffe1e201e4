//! Least slack first: whose task must end first for its run to be answered in time, over the longest way that follows. By the end and not by the start,
//! so that of single calls the one that is due first goes first, however long it takes.

use super::{Rule, Seen};

pub(super) struct Slack;

impl Rule for Slack {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        seen.due.before(seen.following()).0
    }

    fn is_due(&self) -> bool {
        true
    }
}
