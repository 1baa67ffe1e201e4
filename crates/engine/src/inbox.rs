//! What the shard thread is told. The channel has no bound of its own: every sender holds a credit of the core's (attempts with
//! their references, evaluations), of the commit (appends in flight) or of the intake (requests: each has a permit), so its length has one, and nobody ever
//! blocks on it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::task::Wake;
use std::time::{Duration as Span, Instant};

use agendum_core::{Addition, Answer, Evaluation, Event, Raise, Rejected, Signal, Standing, Step, Submission};
use agendum_ports::{HourChange, Invoice, Reconciliation, StoreError};
use agendum_types::snapshot::Snapshot;
use agendum_types::target::Rate;
use agendum_types::{
    AttemptId, CacheKey, Graph, Money, Outcome, RunId, RunView, TargetId, TaskPath, Tenant, WaitView, WindowView,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::payloads::Made;
use crate::plans::Planned;

/// A message to the shard thread.
pub(crate) enum Message {
    Submit {
        submission: Box<Submission>,
        document: Made,
        inputs: Made,
        /// What it takes over of a run before it: claimed until its record is decided.
        given: Vec<Made>,
        /// Answered once the submission is durable; only refusals are told to one who waits for the run's answer.
        reply: oneshot::Sender<Result<(), Rejected>>,
        /// The caller waits for the answer of the run and for nothing before.
        answer: Option<oneshot::Sender<Answer>>,
        permit: OwnedSemaphorePermit,
    },
    AddTasks {
        run: RunId,
        graph: Arc<Graph>,
        document: Made,
        reply: oneshot::Sender<Result<(), Rejected>>,
        permit: OwnedSemaphorePermit,
    },
    /// The first tasks of a plan that an attempt still writes. It holds the credit of that attempt.
    TasksStreamed {
        life: u64,
        attempt: AttemptId,
        added: Box<Addition>,
        /// Its document: claimed until its record is decided.
        document: Made,
        /// Told as soon as that is decided.
        reply: oneshot::Sender<Result<(), Rejected>>,
    },
    Command {
        tenant: Tenant,
        run: RunId,
        command: Command,
        /// `false` if the shard knows no such live run of this tenant.
        reply: oneshot::Sender<bool>,
        permit: OwnedSemaphorePermit,
    },
    /// Something for a wait.
    Signal {
        tenant: Tenant,
        signal: Box<Signal>,
        payload: Made,
        reply: oneshot::Sender<Result<(), Rejected>>,
        permit: OwnedSemaphorePermit,
    },
    /// Of budgets, windows, bills.
    Money(OfMoney),
    /// What waits for a person or a signal, from this run on, and which run is next.
    Waits {
        tenant: Tenant,
        asked: WaitsAsked,
        reply: oneshot::Sender<(Vec<WaitView>, Option<RunId>)>,
        permit: OwnedSemaphorePermit,
    },
    /// A plan was kept, or one was taken back.
    Plan {
        planned: Planned,
        /// Told once it counts.
        reply: oneshot::Sender<()>,
        permit: OwnedSemaphorePermit,
    },
    /// How targets and pools are used.
    Loads {
        reply: oneshot::Sender<Snapshot>,
        permit: OwnedSemaphorePermit,
    },
    View {
        tenant: Tenant,
        run: RunId,
        /// Only this task and what is inside it.
        within: TaskPath,
        reply: oneshot::Sender<Option<RunView>>,
        permit: OwnedSemaphorePermit,
    },
    /// How these runs stand, in their order; `None` for one that is not live, or not this tenant's.
    Standings {
        tenant: Tenant,
        runs: Vec<RunId>,
        reply: oneshot::Sender<Vec<Option<Standing>>>,
        permit: OwnedSemaphorePermit,
    },
    /// Tell this caller the answer; the sender is dropped if the run is not live or answered already.
    Await {
        tenant: Tenant,
        run: RunId,
        reply: oneshot::Sender<Answer>,
        permit: OwnedSemaphorePermit,
    },
    /// Tell when nothing more happens to this run; the sender is dropped if it is not live.
    AwaitDone {
        tenant: Tenant,
        run: RunId,
        reply: oneshot::Sender<()>,
        permit: OwnedSemaphorePermit,
    },
    Evaluated {
        life: u64,
        run: RunId,
        path: TaskPath,
        step: Step,
        result: Result<Evaluation, Arc<str>>,
        made: Option<Made>,
    },
    /// What came of a look-up, and the payload that was found.
    LookedUp {
        life: u64,
        looked: Box<Event>,
        made: Option<Made>,
    },
    /// A group of results is kept, or could not be.
    Kept {
        life: u64,
        keys: Vec<Arc<CacheKey>>,
    },
    Finished {
        life: u64,
        attempt: AttemptId,
        outcome: Outcome,
        made: Option<Made>,
    },
    /// A child run is over.
    ChildEnded {
        life: u64,
        attempt: AttemptId,
        outcome: Outcome,
        made: Option<Made>,
        spent: Money,
        degraded: bool,
    },
    Referenced {
        life: u64,
        attempt: AttemptId,
        reference: Arc<str>,
    },
    /// A provider says what it lets through in a minute.
    RateStated {
        life: u64,
        target: TargetId,
        rate: Rate,
    },
    /// The first of the appends on their way has its answer.
    Appended {
        life: u64,
    },
    /// Say when all that was decided before this is durable.
    Settle {
        reply: oneshot::Sender<bool>,
    },
    /// Take no more work, commit what is decided, and end. Attempts without an effect are stopped, the others waited for, for a while; the
    /// journal knows them all.
    Stop,
}

/// What the shard is told of money.
pub(crate) enum OfMoney {
    /// A budget is raised, or that is refused.
    Raise {
        tenant: Tenant,
        raise: Box<Raise>,
        reply: oneshot::Sender<Result<(), Rejected>>,
        permit: OwnedSemaphorePermit,
    },
    /// What this tenant has spent and holds in the limited windows of the present.
    Windows { tenant: Tenant, reply: oneshot::Sender<Vec<WindowView>>, permit: OwnedSemaphorePermit },
    /// What a bill says is to be compared with what is counted.
    Reconcile {
        tenant: Tenant,
        invoice: Invoice,
        reply: oneshot::Sender<Result<Option<Reconciliation>, StoreError>>,
        permit: OwnedSemaphorePermit,
    },
    /// The store has released something of what this life counts, or charged it again.
    Reconciled { life: u64, tenant: Tenant, released: Vec<HourChange>, recharged: Vec<HourChange> },
}

/// Which waits a caller wants to see.
#[derive(Clone, Debug, Default)]
pub struct WaitsAsked {
    /// Only those in this queue.
    pub queue: Option<Arc<str>>,
    /// Only those of this run, and of the runs that it waits for.
    pub run: Option<RunId>,
    /// Only those of this run and later ones.
    pub from: RunId,
    /// At most so many, and all of a run that is begun.
    pub count_max: usize,
}

/// What a caller wants of a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stop it.
    Cancel,
    /// Start no further attempt.
    Pause,
    /// Lift the pause.
    Resume,
}

