//! How a caller makes sure that what it sends twice is run once.

use std::sync::Arc;

use crate::id::RunId;
use crate::payload::Hash;

/// A caller's idempotency key of a submission: the same tenant, the same key and the same request are the same run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionKey {
    /// As the caller sent it; unique within its tenant.
    pub key: Arc<str>,
    /// The parts of the request by name, each with the hash of what it said, in the order of the names: where two differ, another
    /// request was sent under the same key.
    pub parts: Vec<(Arc<str>, Hash)>,
}

/// What the key of a retry begins with: no caller's key does.
const RETRY: &str = "retry\u{b7}";

impl SubmissionKey {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// What a run did is taken over by one other run, which has this key: a second one would not know what the first has done since, and
    /// do it twice.
    #[must_use]
    pub fn retry_of(run: RunId) -> Self {
        Self { key: format!("{RETRY}{run}").into(), parts: Vec::new() }
    }

    /// The run that was taken over by whoever has this key, if it is the key of a retry.
    #[must_use]
    pub fn retried(key: &str) -> Option<RunId> {
        key.strip_prefix(RETRY)?.parse().ok()
    }

    /// The parts in which another request differs from this one.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Arc<str>> {
        let lacks = |all: &[(Arc<str>, Hash)], part: &(Arc<str>, Hash)| !all.contains(part);
        let mut names: Vec<Arc<str>> =
            self.parts.iter().filter(|part| lacks(&other.parts, part)).map(|part| Arc::clone(&part.0)).collect();
        names.extend(other.parts.iter().filter(|part| lacks(&self.parts, part)).map(|part| Arc::clone(&part.0)));
        names.sort();
        names.dedup();
        names
    }
}
