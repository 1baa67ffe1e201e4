//! What an index sees of a task that waits, and of its run: all of it is known to a scheduler in production.

use agendum_types::graph::{NodeId, Section};
use agendum_types::policy::Admission;
use agendum_types::{Duration, Timestamp};

use super::Served;
use crate::outlook::Expected;
use crate::plan::Plan;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::sketch::{of_quarter, quarter};

/// A task that is ranked. What only some indexes ask for is worked out when they do.
pub(crate) struct Seen<'a> {
    pub(super) now: Timestamp,
    /// When the run was accepted.
    pub(super) submitted: Timestamp,
    /// When the task was ready.
    pub(super) ready: Timestamp,
    /// When it has to be answered; without a deadline, how long it may be passed over.
    pub(super) due: Timestamp,
    /// True if the task is before an answer that has a deadline.
    pub(super) is_timed: bool,
    /// What the run has been served.
    pub(super) served: Served,
    /// What it would have been served if all had shared alike.
    pub(super) shared: Duration,
    /// How many seconds a second of service counts for.
    pub(super) aging: u32,
    /// By when a run without a deadline is to be answered.
    pub(super) patience: Duration,
    plan: &'a Plan,
    node: NodeId,
    /// What an attempt is given; `None` of a task of which nothing is concluded.
    bytes: Option<u64>,
    admission: Admission,
    /// What the runs of all graphs were served.
    all: Served,
    /// What those take on average that were answered; `None` before there were enough.
    usual: Option<Duration>,
}

impl Scheduler {
    /// What is seen of a task that is due then.
    pub(super) fn seen(&self, slot: Slot, id: InstId, due: Timestamp) -> Seen<'_> {
        let (run, plan) = (self.board.run(slot), self.board.plan(slot));
        let inst = run.inst(id);
        let rules = self.policy.band(self.band_of(slot, id));
        let is_before_answer = plan.task(inst.node).section == Section::Main && !run.is_answered();
        // Of a rung of `catch` nothing is known: its target may be quicker.
        let is_known = is_before_answer && inst.rung == 0;
        Seen {
            now: self.now,
            submitted: run.submitted,
            ready: inst.ready_at,
            due,
            is_timed: is_before_answer && run.deadline.is_some(),
            served: run.service,
            shared: self.board.sharing[run.priority as usize].since(run.shared_from),
            aging: rules.aging,
            patience: rules.patience,
            plan,
            node: inst.node,
            bytes: is_known.then(|| self.ask_of(slot, id).1),
            admission: self.policy.admission,
            all: self.board.plans.served,
            usual: self.board.plans.answered.usual(self.policy.admission.samples),
        }
    }
}

impl Seen<'_> {
    /// So much time, as it counts for this index.
    pub(super) fn aged(&self, span: Duration) -> Duration {
        Duration(span.as_micros().saturating_mul(self.aging.into()))
    }

    /// As if it had been accepted so much later.
    pub(super) fn later(&self, by: Duration) -> u64 {
        self.submitted.after(self.aged(by)).0
    }

    /// The expected time from the end of the task to the end of its section.
    pub(super) fn following(&self) -> Duration {
        self.plan.following(self.node)
    }

    /// How long it takes for each run that is answered, of those that stand where this one does.
    pub(super) fn to_come(&self) -> Duration {
        self.plan.service.to_come(self.served, self.all)
    }

    /// As if a run, before it began, had been accepted so much later as it takes longer than runs of all graphs do, or sooner; as it was where that is
    /// about as long, or nobody knows how many calls there will be. It goes in steps of a quarter of a doubling, so that what is
    /// learned seldom moves a run of a graph past another.
    pub(super) fn later_by_graph(&self) -> u64 {
        let is_known = self.plan.has_calls && (!self.plan.is_open || self.are_alike());
        let Some(usual) = self.usual.filter(|_| is_known).map(Duration::as_micros) else { return self.submitted.0 };
        let own = self.plan.service.whole().as_micros();
        if (usual / 2..=usual.saturating_mul(2)).contains(&own) {
            return self.submitted.0;
        }
        let coarse = |micros: u64| self.aged(Duration(of_quarter(quarter(micros)).0));
        self.submitted.after(coarse(own)).before(coarse(usual)).0
    }

    /// How long it takes for each run that is answered, of those that have not begun.
    fn whole(&self) -> Duration {
        self.plan.service.to_come(Served::default(), self.all)
    }

    /// True if most runs of its graph take about as many calls.
    pub(super) fn are_alike(&self) -> bool {
        self.plan.service.are_alike()
    }

    /// What a run that has been served so much has less to come than one that has not begun.
    pub(super) fn done(&self) -> Duration {
        self.whole().minus(self.to_come())
    }

    /// True if enough runs of its graph were answered to conclude from them.
    pub(super) fn has_ends(&self) -> bool {
        self.plan.service.ended() >= u64::from(self.admission.samples)
    }

    /// The service until the answer, on average, of runs that stand where this one does.
    pub(super) fn to_answer(&self) -> Duration {
        self.plan.service.to_answer(self.served, self.all)
    }

    /// The time until the answer on average, without that in the queue, and whether enough was seen to conclude from it. Where a graph has a loop, whose
    /// rounds nobody knows before, it is what runs of the graph have shown; else the longest way.
    pub(super) fn left(&self) -> (Duration, bool) {
        if self.plan.is_open {
            return (self.to_answer(), self.has_ends());
        }
        match self.expected() {
            Some(expected) => (expected.mean, true),
            None => (self.plan.tail(self.node), false),
        }
    }

    /// What the answer is worth, as tasks say it: 50 is usual.
    pub(super) fn value(&self) -> u64 {
        self.plan.value
    }

    pub(super) fn expected(&self) -> Option<Expected> {
        self.plan.expected(self.node, self.bytes?, self.admission)
    }

    /// So many of a thousand attempts that were given as much took longer than what is left for this one; nothing before enough was seen.
    pub(super) fn late(&self) -> u64 {
        let Some(bytes) = self.bytes else { return 0 };
        self.plan.late(self.node, bytes, self.due.since(self.now), self.admission).unwrap_or(0)
    }
}
