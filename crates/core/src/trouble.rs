//! What a task knows of targets that were in trouble when they had its attempts: few tasks ever have such.

use std::sync::Arc;

use agendum_types::Timestamp;

use crate::inst::Inst;

/// Of a task whose attempts failed, or were put off, through the fault of targets.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The targets on which attempts of this rung failed, the last of them last: others are asked first.
    pub(crate) failed_on: Vec<Arc<str>>,
    /// Targets that failed for all that came when it was queued for its last attempt, while others did not; not durable.
    pub(crate) avoids: Vec<Arc<str>>,
    /// Its back-off was over then, before the record has it; not durable.
    pub(crate) woken_at: Timestamp,
}

impl Default for Trouble {
    fn default() -> Self {
        Self { failed_on: Vec::new(), avoids: Vec::new(), woken_at: Timestamp::MAX }
    }
}

impl Inst {
    pub(crate) fn trouble_mut(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    pub(crate) fn failed_on(&self) -> &[Arc<str>] {
        self.trouble.as_deref().map_or(&[], |trouble| &trouble.failed_on)
    }

    pub(crate) fn avoids(&self) -> &[Arc<str>] {
        self.trouble.as_deref().map_or(&[], |trouble| &trouble.avoids)
    }

    /// Its next wait begins: what this life alone knew of the one before is of no use.
    pub(crate) fn waits_anew(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.avoids.clear();
            trouble.woken_at = Timestamp::MAX;
        }
    }

    /// Since when it waits for its next attempt: be it that its back-off was over before the record has it, in this life.
    pub(crate) fn freed_at(&self) -> Timestamp {
        self.trouble.as_deref().map_or(self.free_at, |trouble| self.free_at.min(trouble.woken_at))
    }
}
