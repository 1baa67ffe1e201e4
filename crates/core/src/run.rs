//! A live run: what the journal says of it, in arenas.
//!
//! What records say is all that [`Board::apply`](crate::board::Board::apply) reads and what the digest covers. Beside it stands what is
//! only in flight (queue places, timers, pauses, lists of who waits for money), which the next life finds again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use agendum_types::graph::{Budget, NodeId, Priority, Section};
use agendum_types::target::Bound;
use agendum_types::{
    AttemptId, AttemptNo, Duration, Effect, Incarnation, Labels, Money, Parent, PayloadRef, Principal, RunId,
    RunStatus, Seq, TaskPath, Tenant, Timestamp,
};

use crate::action::RunFailure;
use crate::ahead::Ahead;
use crate::effects::{Bindings, Effects};
use crate::inst::{Body, Flight, Inst, Layer, State};
use crate::order::Served;
use crate::plan::PlanId;
use crate::plea::Asked;
use crate::queue::TenantNo;
use crate::record::Origin;
use crate::record::SignalKept;
use crate::turns::Turn;

/// The place of a run in the shard's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// The place of a task instance in its run's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstId(pub(crate) u32);

impl InstId {
    /// The run itself, as a parent.
    pub(crate) const TOP: Self = Self(u32::MAX);
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// It waits for its turn in its group: nothing of it has begun.
    Held,
    /// The main tasks run.
    Main,
    /// The main tasks have settled; the output is being made.
    Composing,
    /// The main tasks have failed or were cancelled; the answer is due.
    Failing,
    /// Answered without an output; what was done is taken back.
    Compensating,
    /// Answered; this section runs.
    Section(Section),
    /// Everything has settled; abandoned attempts may still be out.
    Closing,
}

/// Tasks beside each other at the top of a section, in the order of the graph. They stand in a row in the arena, so that finding one
/// touches no further memory; only those that were added to the live run stand elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    first: u32,
    in_row: u32,
    added: Vec<InstId>,
    /// How many have not settled.
    pub(crate) unsettled: u32,
}

impl Scope {
    pub(crate) fn get(&self, position: usize) -> Option<InstId> {
        match position.checked_sub(self.in_row as usize) {
            None => Some(InstId(self.first + position as u32)),
            Some(beyond) => self.added.get(beyond).copied(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.in_row as usize + self.added.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = InstId> + '_ {
        (self.first..self.first + self.in_row).map(InstId).chain(self.added.iter().copied())
    }

    pub(crate) fn add(&mut self, id: InstId) {
        self.added.push(id);
        self.unsettled += 1;
    }
}

/// An attempt that nobody awaits any more, but that may still cost.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    pub(crate) path: TaskPath,
    pub(crate) attempt: AttemptNo,
    pub(crate) incarnation: Incarnation,
    pub(crate) hold: Money,
    pub(crate) hold_tokens: u64,
    pub(crate) taken: Timestamp,
    pub(crate) target: Arc<str>,
    pub(crate) effect: Effect,
    pub(crate) undo: Option<Bindings>,
    /// As [`Running::is_since`](crate::inst::Running).
    pub(crate) is_since: bool,
    /// Which try of its task it was.
    pub(crate) number: u32,
    /// `None` for an attempt of an earlier life.
    pub(crate) flight: Option<Flight>,
    /// It was stopped for a more urgent task.
    pub(crate) gave_way: bool,
    /// Another attempt of its task, which was out beside it, has succeeded.
    pub(crate) is_beaten: bool,
}

impl Orphan {
    pub(crate) fn id(&self, run: RunId) -> AttemptId {
        AttemptId { run, path: self.path.clone(), attempt: self.attempt, incarnation: self.incarnation }
    }

