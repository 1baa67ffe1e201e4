//! The handle that callers hold.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration as Span;

use agendum_core::{Answer, Rejected, Standing, Submission};
use agendum_ports::{Adapter, Attempt, BlobError, Blobs, Clock, Failed, Finished, Payload, Store, StoreError, chain};
use agendum_spec::Accepted;
use agendum_types::graph::{Budget, Priority};
use agendum_types::{
    Class, Duration, Limits, MediaType, PayloadRef, Policy, Principal, RunId, RunView, Seq, ShardId, SubmissionKey,
    Target, TaskPath, Tenant, Windows,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::again::Given;
use crate::cache::{CacheLimits, LOOK_UPS_MAX};
use crate::collect::{Collector, ForgetError};
use crate::evaluate::Evaluations;
use crate::feed::Feed;
use crate::inbox::{Command, Inbox, Message};
use crate::keyed::Turns;
use crate::notices::{Desks, Endpoint, Workers};
use crate::payloads::{PayloadError, Payloads};
use crate::pool::{Pool, Unfinished};
use crate::reader::{ReadError, Reader, stored_answer};
use crate::refused::{CommandError, NotLive, SubmitError, Unkept};
use crate::room::Gauge;
use crate::shard::{self, Health, RestoreError, Surroundings};
use crate::verdicts::{Reading, Verdicts};
use crate::watch::Watch;

/// Requests that wait for the shard at once; more wait for their turn.
const REQUESTS_MAX: usize = 1_024;
/// Runs whose standing is asked for at once: the shard's thread does nothing else meanwhile.
const STANDINGS_MAX: usize = 64;

/// What an engine is made of.
pub struct Parts {
    /// The journal and the index of runs.
    pub store: Arc<dyn Store>,
    /// Payloads too large for the journal, and documents.
    pub blobs: Arc<dyn Blobs>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What can serve tasks, and the code that speaks to it.
    pub targets: Vec<(Target, Arc<dyn Adapter>)>,
    /// Of what attempts may hold units beside their target.
    pub pools: Vec<agendum_types::Pool>,
    /// A number for everything.
    pub limits: Limits,
    /// What each tenant may spend in the windows of the calendar.
    pub windows: Windows,
    /// By which rules the scheduler chooses.
    pub policy: Arc<Policy>,
    /// How long runs are kept once they are done; for ever where absent.
    pub retention: Option<Duration>,
    /// How long feedback is kept.
    pub feedback_kept: Duration,
    /// Whom to tell what becomes of runs.
    pub notices: Vec<Endpoint>,
    /// How much is kept of what tasks gave, and for how long.
    pub cache: CacheLimits,
    /// Whose journal.
    pub shard: ShardId,
    /// Fixes chance in a test.
    pub seed: Option<u64>,
}

/// A run to be.
#[derive(Clone, Debug)]
pub struct Request {
    /// For whom.
    pub tenant: Tenant,
    /// On whose behalf.
    pub principal: Principal,
    /// What shall be done.
    pub accepted: Accepted,
    /// The inputs, JSON; already prepared by [`agendum_spec::inputs::prepare`].
    pub inputs: Bytes,
    /// Overrides the graph's.
    pub priority: Option<Priority>,
    /// Overrides the graph's.
    pub deadline: Option<Duration>,
    /// Overrides the graph's.
    pub budget: Option<Budget>,
    /// Every step is committed before the next begins.
    pub strict: bool,
}

/// Child runs are the shard's own: what it dispatches there no adapter sees.
struct NoAdapter;

impl Adapter for NoAdapter {
    fn start(&self, _attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        ready(Err(Failed::new(Class::Permanent, "a child run is no attempt of an adapter").without_effect())).boxed()
    }
}

/// A running shard. Cheap to share behind an [`Arc`]; stops when dropped.
pub struct Engine {
    pub(crate) around: Arc<Surroundings>,
    pool: Arc<Pool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    collector: Collector,
    workers: Workers,
    verdicts: Reading,
}

impl Engine {
    /// Opens the journal, takes up its open runs and starts the shard's thread on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If the journal cannot be opened or read.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn start(parts: Parts) -> Result<Self, RestoreError> {
        let payloads = Arc::new(Payloads::new(Arc::clone(&parts.store), parts.blobs, &parts.limits));
        let no_thread = |source| StoreError::Io { doing: "start its threads", source: Box::new(source) };
        let pool = Arc::new(Pool::start(&parts.limits).map_err(no_thread)?);
        let evaluations =
            Evaluations::new(Arc::clone(&payloads), Arc::clone(&parts.store), Arc::clone(&pool), &parts.limits);
        let mut targets = parts.targets;
        targets.push((Target::of_children(), Arc::new(NoAdapter)));
        let (inbox, mut intake) = Inbox::channel();
        let around = Arc::new(Surroundings {
            shard: parts.shard,
            room: Gauge::new(Arc::clone(&parts.store), parts.limits.disk_reserve),
            limits: parts.limits,
            windows: parts.windows,
            pools: parts.pools,
            policy: parts.policy,
            store: parts.store,
            clock: parts.clock,
            targets,
            payloads,
            evaluations,
            feed: Arc::new(Feed::default()),
            notices: Desks::new(parts.notices),
            verdicts: Verdicts::default(),
            inbox,
            runtime: Handle::current(),
            health: Mutex::default(),
            left_out: Mutex::default(),
            look_ups: Semaphore::new(LOOK_UPS_MAX),
            forgotten: Mutex::default(),
            latest: AtomicU64::new(0),
            seed: parts.seed,
            turns: Turns::default(),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            plans: Default::default(),
        });
        around.notices.register(&around).await?;
        let (opened, told) = oneshot::channel();
        let shared = Arc::clone(&around);
        let thread = std::thread::Builder::new()
            .name(format!("shard-{}", around.shard))
            .spawn(move || shard::run(&shared, &mut intake, opened))
            .map_err(no_thread)?;
        let engine = Self {
            collector: Collector::idle(Arc::clone(&around), parts.retention, parts.feedback_kept, parts.cache),
            workers: Workers::default(),
            verdicts: Reading::default(),
            around,
            pool,
            thread: Mutex::new(Some(thread)),
        };
        match told.await {
            Ok(result) => result.map(|()| {
                engine.collector.start();
                engine.workers.start(&engine.around);
                engine.verdicts.start(&engine.around);
                engine
            }),
            Err(_) => Err(StoreError::Corrupt {
                path: "the journal".to_owned(),
                message: "the shard's thread panicked while it read it".to_owned(),
            }
            .into()),
        }
    }

    /// How the shard stands.
    #[must_use]
    pub fn health(&self) -> Health {
        self.around.health()
    }

    /// True if this tenant's run was open when the journal was opened last, and left out because what is kept of it is damaged.
    #[must_use]
    pub fn left_out(&self, tenant: &Tenant, run: RunId) -> bool {
        self.around.left_out(tenant, run)
    }

    /// Something was dropped whose blobs nothing may name any more.
    pub(crate) fn collect_soon(&self) {
        self.collector.wake();
    }

    /// Computes beside everything that must not wait, as evaluations do: checks of documents, of inputs.
    ///
    /// # Errors
    ///
    /// If it takes longer than an evaluation may, or too many wait.
    pub async fn compute<T: Send + 'static>(
        &self,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        self.pool.compute(computation).await
    }

    /// Accepts a run, or finds the one that it joins: durable on return.
    ///
    /// # Errors
    ///
    /// If the core refuses it, its payloads cannot be kept, or the engine takes no work.
    pub async fn submit(&self, request: Request) -> Result<RunId, SubmitError> {
        Ok(self.submit_or_join(request).await?.run)
    }

    /// Submits and waits for the answer; does not wait for the submission's own commit first.
    ///
    /// # Errors
    ///
    /// As [`Engine::submit`].
    pub async fn run(&self, request: Request) -> Result<Answer, SubmitError> {
        let run = self.new_run_id();
        let (sender, answer) = oneshot::channel();
        let tenant = request.tenant.clone();
        let mut reply = self.send_submission(run, request, None, Some(sender), Given::default()).await?;
        if let Ok(answer) = answer.await {
            return Ok(answer);
        }
        if let Ok(Err(rejected)) = reply.try_recv() {
            return Err(rejected.into());
        }
        // The shard's life has ended, perhaps between the commit of the answer and its telling.
        let stored = stored_answer(&*self.around.store, &tenant, run).await;
        stored.ok().flatten().ok_or_else(|| self.takes_nothing())
    }

    pub(crate) async fn send_submission(
        &self,
        run: RunId,
        request: Request,
        key: Option<SubmissionKey>,
        answer: Option<oneshot::Sender<Answer>>,
        given: Given,
    ) -> Result<oneshot::Receiver<Result<(), Rejected>>, SubmitError> {
        let concurrency = self.group(&request).await?;
        let permit = self.permit().await;
        let Surroundings { payloads, room, .. } = &*self.around;
        let document = &request.accepted.document.0;
        room.take((document.len() + request.inputs.len()) as u64)?;
        let unkept = |error| self.unkept(&error);
        let document = payloads.make_blob(&request.tenant, document).await.map_err(unkept)?;
        let inputs = Payload { media: MediaType::Json, bytes: request.inputs };
        let inputs = payloads.make(&request.tenant, inputs).await.map_err(unkept)?;
        let submission = Box::new(Submission {
            run,
            tenant: request.tenant,
            principal: request.principal,
            graph: request.accepted.graph,
            document: document.reference.clone(),
            inputs: PayloadRef { labels: given.labels, ..inputs.reference.clone() },
            priority: request.priority,
            deadline: request.deadline,
            budget: request.budget,
            strict: request.strict,
            key,
            origin: given.origin.map(Arc::new),
            concurrency,
            parent: None,
        });
        let given = given.kept;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Submit { submission, document, inputs, given, reply, answer, permit });
        Ok(told)
    }

    /// Why a payload was not kept.
    pub(crate) fn unkept(&self, error: &PayloadError) -> Unkept {
        if matches!(error, PayloadError::Blob(BlobError::DiskFull)) {
            return Unkept::DiskFull(self.around.room.look());
        }
        let (class, why) = (error.class(), chain(error));
        if class == Class::Permanent { Unkept::Never(why) } else { Unkept::Now(why) }
    }

    /// The shard's life has ended, or is about to.
    pub(crate) fn takes_nothing(&self) -> SubmitError {
        match self.health() {
            Health::Full(room) => room.into(),
            health @ (Health::Starting | Health::Ready | Health::Recovering(_) | Health::Stopped) => {
                SubmitError::Unavailable(health)
            }
        }
    }

    pub(crate) fn new_run_id(&self) -> RunId {
        self.around.new_run_id()
    }

    /// Adds tasks to a live run: `graph` is its graph with the additions.
    ///
    /// # Errors
    ///
    /// As [`Engine::submit`].
    pub async fn add_tasks(&self, tenant: &Tenant, run: RunId, accepted: &Accepted) -> Result<(), SubmitError> {
        let standings = self.standings(tenant, &[run]).await.ok_or_else(|| self.takes_nothing())?;
        if standings == [None] {
            return Err(Rejected::NotLive(run).into());
        }
        let permit = self.permit().await;
        let document = &accepted.document.0;
        self.around.room.take(document.len() as u64)?;
        let document = self.around.payloads.make_blob(tenant, document).await.map_err(|error| self.unkept(&error))?;
        let (reply, told) = oneshot::channel();
        let graph = Arc::clone(&accepted.graph);
        self.around.inbox.send(Message::AddTasks { run, graph, document, reply, permit });
        told.await.map_err(|_| self.takes_nothing())??;
        Ok(())
    }

    /// Cancels, pauses or resumes a live run; returns once that is durable.
    ///
    /// # Errors
    ///
    /// If this tenant has no such live run, or the shard takes no work now.
    pub async fn command(&self, tenant: &Tenant, run: RunId, command: Command) -> Result<(), CommandError> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Command { tenant: tenant.clone(), run, command, reply, permit });
        match told.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotLive(run).into()),
            Err(_) => Err(CommandError::Unavailable(self.health())),
        }
    }

    /// The answer of a run; waits for it if the run is live. `None` if this tenant has no such run, or the engine stops first.
    pub async fn answer(&self, tenant: &Tenant, run: RunId) -> Option<Answer> {
        let permit = self.permit().await;
        let (reply, answer) = oneshot::channel();
        self.around.inbox.send(Message::Await { tenant: tenant.clone(), run, reply, permit });
        match answer.await {
            Ok(answer) => Some(answer),
            Err(_) => stored_answer(&*self.around.store, tenant, run).await.ok().flatten(),
        }
    }

    /// A live run as the core sees it, with the tasks within this one.
    pub async fn view(&self, tenant: &Tenant, run: RunId, within: TaskPath) -> Option<RunView> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::View { tenant: tenant.clone(), run, within, reply, permit });
        told.await.ok().flatten()
    }

    /// How runs stand, in their order; `None` for one that is not live or not this tenant's. `None` for all where the shard takes no work
    /// now, which says nothing of them.
    pub async fn standings(&self, tenant: &Tenant, runs: &[RunId]) -> Option<Vec<Option<Standing>>> {
        let mut standings = Vec::with_capacity(runs.len());
        for runs in runs.chunks(STANDINGS_MAX) {
            let permit = self.permit().await;
            let (reply, told) = oneshot::channel();
            self.around.inbox.send(Message::Standings { tenant: tenant.clone(), runs: runs.to_vec(), reply, permit });
            standings.extend(told.await.ok()?);
        }
        Some(standings)
    }

    /// Forgets a run that is done: nobody finds it from now on, and what is kept of it goes soon.
    ///
    /// # Errors
    ///
    /// If this tenant has no such run, it is not done, or its key is to be kept longer.
    pub async fn forget(&self, tenant: &Tenant, run: RunId) -> Result<(), ForgetError> {
        self.collector.forget(tenant, run).await
    }

    /// No blob is deleted as long as what this gives is held: for whoever copies them.
    pub async fn keep_blobs(&self) -> OwnedMutexGuard<()> {
        self.collector.hold().await
    }

    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        self.around.permit().await
    }

    /// What happens to a run: its records after `after`, then what is live, to its end.
    ///
    /// # Errors
    ///
    /// If this tenant has no such run, it was left out, or the store cannot be read.
    pub async fn watch(&self, tenant: &Tenant, run: RunId, after: Seq) -> Result<Watch, ReadError> {
        Watch::begin(Arc::clone(&self.around), tenant.clone(), run, after).await
    }

    /// Reads runs, live or not.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let around = &self.around;
        Reader::over(Arc::clone(&around.store), Arc::clone(&around.payloads), around.limits.clone())
    }

    /// Takes no more work, stops what runs and has no effect, waits a while for the rest, commits what is decided, and ends. Open runs go
    /// on when the journal is opened again.
    pub async fn stop(&self) {
        self.collector.stop();
        self.around.inbox.send(Message::Stop);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            while !thread.is_finished() {
                tokio::time::sleep(Span::from_millis(2)).await;
            }
        }
        self.verdicts.finish(&self.around).await;
        self.workers.finish(&self.around).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.around.inbox.send(Message::Stop);
    }
}
