//! Why an attempt was sent when and where it was: what `why` says of it, after restarts too.

use std::sync::Arc;

use agendum_types::Duration;
use agendum_types::policy::Index;

/// What decided that it went then, and there. Only what stood in a queue with others, was not given
/// the target it would have had first, or could go to several that were free, has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The policy in force: its name, and the beginning of its hash, as [`agendum_types::Policy::version`] says them.
    pub policy: Arc<str>,
    /// The rule that ordered its run among those of its tenant.
    pub index: Index,
    /// What the rule said when it was queued, in microseconds: an instant, and smaller is sooner. Of one that is risky how long it takes on average.
    pub rank: u64,
    /// True if its run might have been late, and so stood behind the others.
    pub risky: bool,
    /// True if it went in the place of the first, since a target that was free had read more of how its input begins.
    pub near: bool,
    /// Tasks for the same targets that went before it while it was queued.
    pub ahead: u64,
    /// Tasks for the same targets that waited on when it went.
    pub behind: u64,
    /// Targets that would have been taken first, or that it asked for, and why they were not.
    pub passed: Vec<(Arc<str>, Passed)>,
    /// The targets that were free, and what the attempt was thought to cost there in time, money counted as time; none where there was one.
    pub scores: Vec<(Arc<str>, Duration)>,
}

/// Why a target was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Passed {
    /// As many attempts were out as it takes at once.
    Full,
    /// It had asked for a pause.
    Closed,
    /// What its provider lets through in a minute was used up for the moment.
    Paced,
    /// The budget did not cover it.
    Dear,
    /// It may not see data with the labels of this.
    Uncleared,
    /// It would have cost less, and taken too long for the deadline.
    Late,
    /// Too many of its latest attempts failed.
    Broken,
    /// As many attempts were out as it had held lately, since it turned some away.
    Limited,
    /// As many attempts were out as it does most with.
    Crowded,
    /// An attempt of the task had failed there.
    Failed,
}

impl Passed {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Full,
        Self::Closed,
        Self::Paced,
        Self::Dear,
        Self::Uncleared,
        Self::Late,
        Self::Broken,
        Self::Limited,
        Self::Crowded,
        Self::Failed,
    ];

    /// The word in journals and answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Paced => "paced",
            Self::Dear => "dear",
            Self::Uncleared => "uncleared",
            Self::Late => "late",
            Self::Broken => "broken",
            Self::Limited => "limited",
            Self::Crowded => "crowded",
            Self::Failed => "failed",
        }
    }

    /// The reason with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}
