//! `uses: graph`: an attempt that is a run of its own.
//!
//! The child is submitted under a key made of its parent, the path there and the try, so that whoever takes the attempt up again finds
//! the same run, be it done by now. Nothing is reported as long as that run may still do anything: a failure would have the task tried
//! again beside it. What nobody knows (the store does not answer, the shard begins a new life) is asked again, or left to the next
//! life, which knows the attempt from its record.

mod again;
mod ended;
mod held;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration as Span;

use agendum_core::{Dispatch, Inherited, Rejected, Submission};
use agendum_ports::{Failed, Payload, chain};
use agendum_spec::NormalDocument;
use agendum_spec::inputs::Declared;
use agendum_types::graph::{Child, Work};
use agendum_types::{Class, Duration, Failure, MediaType, Money, Outcome, Parent, RunId, SubmissionKey, Usage};
use bytes::Bytes;
use futures_util::FutureExt as _;
use serde_json::Value as Json;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::again::Given;
use crate::inbox::{Command, Message};
use crate::payloads::{Made, PayloadError};
use crate::shard::Surroundings;

/// Between two looks at what could not be found out.
const PAUSE: Span = Span::from_secs(1);

/// Everything that an attempt needs which is a run.
pub(crate) struct Launch {
    pub(crate) dispatch: Box<Dispatch>,
    pub(crate) around: Arc<Surroundings>,
    /// The run is not wanted any more.
    pub(crate) cancel: CancellationToken,
    /// The life that asked is over: the next one asks again.
    pub(crate) over: CancellationToken,
    pub(crate) life: u64,
    /// When the time of the try is over, as much of it as earlier lives have used up.
    pub(crate) limit: Option<Instant>,
    /// For how long it is over already.
    pub(crate) overdue: Duration,
}

/// What the run has come to.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) made: Option<Made>,
    pub(crate) spent: Money,
    pub(crate) degraded: bool,
}

/// It is not known how the run stands.
pub(crate) struct Unknown(pub(crate) String);

impl Unknown {
    pub(crate) fn from(error: impl std::error::Error + 'static) -> Self {
        Self(chain(&error))
    }
}

/// Sees to the child run and reports what came of it.
pub(crate) async fn run(launch: Launch) {
    tokio::select! {
        biased;
        () = launch.over.cancelled() => {}
        ended = launch.to_its_end() => {
            let Ended { outcome, made, spent, degraded } = ended;
            let attempt = launch.dispatch.attempt.clone();
            launch.around.inbox.send(Message::ChildEnded { life: launch.life, attempt, outcome, made, spent, degraded });
        }
    }
}

impl Launch {
    async fn to_its_end(&self) -> Ended {
        loop {
            let why = match AssertUnwindSafe(self.child()).catch_unwind().await {
                Ok(Ok(ended)) => return ended,
                Ok(Err(Unknown(why))) => why,
                Err(_said) => "it broke off: this is a bug in Agendum".to_owned(),
            };
            let (run, task) = (self.dispatch.attempt.run, self.task());
            tracing::warn!(%run, %task, why, "how a child run stands is not known: it is asked again");
            sleep(PAUSE).await;
        }
    }

    async fn child(&self) -> Result<Ended, Unknown> {
        let (Work::Call(call), Some(inherited)) = (&self.graph_task().work, self.dispatch.child.as_deref()) else {
            return Ok(Ended::refused(Failed::new(Class::Permanent, "a task that is no call was dispatched")));
        };
        let Some(child) = &call.child else {
            return Ok(Ended::refused(Failed::new(Class::Permanent, "the task names no graph")));
        };
        let run = match self.find_or_begin(child, inherited).await? {
            Ok(run) => run,
            Err(failed) => return Ok(Ended::refused(failed)),
        };
        self.tell(run);
        let stopped = self.until_done(run).await?;
        self.ended(child, run, stopped).await
    }

    fn graph_task(&self) -> &agendum_types::graph::Task {
        self.dispatch.graph.task(self.dispatch.node)
    }

    /// The path of the task, as people write it.
    fn task(&self) -> String {
        self.dispatch.graph.path_text(&self.dispatch.attempt.path)
    }

    /// No caller's key looks like this.
    pub(crate) fn key(&self, run: RunId, number: u32) -> SubmissionKey {
        let of_task = self.around.payloads.idempotency_key(&self.dispatch.tenant, run, &self.task());
        SubmissionKey { key: format!("child\u{b7}{of_task}\u{b7}{number}").into(), parts: Vec::new() }
    }

