//! Which run of a tenant goes first: the index of the policy, one rule each.

mod attained;
mod call_fifo;
mod edf;
mod fifo;
mod gittins;
mod risk;
mod seen;
mod slack;
mod value_density;
mod virtual_finish;

pub(crate) use gittins::{Answered, Service};
pub(crate) use virtual_finish::Sharing;

use agendum_types::Duration;
use agendum_types::graph::{Priority, Section};
use agendum_types::policy::Index;

use crate::queue::Rank;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use seen::Seen;

/// Calls of models that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Served {
    pub(crate) calls: u32,
    /// How long they took together.
    pub(crate) time: Duration,
}

impl Served {
    /// One more.
    pub(crate) fn takes(&mut self, took: Duration) {
        self.calls = self.calls.saturating_add(1);
        self.time = self.time.plus(took);
    }
}

/// An index: smaller is sooner. A task keeps what it was given when it was queued.
pub(crate) trait Rule {
    /// Where a task stands.
    fn index(&self, seen: &Seen<'_>) -> u64;

    /// True if that is an instant by which something is due.
    fn is_due(&self) -> bool {
        false
    }
}

/// The rule of an index.
pub(crate) fn rule(index: Index) -> &'static dyn Rule {
    match index {
        Index::Fifo => &fifo::Fifo,
        Index::CallFifo => &call_fifo::CallFifo,
        Index::Edf => &edf::Edf,
        Index::Slack => &slack::Slack,
        Index::AttainedService => &attained::AttainedService,
        Index::Gittins => &gittins::Gittins,
        Index::VirtualFinish => &virtual_finish::VirtualFinish,
        Index::ValueDensity => &value_density::ValueDensity,
        Index::Risk => &risk::Risk,
    }
}

impl Scheduler {
    /// A run is answered: it takes no more. That is learned with the next event, so that what is ranked in one event is ranked alike.
    pub(crate) fn is_answered(&mut self, slot: Slot) {
        let (hash, served) = (self.board.plan(slot).graph.hash, self.board.run(slot).service);
        self.answered.push((hash, served));
    }

    /// What the answers of the last event have shown.
    pub(crate) fn learn_answers(&mut self) {
        for (hash, served) in std::mem::take(&mut self.answered) {
            self.board.plans.answered.takes(served);
            if let Some(plan) = self.board.plans.find(hash) {
                self.board.plans.get_mut(plan).service.ends(served);
            }
        }
    }

    /// A call of a run has ended that is service to it: what runs of its graph take is learned from it.
    pub(crate) fn is_served(&mut self, slot: Slot, took: Duration) {
        let (plan, served) = (self.board.run(slot).plan, self.board.run(slot).service);
        self.board.plans.served.takes(took);
        self.board.sharing[self.board.run(slot).priority as usize].serves(took);
        self.board.plans.get_mut(plan).service.goes_on(served, took);
    }

    /// The band of a task.
    pub(crate) fn band_of(&self, slot: Slot, id: InstId) -> Priority {
        let run = self.board.run(slot);
        let is_after = self.board.plan(slot).task(run.inst(id).node).section == Section::After;
        if is_after { Priority::Background } else { run.priority }
    }

    /// Runs of which one is due and the other is not are compared as if the other were due after its patience: so much its rank is later than its rule says.
    fn beside_due(&self, slot: Slot, id: InstId) -> Duration {
        let rules = self.policy.band(self.band_of(slot, id));
        let is_behind = self.board.run(slot).deadline.is_none()
            && !rule(rules.index).is_due()
            && rule(rules.deadline_index).is_due();
        if is_behind { rules.patience } else { Duration::ZERO }
    }

    /// What its rule says of a task that stands so; of what is risky the time that it takes on average.
    pub(crate) fn rule_says(&self, slot: Slot, id: InstId, rank: &Rank) -> u64 {
        if rank.risky { rank.index } else { rank.index.saturating_sub(self.beside_due(slot, id).as_micros()) }
    }

    /// Where a task stands among those of its tenant and band.
    pub(crate) fn rank(&self, slot: Slot, id: InstId) -> Rank {
        let (run, plan) = (self.board.run(slot), self.board.plan(slot));
        let inst = run.inst(id);
        let rules = self.policy.band(self.band_of(slot, id));
        let due = match plan.task(inst.node).section {
            Section::Main => run.deadline.unwrap_or_else(|| run.submitted.after(rules.patience)),
            Section::After | Section::OnFailure | Section::Finally | Section::Compensation => {
                inst.ready_at.after(rules.patience)
            }
        };
        let tail = plan.order(inst.node);
        let seen = self.seen(slot, id, due);
        let by = rule(if run.deadline.is_some() { rules.deadline_index } else { rules.index });
        let (takes, latest) = self.must_go(slot, id);
        Rank {
            risky: false,
            index: by.index(&seen).saturating_add(self.beside_due(slot, id).as_micros()),
            submitted: run.submitted,
            run: run.id,
            tail: std::cmp::Reverse(tail),
            ready: inst.ready_at,
            slot,
            inst: id,
            takes,
            latest,
        }
    }
}
