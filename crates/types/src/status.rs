//! How a run and a task stand, as the outside sees it.

use std::fmt;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunStatus {
    /// Accepted; no task has started.
    Queued,
    /// At least one task has started.
    Running,
    /// Its output is ready; `after` and `finally` may still run.
    Succeeded,
    /// It has no output and will have none.
    Failed,
    /// A caller cancelled it.
    Cancelled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The word used in APIs and on the terminal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// True if the answer to the caller is settled.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskStatus {
    /// Something it waits for; `waiting_on` says what.
    Waiting,
    /// An attempt runs, or tasks inside it do.
    Running,
    /// Between two attempts.
    BackingOff,
    /// It has an output.
    Succeeded,
    /// It has none and will have none.
    Failed,
    /// Its condition was false, or what it depends on failed in a section that goes on.
    Skipped,
    /// Dropped by policy, because time ran short.
    Pruned,
    /// Its result is no longer wanted.
    Cancelled,
    /// It took effect, and that was taken back.
    Compensated,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Running,
        Self::BackingOff,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::Pruned,
        Self::Cancelled,
        Self::Compensated,
    ];

    /// The word used in APIs and on the terminal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Pruned => "pruned",
            Self::Cancelled => "cancelled",
            Self::Compensated => "compensated",
        }
    }

    /// The status with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// True if nothing more will happen to the task.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Skipped | Self::Pruned | Self::Cancelled | Self::Compensated
        )
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
