//! A task instance: one place in a run's tree of groups, items and rounds.
//!
//! A task of the graph becomes an instance of layer `Node`. With `foreach` it opens one `Item` for each element, with `loop` each of
//! these (or the node) opens one `Round` after the other; what is left at the bottom is a call or a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{Foreach, NodeId, Priority, Task, Work};
use agendum_types::{
    AttemptNo, CacheKey, Cause, Duration, Effect, Failure, Hash, Incarnation, Labels, Money, PayloadRef, Prefix,
    Segment, TargetId, TaskPath, TaskStatus, Timestamp, Wait, WaitFor,
};

use crate::action::Step;
use crate::effects::Bindings;
use crate::plea::Pleading;
use crate::preempt::{Freed, Watch};
use crate::purse::Payer;
use crate::queue::{Pocket, Rank, TenantNo, Ticket};
use crate::record::Waits;
use crate::run::InstId;
use crate::score::Foretold;
use crate::targets::PriceId;
use crate::trouble::Trouble;

/// Which layer of a task an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layer {
    Node,
    Item(u32),
    Round(u32),
    /// A task that finds out for the one it stands in whether an attempt took effect.
    Check,
    /// A task that takes back what another has done, which may be gone.
    Compensation,
}

impl Layer {
    /// The layer that a path names.
    pub(crate) fn of(path: &TaskPath) -> Self {
        match path.segments().last() {
            Some(Segment::Item(index)) => Self::Item(*index),
            Some(Segment::Round(round)) => Self::Round(*round),
            Some(Segment::Task(_)) | None => Self::Node,
        }
    }

    /// True if this is where a task begins: its delay and its own time count from here.
    pub(crate) const fn is_outermost(self) -> bool {
        matches!(self, Self::Node | Self::Compensation)
    }

    /// `foreach`, if this layer of the task opens it.
    pub(crate) fn items(self, task: &Task) -> Option<&Foreach> {
        task.foreach.as_ref().filter(|_| self == Self::Node)
    }

    /// True if this layer of the task opens rounds.
    pub(crate) fn opens_rounds(self, task: &Task) -> bool {
        task.repeat.is_some() && !matches!(self, Self::Round(_)) && self.items(task).is_none()
    }

    /// True if this layer of the task itself makes the call.
    pub(crate) fn calls(self, task: &Task) -> bool {
        matches!(task.work, Work::Call(_)) && self.items(task).is_none() && !self.opens_rounds(task)
    }

    /// True if what this layer of the task gives may be kept: a check has to look, and what is taken back is taken back each time.
    pub(crate) fn keeps(self, task: &Task) -> bool {
        self.calls(task) && matches!(self, Self::Node | Self::Item(_) | Self::Round(_))
    }

    /// True if `fail_if` and `catch` of the task look at this layer: one for each item, none for a round.
    pub(crate) fn is_judged(self, task: &Task) -> bool {
        !matches!(self, Self::Round(_)) && self.items(task).is_none()
    }
}

/// How an instance stands.
#[derive(Debug)]
pub(crate) enum State {
    /// Siblings it needs have not settled.
    Waiting,
    /// Everything it needs has settled; the scheduler has not taken it up, or has not been able to.
    Ready,
    /// Not before this instant: delay or `not_before`.
    Parked(Timestamp),
    /// An evaluation is out, or waits for a credit.
    Asking(Step),
    /// A look for a kept result is out, under this number.
    LookingUp(u64),
    /// Another computes what it asks for.
    InLine { since: Timestamp, ticket: u64 },
    /// In the queue of its eligibility class.
    Queued(Box<Ticket>),
    /// The run is paused, since.
    Paused(Timestamp),
    /// Waits until other attempts settle for less than they hold, or until a window of the tenant's budget is over.
    Broke(Box<Broke>),
    /// It asks a person for more than the budget of its run.
    Pleading(Box<Pleading>),
    /// An attempt is out.
    Running(Box<Running>),
    /// Between two attempts.
    BackingOff(Timestamp),
    /// A check has ended that was to find out whether an attempt took effect: it did, it did not, nobody knows.
    Checked(Option<bool>),
    /// It waits for a person, a signal, a webhook or an instant, since.
    Awaiting(Timestamp),
    /// The tasks inside run.
    Open,
    /// Nothing more will happen.
    Settled(Settled),
}

