//! Notices leave with the commit of the record that they tell of.

use agendum_core::Entry;
use agendum_ports::Noted;
use agendum_types::{Incarnation, Seq};

use super::Life;

/// The notices of a life.
pub(super) struct Noting {
    incarnation: Incarnation,
    /// The first and the last record with a notice that are not durable yet, as far as that is known.
    pending: Option<(Seq, Seq)>,
}

impl Noting {
    pub(super) const fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, pending: None }
    }
}

impl Life {
    /// What of a record is kept for endpoints outside.
    pub(super) fn noted(&mut self, entry: &Entry) -> Vec<Noted> {
        let noted = self.around.notices.noted(entry, self.noting.incarnation, &self.scheduler);
        if !noted.is_empty() {
            let first = self.noting.pending.map_or(entry.seq, |(first, _)| first);
            self.noting.pending = Some((first, entry.seq));
        }
        noted
    }

    /// Notices up to this record may be sent.
    pub(super) fn noted_durable(&mut self, last: Seq) {
        if let Some((first, latest)) = self.noting.pending
            && first <= last
        {
            self.noting.pending = (latest > last).then(|| (last.next(), latest));
            self.around.notices.wake();
        }
    }
}
