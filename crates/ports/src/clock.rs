//! Where "now" comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use agendum_types::Timestamp;

/// The time of day. Attempt timeouts run on the runtime's monotonic timers and not on this.
pub trait Clock: Send + Sync {
    /// UTC now. May jump in either direction; the core clamps it.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
