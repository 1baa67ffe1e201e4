//! What attempts did of which nobody knew, or that nobody awaited any more.

use agendum_types::{AttemptNo, Cause, Class, Duration, Fate, Money, TaskStatus, Timestamp};

use super::{Stretch, Track};
use crate::record::Resolved;
use crate::why::{AttemptReasons, Reason};

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
        attempt: AttemptNo,
        (cost, tokens): (Money, u64),
        fate: Fate,
        away: Option<Duration>,
        at: Timestamp,
    ) {
        if let Some(gave_way) = self.place(attempt).filter(|place| self.attempts[*place].gave_way.is_some()) {
            // Its end was told, and its task goes on.
            (self.attempts[gave_way].cost, self.attempts[gave_way].tokens) = (cost, tokens);
            return;
        }
        let down = away.unwrap_or_default();
        let is_out = |of: &AttemptReasons| of.ended.is_none() && of.number != attempt;
        let runs_on = self.settled.is_none() && self.running.is_some() && self.attempts.iter().any(is_out);
        if !runs_on {
            self.stop_before(down, at);
        }
        let class = if fate == Fate::Uncertain { Class::Uncertain } else { Class::Cancelled };
        let failed = fate.sentence(away).map(|sentence| (class, sentence.into()));
        if let Some(place) = self.place(attempt) {
            let attempt = &mut self.attempts[place];
            (attempt.ended, attempt.cost, attempt.tokens) = (Some(at.before(down)), cost, tokens);
            attempt.failed = failed.or_else(|| attempt.failed.take());
        }
        if self.settled.is_none() && !runs_on {
            self.settle(TaskStatus::Cancelled, at, Some(Reason::EndedFirst(None)));
        }
    }

    /// Where the attempt of this number is; of one that nobody numbered the last.
    pub(super) fn place(&self, number: AttemptNo) -> Option<usize> {
        let place = self.attempts.iter().rposition(|attempt| attempt.number == number);
        place.or_else(|| self.attempts.len().checked_sub(1))
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
