//! Where the order of tenants gives way to what a target has read: a task goes before the tenant that has had least if a target that is free remembers more of
//! how its input begins than of the other's, and what its own tenant has had is no more than a few usual attempts ahead (deficit longest prefix match,
//! arXiv 2501.14312).
//!
//! The bound is what is ahead when it goes: whoever is further ahead waits, whatever was read. So a tenant that waits is passed for as much as the others
//! may be ahead of it, and no more, however long that goes on. Of a tenant's own tasks the first goes, as ever; bands, and what waits for money, are as they
//! were; nothing is looked through: the first task of each of a few tenants of the same class, on a few targets.

use agendum_types::graph::Priority;
use smallvec::SmallVec;

use crate::queue::{ClassId, Rank};
use crate::scheduler::Scheduler;

/// So many tenants are looked at, the one that has had least included.
const TENANTS: usize = 8;
/// On so many targets that are free, the first of the class.
const TARGETS: usize = 4;

impl Scheduler {
    /// True if something hangs on how inputs begin: where to, or who goes first.
    pub(crate) fn wants_beginnings(&self) -> bool {
        self.targets.remember() || self.targets.reads() && self.policy.fairness.locality_quantum > 0
    }

    /// The task that goes instead of the first of its class and band, if one does.
    pub(crate) fn nearest(&self, class: ClassId, band: Priority) -> Option<Rank> {
        let quantum = self.policy.fairness.locality_quantum;
        if quantum == 0 || !self.targets.reads() {
            return None;
        }
        let firsts: SmallVec<[Rank; TENANTS]> = self.board.queue.within(class, band, quantum).take(TENANTS).collect();
        let [first, others @ ..] = firsts.as_slice() else { return None };
        if others.is_empty() || !self.board.queue.has_units(class) {
            return None;
        }
        let candidates = self.board.queue.candidates(class).iter().copied();
        let free = candidates.filter(|target| self.targets.is_free(*target, self.now)).take(TARGETS);
        let free: SmallVec<[_; TARGETS]> = free.map(|target| &self.targets.row(target).read).collect();
        let known = |rank: &Rank| {
            let prefix = self.board.run(rank.slot).inst(rank.inst).prefix.as_deref();
            prefix.map_or(0, |prefix| free.iter().map(|read| read.shared(prefix, self.now)).max().unwrap_or_default())
        };
        let mut best = (known(first), None);
        for other in others {
            let known = known(other);
            if known > best.0 {
                best = (known, Some(*other));
            }
        }
        best.1
    }
}
