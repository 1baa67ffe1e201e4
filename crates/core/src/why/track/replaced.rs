//! Tasks whose place others took before they started.

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
}
