//! What a `wait` waits for: people, signals, webhooks, time.

use std::fmt;
use std::sync::Arc;

use crate::id::Principal;
use crate::time::{Duration, Timestamp};

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitFor {
    /// A person approves or refuses.
    Approval,
    /// A program or a person sends a signal of its name.
    Signal,
    /// A service outside calls with a webhook of its name.
    Webhook,
    /// An instant.
    Time,
    /// A person says whether an attempt took effect of which nobody knows. No `wait` of a document: `on_uncertain: ask` leads here.
    Effect,
    /// A person raises the budget of the run, or refuses. No `wait` of a document: `on_exceeded: ask` leads here.
    Money,
}

impl WaitFor {
    /// All that a document may wait for.
    pub const ALL: [Self; 4] = [Self::Approval, Self::Signal, Self::Webhook, Self::Time];

    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Signal => "signal",
            Self::Webhook => "webhook",
            Self::Time => "time",
            Self::Effect => "effect",
            Self::Money => "money",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.word() == word)
    }
}

impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a task waits for, as its `with` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// What ends it.
    pub of: WaitFor,
    /// Of a signal or a webhook: its name.
    pub name: Option<Arc<str>>,
    /// Of an approval: the queue in which people look for it.
    pub queue: Option<Arc<str>>,
    /// Of an approval: who may decide; anybody if it names nobody.
    pub who: Vec<Principal>,
    /// Of time: the instant that it waits for.
    pub until: Option<Timestamp>,
    /// Who is asked is reminded each time this has passed.
    pub reminder: Option<Duration>,
}

impl Wait {
    /// A wait with nothing more to be said of it.
    #[must_use]
    pub const fn new(of: WaitFor) -> Self {
        Self { of, name: None, queue: None, who: Vec::new(), until: None, reminder: None }
    }

    /// True if this one may decide.
    #[must_use]
    pub fn asks(&self, principal: &Principal) -> bool {
        self.who.is_empty() || self.who.contains(principal)
    }
}
