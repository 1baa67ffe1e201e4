//! Facts and decisions: what the journal holds, and the only thing that changes the state of runs.
//!
//! [`crate::Scheduler::handle`] decides, makes records and applies them; a restart applies the same records and arrives at the same
//! state. A record holds what was decided, never an input to be decided upon again.

mod choice;
mod end;
mod next;
mod origin;
mod output;
mod preempted;
mod sent;

use std::sync::Arc;

use agendum_types::graph::{Budget, Priority};
use agendum_types::{
    AttemptNo, Cause, Concurrency, Duration, Failure, Fate, Hash, Incarnation, Money, Outcome, Parent, PayloadRef,
    Plea, Principal, RunId, RunStatus, SubmissionKey, TaskPath, Timestamp, Wait, WaitFor,
};
use smallvec::SmallVec;

use crate::action::RunFailure;
use crate::event::Evaluation;
pub use choice::{Choice, Passed};
pub use end::End;
pub use next::{Next, NextRound};
pub use origin::{Given, Origin, Reuse};
pub use preempted::Preempted;
pub use sent::Dispatched;

/// How long a task waited for what before it was dispatched, or ended; parts that add up to the time since it was ready.
pub type Waits = SmallVec<[(Cause, Duration); 2]>;

/// A task that ended with what it stood in before it was sent: what it had waited for since it could have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The task.
    pub path: TaskPath,
    /// Parts that add up to the time since then; none is empty.
    pub waits: Waits,
}

/// A fact or a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A life of the shard began.
    Opened {
        /// Which life.
        incarnation: Incarnation,
        /// The seed of its random numbers.
        seed: u64,
        /// When the last record of the life before was decided: from then on nothing ran. `None` in the first life, and where an
        /// earlier build wrote it.
        down_since: Option<Timestamp>,
    },
    /// A life of the shard ended in good order: its last record. Not written where no run was live.
    Closed,
    /// The clock jumped forward by more than the limit.
    ClockJumped {
        /// What it showed before.
        from: Timestamp,
    },
    /// A run was accepted.
    RunSubmitted(Box<RunSubmitted>),
    /// A run's graph grew.
    TasksAdded {
        /// The run.
        run: RunId,
        /// The hash of the graph with the additions.
        graph: Hash,
        /// Its normalised document.
        document: PayloadRef,
    },
    /// A run's graph grew by the first tasks of a plan that is still being written. They do not count before the plan does, and are
    /// withdrawn with the attempt that gives it.
    TasksAhead {
        /// The run.
        run: RunId,
        /// The task that gives the plan.
        path: TaskPath,
        /// Which try of it.
        attempt: AttemptNo,
        /// The hash of the graph with the additions.
        graph: Hash,
        /// Its normalised document.
        document: PayloadRef,
    },
    /// A caller cancelled the run, or another run of its group takes its place.
    CancelRequested {
        /// The run.
        run: RunId,
        /// Which one does.
        replaced_by: Option<RunId>,
    },
    /// A caller paused the run.
    Paused {
        /// The run.
        run: RunId,
    },
    /// The process crashed while something of the run was at work.
    Crashed {
        /// The run.
        run: RunId,
        /// The life that found it so.
        incarnation: Incarnation,
        /// Crashes in a row, this one included.
        in_row: u32,
        /// Too many: nothing of the run is begun until somebody lets it go on.
        quarantined: bool,
    },
    /// A caller lifted the pause, or the quarantine.
    Resumed {
        /// The run.
        run: RunId,
    },
    /// A signal or a webhook came before its wait.
    SignalKept(Box<SignalKept>),
    /// A person raised a budget, or refused to.
    Raised(Box<Raised>),
    /// Something about one task.
    Task {
        /// The run.
        run: RunId,
        /// The task; empty for the run itself: its deadline, or an output that cannot be made.
        path: TaskPath,
        /// What.
        change: Change,
    },
    /// The answer of a run is settled.
    Answered(Box<Answered>),
    /// What a run has done was taken back as far as that went.
    Compensated(Box<Compensated>),
    /// Nothing more will happen to the run.
    Done {
        /// The run.
        run: RunId,
    },
    /// A run that waited for its turn in its group begins. Of one without a group its submission says so.
    Begun {
        /// The run.
        run: RunId,
    },
}

