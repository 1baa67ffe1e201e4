//! What an attempt does to the world outside, and so what a repetition may do.

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
