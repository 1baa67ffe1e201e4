//! What the core wants done. Imperative: the driver does it and answers with an event.

use std::sync::Arc;

use agendum_types::graph::{DataRef, ExprId, NodeId, Timeouts};
use agendum_types::{
    AttemptId, Booked, CacheKey, CachedCopy, Duration, Effect, Failure, Graph, Labels, Money, PayloadRef, Principal,
    RunId, RunStatus, Seq, TargetId, TaskPath, Tenant, Timestamp, Verdict,
};
use smallvec::SmallVec;

use crate::child::Inherited;
use crate::record::{Record, Unsent};

/// Something to do, and the record that must be durable first.
#[derive(Clone, Debug)]
pub struct Action {
    /// May be performed only when `Event::Durable` has reached this place. Every outside action carries it.
    pub after: Option<Seq>,
    /// What to do.
    pub deed: Deed,
}

/// Everything a driver must be able to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Append this record to the journal; `Event::Durable` answers. Records come in the order of the journal, without gaps.
    Append(Entry),
    /// Evaluate; `Event::Evaluated` answers.
    Evaluate(Box<Evaluate>),
    /// Start an attempt; `Event::AttemptFinished` answers, exactly once.
    Dispatch(Box<Dispatch>),
    /// Look for a kept result; `Event::LookedUp` answers. What fails has found nothing.
    LookUp(Box<LookUp>),
    /// Keep a result for other runs; `Event::Kept` answers, be it that this failed. Outside.
    Keep(Box<Keep>),
    /// Stop an attempt: its result is not wanted. Its `AttemptFinished` is still awaited, for what it cost. If its `Dispatch` still waits
    /// for its record, it must not leave at all, and has ended as cancelled without effect.
    CancelAttempt(AttemptId),
    /// The text of this task may be shown: what it is held back for has succeeded.
    Publish {
        /// The run.
        run: RunId,
        /// The task.
        path: TaskPath,
    },
    /// Tell the caller. Outside.
    Answer(Box<Answer>),
    /// Nothing more will happen to this run: forget it. Outside (lifecycle notices).
    Close {
        /// Whose run.
        tenant: Tenant,
        /// Which run.
        run: RunId,
        /// When.
        at: Timestamp,
        /// What it has spent in all.
        spent: Money,
        /// How much of that was billed above what had been set aside.
        over: Money,
        /// Of a run with a budget whether that surely held.
        bound: Option<agendum_types::target::Bound>,
    },
}

impl Deed {
    /// True if it leaves the process, so that a crash after it cannot unsay it: what it depends on must be durable first. Every deed
    /// stands here, and a new one has to be put on one of the two sides.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        match self {
            // What the disk is told, what is computed here, and what is only stopped: the next life does it again, or need not.
            Self::Append(_) | Self::Evaluate(_) | Self::LookUp(_) | Self::CancelAttempt(_) => false,
            // A child run that is only to be stopped.
            Self::Dispatch(dispatch) if dispatch.child.as_ref().is_some_and(|child| child.is_over) => false,
            // One without effect may run again; one that is paid for leaves against a hold that is committed.
            Self::Dispatch(dispatch) => dispatch.effect != Effect::None || dispatch.is_paid,
            // Another run can see what is kept.
            Self::Keep(_) => true,
            Self::Publish { .. } | Self::Answer(_) | Self::Close { .. } => true,
        }
    }
}

/// A record with its place and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// Whose run it speaks of; `None` for the shard's own records.
    pub tenant: Option<Tenant>,
    /// What was decided.
    pub record: Record,
    /// Of the tasks that it ended with what they stood in, those that waited to be sent, up to a limit. Only `why` asks for it.
    pub unsent: Box<[Unsent]>,
    /// What it settled. Journals of earlier builds do not say.
    pub booked: Option<Box<Booked>>,
    /// What was settled before as of use, and is waste with this: results that a plan does not hold. Not in the journal either.
    pub wasted: Box<[Booked]>,
    /// The verdict of a judge that it let succeed. Not in the journal: a record that is applied gives none again.
    pub verdict: Option<Box<Verdict>>,
}

/// Which of a task's evaluations this is; answered with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Condition, start time, items or input of a task that is ready.
    Enter,
    /// Is the result a failure? Is it good enough for the race?
    Judge,
    /// Is the loop done?
    Round,
    /// The output of a group, a `foreach`, a race or the run.
    Compose,
    /// The output of a `catch`.
    Catch,
}

/// What the value of an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// `if`: truthiness into `truth`. A false value ends the evaluation: what follows is not evaluated.
    Condition,
    /// `not_before`: an RFC 3339 text into `time`.
    NotBefore,
    /// `foreach`: a list into `count` and `payload`.
    Items,
    /// `with`: any value into `payload`.
    Input,
    /// `with` of a `wait`: into `wait`, and into `payload` as it stands; of one that waits for time, what the task gives then.
    Wait,
    /// `fail_if`: truthiness into `truth`.
    FailIf,
    /// `good_if`: truthiness into `good`.
    GoodIf,
    /// `until`: truthiness into `truth`.
    Until,
    /// `stop_if_same`: a hash of the value into `same`.
    Same,
    /// `by`: a number times a million into `score`; what is no number counts as the least.
    Score,
    /// `output` of a group, a run or a `catch`: any value into `payload`.
    Output,
}