/// A run as accepted: submission and graph already combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSubmitted {
    /// The run.
    pub run: RunId,
    /// On whose behalf.
    pub principal: Principal,
    /// The name of the graph.
    pub graph_name: Arc<str>,
    /// The hash of the graph.
    pub graph: Hash,
    /// Its normalised document.
    pub document: PayloadRef,
    /// The inputs.
    pub inputs: PayloadRef,
    /// Its urgency.
    pub priority: Priority,
    /// When the answer is due.
    pub deadline: Option<Timestamp>,
    /// What it may spend.
    pub budget: Option<Budget>,
    /// Every step is committed before the next begins.
    pub strict: bool,
    /// The caller's key, under which the same request is this run.
    pub key: Option<SubmissionKey>,
    /// What it takes over, if it retries another run or is a fork of one.
    pub origin: Option<Arc<Origin>>,
    /// The group in which it waits for its turn; nothing of it begins before [`Record::Begun`].
    pub concurrency: Option<Concurrency>,
    /// The task of another run for which it runs.
    pub parent: Option<Arc<Parent>>,
}

/// A signal or a webhook that no wait has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalKept {
    /// The run.
    pub run: RunId,
    /// Which of the two it is.
    pub of: WaitFor,
    /// Its name.
    pub name: Arc<str>,
    /// What it brings.
    pub payload: PayloadRef,
    /// Who sent it.
    pub by: Principal,
    /// Of a webhook: its id.
    pub webhook: Option<Arc<str>>,
}

/// A budget that a person raised, or refused to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The run.
    pub run: RunId,
    /// The loop whose budget it is, or the task for whose child run more is set aside; empty for the run's budget.
    pub path: TaskPath,
    /// By how much money.
    pub money: Money,
    /// By how many tokens.
    pub tokens: u64,
    /// Who decided.
    pub by: Principal,
    /// By nothing: what asks for more, and what would until it is raised, fails.
    pub refused: bool,
}

/// The answer of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The run.
    pub run: RunId,
    /// `Succeeded`, `Failed` or `Cancelled`.
    pub status: RunStatus,
    /// The output.
    pub output: Option<PayloadRef>,
    /// Why there is none.
    pub failure: Option<RunFailure>,
    /// True if a lower rung was taken somewhere.
    pub degraded: bool,
    /// True if it has no output and has done something that is taken back now, or may have.
    pub compensating: bool,
}

/// How far what a run has done was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compensated {
    /// The run.
    pub run: RunId,
    /// Effects that were taken back.
    pub count: u32,
    /// Effects that are still there, or may be: up to [`LEFT_MAX`] of them, each with the call that had it and why it was not taken back.
    pub left: Vec<(TaskPath, Failure)>,
    /// How many there are in all.
    pub left_count: u32,
}

/// Effects that are still there of which a record tells: it is one row of the journal.
pub const LEFT_MAX: usize = 1_000;

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was ready and its condition, start, items or input were evaluated. A false condition skips it.
    Entered(Box<Evaluation>),
    /// An attempt was sent to a target.
    Dispatched(Box<Dispatched>),
    /// What a `wait` waited for has come.
    Waited(Box<Waited>),
    /// Who is asked was reminded.
    Reminded,
    /// The running attempt gave an external reference.
    Referenced {
        /// Opaque.
        reference: Arc<str>,
    },
    /// The running attempt ended.
    Finished(Box<Finished>),
    /// The result was judged by `fail_if` or `good_if`.
    Judged {
        /// What they said.
        evaluation: Box<Evaluation>,
        /// What follows.
        next: Next,
    },
    /// A rung of `catch` gave an output: the task succeeds with it, degraded.
    Caught {
        /// The output.
        output: Box<PayloadRef>,
        /// What it catches, where no record before says so: something inside failed.
        failure: Option<Box<Failure>>,
    },
    /// A round of a loop was judged.
    RoundJudged {
        /// What `until`, `stop_if_same` and `by` said.
        evaluation: Box<Evaluation>,
        /// What follows.
        next: NextRound,
    },
    /// The output of a group or a `foreach` was made.
    Composed {
        /// The output.
        output: Box<PayloadRef>,
    },
    /// It is ready, and succeeds with what it gave in the run that this one takes over.
    Reused {
        /// The run before.
        from: RunId,
        /// Its output there, if that was made.
        output: Option<Box<PayloadRef>>,
        /// It had taken a lower rung.
        degraded: bool,
    },
    /// It takes a result that was kept, of this run or of another.
    Cached(Box<Cached>),
    /// It ended by a decision and not by an outcome. A running attempt is abandoned.
    Ended(Box<Ended>),
    /// An attempt that was not awaited any more ended; what it cost is booked.
    Abandoned {
        /// Which try.
        attempt: AttemptNo,
        /// The life of the shard that started it.
        incarnation: Incarnation,
        /// What it cost.
        cost: Money,
        /// What it used in tokens.
        tokens: u64,
        /// What became of its effect. Journals of earlier builds do not say: `None` there.
        fate: Fate,
        /// What it gave, if it took effect and what takes that back may read it.
        output: Option<Box<PayloadRef>>,
        /// Of an attempt that was out when the process ended: how long nothing ran before this was recorded. Journals of earlier builds do
        /// not say.
        away: Option<Duration>,
    },
    /// Somebody, or its check, told whether an attempt that was in doubt took effect.
    Resolved(Box<Resolved>),
    /// It asks a person for more than the budget of its run, and how things stand. It asks until that is raised or refused, or something
    /// else is told of it.
    Pleaded(Box<Plea>),
}

