//! What an attempt does to the world outside, and so what a repetition may do.

use crate::class::Class;
use crate::outcome::{Failure, Outcome};
use crate::time::Duration;

/// The outside effect of a task's attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// No outside effect: may run again, may differ, costs again.
    #[default]
    None,
    /// Repeats are harmless under the same key, which the adapter forwards.
    Idempotent,
    /// The target honours no key: an attempt that may have left and has no definite answer is uncertain.
    Once,
}

impl Effect {
    /// The word used in documents and journals.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Idempotent => "idempotent",
            Self::Once => "once",
        }
    }

    /// The effect with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::None, Self::Idempotent, Self::Once].into_iter().find(|effect| effect.word() == word)
    }
}

/// What became of the effect of an attempt that nobody awaited any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It has none, or is certified not to have had any.
    #[default]
    None,
    /// It took effect.
    Taken,
    /// It may have taken effect, and nobody knows.
    Uncertain,
}

impl Fate {
    /// Every fate.
    pub const ALL: [Self; 3] = [Self::None, Self::Taken, Self::Uncertain];

    /// The fate of an attempt of this effect with this outcome; without one, of an attempt whose process is gone.
    #[must_use]
    pub fn of(effect: Effect, outcome: Option<&Outcome>) -> Self {
        match (effect, outcome) {
            (Effect::None, _) => Self::None,
            (Effect::Idempotent | Effect::Once, None) => Self::Uncertain,
            (Effect::Idempotent | Effect::Once, Some(Outcome::Succeeded(_))) => Self::Taken,
            (Effect::Idempotent | Effect::Once, Some(Outcome::Failed(failure))) => Self::of_failure(failure),
        }
    }

    /// What a failed attempt says of an effect that it can have had.
    #[must_use]
    pub const fn of_failure(failure: &Failure) -> Self {
        if failure.no_effect {
            return Self::None;
        }
        match failure.class {
            Class::Timeout | Class::Unavailable | Class::Overloaded | Class::Cancelled | Class::Uncertain => {
                Self::Uncertain
            }
            // It answered, only not as it should.
            Class::InvalidOutput => Self::Taken,
            Class::RateLimited
            | Class::ContentBlocked
            | Class::Permanent
            | Class::PermissionDenied
            | Class::BudgetExceeded
            | Class::DeadlineExceeded => Self::None,
        }
    }

    /// The word used in journals and APIs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Taken => "taken",
            Self::Uncertain => "uncertain",
        }
    }

    /// What people are told of an abandoned attempt with this fate; nothing where it did nothing. `away` is of one that was out when the
    /// process ended: how long nothing ran then.
    #[must_use]
    pub const fn sentence(self, away: Option<Duration>) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Taken => Some("it was not wanted any more, and took effect"),
            Self::Uncertain if away.is_some() => Some("the process ended while it was out: it may have taken effect"),
            Self::Uncertain => Some("it was not wanted any more, and may have taken effect"),
        }
    }

    /// The fate with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.word() == word)
    }
}