    /// True if this is the attempt of that id.
    pub(crate) fn is(&self, path: &TaskPath, attempt: AttemptNo, incarnation: Incarnation) -> bool {
        self.attempt == attempt && self.incarnation == incarnation && self.path == *path
    }
}

/// A live run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) tenant: Tenant,
    /// Under which the caller submitted it.
    pub(crate) key: Option<Arc<str>>,
    pub(crate) principal: Principal,
    /// The task of another run for which it runs.
    pub(crate) parent: Option<Arc<Parent>>,
    /// What it takes over of a run before it.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) plan: PlanId,
    pub(crate) inputs: PayloadRef,
    pub(crate) labels: Labels,
    pub(crate) priority: Priority,
    pub(crate) strict: bool,
    /// Since when a caller has paused it, or it is in quarantine.
    pub(crate) paused: Option<Timestamp>,
    /// Nothing of it is begun, not even an evaluation.
    pub(crate) quarantined: bool,
    /// The last life that found it at work in a crash, and how many there were in a row.
    pub(crate) crashed: (Incarnation, u32),
    pub(crate) degraded: bool,
    pub(crate) phase: Phase,
    pub(crate) status: RunStatus,
    pub(crate) submitted: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) budget: Option<Box<Budget>>,
    pub(crate) spent: Money,
    /// What it has been served.
    pub(crate) service: Served,
    /// Where the shared service of its band stood when it came.
    pub(crate) shared_from: Duration,
    /// Its tenant, as the queue of this life knows it, once that was asked.
    pub(crate) tenant_no: Option<TenantNo>,
    pub(crate) held: Money,
    pub(crate) tokens: u64,
    pub(crate) held_tokens: u64,
    /// What was billed above what had been set aside.
    pub(crate) over: Money,
    /// An attempt was sent whose cost has no sure bound.
    pub(crate) estimated: bool,
    /// A person was asked for more than its budget, and refused.
    pub(crate) refused: bool,
    /// The last record of this run.
    pub(crate) last: Seq,
    /// What follows must wait for this record, because it is dear.
    pub(crate) floor: Seq,
    pub(crate) failure: Option<Box<RunFailure>>,
    pub(crate) escalation: Option<NodeId>,
    pub(crate) orphans: Vec<Orphan>,
    pub(crate) effects: Effects,
    /// Signals that no wait has taken, oldest first.
    pub(crate) kept: VecDeque<SignalKept>,
    /// The ids of the last webhooks that came, oldest first.
    pub(crate) webhooks: VecDeque<Arc<str>>,
    pub(crate) insts: Vec<Inst>,
    pub(crate) free: Vec<InstId>,
    pub(crate) scopes: [Scope; 4],
    /// Tasks that wait for money, or for a cheaper target than they would have with more, in the order they came. Those that have left
    /// the queue since stay until money comes free.
    pub(crate) broke: Vec<InstId>,
    /// Tasks that wait for a person, a signal, or a person's money: who has waited longest comes first, of one instant by their paths.
    pub(crate) awaiting: BTreeMap<(Timestamp, TaskPath), InstId>,
    /// Tasks that a pause holds back. Those that have ended since stay until it is over.
    pub(crate) held_back: Vec<InstId>,
    /// Of the tasks that others judge and that have given something: the targets that gave it.
    pub(crate) served: BTreeMap<InstId, Arc<str>>,
    /// Its place in its group.
    pub(crate) turn: Option<Box<Turn>>,
    /// What tasks have given ahead of plans that are not read yet.
    pub(crate) ahead: BTreeMap<InstId, Ahead>,
    /// Of the tasks that ask for more than its budget: for what, as the records say.
    pub(crate) pleas: BTreeMap<InstId, Asked>,
}

impl Run {
    pub(crate) fn inst(&self, id: InstId) -> &Inst {
        &self.insts[id.0 as usize]
    }

    pub(crate) fn inst_mut(&mut self, id: InstId) -> &mut Inst {
        &mut self.insts[id.0 as usize]
    }

    pub(crate) fn scope(&self, section: Section) -> &Scope {
        &self.scopes[section as usize]
    }

    pub(crate) fn scope_mut(&mut self, section: Section) -> &mut Scope {
        &mut self.scopes[section as usize]
    }

