//! What the core is told. Past tense: it has happened.

use std::sync::Arc;

use agendum_types::graph::{Budget, Priority};
use agendum_types::{
    AttemptId, CacheKey, CachedCopy, Concurrency, Duration, Graph, Hash, Incarnation, Money, Outcome, Parent,
    PayloadRef, Policy, Principal, RunId, Seq, SubmissionKey, Target, TaskPath, Tenant, Timestamp, Wait, WaitFor,
    Windows,
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
    /// What each tenant may spend in the windows of the calendar, from now on. Comes before the first table of targets of a life.
    WindowsPublished(Windows),
    /// The rules by which is chosen from now on. Runs that are out are not touched, what waits is ranked anew.
    PolicyPublished(Arc<Policy>),
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
            | Self::WindowsPublished(_)
            | Self::PolicyPublished(_)
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

/// Why a submission, an addition or a signal was refused. State is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The shard holds as many runs as it may; try again later.
    #[error("the shard holds {count} live runs, as many as it may: try again later")]
    Full {
        /// Live runs.
        count: u32,
    },
    /// The shard holds as many task instances as it may; try again later.
    #[error("the shard holds {count} live tasks, as many as it may: try again later")]
    TooManyTasks {
        /// Live tasks.
        count: u32,
    },
    /// The id is in use.
    #[error("run {0} exists already")]
    Exists(RunId),
    /// A live run was submitted under the same key.
    #[error("run {0} was submitted under the same key")]
    Keyed(RunId),
    /// It joins this run of its group, which is not answered and of the same graph.
    #[error("run {0} of the same group is not answered: this one joins it")]
    Joined(RunId),
    /// There is no such live run.
    #[error("run {0} is not live: tasks can only be added before its answer")]
    NotLive(RunId),
    /// The graph with additions does not contain the run's graph.
    #[error("the addition changes task {task:?}: only new tasks may be added to a live run")]
    NotAnExtension {
        /// The first task that differs.
        task: Arc<str>,
    },
    /// They cannot run before the plan that they stand in is whole.
    #[error("{0}: they wait for the whole plan")]
    NotAhead(&'static str),
    /// The graph that was extended is not the run's any more.
    #[error("run {0} has another graph by now: extend that one")]
    Overtaken(RunId),
    /// An addition reads the output of a task that has ended without making it, because nobody read it until now.
    #[error(
        "task {task:?} has ended, and its output was not made because nothing read it: an addition cannot read it now"
    )]
    OutputNotMade {
        /// The task that is read.
        task: Arc<str>,
    },
    /// No target can serve a task of the graph, whatever happens.
    #[error("no target can serve task {task:?}: {reason}")]
    NoTarget {
        /// The task.
        task: Arc<str>,
        /// What is missing.
        reason: Arc<str>,
    },
    /// The run has ended, or there is none: nothing in it waits.
    #[error("run {0} is over: nothing in it waits")]
    Over(RunId),
    /// The task does not wait, or not for this.
    #[error("task {task:?} does not wait for {of}")]
    NotWaiting {
        /// The task, as the caller named it.
        task: Arc<str>,
        /// For what it would have to wait.
        of: WaitFor,
    },
    /// The caller named no task, and none waits.
    #[error("no task of run {run} waits for {of}")]
    NobodyWaits {
        /// The run.
        run: RunId,
        /// For what one would have to wait.
        of: WaitFor,
    },
    /// The caller named no task, and several wait.
    #[error("several tasks of run {run} wait for {of}: name one, such as {task}")]
    SeveralWait {
        /// The run.
        run: RunId,
        /// For what they wait.
        of: WaitFor,
        /// The first of them.
        task: Arc<str>,
    },
    /// What is told is told of another attempt than the one in doubt.
    #[error("attempt {now} of task {task:?} is in doubt, not attempt {attempt}")]
    OtherAttempt {
        /// The task.
        task: Arc<str>,
        /// Which attempt the caller means.
        attempt: u32,
        /// Which one is in doubt.
        now: u32,
    },
    /// The wait names who may decide, and not this caller.
    #[error("task {task:?} waits for the decision of {who}")]
    NotAsked {
        /// The task.
        task: Arc<str>,
        /// Who may.
        who: Arc<str>,
    },
    /// The run keeps as many signals as it may.
    #[error("run {run} keeps {count} signals that no task has taken, as many as it may")]
    TooManySignals {
        /// The run.
        run: RunId,
        /// How many.
        count: u32,
    },
    /// The run is answered: its budget ended with that.
    #[error("run {0} is answered: its budget has ended with that")]
    BudgetEnded(RunId),
    /// Nothing limits what is to be raised.
    #[error("{of} has no limit of {what}: there is nothing to raise")]
    NoBudget {
        /// The run, or the loop.
        of: Arc<str>,
        /// `money` or `tokens`.
        what: &'static str,
    },
    /// The task is no loop that runs now, and waits for no child run.
    #[error(
        "task {task:?} has no budget now: a run, a `loop` that is under way and a task that waits for its child run have one"
    )]
    NoLoop {
        /// The task, as the caller named it.
        task: Arc<str>,
    },
    /// Only what is asked for can be refused, and a raise adds something.
    #[error("it raises nothing: name an amount above zero")]
    RaisesNothing,
    /// The sum would be more than can be counted.
    #[error("the budget would be more than can be counted: raise it by less")]
    RaisesTooMuch,
    /// Only what has not started can be replaced.
    #[error("task {task:?} has started or ended: only tasks that have not started can be replaced")]
    Started {
        /// The task.
        task: Arc<str>,
    },
    /// Its parent has set its budget aside, and has not as much to set aside besides.
    #[error(
        "run {run} is a child of run {parent}, which would have to set more aside for it, and has {left} left of {}: \
         `agendum runs raise {parent}{raise}` first, and then this again",
        .task.as_ref().map_or_else(|| "its budget".to_owned(), |task| format!("the budget of its loop {task}"))
    )]
    SetAside {
        /// The child.
        run: RunId,
        /// Its parent.
        parent: RunId,
        /// The loop there whose budget does not cover it; `None` if it is the run's.
        task: Option<Arc<str>>,
        /// What is left of it.
        left: Arc<str>,
        /// How that is raised by what is missing, in words of the command line.
        raise: Arc<str>,
    },
    /// Its parent waits for it no more.
    #[error("run {run} was told to stop by run {parent}, whose child it is: it gets no more")]
    NotAwaited {
        /// The child.
        run: RunId,
        /// Its parent.
        parent: RunId,
    },
    /// The deadline has passed before the run began.
    #[error("the deadline is zero: the run could never be answered in time")]
    DeadlinePassed,
}

