//! Forgets runs when they are old, and deletes what nothing names any more: at a low pace, a few rows and blobs at a time.
//!
//! **When a blob may be deleted.** Contents are shared: a blob that an old run names may be what a submission, an addition, an evaluation
//! or an attempt is about to name, and keeping what is kept already writes nothing. So whoever keeps a blob claims it first, and
//! holds the claim until the shard has decided the record that names it, or has dropped the message. A blob is deleted only
//!
//! 1. if nobody claims it: then it is closed, and whoever wants to claim it waits until it is open again;
//! 2. after that, once everything that the shard had decided before is durable: the claims that had ended by then have their records in
//!    the journal, or never will;
//! 3. after that, if no row up to the end of the journal names it.
//!
//! A crash in between leaves a blob that is told loose once more, and nothing else. Kept results name blobs besides the journal: a store does not
//! count those as loose, and whoever keeps a result claims its blob until the store knows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_ports::{BlobError, BlobName, Forgotten, RunFilter, StoreError, chain};
use agendum_types::{Duration, Partition, RunId, Tenant, Timestamp, Window};
use agendum_wire::journal::DecodeError;
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};
use tokio::task::JoinHandle;

use crate::cache::CacheLimits;
use crate::inbox::Message;
use crate::rows;
use crate::shard::Surroundings;

/// How often old runs are looked for.
const EVERY: Span = Span::from_secs(60);
/// Between two steps: others want the store too.
const PAUSE: Span = Span::from_millis(5);
/// Rows read, rows removed, blobs looked at, runs forgotten in one step.
const READ_MAX: u32 = 1_024;
const SWEPT_MAX: u32 = 256;
const BLOBS_MAX: u32 = 64;
const RUNS_MAX: u32 = 256;
/// How long a key is kept at least, whatever becomes of its run.
pub const KEY_KEPT: Duration = Duration::secs(24 * 3_600);
/// What was spent is told by hours for so long, then by days: more than a year, as feedback.
const SPENT_BY_HOUR: Duration = Duration::secs(400 * 24 * 3_600);

