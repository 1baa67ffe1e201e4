//! What the shard thread is told. The channel has no bound of its own: every sender holds a credit of the core's (attempts,
//! evaluations), of the commit (appends in flight) or of the intake (requests), so its length has one, and nobody ever blocks on it.

use std::sync::{Arc, mpsc};

use agendum_core::{Answer, Evaluation, Rejected, Step, Submission};
use agendum_ports::Appended;
use agendum_types::{AttemptId, Graph, Outcome, PayloadRef, RunId, RunView, Seq, Snapshot, TaskPath, Tenant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::payloads::Made;

/// A message to the shard thread.
pub(crate) enum Message {
    Submit {
        submission: Box<Submission>,
        inputs: Made,
        /// Answered once the submission is durable.
        reply: oneshot::Sender<Result<(), Rejected>>,
        permit: OwnedSemaphorePermit,
    },
    AddTasks {
        run: RunId,
        graph: Arc<Graph>,
        document: PayloadRef,
        reply: oneshot::Sender<Result<(), Rejected>>,
        permit: OwnedSemaphorePermit,
    },
    Command {
        tenant: Tenant,
        run: RunId,
        command: Command,
        /// `false` if the shard knows no such live run of this tenant.
        reply: oneshot::Sender<bool>,
        permit: OwnedSemaphorePermit,
    },
    View {
        tenant: Tenant,
        run: RunId,
        reply: oneshot::Sender<Option<RunView>>,
    },
    Snapshot {
        reply: oneshot::Sender<Snapshot>,
    },
    /// Tell this caller the answer; the sender is dropped if the run is not live or answered already.
    Await {
        tenant: Tenant,
        run: RunId,
        reply: oneshot::Sender<Answer>,
    },
    Evaluated {
        life: u64,
        run: RunId,
        path: TaskPath,
        step: Step,
        tenant: Tenant,
        result: Result<Evaluation, Arc<str>>,
        made: Option<Made>,
    },
    Finished {
        life: u64,
        attempt: AttemptId,
        outcome: Outcome,
        made: Option<Made>,
    },
    Referenced {
        life: u64,
        attempt: AttemptId,
        reference: Arc<str>,
    },
    Appended {
        life: u64,
        last: Seq,
        appended: Appended,
    },
    /// Take no more work, commit what is decided, and end. Attempts in flight are stopped; the journal knows them.
    Stop,
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

/// The sending end.
#[derive(Clone)]
pub(crate) struct Inbox(mpsc::Sender<Message>);

impl Inbox {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), receiver)
    }

    /// Hands a message over. A shard that has ended drops it, and with it the reply: callers see that it is gone.
    pub(crate) fn send(&self, message: Message) {
        let _ended = self.0.send(message);
    }
}
