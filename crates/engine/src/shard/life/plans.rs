//! The plan in force: told to the core in each life.

use agendum_core::Event;
use tokio::sync::oneshot;

use super::Life;
use crate::plans::{Counts, Planned};

impl Life {
    /// Of two that were kept at about the same time the later one counts, in whatever order they are told.
    pub(super) fn planned(&mut self, planned: Planned, reply: oneshot::Sender<()>) {
        match planned {
            Planned::Published(counts) if counts.number > self.plan => self.counts(counts),
            Planned::Withdrawn(number) if number >= self.plan => {
                self.plan = number;
                self.event(Event::PlanWithdrawn);
            }
            Planned::Published(_) | Planned::Withdrawn(_) => {}
        }
        let _gone = reply.send(());
    }

    pub(super) fn counts(&mut self, Counts { number, plan, until }: Counts) {
        self.plan = number;
        self.event(Event::PlanPublished { plan, until });
    }
}