/// Why a run was not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// This tenant has no such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// Something may still happen to it.
    #[error("run {0} is not done: cancel it first")]
    NotDone(RunId),
    /// The run for whose task it ran may still ask for it.
    #[error("run {run} is a child of run {parent}, which may still ask for what it did: delete that one first")]
    Child {
        /// Which run.
        run: RunId,
        /// The one for whose task it ran.
        parent: RunId,
    },
    /// It was submitted under a key that somebody may send again.
    #[error("run {run} was submitted under an idempotency key, which is kept for a day: until {until}")]
    Keyed {
        /// Which run.
        run: RunId,
        /// When its key may go.
        until: Timestamp,
    },
    /// It went on from another run, and is all that tells what became of that.
    #[error("run {run} took over what run {before} did, which could then be done again: delete {before} first")]
    Retries {
        /// Which run.
        run: RunId,
        /// The one that it took over.
        before: RunId,
    },
    /// It had child runs, and a run that went on from it may still ask what they did.
    #[error(
        "run {run} went on as run {other}, which is not done and may ask what the child runs did: wait for that one"
    )]
    WentOn {
        /// Which run.
        run: RunId,
        /// Its retry, or the retry of that.
        other: RunId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a round of collection broke off. The next one goes on.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no blob is deleted while a row cannot be read, for it may name it")]
    Row(#[from] DecodeError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("the shard ended its life meanwhile")]
    Unsettled,
}

/// The collector of one shard.
pub(crate) struct Collector {
    work: Arc<Work>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Work {
    around: Arc<Surroundings>,
    retention: Option<Duration>,
    feedback_kept: Duration,
    cache: CacheLimits,
    wake: Notify,
    /// Of the days before this one it is told what was spent by days; zero until that is looked at.
    folded: AtomicU64,
    /// Held while blobs are deleted.
    deleting: Arc<tokio::sync::Mutex<()>>,
}

impl Collector {
    pub(crate) fn idle(
        around: Arc<Surroundings>,
        retention: Option<Duration>,
        feedback_kept: Duration,
        cache: CacheLimits,
    ) -> Self {
        let work = Work {
            around,
            retention,
            feedback_kept,
            cache,
            wake: Notify::new(),
            folded: AtomicU64::new(0),
            deleting: Arc::default(),
        };
        Self { work: Arc::new(work), task: Mutex::default() }
    }

    pub(crate) fn start(&self) {
        let work = Arc::clone(&self.work);
        let task = self.work.around.runtime.spawn(async move { work.run().await });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Looks now, and not in a while.
    pub(crate) fn wake(&self) {
        self.work.wake.notify_one();
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    pub(crate) async fn forget(&self, tenant: &Tenant, run: RunId) -> Result<(), ForgetError> {
        match self.work.forget(tenant, run).await? {
            Forgotten::Yes => {
                self.work.wake.notify_one();
                Ok(())
            }
            Forgotten::NoRun => Err(ForgetError::NoRun(run)),
            Forgotten::NotDone => Err(ForgetError::NotDone(run)),
            Forgotten::Retries(before) => Err(ForgetError::Retries { run, before }),
            Forgotten::WentOn(other) => Err(ForgetError::WentOn { run, other }),
            Forgotten::Child(parent) => Err(ForgetError::Child { run, parent }),
            Forgotten::Keyed(submitted) => Err(ForgetError::Keyed { run, until: submitted.after(KEY_KEPT) }),
        }
    }

    /// No blob is deleted as long as this is held.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.work.deleting).lock_owned().await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Work {
    async fn run(&self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(error = chain(&error), "old runs are collected later");
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&self) -> Result<(), Broken> {
        if let Some(age) = self.retention {
            self.expire(age).await?;
        }
        let store = &self.around.store;
        let feedback_before = self.around.clock.now().before(self.feedback_kept);
        while store.forget_feedback(feedback_before, SWEPT_MAX).await? {
            tokio::time::sleep(PAUSE).await;
        }
        self.trim().await?;
        self.fold().await?;
        if !store.has_forgotten().await? {
            return Ok(());
        }
        self.name().await?;
        while store.sweep(self.around.shard, SWEPT_MAX).await? {
            tokio::time::sleep(PAUSE).await;
        }
        self.delete().await
    }

    /// Drops results that are too old or too much.
    async fn trim(&self) -> Result<(), StoreError> {
        let store = &self.around.store;
        let since = self.around.clock.now().before(self.cache.age);
        let mut over = store.kept_bytes().await?.saturating_sub(self.cache.bytes_max);
        loop {
            let dropped = store.trim(since, over, SWEPT_MAX).await?;
            if dropped.count < u64::from(SWEPT_MAX) {
                return Ok(());
            }
            over = over.saturating_sub(dropped.bytes);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Puts what was spent long ago together by days, once for each day that becomes so old.
    async fn fold(&self) -> Result<(), StoreError> {
        let before = Window::Day.start(self.around.clock.now().before(SPENT_BY_HOUR));
        if self.folded.load(Ordering::Relaxed) == before.0 {
            return Ok(());
        }
        while self.around.store.fold_spent(before, SWEPT_MAX).await? {
            tokio::time::sleep(PAUSE).await;
        }
        self.folded.store(before.0, Ordering::Relaxed);
        Ok(())
    }

    async fn forget(&self, tenant: &Tenant, run: RunId) -> Result<Forgotten, StoreError> {
        let keyed_until = self.around.clock.now().before(KEY_KEPT);
        let forgotten = self.around.store.forget(tenant, run, keyed_until).await?;
        if forgotten == Forgotten::Yes {
            self.around.feed.forget(run);
        }
        Ok(forgotten)
    }

    /// Forgets what is older than it may be. As long as no tenants come in there is one.
    async fn expire(&self, age: Duration) -> Result<(), Broken> {
        let (tenant, done_before) = (Tenant::default(), self.around.clock.now().before(age));
        // An id begins with the time of its submission: what was done by then was submitted by then.
        let mut cursor = Some(RunId::compose(done_before, Partition(0), 0));
        while cursor.is_some() {
            let filter = RunFilter {
                done_before: Some(done_before),
                before: cursor,
                count_max: RUNS_MAX,
                ..RunFilter::default()
            };
            let page = self.around.store.runs(&tenant, filter).await?;
            for row in &page {
                self.forget(&tenant, row.run).await?;
                tokio::time::sleep(PAUSE).await;
            }
            cursor = page.last().map(|row| row.run);
        }
        Ok(())
    }

    /// Tells the store which blobs the rows of the journal name, up to its end.
    async fn name(&self) -> Result<(), Broken> {
        let (store, shard) = (&self.around.store, self.around.shard);
        let mut until = store.named_until(shard).await?;
        loop {
            let page = store.read_all(shard, until, READ_MAX).await?;
            let Some(last) = page.last() else { return Ok(()) };
            until = last.seq;
            let mut names = Vec::new();
            for row in &page {
                let (Some(tenant), Some(run)) = (&row.tenant, row.run) else { continue };
                names.extend(rows::blobs(row)?.into_iter().map(|hash| BlobName { tenant: tenant.clone(), hash, run }));
            }
            names.sort();
            names.dedup();
            store.name_blobs(shard, until, names).await?;
            if page.len() == READ_MAX as usize {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Deletes the blobs that are loose, by the rule above.
    async fn delete(&self) -> Result<(), Broken> {
        let (store, payloads) = (&self.around.store, &self.around.payloads);
        let mut after = None;
        loop {
            let _held = self.deleting.lock().await;
            let page = store.loose_blobs(after.clone(), BLOBS_MAX).await?;
            let Some(last) = page.last().cloned() else { return Ok(()) };
            let closed = payloads.close(page);
            if !closed.blobs.is_empty() {
                self.settled().await?;
                self.name().await?;
                let mut gone = store.loose_blobs(after, BLOBS_MAX).await?;
                gone.retain(|blob| closed.blobs.contains(blob));
                for blob in &gone {
                    payloads.delete(blob).await?;
                }
                store.drop_loose(gone).await?;
            }
            drop(closed);
            after = Some(last);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until all that the shard has decided so far is durable.
    async fn settled(&self) -> Result<(), Broken> {
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Settle { reply });
        told.await.map(drop).map_err(|_| Broken::Unsettled)
    }
}
