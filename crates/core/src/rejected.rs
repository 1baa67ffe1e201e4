//! Why a submission, an addition or a signal is refused.

use std::sync::Arc;

use agendum_types::{Duration, RunId, WaitFor};

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
    /// As many tasks of the tenant wait to be sent as the policy has it.
    #[error(
        "{count} tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in {retry_after}"
    )]
    QueueFull {
        /// How many, by the policy.
        count: u32,
        /// When to try again.
        retry_after: Duration,
    },
    /// Tasks stand in the queue for longer than the policy has it.
    #[error(
        "tasks of this priority stood in the queue for {stood} of late, more than the policy has it: try again in {retry_after}, or name a `deadline`"
    )]
    Overloaded {
        /// How long they stood, on average.
        stood: Duration,
        /// When to try again.
        retry_after: Duration,
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
    /// When to try again, for what may be taken then.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { .. } | Self::TooManyTasks { .. } => Some(Duration::secs(1)),
            Self::QueueFull { retry_after, .. } | Self::Overloaded { retry_after, .. } => Some(*retry_after),
            Self::Exists(_)
            | Self::Keyed(_)
            | Self::Joined(_)
            | Self::NotLive(_)
            | Self::NotAnExtension { .. }
            | Self::NotAhead(_)
            | Self::Overtaken(_)
            | Self::OutputNotMade { .. }
            | Self::NoTarget { .. }
            | Self::Over(_)
            | Self::NotWaiting { .. }
            | Self::NobodyWaits { .. }
            | Self::SeveralWait { .. }
            | Self::NotAsked { .. }
            | Self::OtherAttempt { .. }
            | Self::TooManySignals { .. }
            | Self::BudgetEnded(_)
            | Self::NoBudget { .. }
            | Self::NoLoop { .. }
            | Self::RaisesNothing
            | Self::RaisesTooMuch
            | Self::Started { .. }
            | Self::SetAside { .. }
            | Self::NotAwaited { .. }
            | Self::DeadlinePassed => None,
        }
    }

    /// The stable code of APIs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "shard_full",
            Self::TooManyTasks { .. } => "too_many_tasks",
            Self::QueueFull { .. } => "queue_full",
            Self::Overloaded { .. } => "overloaded",
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
