//! What follows from records, and from nothing else: the runs, and the indexes over them.
//!
//! [`Board::apply`] is the only thing that changes a run's durable state. What follows by the rules of the graph it does (see `settle`);
//! it makes no choice that depends on time, chance, targets or money: what a record leaves open it puts on the list `todo`, which live
//! handling works off and a restart throws away (to find the same again in the states of the instances). While a record is made, and then
//! only, `unsent` takes how long those had waited that it ends before they were sent. Nothing follows from that.

mod ahead;
mod awaiting;
mod cache;
mod compensate;
mod doubt;
mod downs;
mod open;
mod planned;
mod plea;
mod raise;
mod reuse;
mod run;
pub(crate) mod settle;
mod task;
mod turn;
mod verdict;
mod waits;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use agendum_types::Policy;
use agendum_types::graph::NodeId;
use agendum_types::{AttemptId, Booked, CacheKey, Limits, RunId, TargetId, Tenant, Timestamp, Verdict};

use crate::action::Entry;
use crate::flights::Flights;
use crate::inst::{Settled, State};
use crate::ledger::Ledger;
use crate::lookup::Lookup;
use crate::order::Sharing;
use crate::outlast::Outlasting;
use crate::plan::{Plan, Plans};
use crate::preempt::Watched;
use crate::queue::Queue;
use crate::record::{Record, Unsent};
use crate::remember::Since;
use crate::run::{InstId, Run, Slot};
use crate::timers::Timers;
use crate::turns::{Group, Groups};

pub use downs::DOWNTIMES_MAX;
use downs::Downs;

/// Something that a record left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    /// The instance is ready: evaluate, open, queue.
    Take(Slot, InstId),
    /// The instance asks for an evaluation.
    Ask(Slot, InstId),
    /// The run's output is to be made.
    Compose(Slot),
    /// The run's main tasks failed or were cancelled: its answer is due.
    Fail(Slot),
    /// Nothing more of the run is taken back.
    Compensated(Slot),
    /// The last section has settled.
    Close(Slot),
    /// The instance began to wait: what it waits for may have come before.
    Hear(Slot, InstId),
    /// An attempt that is out is not wanted any more.
    Stop(AttemptId),
    /// A top-level task has succeeded: texts may be held back for it.
    Publish(Slot, InstId),
    /// Money of the run came free.
    Afford(Slot),
    /// Money of a window came free: for those that wait for a cheaper target.
    AffordAll,
    /// Money of this loop came free, or is spent.
    AffordIn(Slot, InstId),
    /// A round of this loop could not be paid for.
    RanOut(Slot, InstId),
    /// The instance stands among the tasks of a plan that is whole now: targets may do that would not before.
    Requeue(Slot, InstId),
    /// The instance waits for a target, and not all of those may see its run any more.
    Anew(Slot, InstId),
    /// What asks for more than the run's budget has an answer.
    Plea(Slot),
    /// A check has ended: what follows is to be decided.
    Checked(Slot, InstId),
    /// Another run of this group may have its turn.
    Turn(Arc<Group>),
    /// Nobody has the turn of this key.
    PassTurn(Arc<CacheKey>),
}