impl Rejected {
    /// The stable code of APIs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "shard_full",
            Self::TooManyTasks { .. } => "too_many_tasks",
            Self::Exists(_) => "run_exists",
            Self::Keyed(_) => "key_in_use",
            Self::Joined(_) => "joined",
            Self::NotLive(_) => "run_not_live",
            Self::NotAnExtension { .. } => "not_an_extension",
            Self::NotAhead(_) => "not_ahead",
            Self::Overtaken(_) => "overtaken",
            Self::OutputNotMade { .. } => "output_not_made",
            Self::NoTarget { .. } => "no_target",
            Self::Over(_) => "run_over",
            Self::NotWaiting { .. } => "not_waiting",
            Self::NobodyWaits { .. } => "nobody_waits",
            Self::SeveralWait { .. } => "several_wait",
            Self::NotAsked { .. } => "not_asked",
            Self::OtherAttempt { .. } => "other_attempt",
            Self::TooManySignals { .. } => "too_many_signals",
            Self::BudgetEnded(_) => "budget_ended",
            Self::NoBudget { .. } => "no_budget",
            Self::NoLoop { .. } => "no_loop",
            Self::RaisesNothing => "raises_nothing",
            Self::RaisesTooMuch => "raises_too_much",
            Self::Started { .. } => "task_started",
            Self::SetAside { .. } => "set_aside",
            Self::NotAwaited { .. } => "not_awaited",
            Self::DeadlinePassed => "deadline_passed",
        }
    }
}