    /// The run that there is under the key of this try, or a new one; a failure if there is none.
    async fn find_or_begin(&self, child: &Child, inherited: &Inherited) -> Result<Result<RunId, Failed>, Unknown> {
        let (tenant, key) = (&self.dispatch.tenant, self.key(self.dispatch.attempt.run, inherited.number));
        let turn = self.around.turns.take(tenant, &key.key).await;
        if let Some(run) = self.around.store.run_of_key(tenant, &key.key).await.map_err(Unknown::from)? {
            return Ok(Ok(run));
        }
        if inherited.is_over || self.cancel.is_cancelled() {
            return Ok(Err(Failed::new(Class::Cancelled, "the child run was not begun: it was not wanted any more")));
        }
        let run = self.around.new_run_id();
        let submission = match self.submission(child, inherited, run, key).await? {
            Ok(submission) => submission,
            Err(failed) => return Ok(Err(failed)),
        };
        let told = self.submit(submission).await;
        // Whoever asks next waits until it is known whether this one was committed.
        let told = tokio::spawn(async move { (told.await, turn).0 }).await;
        match told {
            Ok(Ok(Ok(()))) => Ok(Ok(run)),
            Ok(Ok(Err(Rejected::Keyed(run)))) => Ok(Ok(run)),
            Ok(Ok(Err(rejected))) => Ok(Err(refused(&rejected))),
            Ok(Err(_)) | Err(_) => Err(Unknown("the shard takes no work now".to_owned())),
        }
    }

    async fn submit(&self, submission: Submitting) -> oneshot::Receiver<Result<(), Rejected>> {
        let Submitting { submission, document, inputs, given } = submission;
        let permit = self.around.permit().await;
        let (reply, told) = oneshot::channel();
        let submit = Message::Submit { submission, document, inputs, given, reply, answer: None, permit };
        self.around.inbox.send(submit);
        told
    }

    async fn submission(
        &self,
        child: &Child,
        inherited: &Inherited,
        run: RunId,
        key: SubmissionKey,
    ) -> Result<Result<Submitting, Failed>, Unknown> {
        let dispatch = &*self.dispatch;
        let (around, tenant) = (&*self.around, &dispatch.tenant);
        let inputs = match self.inputs(child).await? {
            Ok(inputs) => inputs,
            Err(failed) => return Ok(Err(failed)),
        };
        let earlier = self.earlier(child, inherited, run, &inputs).await?;
        let (Given { origin, kept, labels: _ }, accepted) = match earlier {
            Ok(earlier) => earlier,
            Err(failed) => return Ok(Err(failed)),
        };
        let deadline = match self.deadline(child) {
            Ok(deadline) => deadline,
            Err(failed) => return Ok(Err(failed)),
        };
        if let Err(room) = around.room.take((accepted.document.0.len() + inputs.len()) as u64) {
            return Ok(Err(Failed::new(Class::Overloaded, room)));
        }
        let document = around.payloads.make_blob(tenant, &accepted.document.0).await;
        let inputs = around.payloads.make(tenant, Payload { media: MediaType::Json, bytes: inputs }).await;
        let (document, mut inputs) = match (document, inputs) {
            (Ok(document), Ok(inputs)) => (document, inputs),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(unkept(&error))),
        };
        // What the task was given may be seen by nobody else there either.
        inputs.reference.labels = dispatch.labels.clone();
        let submission = Box::new(Submission {
            run,
            tenant: tenant.clone(),
            principal: dispatch.principal.clone(),
            graph: accepted.graph,
            document: document.reference.clone(),
            inputs: inputs.reference.clone(),
            priority: Some(inherited.priority),
            deadline,
            budget: child.budget(),
            strict: inherited.strict,
            key: Some(key),
            origin: origin.map(Arc::new),
            concurrency: None,
            parent: Some(Arc::new(Parent { run: dispatch.attempt.run, task: self.task().into() })),
        });
        Ok(Ok(Submitting { submission, document, inputs, given: kept }))
    }

    /// The inputs, checked as those of any run.
    async fn inputs(&self, child: &Child) -> Result<Result<Bytes, Failed>, Unknown> {
        let dispatch = &*self.dispatch;
        let bytes = match &dispatch.input {
            Some(reference) => {
                let read = self.around.payloads.bytes(&dispatch.tenant, dispatch.attempt.run, reference).await;
                match read {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        let message = format!("the input could not be read: {}", chain(&error));
                        return Ok(Err(Failed::new(error.class(), message)));
                    }
                }
            }
            None => match &self.graph_task().work {
                Work::Call(call) => Bytes::copy_from_slice(dispatch.graph.expr(call.input).source.as_bytes()),
                Work::Group(_) => Bytes::new(),
            },
        };
        let document = NormalDocument(Arc::clone(&child.document));
        let prepared = self.around.evaluations.pool().compute(move || {
            let given: Json = serde_json::from_slice(&bytes).unwrap_or_default();
            Declared::of(&document).prepare(given)
        });
        Ok(match prepared.await.map_err(Unknown::from)? {
            Ok(prepared) => Ok(Bytes::from(prepared.to_string())),
            Err(unfit) => Err(Failed::new(Class::Permanent, unfit)),
        })
    }

    /// Its own, or what is left of its parent's, whichever is less.
    fn deadline(&self, child: &Child) -> Result<Option<Duration>, Failed> {
        let left = self.dispatch.expires.map(|at| at.since(self.around.clock.now()));
        if left == Some(Duration::ZERO) {
            return Err(Failed::new(Class::DeadlineExceeded, "no time is left for a child run"));
        }
        Ok(left.into_iter().chain(child.graph.deadline).min())
    }

    /// The parent's record shall name its child.
    fn tell(&self, run: RunId) {
        let attempt = self.dispatch.attempt.clone();
        let reference = Arc::from(run.to_string());
        self.around.inbox.send(Message::Referenced { life: self.life, attempt, reference });
    }

    /// Waits until nothing more happens to the run. Tells it to stop once it is not wanted any more, or its time is over; gives why.
    async fn until_done(&self, run: RunId) -> Result<Option<Failure>, Unknown> {
        let (mut stopped, mut limit): (Option<Failure>, _) = (None, self.limit);
        let mut holding = self.holding(run);
        loop {
            let (reply, mut done) = oneshot::channel();
            let (tenant, permit) = (self.dispatch.tenant.clone(), self.around.permit().await);
            self.around.inbox.send(Message::AwaitDone { tenant, run, reply, permit });
            let is_done = loop {
                tokio::select! {
                    biased;
                    told = &mut done => break told.is_ok(),
                    () = self.cancel.cancelled(), if stopped.is_none() => {
                        stopped = Some(Failure::new(Class::Cancelled, "the attempt was stopped"));
                        self.stop(run).await;
                    }
                    () = until(limit), if stopped.is_none() => {
                        limit = self.more_time(&mut holding).await?;
                        if limit.is_some() {
                            continue;
                        }
                        stopped = Some(Failure::new(Class::Timeout, "`timeout.attempt` has passed"));
                        self.stop(run).await;
                    }
                }
            };
            if is_done || self.is_done(run).await? {
                return Ok(stopped);
            }
            sleep(PAUSE).await;
        }
    }

    async fn stop(&self, run: RunId) {
        let (tenant, permit) = (self.dispatch.tenant.clone(), self.around.permit().await);
        // A shard that does not take it has ended this life, and the next one says it again.
        let (reply, _unheard) = oneshot::channel();
        self.around.inbox.send(Message::Command { tenant, run, command: Command::Cancel, reply, permit });
    }

    /// True if the store says that nothing more happens to it.
    async fn is_done(&self, run: RunId) -> Result<bool, Unknown> {
        let tenant = &self.dispatch.tenant;
        let row = self.around.store.run(tenant, run).await.map_err(Unknown::from)?;
        Ok(row.is_none_or(|row| row.done.is_some()) || self.around.left_out(tenant, run))
    }
}