    /// Puts an instance into the arena.
    pub(crate) fn add(&mut self, inst: Inst) -> InstId {
        match self.free.pop() {
            Some(id) => {
                *self.inst_mut(id) = inst;
                id
            }
            None => {
                self.insts.push(inst);
                InstId(u32::try_from(self.insts.len() - 1).expect("the limit on live tasks is far below"))
            }
        }
    }

    /// Puts the instances of a section into the arena, in a row.
    pub(crate) fn add_row(&mut self, insts: impl ExactSizeIterator<Item = Inst>) -> Scope {
        let first = u32::try_from(self.insts.len()).expect("the limit on live tasks is far below");
        let in_row = u32::try_from(insts.len()).expect("limited by the document's checker");
        self.insts.reserve_exact(insts.len());
        self.insts.extend(insts);
        Scope { first, in_row, added: Vec::new(), unsettled: in_row }
    }

    /// The path of an instance, by climbing to the top.
    pub(crate) fn path(&self, id: InstId) -> TaskPath {
        let mut path = TaskPath::default();
        let mut at = id;
        while at != InstId::TOP {
            let inst = self.inst(at);
            path.0.push(inst.segment());
            if inst.layer == Layer::Compensation {
                path.0.extend(self.effects.of(at).segments().iter().rev().copied());
            }
            at = inst.parent;
        }
        path.0.reverse();
        path
    }

    /// The run from which the idempotency keys of a task derive.
    pub(crate) fn key_origin(&self, path: &TaskPath) -> RunId {
        self.origin.as_ref().map_or(self.id, |origin| origin.key_of(path))
    }

    /// Live instances.
    pub(crate) fn live(&self) -> usize {
        self.insts.len() - self.free.len()
    }

    /// The nearest instance, this one included, of a given layer kind.
    pub(crate) fn enclosing(&self, id: InstId, wanted: impl Fn(&Inst) -> bool) -> Option<InstId> {
        let mut at = id;
        while at != InstId::TOP {
            let inst = self.inst(at);
            if wanted(inst) {
                return Some(at);
            }
            at = inst.parent;
        }
        None
    }

    /// The children of an instance, in a fixed order.
    pub(crate) fn children(&self, id: InstId) -> Vec<InstId> {
        match self.inst(id).body.as_deref() {
            None | Some(Body::Wait(_)) => Vec::new(),
            Some(Body::Group(group)) => group.children.clone(),
            Some(Body::Each(each)) => each.children.values().copied().collect(),
            Some(Body::Loop(repeat)) => repeat.child.into_iter().collect(),
            Some(Body::Check(child)) => vec![*child],
        }
    }

    /// The first task inside an open instance, or the instance itself, that has neither settled nor waits for another; one that runs
    /// before one that waits.
    pub(crate) fn first_inside(&self, id: InstId) -> InstId {
        let (mut stack, mut first) = (vec![id], id);
        while let Some(next) = stack.pop() {
            let state = &self.inst(next).state;
            if matches!(state, State::Running(_)) {
                return next;
            }
            let waits = !matches!(state, State::Waiting | State::Checked(_) | State::Open | State::Settled(_));
            if waits && first == id {
                first = next;
            }
            stack.extend(self.children(next).into_iter().rev());
        }
        first
    }

    /// Of a run with a budget whether that surely holds.
    pub(crate) fn bound(&self) -> Option<Bound> {
        let bound = if self.estimated { Bound::Estimated } else { Bound::Hard };
        self.budget.as_ref().map(|_| bound)
    }

    /// True if the answer is settled.
    pub(crate) const fn is_answered(&self) -> bool {
        matches!(self.phase, Phase::Compensating | Phase::Section(_) | Phase::Closing)
    }
}

impl Run {
    /// Something of the run has started.
    pub(crate) fn start(&mut self) {
        if self.status == RunStatus::Queued {
            self.status = RunStatus::Running;
        }
    }
}
