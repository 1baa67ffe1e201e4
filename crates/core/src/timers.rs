//! When to come back, and why: an ordered set, because every timer can be taken back.

use std::collections::BTreeSet;
use std::fmt;

use agendum_types::{TargetId, Timestamp};

use crate::run::{InstId, Slot};

/// Why the scheduler wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wake {
    /// A task may start: its delay, its `not_before` or its back-off is over.
    Start,
    /// A task's time is over, or time is too short for an optional one.
    Expiry,
    /// What a task waits for has come, or who is asked is reminded.
    Wait,
    /// A loop's deadline has come.
    LoopDeadline,
    /// A run's deadline has come.
    RunDeadline,
    /// A target that asked for a pause may be called again.
    TargetReopens,
    /// A target that was left alone because it failed may be tried.
    Probe,
    /// Nothing is remembered any more of what a target turned away: it gets as many at once as it is said to take.
    Limit,
    /// A target that had no room for one more may have some.
    Room,
    /// What its provider lets through in a minute allows the next attempt.
    Pace,
    /// A window of the tenant's budget begins.
    Budget,
    /// A run that waits for its turn has settled.
    Turn,
    /// An attempt is slow.
    Hedge,
    /// A task has to be sent to be in time.
    Urgent,
    /// A task has waited long enough for the target that is best for it.
    Spill,
    /// A plan is over.
    Plan,
}

impl fmt::Display for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "a task may start",
            Self::Expiry => "a task's time is over",
            Self::Wait => "a wait is over, or somebody is reminded",
            Self::LoopDeadline => "a loop's deadline",
            Self::RunDeadline => "a run's deadline",
            Self::TargetReopens => "a target reopens",
            Self::Probe => "a target that failed may be tried",
            Self::Limit => "a target has turned none away for some time",
            Self::Room => "a target may have room for one more",
            Self::Pace => "the pace of a target",
            Self::Budget => "another window of the budget begins",
            Self::Turn => "a run has settled",
            Self::Hedge => "an attempt is slow",
            Self::Urgent => "a task has to be sent to be in time",
            Self::Spill => "a task waits for its best target no longer",
            Self::Plan => "a plan is over",
        })
    }
}

/// What a timer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// What is over is over before anything else at that instant.
    Plan,
    /// Before all that looks for a free target.
    Limit(TargetId),
    Room(TargetId),
    Start(Slot, InstId),
    /// Before the end of a task's time: what comes at that very instant has come in time.
    Wait(Slot, InstId),
    Expiry(Slot, InstId),
    Loop(Slot, InstId),
    Deadline(Slot),
    Target(TargetId),
    Pace(TargetId),
    Breaker(TargetId),
    Money,
    Turn(Slot),
    Spill(Slot, InstId),
    Hedge(Slot, InstId),
    Urgent(Slot, InstId),
}

/// All timers of a shard.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) {
        if at < Timestamp::MAX {
            self.0.insert((at, timer));
        }
    }

    pub(crate) fn clear(&mut self, at: Timestamp, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(crate) fn next(&self) -> Option<(Timestamp, Wake)> {
        self.0.first().map(|(at, timer)| (*at, timer.wake()))
    }

    /// Takes the first timer that is due.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(timer)
    }
}

impl Timer {
    const fn wake(self) -> Wake {
        match self {
            Self::Plan => Wake::Plan,
            Self::Start(..) => Wake::Start,
            Self::Wait(..) => Wake::Wait,
            Self::Expiry(..) => Wake::Expiry,
            Self::Loop(..) => Wake::LoopDeadline,
            Self::Deadline(_) => Wake::RunDeadline,
            Self::Target(_) => Wake::TargetReopens,
            Self::Pace(_) => Wake::Pace,
            Self::Breaker(_) => Wake::Probe,
            Self::Limit(_) => Wake::Limit,
            Self::Room(_) => Wake::Room,
            Self::Money => Wake::Budget,
            Self::Turn(_) => Wake::Turn,
            Self::Spill(..) => Wake::Spill,
            Self::Hedge(..) => Wake::Hedge,
            Self::Urgent(..) => Wake::Urgent,
        }
    }
}
