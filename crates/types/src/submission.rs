//! How a caller makes sure that what it sends twice is run once.

use std::sync::Arc;

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

impl SubmissionKey {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 255;

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