/// A task that waits for money.
#[derive(Debug)]
pub(crate) struct Broke {
    pub(crate) since: Timestamp,
    /// Whose money it waits for.
    pub(crate) of: Payer,
    /// If that is a window's: the pocket it stands in, and where.
    pub(crate) place: Option<(Pocket, Rank)>,
    /// What it has looked for a copy of in vain.
    pub(crate) looked: Option<Arc<CacheKey>>,
}

/// How an instance settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Settled {
    Succeeded,
    Skipped,
    Failed,
    Pruned,
    Cancelled,
}

/// The attempt that is out.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) attempt: AttemptNo,
    pub(crate) incarnation: Incarnation,
    pub(crate) target: Arc<str>,
    pub(crate) effect: Effect,
    pub(crate) hold: Money,
    pub(crate) hold_tokens: u64,
    /// When that was set aside, be it for an attempt that this one continues.
    pub(crate) taken: Timestamp,
    pub(crate) lower: bool,
    pub(crate) since: Timestamp,
    pub(crate) reference: Option<Arc<str>>,
    /// What takes its effect back reads this, if anything does: it was settled before the attempt, and may be gone when that has ended.
    pub(crate) undo: Option<Bindings>,
    /// It was sent after the checkpoint with which this life began.
    pub(crate) is_since: bool,
    /// Where it runs in this life; not durable.
    pub(crate) flight: Option<Flight>,
    /// The attempt that it was sent beside, and that is out too.
    pub(crate) rival: Option<Box<Self>>,
}

impl Running {
    /// True if it is the attempt of this number of that life.
    pub(crate) fn is(&self, attempt: AttemptNo, incarnation: Incarnation) -> bool {
        (self.attempt, self.incarnation) == (attempt, incarnation)
    }
}

/// Where an attempt of this life runs, and at what price. It stays with the attempt when that is abandoned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) target: TargetId,
    pub(crate) price: PriceId,
    /// The digest of that target's definition.
    pub(crate) digest: Hash,
    /// How many bytes it was given; not known of one of an earlier life.
    pub(crate) bytes: u64,
    /// It was sent in this life, with all the output that was asked for.
    pub(crate) whole: bool,
    /// When it was sent.
    pub(crate) sent: Timestamp,
    /// As [`Scheduler::tries_target`](crate::Scheduler::tries_target) told then.
    pub(crate) turn: u32,
    /// The tokens that were set aside of what its provider lets through in a minute.
    pub(crate) tokens: u64,
    /// What it was expected to take.
    pub(crate) foretold: Option<Foretold>,
    /// When it counts as slow.
    pub(crate) hedge_at: Option<Timestamp>,
    /// How it is found by who may need its place.
    pub(crate) watch: Option<Watch>,
    /// It was stopped for this task.
    pub(crate) freed: Option<Freed>,
    /// What it was counted for among the tenants of its band.
    pub(crate) charged: Charged,
    /// How long it took until its target worked on it, as was thought.
    pub(crate) start: Duration,
    /// Its target was thought to load something first.
    pub(crate) is_cold: bool,
    /// How long attempts on its target had been out by then, all together; `None` of one of an earlier life.
    pub(crate) area: Option<u64>,
}

/// What an attempt counts for among the tenants of its band, until it has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charged {
    pub(crate) band: Priority,
    pub(crate) tenant: TenantNo,
    /// In pico-dollars.
    pub(crate) cost: u64,
    /// Nothing was known of its target: it counts for a guess.
    pub(crate) is_guess: bool,
}

/// What an open instance holds, or waits for.
#[derive(Debug)]
pub(crate) enum Body {
    Group(Group),
    Each(Each),
    Loop(Loop),
    /// The check that finds out whether the attempt of a call took effect.
    Check(InstId),
    Wait(Waiting),
}

/// The tasks of a group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// In the order of the graph.
    pub(crate) children: Vec<InstId>,
    pub(crate) unsettled: u32,
    /// Good results of a race, in the order they came.
    pub(crate) winners: Vec<NodeId>,
}

/// The items of a `foreach`: a window over a list.
#[derive(Debug)]
pub(crate) struct Each {
    pub(crate) items: PayloadRef,
    pub(crate) count: u32,
    /// The next item to be opened.
    pub(crate) next: u32,
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) settled: u32,
    /// Live items by index.
    pub(crate) children: BTreeMap<u32, InstId>,
    /// What the outputs are labelled with, joined.
    pub(crate) labels: Labels,
}

