//! How many runs of one kind go on at once: the group of a run, and what a new one means to those before it.

use std::sync::Arc;

use crate::time::Duration;

/// What a new run means to those of its group that are not answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnNew {
    /// It waits for its turn behind them.
    #[default]
    Queue,
    /// They are cancelled, and it begins once they are over.
    Replace,
    /// It is none: who submits it is told the run that there is.
    Join,
}

/// How the runs of a group stand to each other: what a document says of that, and a run keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turns {
    /// A run begins only where fewer of its group than this have begun and are not done; 1 or more.
    pub limit: u32,
    /// What a new run means to those before it.
    pub on_new: OnNew,
    /// A run begins so long after it was submitted at the earliest; none where zero.
    pub settle: Duration,
}

impl Turns {
    /// Runs of a group that may go on at once, at most.
    pub const LIMIT_MAX: u32 = 10_000;
    /// The longest time to settle.
    pub const SETTLE_MAX: Duration = Duration::secs(24 * 3_600);
}

/// The group of a run, and its rules there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// What the graph's key gives for the inputs. Runs of one tenant, of graphs of one name and of one key are a group.
    pub key: Arc<str>,
    /// The run's own rules: those of other versions of its graph may say otherwise.
    pub turns: Turns,
}

impl Concurrency {
    /// Characters of a key at most.
    pub const KEY_CHARS_MAX: usize = 256;
}

impl OnNew {
    /// Every answer, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Queue, Self::Replace, Self::Join];

    /// The word used in documents and journals.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Replace => "replace",
            Self::Join => "join",
        }
    }

    /// The answer with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}
