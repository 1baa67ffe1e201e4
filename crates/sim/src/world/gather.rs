//! A driver that has more at hand: what it tells is sent nothing for until the last is told.

use agendum_core::Event;

use super::World;

impl World {
    /// Tells of an end; now and then as one of several at once, of which the last is that time goes on.
    pub(super) fn told_with_more(&mut self, event: Event) {
        let more = self.chance.clone().hits(20);
        self.gathers(more);
        self.tell(event);
        self.gathers(false);
        if more {
            self.tell(Event::TimeReached);
        }
    }

    fn gathers(&mut self, more: bool) {
        self.core.gather(more);
        self.reference.gathers = more;
    }
}
