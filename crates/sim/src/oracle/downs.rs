//! The times in which nothing ran, and how much of them a record tells.

use agendum_core::{DOWNTIMES_MAX, Waits};
use agendum_types::{Cause, Duration, Timestamp};

use super::records::Checked;
use super::state::{Inst, State};
use super::{Reference, ensure};

impl Reference {
    /// What was out since then was away so long before this life.
    pub(super) fn was_down(&self, since: Timestamp) -> Duration {
        self.downs.last().map_or(Duration::ZERO, |down| overlap(*down, (since, self.now)))
    }

    /// For so long of its wait nothing ran, as far as that is known.
    pub(super) fn was_down_while(&self, inst: &Inst) -> Duration {
        let until = if let State::Awaiting(since) = inst.state { since } else { self.now };
        let known = self.downs.iter().rev().take(DOWNTIMES_MAX);
        Duration(known.map(|down| overlap(*down, (inst.freed_at(), until)).0).sum())
    }
}

/// Who waited while nothing ran is told so. A pause and a person's time go on then, and are told as such.
pub(super) fn tells_downtime(down: Duration, waits: &Waits) -> Checked {
    let told: u64 = waits.iter().filter(|(cause, _)| *cause == Cause::Downtime).map(|(_, span)| span.0).sum();
    let goes_on = waits.iter().any(|(cause, _)| matches!(cause, Cause::Paused | Cause::Person));
    let fits = if goes_on { told <= down.0 } else { told == down.0 };
    ensure(fits, &format!("nothing ran for {down} of its wait, and not for {}", Duration(told)))
}

fn overlap(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> Duration {
    one.1.min(other.1).since(one.0.max(other.0))
}