/// A run on its way to the shard.
struct Submitting {
    submission: Box<Submission>,
    document: Made,
    inputs: Made,
    given: Vec<Made>,
}

impl Ended {
    /// No run was begun.
    fn refused(failed: Failed) -> Self {
        let failure = Failure::new(failed.class, &failed.message).without_effect();
        Self { outcome: Outcome::Failed(failure), made: None, spent: Money::ZERO, degraded: false }
    }

    /// The run gave nothing.
    pub(crate) fn failed(failure: Failure, usage: Usage, spent: Money) -> Self {
        Self { outcome: Outcome::Failed(Failure { usage, ..failure }), made: None, spent, degraded: false }
    }
}

fn unkept(error: &PayloadError) -> Failed {
    Failed::new(error.class(), format!("the child run's inputs or its document could not be kept: {}", chain(error)))
}

/// What it means for the task that the core refused the run.
fn refused(rejected: &Rejected) -> Failed {
    let class = match rejected {
        Rejected::Full { .. }
        | Rejected::TooManyTasks { .. }
        | Rejected::QueueFull { .. }
        | Rejected::Overloaded { .. } => Class::Overloaded,
        Rejected::DeadlinePassed => Class::DeadlineExceeded,
        Rejected::Exists(_)
        | Rejected::Keyed(_)
        | Rejected::Joined(_)
        | Rejected::NotLive(_)
        | Rejected::NotAnExtension { .. }
        | Rejected::OutputNotMade { .. }
        | Rejected::NotAhead(_)
        | Rejected::Overtaken(_)
        | Rejected::NoTarget { .. }
        | Rejected::Over(_)
        | Rejected::NotWaiting { .. }
        | Rejected::NobodyWaits { .. }
        | Rejected::SeveralWait { .. }
        | Rejected::OtherAttempt { .. }
        | Rejected::NotAsked { .. }
        | Rejected::TooManySignals { .. }
        | Rejected::BudgetEnded(_)
        | Rejected::NoBudget { .. }
        | Rejected::NoLoop { .. }
        | Rejected::RaisesNothing
        | Rejected::RaisesTooMuch
        | Rejected::Started { .. }
        | Rejected::SetAside { .. }
        | Rejected::NotAwaited { .. } => Class::Permanent,
    };
    Failed::new(class, format!("no child run was begun: {rejected}"))
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
