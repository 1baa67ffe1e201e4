//! Notices: endpoints outside are told what becomes of runs, at least once.
//!
//! The shard keeps a notice in the commit of the record that it tells of ([`tell`] says which), for each endpoint that wants it. Each
//! endpoint has a worker of its own, which sends what is kept: the notices of one run one after the other, those of some runs at a
//! time. Nobody waits for it: a slow endpoint holds up itself. What was sent in vain is sent again with growing pauses
//! ([`patience`]), under the same id; after a crash all that is kept is sent again.

mod patience;
mod tell;
mod worker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_core::{Entry, Scheduler};
use agendum_ports::{Courier, Noted, Parcel, Receipt, StoreError};
use agendum_types::{Duration, Incarnation, NoticeKind, Timestamp};
use agendum_wire::v1::Notice;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};

use crate::engine::Engine;
use crate::shard::Surroundings;
pub use patience::Patience;
use worker::Worker;

/// How long a stopping engine waits for what is due to be sent.
const STOP_GRACE: Span = Span::from_secs(3);

/// The longest that a notice may be kept.
pub const GIVE_UP_MAX: Duration = Duration::secs(7 * 24 * 3_600);
/// Endpoints at most.
pub const ENDPOINTS_MAX: usize = 16;

/// Whom to tell.
#[derive(Clone)]
pub struct Endpoint {
    /// Its name.
    pub name: Arc<str>,
    /// Another one for another configuration: an endpoint that is gone is tried again then.
    pub mark: String,
    /// What it is told.
    pub on: Vec<NoticeKind>,
    /// Only of runs of the graph of this name.
    pub graph: Option<Arc<str>>,
    /// How often it is tried.
    pub patience: Patience,
    /// Who goes there.
    pub courier: Arc<dyn Courier>,
}

/// An endpoint at work.
pub(crate) struct Desk {
    endpoint: Endpoint,
    /// Something may be due.
    wake: Notify,
    /// It said that it is gone.
    gone: AtomicBool,
    /// What is due is sent, and nothing more is waited for.
    ending: AtomicBool,
}

/// All endpoints.
#[derive(Default)]
pub(crate) struct Desks(Vec<Arc<Desk>>);

impl Desks {
    pub(crate) fn new(endpoints: Vec<Endpoint>) -> Self {
        let desk = |endpoint| {
            let (wake, gone, ending) = (Notify::new(), AtomicBool::new(false), AtomicBool::new(false));
            Arc::new(Desk { endpoint, wake, gone, ending })
        };
        Self(endpoints.into_iter().map(desk).collect())
    }

    /// Tells the store which endpoints there are. Before the first record is decided: none is kept for an endpoint of before.
    pub(crate) async fn register(&self, around: &Surroundings) -> Result<(), StoreError> {
        let known = self.0.iter().map(|desk| (Arc::clone(&desk.endpoint.name), desk.endpoint.mark.clone())).collect();
        let before = around.clock.now().before(GIVE_UP_MAX);
        let rows = around.store.set_endpoints(known, before).await?;
        for desk in &self.0 {
            let row = rows.iter().find(|row| row.name == desk.endpoint.name);
            desk.gone.store(row.is_some_and(|row| row.disabled), Ordering::Relaxed);
        }
        Ok(())
    }

    /// The notices of a record that has just been decided.
    pub(crate) fn noted(&self, entry: &Entry, incarnation: Incarnation, scheduler: &Scheduler) -> Vec<Noted> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let (Some(tenant), Some(run)) = (&entry.tenant, entry.record.run()) else { return Vec::new() };
        let Some((kind, detail)) = tell::of(entry, scheduler) else { return Vec::new() };
        let wants = |desk: &&Arc<Desk>| desk.endpoint.on.contains(&kind) && !desk.gone.load(Ordering::Relaxed);
        let mut desks = self.0.iter().filter(wants).peekable();
        if desks.peek().is_none() {
            return Vec::new();
        }
        // Of a journal that was restored elsewhere the lives are others: no two records have one id.
        let id: Arc<str> = format!("{run}-{incarnation}-{}", entry.seq).into();
        let detail: Arc<str> = detail.text().into();
        let noted = |desk: &Arc<Desk>| Noted {
            endpoint: Arc::clone(&desk.endpoint.name),
            graph: desk.endpoint.graph.clone(),
            seq: entry.seq,
            id: Arc::clone(&id),
            tenant: tenant.clone(),
            run,
            at: entry.at,
            kind: Arc::from(kind.event()),
            detail: Arc::clone(&detail),
        };
        desks.map(noted).collect()
    }

    /// Something that was kept is durable.
    pub(crate) fn wake(&self) {
        self.0.iter().for_each(|desk| desk.wake.notify_one());
    }

    fn find(&self, name: &str) -> Option<&Arc<Desk>> {
        self.0.iter().find(|desk| *desk.endpoint.name == *name)
    }
}

/// The workers of an engine.
#[derive(Default)]
pub(crate) struct Workers(Mutex<Vec<JoinHandle<()>>>);

impl Workers {
    pub(crate) fn start(&self, around: &Arc<Surroundings>) {
        let spawn = |desk: &Arc<Desk>| {
            let worker = Worker::new(Arc::clone(around), Arc::clone(desk));
            around.runtime.spawn(worker.run())
        };
        self.tasks().extend(around.notices.0.iter().map(spawn));
    }

    /// Sends what is due, and ends.
    pub(crate) async fn finish(&self, around: &Surroundings) {
        for desk in &around.notices.0 {
            desk.ending.store(true, Ordering::Release);
            desk.wake.notify_one();
        }
        let tasks = std::mem::take(&mut *self.tasks());
        let late: Vec<AbortHandle> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let _ended = tokio::time::timeout(STOP_GRACE, join_all(tasks)).await;
        late.iter().for_each(AbortHandle::abort);
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.tasks().iter().for_each(JoinHandle::abort);
    }
}

/// The body of a notice, on its way.
fn parcel(id: Arc<str>, at: Timestamp, notice: &Notice) -> Parcel {
    let body = serde_json::to_vec(notice).expect("it is plain data");
    Parcel { id, at, body: Bytes::from(body) }
}

impl Engine {
    /// Tries an endpoint with a notice that tells nothing; `None` if there is no such endpoint.
    pub async fn ping(&self, endpoint: &str) -> Option<Receipt> {
        let desk = self.around.notices.find(endpoint)?;
        Some(ping(&*desk.endpoint.courier, self.around.clock.now()).await)
    }
}

/// Sends a notice that tells nothing.
pub async fn ping(courier: &dyn Courier, now: Timestamp) -> Receipt {
    let id = format!("ping-{now}-{:08x}", getrandom::u32().unwrap_or_default());
    courier.send(parcel(id.replace([':', '.'], "").into(), now, &Notice::ping(now))).await
}
