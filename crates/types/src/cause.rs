//! Why time passed. The causes of a run's parts add up to its wall time.

use std::fmt;

/// Why a stretch of a task's or a run's time passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An attempt was running.
    Running,
    /// A task it depends on had not settled.
    Dependency,
    /// Other tasks were ranked first.
    Order,
    /// Every eligible target was at its concurrency or rate limit, or others held the units of a pool that it asks for.
    Limit,
    /// No eligible target was up, a pool does not have as many units as it asks for, or the driver had no credit left.
    Capacity,
    /// The money of the run was held by other attempts.
    Budget,
    /// Waiting before the next attempt, or for a target that asked for a pause.
    Backoff,
    /// Waiting for a commit.
    Disk,
    /// Waiting for a person or a signal.
    Person,
    /// The document said not to start yet: `delay` or `not_before`.
    Delay,
    /// The run was paused.
    Paused,
    /// Stopped for more urgent work.
    Preempted,
    /// The scheduler itself: evaluation and decisions.
    Scheduler,
    /// The process was down.
    Downtime,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 14] = [
        Self::Running,
        Self::Dependency,
        Self::Order,
        Self::Limit,
        Self::Capacity,
        Self::Budget,
        Self::Backoff,
        Self::Disk,
        Self::Person,
        Self::Delay,
        Self::Paused,
        Self::Preempted,
        Self::Scheduler,
        Self::Downtime,
    ];

    /// The word used in APIs, journals and on the terminal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Dependency => "dependency",
            Self::Order => "order",
            Self::Limit => "limit",
            Self::Capacity => "capacity",
            Self::Budget => "budget",
            Self::Backoff => "backoff",
            Self::Disk => "disk",
            Self::Person => "person",
            Self::Delay => "delay",
            Self::Paused => "paused",
            Self::Preempted => "preempted",
            Self::Scheduler => "scheduler",
            Self::Downtime => "downtime",
        }
    }

    /// The cause with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
