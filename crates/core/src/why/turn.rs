//! The time before the turn of a run had come in its group: until it had settled that is a delay, then the limit of the group.

use agendum_types::{Cause, Timestamp};

use super::TaskReasons;
use crate::record::RunSubmitted;

/// When a run's turn came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    submitted: Timestamp,
    settles: Timestamp,
    came: Option<Timestamp>,
}

impl Turn {
    /// Of one without a group that is its submission.
    pub(super) fn of(submitted: &RunSubmitted, at: Timestamp) -> Self {
        let waits = submitted.concurrency.as_ref();
        let settles = waits.map_or(at, |concurrency| at.after(concurrency.turns.settle));
        Self { submitted: at, settles, came: waits.is_none().then_some(at) }
    }

    pub(super) const fn comes(&mut self, at: Timestamp) {
        self.came = Some(at);
    }

    pub(super) const fn has_come(&self) -> bool {
        self.came.is_some()
    }

    /// When it came, or until when it had not.
    pub(super) fn came(&self, until: Timestamp) -> Timestamp {
        self.came.unwrap_or(until)
    }

    /// What passed until then.
    pub(super) fn stretches(&self, until: Timestamp) -> [(Cause, Timestamp, Timestamp); 2] {
        let came = self.came(until).min(until);
        let settled = self.settles.min(came);
        [(Cause::Delay, self.submitted, settled), (Cause::Limit, settled, came)]
    }

    /// A task has not waited for others before the turn of its run had come.
    pub(super) fn tell(&self, task: &mut TaskReasons) {
        let mut place = 0;
        for (cause, from, to) in self.stretches(task.ready) {
            let span = to.since(from.max(task.since));
            let found = task.parts.iter_mut().find(|(of, before)| *of == Cause::Dependency && before.0 >= span.0);
            let Some((_, before)) = found.filter(|_| span.0 > 0) else { continue };
            before.0 -= span.0;
            match task.parts.iter_mut().find(|(of, _)| *of == cause) {
                Some((_, sum)) => sum.0 += span.0,
                None => {
                    task.parts.insert(place, (cause, span));
                    place += 1;
                }
            }
        }
        task.parts.retain(|(_, span)| span.0 > 0);
    }
}
