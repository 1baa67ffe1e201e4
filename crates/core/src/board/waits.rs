//! What a task waits for before it is sent.

use agendum_types::{Cause, Duration, Timestamp};
use smallvec::smallvec;

use crate::action::Step;
use crate::board::Board;
use crate::inst::{Inst, State};
use crate::record::{Unsent, Waits};
use crate::run::{InstId, Run, Slot};

/// A record names at most so many tasks that it ended unsent, for it is one row of the journal: every task of a graph has room, and of
/// the items of a very wide `foreach` the others are not told one by one.
const UNSENT_MAX: usize = 10_000;

impl Board {
    /// What a task that is not sent has waited for since it was free; one that backs off is free when that is over. What was sent has
    /// said so, and what waits for other tasks is not free.
    pub(crate) fn waited(&self, run: &Run, id: InstId, now: Timestamp) -> Waits {
        let inst = run.inst(id);
        let last = match &inst.state {
            State::Queued(ticket) => self.queue.waited(ticket, now),
            State::Paused(since) => smallvec![(Cause::Paused, now.since(*since))],
            State::Broke(broke) => smallvec![(Cause::Budget, now.since(broke.since))],
            State::Pleading(plea) => smallvec![(Cause::Person, now.since(plea.since))],
            State::Ready if run.quarantined => {
                let since = run.paused.unwrap_or(now).max(inst.known_until()).max(inst.start_at);
                smallvec![(Cause::Paused, now.since(since))]
            }
            State::Awaiting(since) => {
                let mut waits = self.waits(inst, Waits::new(), Waits::new(), *since);
                waits.push((inst.awaits(), now.since(*since)));
                waits.retain(|(_, span)| *span > Duration::ZERO);
                return waits;
            }
            State::InLine { since, .. } => smallvec![(Cause::Dependency, now.since(*since))],
            State::Ready
            | State::Parked(_)
            | State::BackingOff(_)
            | State::LookingUp(_)
            | State::Asking(Step::Enter) => Waits::new(),
            State::Waiting
            | State::Asking(_)
            | State::Running(_)
            | State::Checked(_)
            | State::Open
            | State::Settled(_) => {
                return Waits::new();
            }
        };
        let known = inst.waited.as_deref().cloned().unwrap_or_default();
        let mut waits = self.waits(inst, known, last, now);
        waits.retain(|(_, span)| *span > Duration::ZERO);
        waits
    }

    /// What an attempt has waited for since its task was free, in the order it passed as far as that is known: before it was queued no
    /// process was up, a start was waited for, the scheduler evaluated or waited for a credit. What is known lasted until now; it takes
    /// what it covers of the time in which nothing ran, as a pause does.
    pub(crate) fn waits(&self, inst: &Inst, known: Waits, queued: Waits, now: Timestamp) -> Waits {
        let mut waits = known;
        let accounted: u64 = waits.iter().chain(&queued).map(|(_, span)| span.as_micros()).sum();
        let freed = inst.freed_at();
        let mut left = now.since(freed).as_micros().saturating_sub(accounted);
        let down = self.downs.between(freed, now.before(Duration(accounted)));
        let delayed = inst.start_at.since(freed);
        for (cause, span) in [(Cause::Downtime, down), (Cause::Delay, delayed), (Cause::Scheduler, Duration::MAX)] {
            let part = span.as_micros().min(left);
            left -= part;
            if part > 0 {
                waits.push((cause, Duration(part)));
            }
        }
        waits.extend(queued);
        if inst.gives_way {
            let mut blamed = Waits::new();
            for (cause, span) in waits {
                match blamed.last_mut() {
                    Some((last, sum)) if *last == inst.blames(cause) => sum.0 += span.0,
                    Some(_) | None => blamed.push((inst.blames(cause), span)),
                }
            }
            return blamed;
        }
        waits
    }

    /// Keeps what a task has waited for that ends with what it stands in: its place in the queue is about to be given back.
    pub(super) fn keep_unsent(&mut self, slot: Slot, id: InstId) {
        if self.unsent.as_ref().is_none_or(|unsent| unsent.len() == UNSENT_MAX) {
            return;
        }
        let run = self.run(slot);
        let waits = self.waited(run, id, self.at);
        if waits.is_empty() {
            return;
        }
        let path = run.path(id);
        if let Some(unsent) = &mut self.unsent {
            unsent.push(Unsent { path, waits });
        }
    }
}

impl Inst {
    /// It is free from this instant on: what it waited for before was told.
    pub(crate) fn free_from(&mut self, at: Timestamp) {
        (self.free_at, self.waited, self.gives_way) = (at, None, false);
        self.waits_anew();
    }

    /// Notes what it waited for until now.
    pub(crate) fn note(&mut self, cause: Cause, span: Duration) {
        if span > Duration::ZERO {
            self.waited.get_or_insert_default().push((cause, span));
        }
    }

    /// Until when it is known what it waited for since it was free.
    pub(crate) fn known_until(&self) -> Timestamp {
        let known = self.waited.iter().flat_map(|waits| waits.iter()).map(|(_, span)| span.0).sum();
        self.freed_at().after(Duration(known))
    }
}
