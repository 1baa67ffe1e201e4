//! What the outside is told of runs without having asked: notices, and how a run was judged.

use std::fmt;

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// The answer of a run is there.
    Answered,
    /// Nothing more will happen to a run.
    Done,
    /// A task waits for a person, a signal or a webhook, or for somebody who knows whether an attempt took effect.
    Waiting,
    /// Who is asked is reminded.
    Reminder,
    /// What a run has done was taken back.
    Compensated,
    /// What a run has done was not taken back, or not all of it.
    CompensationFailed,
    /// A run was at work in too many crashes in a row: it is held until somebody resumes it.
    Quarantined,
    /// A task asks for more than the budget of its run.
    BudgetAsked,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Answered,
        Self::Done,
        Self::Waiting,
        Self::Reminder,
        Self::Compensated,
        Self::CompensationFailed,
        Self::Quarantined,
        Self::BudgetAsked,
    ];

    /// What an endpoint is told that names nothing.
    pub const DEFAULT: [Self; 4] = [Self::Answered, Self::Waiting, Self::CompensationFailed, Self::BudgetAsked];

    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Reminder => "reminder",
            Self::Compensated => "compensated",
            Self::CompensationFailed => "compensation_failed",
            Self::Quarantined => "quarantined",
            Self::BudgetAsked => "budget_asked",
        }
    }

    /// Its `type` in a body: that of the event of the same record.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Answered => "run.answered",
            Self::Done => "run.done",
            Self::Waiting => "task.waiting",
            Self::Reminder => "task.reminder",
            Self::Compensated => "run.compensated",
            Self::CompensationFailed => "run.compensation_failed",
            Self::Quarantined => "run.quarantined",
            Self::BudgetAsked => "run.budget_asked",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
