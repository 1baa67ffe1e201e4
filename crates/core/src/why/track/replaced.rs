//! Tasks whose place others took before they started, or that a plan does not hold.

use std::sync::Arc;

use agendum_types::{TaskStatus, Timestamp};

use super::Track;
use crate::why::Reason;

impl Track {
    /// It is skipped from then on.
    pub(in crate::why) fn replaced(&mut self, by: &Arc<str>, at: Timestamp) {
        if !matches!(self.reason, Some(Reason::Replaced(_))) {
            self.seen.get_or_insert(at);
            self.settle(TaskStatus::Skipped, at, Some(Reason::Replaced(Arc::clone(by))));
        }
    }

    /// It counts no more, whatever it has given: it ran ahead of a plan that does not hold it.
    pub(in crate::why) fn withdrawn(&mut self, planner: Arc<str>, at: Timestamp) {
        let at = if self.is_settled() { self.end() } else { at };
        self.seen.get_or_insert(at);
        self.settle(TaskStatus::Cancelled, at, Some(Reason::Withdrawn(planner)));
    }
}
