//! When nothing ran: the times between the lives of the shard, as their first records tell.

use std::collections::VecDeque;

use agendum_types::{Duration, Timestamp};

/// So many downtimes are known, the latest ones: a task that waited through more of them is told the earlier ones as `scheduler`.
pub const DOWNTIMES_MAX: usize = 64;

/// The latest downtimes, oldest first: since when, and until when. They do not overlap.
#[derive(Debug, Default)]
pub(crate) struct Downs(VecDeque<(Timestamp, Timestamp)>);

impl Downs {
    /// A life began, and what was before it ended then.
    pub(crate) fn add(&mut self, since: Timestamp, until: Timestamp) {
        if self.0.len() == DOWNTIMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((since, until));
    }

    /// How much of the time between two instants it was that nothing ran.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        let all = self.0.iter().rev().take_while(|(_, until)| *until > from);
        Duration(all.map(|(since, until)| (*until).min(to).since((*since).max(from)).0).sum())
    }

    /// How much of the time before the present life it was, from this instant on at the earliest.
    pub(crate) fn before_this_life(&self, from: Timestamp) -> Duration {
        self.0.back().map_or(Duration::ZERO, |(since, until)| until.since((*since).max(from)))
    }
}