/// The durable state of a shard's live runs, with its indexes.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) limits: Limits,
    pub(crate) plans: Plans,
    slots: Vec<Option<Box<Run>>>,
    free: Vec<Slot>,
    by_id: Lookup<RunId, Slot>,
    /// Live runs that were submitted under a key.
    keyed: Lookup<(Tenant, Arc<str>), RunId>,
    /// Runs in which a task waits for a person or a signal.
    pub(crate) awaiting: BTreeMap<RunId, Slot>,
    pub(crate) queue: Queue,
    /// Tasks that wait for a target though another would do.
    pub(crate) held: BTreeSet<(TargetId, Slot, InstId)>,
    pub(crate) outlasting: Outlasting,
    pub(crate) timers: Timers,
    pub(crate) watched: Watched,
    pub(crate) flights: Flights,
    pub(crate) todo: VecDeque<Todo>,
    /// Tasks to be skipped once the current record is applied: a worklist, because a chain of them may be long.
    skips: Vec<(Slot, InstId)>,
    /// The loop that the current record has given up.
    ran_out: Option<(Slot, NodeId)>,
    /// The loop whose budget does not cover the task that the current record ends.
    short: Option<(Slot, InstId)>,
    /// What the record that is being made has ended before it was sent; `None` while one of the journal is applied.
    pub(crate) unsent: Option<Vec<Unsent>>,
    /// The times in which nothing ran: each from the last record of a life, its `Closed` if it had one, to the opening of the next.
    pub(crate) downs: Downs,
    /// The time of the last record applied.
    pub(crate) at: Timestamp,
    pub(crate) live_tasks: u64,
    pub(crate) ledger: Ledger,
    /// What the current record has settled.
    pub(crate) booked: Option<Booked>,
    /// What others have settled as of use that is waste with the current one.
    pub(crate) wasted: Vec<Booked>,
    /// What the judge says of another task that it has let succeed. It settles one at most: a judge inside another ends before that.
    pub(crate) verdict: Option<Box<Verdict>>,
    pub(crate) groups: Groups,
    /// While a journal is applied: what it says of the time after the checkpoint.
    pub(crate) since: Option<Since>,
    /// What runs would be served in each band if they shared alike.
    pub(crate) sharing: [Sharing; 3],
}

