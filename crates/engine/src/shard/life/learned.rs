//! What a life has learned is kept for the next: about each second while records are decided, and when it is told to stop.
//!
//! The thread of the shard takes a copy; another makes bytes of it; they go with the next commit, and cost no sync of their own. Nothing is written while
//! nothing is decided. Where a copy is large, there are as many fewer: no more than a hundredth of the thread's time
//! goes into them, and no more than 128 KiB in a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration as Span, Instant};

use agendum_types::Seq;
use agendum_wire::checkpoint;
use bytes::Bytes;

use super::Life;

/// How often it is kept.
const EACH: Span = Span::from_secs(1);
/// One takes this part of the time between two, inverted, or less.
const PART: u32 = 100;
/// And so many bytes are written in a second, or fewer.
const BYTES_PER_S: usize = 128 * 1_024;

/// What was kept last.
pub(super) struct Learning {
    /// The last record that it knew.
    known: Seq,
    /// When that was, and when it is kept again.
    taken: Instant,
    due: Instant,
    /// The bytes, once they are made, and the record up to which they tell.
    made: Arc<Mutex<Option<(Seq, Bytes)>>>,
}

impl Default for Learning {
    fn default() -> Self {
        let taken = Instant::now();
        Self { known: Seq(0), taken, due: taken + EACH, made: Arc::default() }
    }
}

impl Life {
    /// What was decided so far has taught nothing.
    pub(super) fn nothing_is_learned(&mut self) {
        self.learning.known = self.scheduler.last_seq();
    }

    /// Keeps what was learned, if it is time and there is anything new.
    pub(super) fn keep_learned(&mut self) {
        if let Some((until, bytes)) = self.learning.made.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let spaced = self.learning.taken + EACH.mul_f64(bytes.len() as f64 / BYTES_PER_S as f64);
            self.learning.due = self.learning.due.max(spaced);
            self.commit.learned(until, bytes);
        }
        let last = self.scheduler.last_seq();
        if last == self.learning.known || self.is_closed() || Instant::now() < self.learning.due {
            return;
        }
        let began = Instant::now();
        let learned = self.learned();
        self.learning.known = last;
        self.learning.taken = began;
        self.learning.due = began + EACH.max(began.elapsed() * PART);
        let made = Arc::clone(&self.learning.made);
        drop(self.around.runtime.spawn_blocking(move || {
            let bytes = Bytes::from(checkpoint::encode(&learned));
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            // Two may be made at once, and the later one may be ready first.
            if made.as_ref().is_none_or(|(until, _)| *until < last) {
                *made = Some((last, bytes));
            }
        }));
    }

    /// It ends in good order: keeps what was learned since, if only that nothing was sent.
    pub(super) fn keep_learned_at_last(&mut self) {
        let last = self.scheduler.last_seq();
        if last != self.commit.learned_until() {
            self.commit.learned_at_last(last, Bytes::from(checkpoint::encode(&self.learned())));
        }
    }
}
