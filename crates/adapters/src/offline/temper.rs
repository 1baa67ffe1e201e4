//! How badly the offline model behaves, for demonstrations and tests: the same words in `agendum.toml` and on the command line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;

/// What a call that is told to come back is told to wait.
pub const RETRY_AFTER_MS: u64 = 1_000;

/// How badly it behaves. Where a call is due for several misdeeds, the first of rate limit, failure and cut is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Temper {
    /// Milliseconds before the first word.
    pub delay_ms: u64,
    /// Milliseconds between words.
    pub word_ms: u64,
    /// Every n-th call is unavailable; 0 for none.
    pub fail_every: u32,
    /// Every n-th call is told to come back in a second; 0 for none.
    pub rate_limit_every: u32,
    /// Every n-th stream ends in the middle; 0 for none.
    pub cut_every: u32,
}

/// How one call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Fine,
    /// Refused for rate.
    RateLimited,
    /// Unavailable.
    Fails,
    /// In the middle of its stream.
    Cut,
}

/// A temper with its count of calls; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// How badly it behaves.
    pub temper: Temper,
    calls: Arc<AtomicU64>,
}

impl Counted {
    /// Begins to count.
    #[must_use]
    pub fn new(temper: Temper) -> Self {
        Self { temper, calls: Arc::default() }
    }

    /// Counts a call, and says how it ends.
    #[must_use]
    pub fn next(&self) -> Mood {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let due = |every: u32| every > 0 && number.is_multiple_of(u64::from(every));
        let Temper { fail_every, rate_limit_every, cut_every, .. } = self.temper;
        match (due(rate_limit_every), due(fail_every), due(cut_every)) {
            (true, _, _) => Mood::RateLimited,
            (false, true, _) => Mood::Fails,
            (false, false, true) => Mood::Cut,
            (false, false, false) => Mood::Fine,
        }
    }
}
