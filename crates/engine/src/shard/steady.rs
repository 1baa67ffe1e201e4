//! The shard's time: that of the wall clock, and when the wall clock is set back, still going on.
//!
//! The core takes no time before the last, so a clock that was set back by an hour would stop deadlines, pauses and retries for an hour.
//! Steps are told from drift by the monotonic clock: what the wall clock was set back by is added to it, until it is set forward again.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use agendum_ports::Clock;
use agendum_types::{Duration, Timestamp};

/// Less than this between two readings is drift, which is followed.
const STEP: Duration = Duration::millis(500);

pub(super) struct Steady {
    clock: Arc<dyn Clock>,
    last: Cell<(Offset, Instant)>,
}

impl Steady {
    /// Time that begins at the committed high-water mark at the earliest.
    pub(super) fn new(clock: Arc<dyn Clock>, high_water: Timestamp) -> Self {
        let wall = clock.now();
        let ahead = high_water.since(wall);
        if ahead > STEP {
            tracing::warn!("the clock stands {ahead} before what the journal holds: time goes on from there");
        }
        Self { clock, last: Cell::new((Offset { wall, ahead }, Instant::now())) }
    }

    pub(super) fn now(&self) -> Timestamp {
        let (mut offset, at) = self.last.get();
        let (wall, now) = (self.clock.now(), Instant::now());
        let before = offset.ahead;
        let time = offset.read(wall, now.saturating_duration_since(at).into());
        if offset.ahead > before {
            tracing::warn!("the clock was set back by {}: time goes on", Duration(offset.ahead.0 - before.0));
        }
        self.last.set((offset, now));
        time
    }
}

/// How far time is ahead of the wall clock.
#[derive(Clone, Copy, Debug)]
struct Offset {
    wall: Timestamp,
    ahead: Duration,
}

impl Offset {
    /// The time, so long after the last reading.
    fn read(&mut self, wall: Timestamp, elapsed: Duration) -> Timestamp {
        let expected = self.wall.after(elapsed);
        let (back, forward) = (expected.since(wall), wall.since(expected));
        if back > STEP {
            self.ahead = Duration(self.ahead.0.saturating_add(back.0));
        } else if forward > STEP {
            self.ahead = Duration(self.ahead.0.saturating_sub(forward.0));
        }
        self.wall = wall;
        wall.after(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::{Duration, Timestamp};

    use super::Offset;

    /// Readings of the wall clock, a second apart, and the time at each.
    #[test]
    fn time_goes_on_when_the_clock_is_set_back() {
        let mut offset = Offset { wall: Timestamp(100_000_000), ahead: Duration::ZERO };
        let read = |wall: u64| offset.read(Timestamp(wall * 100_000), Duration::secs(1)).0 / 100_000;
        let steps = [1_010, 1_019, 419, 429, 400, 410, 1_410, 1_420, 9_000];
        let times: Vec<u64> = steps.into_iter().map(read).collect();
        assert_eq!(times, [1_010, 1_019, 1_029, 1_039, 1_049, 1_059, 1_410, 1_420, 9_000]);
    }
}