impl Board {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            plans: Plans::new(&limits),
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            by_id: Lookup::default(),
            keyed: Lookup::default(),
            awaiting: BTreeMap::new(),
            queue: Queue::new(&Policy::default()),
            timers: Timers::default(),
            outlasting: Outlasting::default(),
            held: BTreeSet::new(),
            watched: Watched::default(),
            flights: Flights::default(),
            todo: VecDeque::new(),
            skips: Vec::new(),
            ran_out: None,
            short: None,
            unsent: None,
            downs: Downs::default(),
            at: Timestamp(0),
            live_tasks: 0,
            ledger: Ledger::default(),
            booked: None,
            wasted: Vec::new(),
            verdict: None,
            groups: Groups::default(),
            since: None,
            sharing: Default::default(),
        }
    }

    /// The live run that was submitted under this key.
    pub(crate) fn run_of_key(&self, tenant: &Tenant, key: &Arc<str>) -> Option<RunId> {
        self.keyed.get(&(tenant.clone(), Arc::clone(key))).copied()
    }

    pub(crate) fn slot(&self, run: RunId) -> Option<Slot> {
        self.by_id.get(&run).copied()
    }

    pub(crate) fn run(&self, slot: Slot) -> &Run {
        self.slots[slot.0 as usize].as_deref().expect("a slot in use holds a run")
    }

    pub(crate) fn run_mut(&mut self, slot: Slot) -> &mut Run {
        self.slots[slot.0 as usize].as_deref_mut().expect("a slot in use holds a run")
    }

    /// The run in this slot, if it has not been closed since.
    pub(crate) fn run_if_live(&self, slot: Slot) -> Option<&Run> {
        self.slots[slot.0 as usize].as_deref()
    }

    pub(crate) fn plan(&self, slot: Slot) -> &Plan {
        self.plans.get(self.run(slot).plan)
    }

    pub(crate) fn live_runs(&self) -> usize {
        self.by_id.len()
    }

    /// Slots of live runs, in the order of the arena.
    pub(crate) fn live_slots(&self) -> Vec<Slot> {
        (0..).zip(&self.slots).filter(|(_, run)| run.is_some()).map(|(index, _)| Slot(index)).collect()
    }

    /// Applies a fact or a decision of the journal.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        let slot = entry.record.run().and_then(|run| self.slot(run));
        self.apply_to(slot, entry);
    }

    /// The same where the run of the record is known already.
    pub(crate) fn apply_to(&mut self, slot: Option<Slot>, entry: &Entry) {
        self.at = self.at.max(entry.at);
        self.looks_back(entry.seq);
        (self.booked, self.short, self.verdict) = (None, None, None);
        self.wasted.clear();
        if let Some(slot) = slot {
            self.run_mut(slot).last = entry.seq;
        }
        match (&entry.record, slot) {
            (Record::Opened { down_since, .. }, _) => {
                if let Some(since) = down_since {
                    self.downs.add(*since, entry.at);
                }
            }
            (Record::Closed | Record::ClockJumped { .. }, _) => {}
            (Record::RunSubmitted(submitted), None) => {
                let tenant = entry.tenant.clone().expect("a run's records name its tenant");
                self.submit(tenant, submitted, entry.seq);
            }
            (Record::RunSubmitted(_), Some(_)) => panic!("a run is submitted once"),
            (Record::TasksAdded { graph, .. }, Some(slot)) => self.grow(slot, *graph),
            (Record::TasksAhead { path, attempt, graph, .. }, Some(slot)) => {
                self.grow_ahead(slot, path, *attempt, *graph);
            }
            (Record::CancelRequested { replaced_by, .. }, Some(slot)) => self.cancel(slot, *replaced_by),
            (Record::Paused { .. }, Some(slot)) => self.run_mut(slot).paused = Some(self.at),
            (Record::Crashed { incarnation, in_row, quarantined, .. }, Some(slot)) => {
                self.crashed(slot, *incarnation, *in_row, *quarantined);
            }
            (Record::Resumed { .. }, Some(slot)) => self.resume(slot),
            (Record::SignalKept(kept), Some(slot)) => self.keep_signal(slot, kept),
            (Record::Raised(raised), Some(slot)) => self.raised(slot, raised),
            (Record::Task { path, change, .. }, Some(slot)) => self.change(slot, path, change, entry.seq),
            (Record::Answered(answered), Some(slot)) => self.answer(slot, answered),
            (Record::Compensated(_), Some(slot)) => self.compensated(slot),
            (Record::Begun { .. }, Some(slot)) => self.begin(slot),
            (Record::Done { .. }, Some(slot)) => self.close(slot),
            (_, None) => panic!("a record names a live run: {:?}", entry.record),
        }
        if let Some(slot) = slot {
            self.withdraw_vain(slot);
        }
        while let Some((slot, id)) = self.skips.pop() {
            // What it stood in may have ended since, and its place may hold another task.
            let inst = self.run(slot).inst(id);
            if inst.poisoned && inst.pending == 0 && matches!(inst.state, State::Waiting) {
                self.settle(slot, id, Settled::Skipped, None);
            }
        }
        self.escalate();
    }

    /// A task waits for a cheaper target than it would have with more money.
    pub(crate) fn is_short(&mut self, slot: Slot, id: InstId) {
        self.run_mut(slot).broke.push(id);
        if !self.ledger.windows.is_unlimited() {
            self.ledger.short.insert(slot);
        }
    }

    /// Puts a run into the arena.
    fn add(&mut self, run: Run) -> Slot {
        let id = run.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            Slot(u32::try_from(self.slots.len() - 1).expect("the limit on live runs is far below"))
        });
        if let Some(key) = &run.key {
            self.keyed.insert((run.tenant.clone(), Arc::clone(key)), id);
        }
        self.slots[slot.0 as usize] = Some(Box::new(run));
        self.by_id.insert(id, slot);
        slot
    }

    fn remove(&mut self, slot: Slot) {
        let run = self.slots[slot.0 as usize].take().expect("a slot in use holds a run");
        self.by_id.remove(&run.id);
        self.awaiting.remove(&run.id);
        if let Some(key) = &run.key {
            self.keyed.remove(&(run.tenant.clone(), Arc::clone(key)));
        }
        self.leave_group(&run);
        self.plans.release(run.plan);
        self.live_tasks -= run.live() as u64;
        self.free.push(slot);
    }
}
