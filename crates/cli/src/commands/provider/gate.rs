//! What lets so many requests through in a minute: a bucket that is full at first and fills evenly, as providers have it. A minute may go faster.

use std::time::Instant;

use agendum_sim::lab::provider::{Counts, Provider, Quota};
use agendum_types::Duration;

/// A bucket, and the clock that fills it.
pub(in crate::commands) struct Gate {
    bucket: Provider,
    opened: Instant,
    faster: u64,
    requests: usize,
    refused: usize,
}

impl Gate {
    /// So many requests of a minute; the minute goes so many times faster than ours.
    pub(in crate::commands) fn new(requests: u64, faster: u64) -> Self {
        // What takes time here is the model: what a quota says of slots and of times is for virtual requests.
        let quota = Quota {
            requests,
            tokens: None,
            counts: Counts::Bucket,
            skew_ms: 0,
            jitter_ms: 0,
            slots: 0,
            base_ms: 0,
            tokens_out_per_s: 0,
        };
        Self { bucket: Provider::new(quota, 0), opened: Instant::now(), faster, requests: 0, refused: 0 }
    }

    /// A request comes: true if it is let through.
    pub(in crate::commands) fn comes(&mut self) -> bool {
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        let is_let = self.bucket.comes(Duration(micros.saturating_mul(self.faster)), 0);
        // When each came is the laboratory's affair: here they are counted.
        self.bucket.let_through.clear();
        self.bucket.refused.clear();
        self.requests += 1;
        self.refused += usize::from(!is_let);
        is_let
    }

    /// Requests that came, and those of them that were refused.
    pub(in crate::commands) const fn count(&self) -> (usize, usize) {
        (self.requests, self.refused)
    }

    /// Whole requests that the bucket held when the last one had come.
    pub(in crate::commands) fn left(&self) -> u64 {
        self.bucket.left()
    }
}
