//! What attempts did of which nobody knew, or that nobody awaited any more.

use agendum_types::{Cause, Class, Duration, Fate, Money, TaskStatus, Timestamp};

use super::{Stretch, Track};
use crate::record::Resolved;
use crate::why::Reason;

impl Track {
    /// Until then a check, or a person, found out whether it had taken effect.
    pub(super) fn resolved(&mut self, resolved: &Resolved, at: Timestamp) {
        let cause = if resolved.by.is_some() { Cause::Person } else { Cause::Running };
        if let Some(from) = self.doubt.take() {
            self.stretches.push(Stretch { from, to: at, cause });
        }
        self.follow(&resolved.next, at);
    }

    /// An attempt ended that nobody awaited any more.
    pub(super) fn abandoned(
        &mut self,
        (cost, tokens): (Money, u64),
        fate: Fate,
        away: Option<Duration>,
        at: Timestamp,
    ) {
        let down = away.unwrap_or_default();
        self.stop_before(down, at);
        let class = if fate == Fate::Uncertain { Class::Uncertain } else { Class::Cancelled };
        let failed = fate.sentence(away).map(|sentence| (class, sentence.into()));
        if let Some(attempt) = self.attempts.last_mut() {
            (attempt.ended, attempt.cost, attempt.tokens) = (Some(at.before(down)), cost, tokens);
            attempt.failed = failed.or_else(|| attempt.failed.take());
        }
        if self.settled.is_none() {
            self.settle(TaskStatus::Cancelled, at, Some(Reason::EndedFirst(None)));
        }
    }

    /// What ran stopped so long before, when the process ended.
    pub(super) fn stop_before(&mut self, away: Duration, at: Timestamp) {
        if self.running.is_some() {
            self.stop(at.before(away));
            if away > Duration::ZERO {
                self.stretches.push(Stretch { from: at.before(away), to: at, cause: Cause::Downtime });
            }
        }
    }
}