/// The rounds of a `loop`.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) round: u32,
    pub(crate) child: Option<InstId>,
    /// What the tasks of the last round that was judged gave.
    pub(crate) previous: Vec<(NodeId, PayloadRef)>,
    /// What the tasks of the round that has just ended gave, until it is judged.
    pub(crate) ended: Vec<(NodeId, PayloadRef)>,
    pub(crate) last: Option<PayloadRef>,
    pub(crate) best: Option<(i64, PayloadRef)>,
    pub(crate) same: Option<Hash>,
    pub(crate) deadline: Option<Timestamp>,
    /// What its attempts have cost.
    pub(crate) spent: Money,
    pub(crate) tokens: u64,
    /// What its attempts that are out may yet cost, be they awaited or not.
    pub(crate) held: (Money, u64),
    /// By how much a person raised its budget.
    pub(crate) raised: (Money, u64),
    /// Tasks inside it that wait for what it holds, in the order they came. Those that have left stay until that changes.
    pub(crate) broke: Vec<InstId>,
    /// The round that is open could not be paid for and has failed with this: it was the last.
    pub(crate) unpaid: Option<Box<Failure>>,
}

/// What a `wait` waits for.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) wait: Wait,
    /// When it is over, or reminds.
    pub(crate) wakes: Timestamp,
}

/// A task instance.
#[derive(Debug)]
pub(crate) struct Inst {
    pub(crate) parent: InstId,
    pub(crate) node: NodeId,
    pub(crate) layer: Layer,
    /// Siblings that it waits for.
    pub(crate) pending: u32,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// Attempts on this rung so far.
    pub(crate) rung_attempts: u32,
    /// How often an attempt of it was stopped for a more urgent task.
    pub(crate) gave_way: u8,
    /// Its last attempt was, and it waits for the next since.
    pub(crate) gives_way: bool,
    /// Attempts of the checks that asked whether one of its own took effect: the next check goes on counting.
    pub(crate) checks: u32,
    /// 0: no rung of `catch` was taken; else the index of the rung plus one.
    pub(crate) rung: u8,
    /// Condition, items and input are evaluated.
    pub(crate) entered: bool,
    /// It took a lower rung, or something inside it did.
    pub(crate) degraded: bool,
    /// Its last attempt was one of effect `once`.
    pub(crate) once: bool,
    /// It gives what it gave in the run that this one takes over.
    pub(crate) reused: bool,
    /// It took a result that was kept.
    pub(crate) cached: bool,
    /// What it gave is such a result, and nothing that it computed itself.
    pub(crate) copied: bool,
    /// It was skipped because what it needs failed in a section that goes on.
    pub(crate) poisoned: bool,
    pub(crate) state: State,
    /// When its needs had settled.
    pub(crate) ready_at: Timestamp,
    /// Since when it waits for its next attempt: ready, or the end of a back-off.
    pub(crate) free_at: Timestamp,
    /// What it waited for since then outside the queue it stands in, as far as this life knows.
    pub(crate) waited: Option<Box<Waits>>,
    /// It does not start before.
    pub(crate) start_at: Timestamp,
    /// Its timer of expiry.
    pub(crate) expires: Timestamp,
    /// What `with` gave; the list of a `foreach` until that is opened.
    pub(crate) input: Option<Box<PayloadRef>>,
    /// How that begins, if this life has made it.
    pub(crate) prefix: Option<Arc<Prefix>>,
    /// The key whose turn it has, or for whose turn it stands in line; not durable.
    pub(crate) sharing: Option<Arc<CacheKey>>,
    /// The elements of that list.
    pub(crate) count: Option<u32>,
    pub(crate) output: Option<Box<PayloadRef>>,
    pub(crate) body: Option<Box<Body>>,
    /// Why it failed, until that is passed on.
    pub(crate) failure: Option<Box<Failure>>,
    /// Of a `chat`: why its last result was refused, which its next attempt is told.
    pub(crate) refused: Option<Arc<str>>,
    /// What it knows of targets that were in trouble.
    pub(crate) trouble: Option<Box<Trouble>>,
}

