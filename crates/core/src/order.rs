//! Which run of a tenant goes first: the index of the policy, one rule each.

mod attained;
mod call_fifo;
mod edf;
mod fifo;
mod gittins;
mod slack;

pub(crate) use gittins::Service;

use agendum_types::graph::{Priority, Section};
use agendum_types::policy::Index;
use agendum_types::{Duration, Timestamp};

use crate::queue::Rank;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

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

/// What an index sees of a task that waits, and of its run: all of it is known to a scheduler in production.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When the run was accepted.
    pub(crate) submitted: Timestamp,
    /// When the task was ready.
    pub(crate) ready: Timestamp,
    /// When it has to be answered; without a deadline, how long it may be passed over.
    pub(crate) due: Timestamp,
    /// The expected time from the end of the task to the end of its section.
    pub(crate) following: Duration,
    /// What the run has been served.
    pub(crate) served: Served,
    /// How long it takes for each run that is answered, of those that stand where this one does.
    pub(crate) to_come: Duration,
    /// How many seconds a second of that counts for.
    pub(crate) aging: u32,
}

impl Seen {
    /// As if it had been accepted so much later.
    fn later(&self, by: Duration) -> u64 {
        self.submitted.after(Duration(by.as_micros().saturating_mul(self.aging.into()))).0
    }
}

/// An index: smaller is sooner. A task keeps what it was given when it was queued.
pub(crate) trait Rule {
    /// Where a task stands.
    fn index(&self, seen: &Seen) -> u64;

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
            if let Some(plan) = self.board.plans.find(hash) {
                self.board.plans.get_mut(plan).service.ends(served);
            }
        }
    }

    /// A call of a run has ended that is service to it: what runs of its graph take is learned from it.
    pub(crate) fn is_served(&mut self, slot: Slot, took: Duration) {
        let (plan, served) = (self.board.run(slot).plan, self.board.run(slot).service);
        self.board.plans.served.takes(took);
        self.board.plans.get_mut(plan).service.goes_on(served, took);
    }

    /// The band of a task.
    pub(crate) fn band_of(&self, slot: Slot, id: InstId) -> Priority {
        let run = self.board.run(slot);
        let is_after = self.board.plan(slot).task(run.inst(id).node).section == Section::After;
        if is_after { Priority::Background } else { run.priority }
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
        let (tail, following, served) = (plan.tail(inst.node), plan.following(inst.node), run.service);
        let to_come = plan.service.to_come(served, self.board.plans.served);
        let (submitted, ready, aging) = (run.submitted, inst.ready_at, rules.aging);
        let seen = Seen { submitted, ready, due, following, served, to_come, aging };
        let by = rule(if run.deadline.is_some() { rules.deadline_index } else { rules.index });
        // Runs of which one is due and the other is not are compared as if the other were due after its patience.
        let is_behind = run.deadline.is_none() && !by.is_due() && rule(rules.deadline_index).is_due();
        let patience = if is_behind { rules.patience } else { Duration::ZERO };
        Rank {
            risky: false,
            index: by.index(&seen).saturating_add(patience.as_micros()),
            submitted: run.submitted,
            run: run.id,
            tail: std::cmp::Reverse(tail),
            ready: inst.ready_at,
            slot,
            inst: id,
        }
    }
}
