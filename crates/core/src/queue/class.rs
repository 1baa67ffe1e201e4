//! The tasks that may go to the same targets and ask for the same units, and for how long they could not.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::{Cause, Need, TargetId, Timestamp};

use super::lane::{Lane, Place};
use super::{ClassId, Ticket};

/// The causes for which a class sleeps.
pub(super) const SLEEPS: [Cause; 3] = [Cause::Limit, Cause::Backoff, Cause::Capacity];
/// The place of [`Cause::Limit`] among them.
pub(super) const LIMIT: usize = 0;

#[derive(Debug, Default)]
pub(super) struct Class {
    pub(super) candidates: Vec<TargetId>,
    /// What each of its attempts holds of pools.
    pub(super) needs: Arc<[Need]>,
    pub(super) bands: [Lane; 3],
    pub(super) asleep: Option<(usize, Timestamp)>,
    /// It sleeps until this is there, and not on its targets.
    pub(super) lacks: Option<Need>,
    /// How long it has slept for each cause, in microseconds.
    pub(super) clocks: [u64; SLEEPS.len()],
    /// When it last sent a task, and how long it had slept then.
    pub(super) sent: (Timestamp, [u64; SLEEPS.len()]),
    /// How many it has sent.
    pub(super) count: u64,
    /// Of those that are queued, how many came at that instant.
    pub(super) fresh: (Timestamp, u64),
    /// When it was woken last.
    pub(super) woken: Option<Timestamp>,
}

impl Class {
    /// Its first tasks are among those that may be sent.
    pub(super) fn wake(&mut self, id: ClassId, heads: &mut [BTreeSet<(Place, ClassId)>; 3], now: Timestamp) {
        self.clocks = self.clocks_at(now);
        if self.asleep.take().is_some() {
            self.woken = Some(now);
            for (heads, lane) in heads.iter_mut().zip(&self.bands) {
                heads.extend(lane.first().map(|place| (place, id)));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bands.iter().all(Lane::is_empty)
    }

    /// True if no other of its band goes before it.
    pub(super) fn is_next(&self, ticket: &Ticket) -> bool {
        self.bands[ticket.band as usize].first().is_some_and(|(_, rank)| rank == ticket.rank)
    }

    pub(super) fn clocks_at(&self, now: Timestamp) -> [u64; SLEEPS.len()] {
        let mut clocks = self.clocks;
        if let Some((index, since)) = self.asleep {
            clocks[index] += now.since(since).as_micros();
        }
        clocks
    }
}