/// An evaluation over payloads.
#[derive(Clone, Debug)]
pub struct Evaluate {
    /// The run.
    pub run: RunId,
    /// The task, or the empty path for the run itself.
    pub path: TaskPath,
    /// To be answered with.
    pub step: Step,
    /// Whose data.
    pub tenant: Tenant,
    /// The run's graph.
    pub graph: Arc<Graph>,
    /// The core's clock, for expressions that may see it (none do yet) and for records.
    pub now: Timestamp,
    /// What to make.
    pub make: Make,
    /// The output to be read as further tasks of the run, unless what is made refuses it: into `added` or `refused`.
    pub plan: Option<PayloadRef>,
    /// What was added ahead of that plan stands, where the plan holds the same.
    pub ahead: bool,
    /// How an input of a model begins helps to choose its target: some remember what they have read.
    pub begins: bool,
}

/// What an evaluation makes.
#[derive(Clone, Debug)]
pub enum Make {
    /// The values of these expressions, in order, over the bindings (one entry for everything that any of them reads).
    Values {
        /// What to evaluate.
        exprs: SmallVec<[(Purpose, ExprId); 2]>,
        /// What they read.
        bindings: Vec<(DataRef, Bound)>,
    },
    /// One object: the objects among these payloads merged in order, a later key winning. Payloads that are no objects are kept under
    /// their task's name.
    Merged(Vec<(NodeId, PayloadRef)>),
    /// One object with the payload of each task under its name.
    Object(Vec<(NodeId, PayloadRef)>),
    /// One list.
    List(Vec<PayloadRef>),
    /// One list: the outputs of the items of this `foreach` that succeeded, by index, read from the run's journal.
    Collected {
        /// Items in all.
        count: u32,
        /// Items that succeeded.
        succeeded: u32,
    },
}

/// What an expression finds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Nothing: skipped, pruned, failed but optional, or not run yet (`loop.previous` in the first round).
    Undefined,
    /// The value of a payload.
    Payload(PayloadRef),
    /// One element of a list.
    Item {
        /// The list.
        items: PayloadRef,
        /// Which element.
        index: u32,
    },
    /// A number.
    Number(u64),
    /// A text.
    Text(Arc<str>),
    /// An idempotency key, derived from a run and a task's path.
    Key {
        /// The run from which keys derive.
        origin: RunId,
        /// The task whose key it is: of a check the one it checks.
        path: TaskPath,
    },
    /// Why the run failed: an object of `class`, `message` and `task`.
    Error(Box<RunFailure>),
    /// An object of outputs by task name.
    Outputs(Vec<(NodeId, PayloadRef)>),
}

/// An attempt to start.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Which attempt.
    pub attempt: AttemptId,
    /// For whom.
    pub tenant: Tenant,
    /// On whose behalf.
    pub principal: Principal,
    /// The run's graph.
    pub graph: Arc<Graph>,
    /// The task in the graph.
    pub node: NodeId,
    /// Where.
    pub target: TargetId,
    /// The evaluated `with`; `None` where it is a constant of the graph.
    pub input: Option<PayloadRef>,
    /// What the attempt does to the outside.
    pub effect: Effect,
    /// It costs money.
    pub is_paid: bool,
    /// The run from which, with the path, the idempotency key derives: the same for every attempt, inherited by retry and fork.
    pub key_origin: RunId,
    /// Output tokens at most.
    pub output_cap: Option<u32>,
    /// The driver ends the attempt with class `timeout` when one of these has passed, on monotonic time.
    pub timeouts: Timeouts,
    /// When the attempt is of no use any more: the run's deadline or the task's, whichever is earlier.
    pub expires: Option<Timestamp>,
    /// The labels of its input.
    pub labels: Labels,
    /// The caller sees its text while it runs.
    pub live: bool,
    /// Its text is held back until [`Deed::Publish`].
    pub held_back: bool,
    /// Why the last result of a `chat` was refused: its model is told, so that it can mend that.
    pub refused: Option<Arc<str>>,
    /// Continue by this reference of an earlier life instead of starting; an adapter that cannot answers with a failure.
    pub reattach: Option<Arc<str>>,
    /// Of a call for a child run: what that inherits. The driver runs it; [`crate::Event::ChildEnded`] answers.
    pub child: Option<Box<Inherited>>,
}

/// A look for a kept result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    /// The run.
    pub run: RunId,
    /// The task.
    pub path: TaskPath,
    /// Which look-up of this life it is; answered with the same.
    pub number: u64,
    /// What was asked for.
    pub key: Arc<CacheKey>,
}

/// A result to be kept, instead of any other under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What was asked for.
    pub key: Arc<CacheKey>,
    /// What it gave.
    pub copy: CachedCopy,
    /// What it can be forgotten by.
    pub tags: Vec<Arc<str>>,
    /// When the attempt that gave it began: what was forgotten since is not kept.
    pub began: Timestamp,
}

/// The answer to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which run.
    pub run: RunId,
    /// Whose.
    pub tenant: Tenant,
    /// When it was settled.
    pub at: Timestamp,
    /// `Succeeded`, `Failed` or `Cancelled`.
    pub status: RunStatus,
    /// The output, if it succeeded.
    pub output: Option<PayloadRef>,
    /// Why it has none.
    pub failure: Option<RunFailure>,
    /// True if a lower rung was taken somewhere.
    pub degraded: bool,
    /// What it has spent.
    pub spent: Money,
    /// How much of that was billed above what had been set aside.
    pub over: Money,
    /// Of a run with a budget whether that surely held: the weakest of its attempts.
    pub bound: Option<agendum_types::target::Bound>,
    /// Tokens it has used.
    pub tokens: u64,
    /// From submission to answer.
    pub elapsed: Duration,
}

/// Why a run has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFailure {
    /// The task that failed for good; `None` if it was the run itself (deadline, cancel).
    pub task: Option<TaskPath>,
    /// Its class and message.
    pub failure: Failure,
}
