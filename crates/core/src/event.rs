//! What the core is told. Past tense: it has happened.

use std::sync::Arc;

use agendum_types::graph::{Budget, Priority};
use agendum_types::{
    AttemptId, CacheKey, CachedCopy, Concurrency, Duration, Graph, Hash, Incarnation, Money, Outcome, Parent,
    PayloadRef, Plan, Policy, Pool, Prefix, Principal, RunId, Seq, SubmissionKey, Target, TaskPath, Tenant, Timestamp,
    Wait, WaitFor, Windows,
};

use crate::action::Step;
use crate::record::Origin;

/// Everything that can wake a scheduler.
#[derive(Clone, Debug)]
pub enum Event {
    /// The journal is open, all records of open runs are applied. The first event of an incarnation: what was in flight in an earlier one is decided upon now.
    Opened {
        /// The new life of the shard.
        incarnation: Incarnation,
        /// The last record in the journal.
        last: Seq,
        /// When that was decided: as long as the earlier life is known to have lasted.
        at: Timestamp,
        /// True if the earlier life ended by a crash, of which something that was at work may be the cause.
        crashed: bool,
        /// Seeds the shard's random numbers; recorded.
        seed: u64,
    },
    /// The process was told to stop: from now on nothing more is sent. Outcomes of what is out are still taken.
    Stopping,
    /// The process stops in good order; what is out is left to the next life. The last event of an incarnation.
    Closed,
    /// The table of targets. Replaces the one before; a target keeps its load if its name stays.
    TargetsPublished(Vec<Target>),
    /// The pools that there are, and how many units of each, from now on: replaces those before. What is held stays held. Comes before the
    /// first table of targets of a life.
    PoolsPublished(Vec<Pool>),
    /// What each tenant may spend in the windows of the calendar, from now on. Comes before the first table of targets of a life.
    WindowsPublished(Windows),
    /// The rules by which is chosen from now on. Runs that are out are not touched, what waits is ranked anew.
    PolicyPublished(Arc<Policy>),
    /// Other parameters for that policy, until then: in place of an earlier plan. Under another policy it counts for nothing.
    PlanPublished {
        /// What is otherwise.
        plan: Arc<Plan>,
        /// From this instant on the policy counts alone.
        until: Timestamp,
    },
    /// The plan counts no more: the policy does.
    PlanWithdrawn,
    /// A caller wants a graph run.
    RunSubmitted(Box<Submission>),
    /// A caller, or a task's output, adds tasks to a live run.
    TasksAdded {
        /// The run.
        run: RunId,
        /// The run's graph with the additions: every task it had stands where it stood.
        graph: Arc<Graph>,
        /// The normalised document of that graph.
        document: PayloadRef,
    },
    /// A running attempt has given the first tasks of its plan, or some more of them. Refused if they cannot run before it is whole.
    TasksStreamed {
        /// Which attempt.
        attempt: AttemptId,
        /// The run's graph with them.
        added: Box<Addition>,
    },
    /// The answer to [`crate::Evaluate`].
    Evaluated {
        /// The run.
        run: RunId,
        /// The task, or the empty path for the run's output.
        path: TaskPath,
        /// What was asked.
        step: Step,
        /// What came of it; an error message fails the task as `permanent`.
        result: Result<Evaluation, Arc<str>>,
    },
    /// The answer to [`crate::Dispatch`]. Never refused; an attempt that is not awaited any more is booked and dropped.
    AttemptFinished {
        /// Which attempt.
        attempt: AttemptId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The same of a call for a child run, which is over.
    ChildEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// What came of it.
        outcome: Outcome,
        /// What the run has spent in all.
        spent: Money,
        /// True if it took a lower rung somewhere.
        degraded: bool,
    },
    /// A running attempt gave a reference by which a later life of this process can continue it.
    AttemptReferenced {
        /// Which attempt.
        attempt: AttemptId,
        /// Opaque, at most 1 KiB.
        reference: Arc<str>,
    },
    /// The answer to [`crate::LookUp`].
    LookedUp {
        /// The run.
        run: RunId,
        /// The task.
        path: TaskPath,
        /// Which look-up.
        number: u64,
        /// What is kept, whatever its age; `None` if nothing is, or it could not be read.
        found: Option<Box<CachedCopy>>,
    },
    /// The answer to [`crate::Keep`]: whoever looks now finds it, unless it could not be kept.
    Kept(Arc<CacheKey>),
    /// Every record up to this one survives a power loss.
    Durable(Seq),
    /// A caller wants the run to stop. No effect on a run that is answered or unknown.
    CancelRequested(RunId),
    /// A caller wants no further attempt to start.
    PauseRequested(RunId),
    /// A caller lifts the pause.
    ResumeRequested(RunId),
    /// Somebody hands a wait of a run what it waits for. Refused if nothing can come of it.
    Signalled(Box<Signal>),
    /// Somebody raises a budget of a run, or refuses to. Refused if there is none, or it ends.
    BudgetRaised(Box<Raise>),
    /// A bill says that of what calls lost in a crash count for in the hour that began then, so much was never spent. The store knows it.
    SpendingReleased {
        /// Whose.
        tenant: Tenant,
        /// When the hour began.
        hour: Timestamp,
        /// How much of it, in money.
        money: Money,
        /// In tokens.
        tokens: u64,
    },
    /// A later bill says that of what earlier ones had released in that hour so much was spent after all: it counts, be it above a limit. The store knows it.
    SpendingRecharged {
        /// Whose.
        tenant: Tenant,
        /// When the hour began.
        hour: Timestamp,
        /// How much of it, in money.
        money: Money,
        /// In tokens.
        tokens: u64,
    },
    /// The instant of [`crate::Scheduler::poll_timeout`] has come.
    TimeReached,
}

