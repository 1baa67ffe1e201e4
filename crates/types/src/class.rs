//! The closed table of failure classes. Policies and documents speak of these and of nothing else.

use std::fmt;

/// Why an attempt or a task did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The provider refused for rate; it may say how long to wait.
    RateLimited,
    /// The provider is overloaded (503, 529).
    Overloaded,
    /// A timeout of ours: attempt, first output, idle or task.
    Timeout,
    /// Connection refused or lost, 5xx, a stream without its finish marker.
    Unavailable,
    /// The result does not fit the schema, or `fail_if` said so.
    InvalidOutput,
    /// The provider's or our moderation refused the content.
    ContentBlocked,
    /// It cannot succeed as asked: 4xx, an unknown tool, an expression that fails.
    Permanent,
    /// The principal or the key may not do this.
    PermissionDenied,
    /// The money or the tokens of the run do not cover it.
    BudgetExceeded,
    /// The deadline of the run, the loop or the task has passed.
    DeadlineExceeded,
    /// Somebody cancelled it, or its result is no longer wanted.
    Cancelled,
    /// A `once` attempt may have taken effect and nobody knows.
    Uncertain,
}

impl Class {
    /// Every class, in the order of the documents' table.
    pub const ALL: [Self; 12] = [
        Self::RateLimited,
        Self::Overloaded,
        Self::Timeout,
        Self::Unavailable,
        Self::InvalidOutput,
        Self::ContentBlocked,
        Self::Permanent,
        Self::PermissionDenied,
        Self::BudgetExceeded,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::Uncertain,
    ];

    /// The word used in documents, journals and APIs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::InvalidOutput => "invalid_output",
            Self::ContentBlocked => "content_blocked",
            Self::Permanent => "permanent",
            Self::PermissionDenied => "permission_denied",
            Self::BudgetExceeded => "budget_exceeded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::Uncertain => "uncertain",
        }
    }

    /// The class with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of classes, as in `on: [timeout, unavailable]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClassSet(u16);

impl ClassSet {
    /// No class.
    pub const NONE: Self = Self(0);
    /// What a repetition on the same target may cure; the default of `retry.on`.
    pub const TRANSIENT: Self =
        Self::NONE.with(Class::RateLimited).with(Class::Overloaded).with(Class::Timeout).with(Class::Unavailable);
    /// What `any` means: all but `cancelled`, `permission_denied`, `budget_exceeded` and `deadline_exceeded`.
    pub const ANY: Self = Self::TRANSIENT
        .with(Class::InvalidOutput)
        .with(Class::ContentBlocked)
        .with(Class::Permanent)
        .with(Class::Uncertain);

    /// This set and one class more.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u16)
    }

    /// True if the class is in the set.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & (1 << class as u16) != 0
    }

    /// The classes of the set in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.contains(*class))
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}
