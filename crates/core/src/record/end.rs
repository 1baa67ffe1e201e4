//! The decisions that end a task.

use agendum_types::Class;

/// A decision that ends a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Policy dropped it: it is optional and time runs short.
    Pruned,
    /// A limit of time passed: `timeout.task`, `within`, the loop's deadline.
    Expired,
    /// The rest of the budget does not cover an attempt.
    Unaffordable,
    /// An expression failed.
    Unevaluable,
    /// No target is eligible: clearance, configuration.
    Ineligible,
    /// The attempt was in flight when the process ended, and it may have taken effect.
    Uncertain,
    /// The attempt was in flight when the process ended; it had no effect outside and is lost.
    Lost,
    /// It took effect in the run that this one takes over, with another input, and is not done again unasked.
    Done,
    /// A rung of `catch` was to take the last good copy of its result, and there is none.
    NoCopy,
    /// It gave way to a more urgent task.
    Preempted,
    /// Its run cannot be answered in time any more, by what attempts have taken before.
    Hopeless,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pruned,
        Self::Expired,
        Self::Unaffordable,
        Self::Unevaluable,
        Self::Ineligible,
        Self::Uncertain,
        Self::Lost,
        Self::Done,
        Self::NoCopy,
        Self::Preempted,
        Self::Hopeless,
    ];

    /// Its word in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::Expired => "expired",
            Self::Unaffordable => "unaffordable",
            Self::Unevaluable => "unevaluable",
            Self::Ineligible => "ineligible",
            Self::Uncertain => "uncertain",
            Self::Lost => "lost",
            Self::Done => "done",
            Self::NoCopy => "no_copy",
            Self::Preempted => "preempted",
            Self::Hopeless => "hopeless",
        }
    }

    /// The end with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.word() == word)
    }

    /// What people are told.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Pruned => "dropped to make the deadline",
            Self::Expired => "its time was over",
            Self::Unaffordable => "the rest of the budget does not cover an attempt",
            Self::Unevaluable => "an expression failed",
            Self::Ineligible => "no target is eligible",
            Self::Uncertain => "the process ended while it was out: it may have taken effect",
            Self::Lost => "the process ended while it was out",
            Self::Done => "it took effect in the run before, with another input",
            Self::NoCopy => "no good result of it is kept",
            Self::Preempted => "stopped for a more urgent task",
            Self::Hopeless => "no time was left to answer within the deadline",
        }
    }

    /// The class that a failure by this decision has where no failure is kept; of what expired it may also be another.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Pruned | Self::Preempted => Class::Cancelled,
            Self::Hopeless => Class::DeadlineExceeded,
            Self::Expired => Class::Timeout,
            Self::Unaffordable => Class::BudgetExceeded,
            Self::Unevaluable | Self::Ineligible | Self::Done => Class::Permanent,
            Self::Uncertain => Class::Uncertain,
            Self::Lost | Self::NoCopy => Class::Unavailable,
        }
    }
}