/// Calls the shard when the answer of an append is there: the store's thread speaks to the shard's, with nobody between them.
pub(crate) struct Bell {
    pub(crate) inbox: Inbox,
    pub(crate) life: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inbox.send(Message::Appended { life: self.life });
    }
}

/// The sending end.
#[derive(Clone)]
pub(crate) struct Inbox(mpsc::Sender<Message>);

impl Inbox {
    pub(crate) fn channel() -> (Self, Intake) {
        let (sender, from) = mpsc::channel();
        (Self(sender), Intake { from, gathered: VecDeque::new() })
    }

    /// Hands a message over. A shard that has ended drops it, and with it the reply: callers see that it is gone.
    pub(crate) fn send(&self, message: Message) {
        let _ended = self.0.send(message);
    }
}

/// How long the shard looks for a message before its thread sleeps: most steps are answered sooner than a sleeping processor wakes.
const LOOK: Span = Span::from_micros(60);

/// The receiving end: what has come, and of that what was looked at beforehand.
pub(crate) struct Intake {
    from: mpsc::Receiver<Message>,
    gathered: VecDeque<Message>,
}

impl Intake {
    /// The next message; without a span it is waited for however long it takes.
    pub(crate) fn wait(&mut self, span: Option<Span>) -> Result<Message, RecvTimeoutError> {
        if let Some(message) = self.gathered.pop_front().or_else(|| self.look(span)) {
            return Ok(message);
        }
        match span {
            Some(span) => self.from.recv_timeout(span),
            None => self.from.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// A message that comes in a moment.
    fn look(&self, span: Option<Span>) -> Option<Message> {
        let until = Instant::now() + span.map_or(LOOK, |span| span.min(LOOK));
        loop {
            match self.from.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if Instant::now() >= until => return None,
                // Whoever makes it may need this processor.
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
    }

    /// The next message, if one has come.
    pub(crate) fn next(&mut self) -> Option<Message> {
        self.gathered.pop_front().or_else(|| self.from.try_recv().ok())
    }

    /// Up to so many of the next messages, as far as they have come, without taking them.
    pub(crate) fn ahead(&mut self, count_max: usize) -> impl Iterator<Item = &Message> {
        self.gathered.extend(self.from.try_iter().take(count_max.saturating_sub(self.gathered.len())));
        self.gathered.iter().take(count_max)
    }
}

impl Message {
    /// True if it tells that an attempt has ended.
    pub(crate) const fn is_end(&self) -> bool {
        matches!(self, Self::Finished { .. })
    }

    /// The step of a run that it brings forward.
    pub(crate) const fn step(&self) -> Option<(RunId, &TaskPath)> {
        match self {
            Self::Evaluated { run, path, .. } => Some((*run, path)),
            Self::LookedUp { looked, .. } => looked.step(),
            Self::Finished { attempt, .. } | Self::ChildEnded { attempt, .. } => Some((attempt.run, &attempt.path)),
            Self::Submit { .. }
            | Self::AddTasks { .. }
            | Self::TasksStreamed { .. }
            | Self::Command { .. }
            | Self::Signal { .. }
            | Self::Money(_)
            | Self::Waits { .. }
            | Self::Plan { .. }
            | Self::Loads { .. }
            | Self::View { .. }
            | Self::Standings { .. }
            | Self::Await { .. }
            | Self::AwaitDone { .. }
            | Self::Kept { .. }
            | Self::Referenced { .. }
            | Self::RateStated { .. }
            | Self::Appended { .. }
            | Self::Settle { .. }
            | Self::Stop => None,
        }
    }
}
