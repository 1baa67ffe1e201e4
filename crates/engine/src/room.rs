//! Room on the disk: below a reserve nothing more is taken in, so that what was taken in has it.
//!
//! The store is asked when somebody wants to know, at most every [`LOOK`]; between two looks what is taken in counts as written.
//! Intake closes below the reserve, and opens again at twice as much.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration as Span, Instant};

use agendum_ports::Store;

/// How long a look counts.
const LOOK: Span = Span::from_millis(50);
const MEGABYTE: u64 = 1 << 20;

/// How much room there is, and how much there must be. Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Room {
    /// What may still be written.
    pub left: u64,
    /// What must be left for more work to be taken in; twice as much once it was not.
    pub reserve: u64,
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, reserve) = (self.left / MEGABYTE, self.reserve.div_ceil(MEGABYTE));
        let again = reserve * 2;
        write!(
            f,
            "{left} MiB left on the disk; below {reserve} MiB nothing more is taken in, and then not before there are {again} MiB"
        )
    }
}

/// Watches the room of a store.
pub(crate) struct Gauge {
    store: Arc<dyn Store>,
    reserve: u64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    /// [`u64::MAX`] where there is no bound.
    left: u64,
    is_short: bool,
}

impl Gauge {
    pub(crate) fn new(store: Arc<dyn Store>, reserve: u64) -> Self {
        Self { store, reserve, seen: Mutex::default() }
    }

    /// Sets so many bytes aside for what is about to be written, if intake is open and they leave the reserve alone.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), Room> {
        let mut seen = self.seen();
        self.look_if_due(&mut seen);
        if seen.is_short || seen.left.saturating_sub(bytes) < self.reserve {
            return Err(self.room(&seen));
        }
        if seen.left < u64::MAX {
            seen.left -= bytes;
        }
        Ok(())
    }

    /// How much there is, if that is too little to take anything in.
    pub(crate) fn short(&self) -> Option<Room> {
        let mut seen = self.seen();
        self.look_if_due(&mut seen);
        seen.is_short.then(|| self.room(&seen))
    }

    /// Looks at once.
    pub(crate) fn look(&self) -> Room {
        let mut seen = self.seen();
        seen.looked = None;
        self.look_if_due(&mut seen);
        self.room(&seen)
    }

    /// A write has found the disk full, whatever the file system says of it: a quota, perhaps. Counts until the next look.
    pub(crate) fn is_full(&self) {
        *self.seen() = Seen { looked: Some(Instant::now()), left: 0, is_short: true };
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_if_due(&self, seen: &mut Seen) {
        if seen.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        let left = self.store.room().unwrap_or(u64::MAX);
        let wanted = if seen.is_short { self.reserve.saturating_mul(2) } else { self.reserve };
        *seen = Seen { looked: Some(Instant::now()), left, is_short: left < wanted };
    }

    const fn room(&self, seen: &Seen) -> Room {
        Room { left: seen.left, reserve: self.reserve }
    }
}

#[cfg(test)]
mod tests {
    use agendum_ports::memory::MemoryStore;

    use super::*;

    #[test]
    fn intake_closes_below_the_reserve_and_opens_at_twice_as_much() {
        let store = Arc::new(MemoryStore::default());
        let gauge = Gauge::new(Arc::clone(&store) as _, 100);
        // What is left, what is asked for, whether it is taken, whether intake is closed then.
        let steps = [
            (None, 1_000, true, false),
            (Some(150), 50, true, false),
            (Some(150), 51, false, false),
            (Some(100), 0, true, false),
            (Some(99), 0, false, true),
            (Some(199), 0, false, true),
            (Some(200), 0, true, false),
            (Some(120), 0, true, false),
            (Some(0), 0, false, true),
            (None, 0, true, false),
        ];
        for (step, (left, asked, taken, closed)) in steps.into_iter().enumerate() {
            store.set_room(left);
            gauge.look();
            assert_eq!((gauge.take(asked).is_ok(), gauge.short().is_some()), (taken, closed), "step {step}");
        }
    }

    #[test]
    fn what_is_taken_between_two_looks_counts_as_written() {
        let store = Arc::new(MemoryStore::default());
        store.set_room(Some(250));
        let gauge = Gauge::new(store, 100);
        *gauge.seen() = Seen { looked: Some(Instant::now() + Span::from_secs(60)), left: 250, is_short: false };
        assert_eq!([100, 60, 50].map(|bytes| gauge.take(bytes).is_ok()), [true, false, true]);
    }
}