/// A doubt that is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Whether the attempt took effect; `None` if that stays unknown.
    pub happened: Option<bool>,
    /// What it gave, if somebody said so; of a check what that gave.
    pub output: Option<PayloadRef>,
    /// Who decided; `None` if a check did.
    pub by: Option<Principal>,
    /// What follows.
    pub next: Next,
}

/// What came to a `wait`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// What the task gives.
    pub output: Box<PayloadRef>,
    /// Who decided or sent it; nobody sends time.
    pub by: Option<Principal>,
    /// Of a decision: which.
    pub approved: Option<bool>,
    /// Of a webhook: its id.
    pub webhook: Option<Arc<str>>,
    /// True if the run had kept it: the first of its name.
    pub kept: bool,
    /// What the task waited for since it was ready.
    pub waits: Waits,
}

/// A kept result that a task takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// What the task gives.
    pub output: Box<PayloadRef>,
    /// The run that paid for it.
    pub from: RunId,
    /// When it was kept.
    pub kept: Timestamp,
    /// The target that gave it.
    pub target: Arc<str>,
    /// What it cost then.
    pub saved: Money,
    /// True if a rung of `catch` takes it, whatever its age.
    pub stale: bool,
    /// What the task waited for since it was ready.
    pub waits: Waits,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which try.
    pub attempt: AttemptNo,
    /// The life of the shard that started it.
    pub incarnation: Incarnation,
    /// What came of it.
    pub outcome: Outcome,
    /// What it cost.
    pub cost: Money,
    /// True if nobody told what it used: all that it held counts as spent.
    pub unreported: bool,
    /// True if a child run gave it that took a lower rung somewhere.
    pub degraded: bool,
    /// What follows.
    pub next: Next,
}

/// A task that ended by a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub end: End,
    /// What follows: a failure may still be caught.
    pub next: Next,
    /// Of an attempt that was out when the process ended: how long nothing ran before this was decided.
    pub away: Duration,
    /// Of a task that was to be sent and was not: what it waited for since it was ready.
    pub waits: Waits,
    /// Of one that cannot be paid for out of the budget of a loop around it: that loop. A round that fails with it is the loop's last.
    pub short: Option<TaskPath>,
    /// Of an attempt that was stopped for a more urgent task: for which.
    pub preempted: Option<Box<Preempted>>,
}

impl SignalKept {
    /// True if a wait of this name takes it.
    pub(crate) fn is_for(&self, wait: &Wait) -> bool {
        self.of == wait.of && wait.name.as_ref() == Some(&self.name)
    }
}

impl Ended {
    /// The end of what waited for no target.
    #[must_use]
    pub fn new(end: End, next: Next) -> Self {
        Self { end, next, away: Duration::ZERO, waits: Waits::new(), short: None, preempted: None }
    }
}

impl Record {
    /// The run it speaks of; `None` for the shard's own records.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Opened { .. } | Self::Closed | Self::ClockJumped { .. } => None,
            Self::RunSubmitted(submitted) => Some(submitted.run),
            Self::Answered(answered) => Some(answered.run),
            Self::Compensated(compensated) => Some(compensated.run),
            Self::SignalKept(kept) => Some(kept.run),
            Self::Raised(raised) => Some(raised.run),
            Self::TasksAdded { run, .. }
            | Self::TasksAhead { run, .. }
            | Self::CancelRequested { run, .. }
            | Self::Paused { run }
            | Self::Crashed { run, .. }
            | Self::Resumed { run }
            | Self::Task { run, .. }
            | Self::Begun { run }
            | Self::Done { run } => Some(*run),
        }
    }

    /// The run, its graph from this record on, and that one's document, if the record names them.
    #[must_use]
    pub fn names_graph(&self) -> Option<(RunId, Hash, &PayloadRef)> {
        match self {
            Self::RunSubmitted(submitted) => Some((submitted.run, submitted.graph, &submitted.document)),
            Self::TasksAdded { run, graph, document } | Self::TasksAhead { run, graph, document, .. } => {
                Some((*run, *graph, document))
            }
            Self::Opened { .. }
            | Self::Closed
            | Self::ClockJumped { .. }
            | Self::CancelRequested { .. }
            | Self::Paused { .. }
            | Self::Compensated(_)
            | Self::Crashed { .. }
            | Self::Resumed { .. }
            | Self::SignalKept(_)
            | Self::Raised(_)
            | Self::Task { .. }
            | Self::Answered(_)
            | Self::Begun { .. }
            | Self::Done { .. } => None,
        }
    }
}