impl Event {
    /// The step of a run that it brings forward, for [`crate::Scheduler::foresee`].
    #[must_use]
    pub const fn step(&self) -> Option<(RunId, &TaskPath)> {
        match self {
            Self::Evaluated { run, path, .. } | Self::LookedUp { run, path, .. } => Some((*run, path)),
            Self::AttemptFinished { attempt, .. } | Self::ChildEnded { attempt, .. } => {
                Some((attempt.run, &attempt.path))
            }
            Self::Opened { .. }
            | Self::Stopping
            | Self::Closed
            | Self::TargetsPublished(_)
            | Self::PoolsPublished(_)
            | Self::WindowsPublished(_)
            | Self::PolicyPublished(_)
            | Self::PlanPublished { .. }
            | Self::PlanWithdrawn
            | Self::RunSubmitted(_)
            | Self::TasksAdded { .. }
            | Self::TasksStreamed { .. }
            | Self::AttemptReferenced { .. }
            | Self::Kept(_)
            | Self::Durable(_)
            | Self::CancelRequested(_)
            | Self::PauseRequested(_)
            | Self::ResumeRequested(_)
            | Self::Signalled(_)
            | Self::BudgetRaised(_)
            | Self::SpendingReleased { .. }
            | Self::SpendingRecharged { .. }
            | Self::TimeReached => None,
        }
    }
}

/// A run to be.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Chosen by the driver; new.
    pub run: RunId,
    /// For whom.
    pub tenant: Tenant,
    /// On whose behalf.
    pub principal: Principal,
    /// What shall be done.
    pub graph: Arc<Graph>,
    /// The normalised document of the graph, kept by the driver before it submits.
    pub document: PayloadRef,
    /// The checked inputs with their defaults filled in (JSON), kept likewise.
    pub inputs: PayloadRef,
    /// Overrides the graph's.
    pub priority: Option<Priority>,
    /// Overrides the graph's: from now to the answer.
    pub deadline: Option<Duration>,
    /// Overrides the graph's.
    pub budget: Option<Budget>,
    /// `durability: strict`: every step is committed before the next begins.
    pub strict: bool,
    /// The caller's key, kept with the run. No live run has the same; that none had that is over is the driver's to see to.
    pub key: Option<SubmissionKey>,
    /// What it takes over of a run before it; found by the driver in that run's records.
    pub origin: Option<Arc<Origin>>,
    /// The group in which it waits for its turn; the driver has evaluated the graph's key.
    pub concurrency: Option<Concurrency>,
    /// The task of another run for which it runs; that run is live as long as this one is.
    pub parent: Option<Arc<Parent>>,
}

/// What somebody hands to a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The run.
    pub run: RunId,
    /// Which of its waits.
    pub to: Addressee,
    /// What the task gives then.
    pub payload: PayloadRef,
    /// Who sends it.
    pub by: Principal,
    /// Of a decision: which. Of an attempt in doubt: whether it took effect; `None` if whoever is asked does not know either.
    pub approved: Option<bool>,
    /// Of an attempt in doubt: which; `None` means the last.
    pub attempt: Option<u32>,
    /// Of a webhook: its id. The same again means nothing more.
    pub webhook: Option<Arc<str>>,
}

/// What somebody decides about a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// The run.
    pub run: RunId,
    /// The path of the loop whose budget is meant; `None` for the run's.
    pub task: Option<Arc<str>>,
    /// By how much money.
    pub money: Money,
    /// By how many tokens.
    pub tokens: u64,
    /// Who decides.
    pub by: Principal,
    /// By nothing: what asks for more fails.
    pub refused: bool,
}

/// For which wait of a run something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The first that waits for this name; kept for it if none does yet.
    Named(WaitFor, Arc<str>),
    /// The task at this path, which must be waiting for this; without one, the only one that is.
    Task(WaitFor, Option<Arc<str>>),
}

/// What an evaluation gave. Only the fields that were asked for are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// [`crate::Purpose::Condition`], [`crate::Purpose::FailIf`], [`crate::Purpose::Until`].
    pub truth: Option<bool>,
    /// [`crate::Purpose::GoodIf`].
    pub good: Option<bool>,
    /// [`crate::Purpose::NotBefore`].
    pub time: Option<Timestamp>,
    /// [`crate::Purpose::Wait`]: what it waits for.
    pub wait: Option<Box<Wait>>,
    /// [`crate::Purpose::Items`]: how many.
    pub count: Option<u32>,
    /// [`crate::Purpose::Score`], in millionths.
    pub score: Option<i64>,
    /// [`crate::Purpose::Same`]: a hash of the value.
    pub same: Option<Hash>,
    /// [`crate::Purpose::Items`], [`crate::Purpose::Input`], [`crate::Purpose::Wait`], [`crate::Purpose::Output`] and the compositions.
    /// The core sets its labels.
    pub payload: Option<PayloadRef>,
    /// [`crate::Purpose::Input`] of a call to a model: how it begins. No record holds it: it only helps to choose a target.
    pub prefix: Option<Arc<Prefix>>,
    /// [`crate::Evaluate::plan`]: what it adds. No record holds it: [`crate::Record::TasksAdded`] says what came of it.
    pub added: Option<Box<Addition>>,
    /// The same: why it adds nothing, for a model to mend; at most [`agendum_types::Failure::REFUSAL_BYTES_MAX`] bytes.
    pub refused: Option<Arc<str>>,
}

/// Tasks that the output of a task adds to its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The graph that was extended.
    pub of: Hash,
    /// That graph with the additions: every task it had stands where it stood.
    pub graph: Arc<Graph>,
    /// The normalised document of that graph, kept by the driver.
    pub document: PayloadRef,
}