impl Inst {
    pub(crate) fn new(parent: InstId, node: NodeId, layer: Layer) -> Self {
        Self {
            parent,
            node,
            layer,
            pending: 0,
            attempts: 0,
            rung_attempts: 0,
            gave_way: 0,
            gives_way: false,
            checks: 0,
            rung: 0,
            entered: false,
            degraded: false,
            once: false,
            reused: false,
            cached: false,
            copied: false,
            poisoned: false,
            state: State::Waiting,
            ready_at: Timestamp(0),
            free_at: Timestamp(0),
            waited: None,
            start_at: Timestamp(0),
            expires: Timestamp::MAX,
            input: None,
            prefix: None,
            sharing: None,
            count: None,
            output: None,
            body: None,
            failure: None,
            refused: None,
            trouble: None,
        }
    }

    /// Its own step of a path.
    pub(crate) const fn segment(&self) -> Segment {
        match self.layer {
            Layer::Node | Layer::Check | Layer::Compensation => Segment::Task(self.node),
            Layer::Item(index) => Segment::Item(index),
            Layer::Round(round) => Segment::Round(round),
        }
    }

    pub(crate) const fn settled(&self) -> Option<Settled> {
        match self.state {
            State::Settled(how) => Some(how),
            State::Waiting
            | State::Ready
            | State::Parked(_)
            | State::Asking(_)
            | State::LookingUp(_)
            | State::InLine { .. }
            | State::Queued(_)
            | State::Paused(_)
            | State::Broke { .. }
            | State::Pleading(_)
            | State::Running(_)
            | State::BackingOff(_)
            | State::Checked(_)
            | State::Awaiting(_)
            | State::Open => None,
        }
    }

    /// What its time passes for while it is queued for this: where it gave way, for that.
    pub(crate) const fn blames(&self, cause: Cause) -> Cause {
        let is_of_queue = matches!(cause, Cause::Order | Cause::Limit | Cause::Capacity | Cause::Backoff);
        if self.gives_way && is_of_queue { Cause::Preempted } else { cause }
    }

    /// Its output, if it has succeeded.
    pub(crate) fn result(&self) -> Option<&PayloadRef> {
        self.output.as_deref().filter(|_| matches!(self.state, State::Settled(Settled::Succeeded)))
    }

    pub(crate) fn is_asking(&self, step: Step) -> bool {
        matches!(self.state, State::Asking(asked) if asked == step)
    }

    /// What it waits for, if it is a `wait` that has been entered.
    pub(crate) fn wait(&self) -> Option<&Wait> {
        if let Some(Body::Wait(waiting)) = self.body.as_deref() { Some(&waiting.wait) } else { None }
    }

    /// What its time passes for while it waits so.
    pub(crate) fn awaits(&self) -> Cause {
        if self.wait().is_some_and(|wait| wait.of == WaitFor::Time) { Cause::Delay } else { Cause::Person }
    }

    pub(crate) fn running(&self) -> Option<&Running> {
        if let State::Running(running) = &self.state { Some(running) } else { None }
    }

    /// This attempt, if it is one of those that are out.
    pub(crate) fn out(&self, attempt: AttemptNo, incarnation: Incarnation) -> Option<&Running> {
        let both = self.running().into_iter().flat_map(|running| [Some(running), running.rival.as_deref()]);
        both.flatten().find(|running| running.is(attempt, incarnation))
    }

    /// How the outside sees it.
    pub(crate) const fn status(&self) -> TaskStatus {
        match self.state {
            State::Waiting
            | State::Ready
            | State::Parked(_)
            | State::LookingUp(_)
            | State::InLine { .. }
            | State::Queued(_)
            | State::Paused(_)
            | State::Broke { .. }
            | State::Pleading(_)
            | State::Awaiting(_) => TaskStatus::Waiting,
            State::Asking(Step::Enter) => TaskStatus::Waiting,
            State::Asking(_) | State::Running(_) | State::Checked(_) | State::Open => TaskStatus::Running,
            State::BackingOff(_) => TaskStatus::BackingOff,
            State::Settled(Settled::Succeeded) => TaskStatus::Succeeded,
            State::Settled(Settled::Skipped) => TaskStatus::Skipped,
            State::Settled(Settled::Failed) => TaskStatus::Failed,
            State::Settled(Settled::Pruned) => TaskStatus::Pruned,
            State::Settled(Settled::Cancelled) => TaskStatus::Cancelled,
        }
    }
}
