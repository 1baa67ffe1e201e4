//! How a life ends that is told to: what has no effect is stopped at once, the rest is waited for, and the last record says when.

use std::time::{Duration as Span, Instant};

use agendum_core::Event;
use agendum_types::Effect;

use super::{End, Life};

/// How long a stopping shard waits for attempts with an effect, and for its commits.
pub const STOP_GRACE: Span = Span::from_secs(10);
/// How long it waits for its last record. A life that ends without one ended as by a crash.
const CLOSE_GRACE: Span = Span::from_secs(2);

/// A life that was told to stop.
#[derive(Clone, Copy)]
pub(super) struct Stopping {
    pub(super) until: Instant,
    /// The core has been told; nothing is decided any more.
    is_closed: bool,
}

impl Life {
    pub(super) fn stop(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        self.event(Event::Stopping);
        self.commit.want();
        let harmless = self.flights.values().filter(|flight| flight.effect == Effect::None && !flight.is_child);
        harmless.for_each(|flight| flight.cancel.cancel());
        self.stopping = Some(Stopping { until: Instant::now() + STOP_GRACE, is_closed: false });
    }

    /// True if it was told to stop.
    pub(in crate::shard) const fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stopping.is_some_and(|stopping| stopping.is_closed)
    }

    /// Closes the life when nothing is out that matters, and ends it when that is durable.
    pub(super) fn stopped(&mut self) -> Option<End> {
        let stopping = self.stopping?;
        let is_over = Instant::now() >= stopping.until;
        if stopping.is_closed {
            return (is_over || self.commit.is_idle()).then_some(End::Stopped);
        }
        if !is_over && !self.is_at_rest() {
            return None;
        }
        self.event(Event::Closed);
        self.keep_learned_at_last();
        self.commit.want();
        self.stopping = Some(Stopping { until: Instant::now() + CLOSE_GRACE, is_closed: true });
        self.flush().or_else(|| self.commit.is_idle().then_some(End::Stopped))
    }

    /// True if nothing is on its way to the disk and nothing runs that the outside would notice.
    pub(super) fn is_at_rest(&self) -> bool {
        self.commit.is_idle() && self.flights.values().all(|flight| flight.effect == Effect::None || flight.is_child)
    }
}
