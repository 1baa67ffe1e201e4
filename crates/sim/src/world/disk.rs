//! The disk has what it was given: what has waited for that goes out.

use agendum_core::Event;
use agendum_types::Seq;

use super::World;

impl World {
    pub(super) fn synced(&mut self, seq: Seq) {
        if seq <= self.durable {
            return;
        }
        self.durable = seq;
        if !self.keeps_all {
            self.kept.retain(|then| then.seq >= seq);
        }
        let (ready, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.gated)
            .into_iter()
            .partition(|action| action.after.is_none_or(|after| after <= seq));
        self.gated = later;
        for action in ready {
            self.perform(action.deed);
        }
        self.tell(Event::Durable(seq));
    }
}
