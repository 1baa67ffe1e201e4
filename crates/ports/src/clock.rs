//! Where "now" comes from.

use std::sync::atomic::{AtomicU64, Ordering};

use agendum_types::{Duration, Timestamp};

/// The time of day. Attempt timeouts run on the runtime's monotonic timers and not on this.
pub trait Clock: Send + Sync {
    /// UTC now. May jump in either direction; the core clamps it.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows this instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
