//! Where the order gives way to what a target has read: a task goes in the place of the first if a target that is free remembers more of how its input
//! begins than of the other's.
//!
//! **Of the same tenant** it is one of the next few, and whoever is first is passed so often at most (`locality_quantum`); nobody whose run has a deadline is
//! passed. Under a backlog a free place would else go to whoever stands first, and what it has read to nobody: the task that could use it goes where the
//! next place is free.
//!
//! **Of another tenant** it is the first, if what that tenant has had is no more than as many usual attempts ahead (deficit longest prefix match,
//! arXiv 2501.14312). The bound is what is ahead when it goes: whoever is further ahead waits, whatever was read. So a tenant that waits is passed for as
//! much as the others may be ahead of it, and no more, however long that goes on.
//!
//! Bands, and what waits for money, are as they were. Where a free target remembers all of how the first begins, that goes. Nothing is looked through but
//! a few tasks of the same class, on a few targets.

use agendum_types::graph::Priority;
use agendum_types::{TargetId, Timestamp};
use smallvec::SmallVec;

use crate::inst::State;
use crate::queue::{ClassId, Rank, Ticket};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// So many tenants are looked at, the one that has had least included.
const TENANTS: usize = 8;
/// So many tasks of that one, the first included.
const TASKS: usize = 16;
/// On so many targets that are free, the first of the class.
const TARGETS: usize = 4;

/// A task that goes in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bend {
    pub(crate) goes: Rank,
    pub(crate) first: Rank,
}

impl Scheduler {
    /// True if something hangs on how inputs begin: where to, or who goes first.
    pub(crate) fn wants_beginnings(&self) -> bool {
        self.targets.remember() || self.targets.reads() && self.policy.fairness.locality_quantum > 0
    }

    /// The task that goes instead of the first of its class and band, if one does.
    pub(crate) fn nearest(&self, class: ClassId, band: Priority) -> Option<Bend> {
        let quantum = self.policy.fairness.locality_quantum;
        let is_alone = || self.board.queue.len_of(class) < 2;
        if quantum == 0 || !self.targets.reads() || is_alone() || !self.board.queue.has_units(class) {
            return None;
        }
        let candidates = self.board.queue.candidates(class).iter().copied();
        let free = candidates.filter(|target| self.targets.is_free(*target, self.now)).take(TARGETS);
        let free: SmallVec<[TargetId; TARGETS]> = free.collect();
        let tenants: SmallVec<[Rank; TENANTS]> = self.board.queue.within(class, band, quantum).take(TENANTS).collect();
        let [first, others @ ..] = tenants.as_slice() else { return None };
        let known = |rank: &Rank| {
            let prefix = self.board.run(rank.slot).inst(rank.inst).prefix.as_deref();
            let read = |prefix| free.iter().map(move |target| self.targets.row(*target).read.shared(prefix, self.now));
            prefix.map_or((0, 0), |prefix| (read(prefix).max().unwrap_or_default(), prefix.0.len() as u64))
        };
        let (of_first, all) = known(first);
        if free.is_empty() || all > 0 && of_first == all {
            return None;
        }
        let mut best = (of_first, None);
        for other in self.behind(first, quantum).iter().chain(others) {
            let (known, _) = known(other);
            if known > best.0 {
                best = (known, Some(*other));
            }
        }
        best.1.map(|goes| Bend { goes, first: *first })
    }

    /// The next tasks of the same tenant, which may go in the place of this one.
    fn behind(&self, first: &Rank, quantum: u32) -> SmallVec<[Rank; TASKS]> {
        let Some(ticket) = self.ticket(first.slot, first.inst) else { return SmallVec::new() };
        let has_deadline = self.latest_end(first.slot, first.inst) < Timestamp::MAX;
        if ticket.passed >= quantum || has_deadline {
            return SmallVec::new();
        }
        // Nobody goes before one that has to be answered in time.
        let has_time = |rank: &&Rank| self.board.run(rank.slot).deadline.is_none();
        self.board.queue.in_time(ticket).skip(1).take_while(has_time).take(TASKS - 1).copied().collect()
    }

    /// A task is sent: where it went in the place of another, that was passed once more.
    pub(crate) fn passes_first(&mut self, slot: Slot, id: InstId) {
        let Some(Bend { goes, first }) = self.bends else { return };
        let inst = self.board.run_mut(first.slot).inst_mut(first.inst);
        if (goes.slot, goes.inst) == (slot, id)
            && let State::Queued(ticket) = &mut inst.state
        {
            ticket.passed += 1;
        }
    }

    fn ticket(&self, slot: Slot, id: InstId) -> Option<&Ticket> {
        if let State::Queued(ticket) = &self.board.run(slot).inst(id).state { Some(ticket) } else { None }
    }
}
