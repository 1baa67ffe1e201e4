//! What the store answers to appends: what waited for records goes out, or this life ends.

use std::task::{Context, Poll};

use agendum_core::Event;
use agendum_ports::Appended;
use agendum_types::Seq;
use futures_util::FutureExt as _;

use super::{End, Life, Told};

impl Life {
    /// Takes the answers of appends as far as they are there.
    pub(super) fn take_appended(&mut self) -> Option<End> {
        while let Some((last, answer)) = self.appends.front_mut() {
            let Poll::Ready(appended) = answer.poll_unpin(&mut Context::from_waker(&self.bell)) else { break };
            let last = *last;
            self.appends.pop_front();
            if let Some(end) = self.appended(last, appended) {
                return Some(end);
            }
        }
        None
    }

    pub(super) fn tell_when_durable(&mut self, told: Told) {
        self.commit.want();
        self.submitted.push((self.scheduler.last_seq(), told));
    }

    fn appended(&mut self, last: Seq, appended: Appended) -> Option<End> {
        match appended {
            Appended::Durable => {}
            Appended::Fenced(reason) | Appended::Unknown(reason) => {
                // Perhaps for want of room.
                self.around.room.look();
                return Some(End::Failed(reason));
            }
            Appended::Failed { message, disk_full } => {
                if disk_full {
                    self.around.room.is_full();
                }
                return Some(End::Failed(message));
            }
        }
        let told = self.submitted.partition_point(|(seq, _)| *seq <= last);
        for (_, told) in self.submitted.drain(..told) {
            told.tell();
        }
        // Readers see a text that a record releases behind that record, and before any that ends the run.
        for (undurable, deeds) in self.commit.durable(last) {
            if undurable.entry.verdict.is_some() {
                self.around.verdicts.wake();
            }
            self.around.feed.entry(undurable.entry);
            deeds.into_iter().for_each(|deed| self.perform(deed));
        }
        self.noted_durable(last);
        self.event(Event::Durable(last));
        None
    }
}
