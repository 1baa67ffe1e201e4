//! The shard's thread: one core, driven from one inbox, through as many lives as its journal gives it.
//!
//! A life begins when the journal is opened and ends when an append fails, its outcome is unknown, or this thread panics: nothing is
//! retried, memory is dropped, the journal opened anew.

mod commit;
mod life;
mod restore;
mod steady;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration as Span, Instant};

use agendum_ports::{Adapter, Clock, Store, chain};
use agendum_types::id::PARTITION_COUNT;
use agendum_types::{Limits, Partition, Policy, Pool, RunId, ShardId, Target, Tenant, Timestamp, Windows};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::cache::Forgotten;
use crate::evaluate::Evaluations;
use crate::feed::Feed;
use crate::inbox::{Inbox, Intake, Message};
use crate::keyed::Turns;
use crate::notices::Desks;
use crate::payloads::Payloads;
use crate::room::{Gauge, Room};
use crate::verdicts::Verdicts;
pub use life::STOP_GRACE;
use life::{End, Life};
pub use restore::RestoreError;

/// The pause before the journal is opened anew, doubled up to a minute.
const REOPEN_PAUSE: Span = Span::from_millis(250);

/// Why a life ended that the shard itself broke off.
const PANICKED: &str = "it panicked: this is a bug in Agendum";

/// How the shard stands, for readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// The journal is being read.
    #[default]
    Starting,
    /// It takes work.
    Ready,
    /// The last append failed, or the shard panicked; the journal is being opened anew.
    Recovering(String),
    /// Its disk is about to be full: what is under way goes on, and nothing more is taken in.
    Full(Room),
    /// It was asked to stop, and has.
    Stopped,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("its journal is being read"),
            Self::Ready => f.write_str("it broke off a moment ago, or is about to stop"),
            Self::Recovering(reason) => write!(f, "its journal is being opened anew ({reason})"),
            Self::Full(room) => room.fmt(f),
            Self::Stopped => f.write_str("it has stopped"),
        }
    }
}

/// Everything a shard works with; shared by its lives.
pub(crate) struct Surroundings {
    pub(crate) shard: ShardId,
    pub(crate) limits: Limits,
    pub(crate) windows: Windows,
    pub(crate) pools: Vec<Pool>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) targets: Vec<(Target, Arc<dyn Adapter>)>,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) evaluations: Evaluations,
    pub(crate) feed: Arc<Feed>,
    pub(crate) notices: Desks,
    pub(crate) verdicts: Verdicts,
    pub(crate) inbox: Inbox,
    pub(crate) runtime: Handle,
    pub(crate) health: Mutex<Health>,
    pub(crate) room: Gauge,
    /// Open runs that the last opening left out, because they are damaged.
    pub(crate) left_out: Mutex<FxHashMap<RunId, Tenant>>,
    /// Look-ups of kept results that are out.
    pub(crate) look_ups: Semaphore,
    /// What was forgotten of kept results in this process.
    pub(crate) forgotten: Mutex<Forgotten>,
    /// The time of the last event: the shard's, which is ahead of the wall clock once that was set back.
    pub(crate) latest: AtomicU64,
    /// Fixes the seeds of a test; chance otherwise.
    pub(crate) seed: Option<u64>,
    /// One submission at a time under each key.
    pub(crate) turns: Turns,
    pub(crate) requests: Arc<Semaphore>,
    /// Plans are published and taken back one after the other, so that instants and numbers go together.
    pub(crate) plans: AsyncMutex<()>,
}

impl Surroundings {
    pub(crate) fn health(&self) -> Health {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (health, self.room.short()) {
            (Health::Ready | Health::Recovering(_), Some(room)) => Health::Full(room),
            (health, _) => health,
        }
    }

    /// The time by the wall clock and by the shard's, whichever is later.
    pub(crate) fn later(&self) -> Timestamp {
        self.clock.now().max(Timestamp(self.latest.load(Ordering::Acquire)))
    }

    pub(crate) fn left_out(&self, tenant: &Tenant, run: RunId) -> bool {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).get(&run) == Some(tenant)
    }

    /// Room for one more request that waits for the shard.
    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.requests).acquire_owned().await.expect("it is never closed")
    }

    pub(crate) fn new_run_id(&self) -> RunId {
        let mut chance = [0; 16];
        if getrandom::fill(&mut chance).is_err() {
            // Without a source of chance the clock alone must tell runs apart.
            chance = u128::from(self.clock.now().0).to_be_bytes();
        }
        let chance = u128::from_be_bytes(chance);
        let partition = Partition((chance >> 100) as u16 % PARTITION_COUNT);
        RunId::compose(self.clock.now(), partition, chance)
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// Runs the shard until it is stopped. `opened` is told how the first opening went.
pub(crate) fn run(
    surroundings: &Arc<Surroundings>,
    inbox: &mut Intake,
    opened: oneshot::Sender<Result<(), RestoreError>>,
) {
    // Futures that the shard polls itself may find that they have to wait for the runtime.
    let _context = surroundings.runtime.enter();
    let _told = Ending(surroundings);
    let mut life = match surroundings.runtime.block_on(restore::open(surroundings)) {
        Ok(restored) => {
            let crashed = restored.crashed();
            let life = Life::begin(Arc::clone(surroundings), restored, crashed, life::Waiters::default());
            surroundings.set_health(Health::Ready);
            let _gone = opened.send(Ok(()));
            life
        }
        Err(error) => {
            surroundings.set_health(Health::Stopped);
            let _gone = opened.send(Err(error));
            return;
        }
    };
    loop {
        let lived = catch_unwind(AssertUnwindSafe(|| life.live(inbox)));
        let panicked = lived.is_err();
        let reason = match lived.unwrap_or_else(|_said| End::Failed(PANICKED.to_owned())) {
            End::Stopped => break,
            End::Failed(reason) if life.is_stopping() => {
                tracing::error!(%reason, "the shard did not end in good order");
                break;
            }
            End::Failed(reason) => reason,
        };
        tracing::error!(%reason, "the shard drops its memory and opens its journal anew");
        surroundings.set_health(Health::Recovering(reason));
        surroundings.feed.reset();
        let waiters = std::mem::take(&mut life.waiters);
        drop(life);
        life = match reopen(surroundings, inbox, panicked, waiters) {
            Some(life) => life,
            None => break,
        };
        surroundings.set_health(Health::Ready);
    }
}

/// Says that the shard has ended, however it does.
struct Ending<'a>(&'a Surroundings);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.set_health(Health::Stopped);
    }
}

/// Opens the journal again and again until it succeeds; `None` if the shard is told to stop meanwhile. Only a panic is a crash: what the
/// disk refused no run has caused.
fn reopen(surroundings: &Arc<Surroundings>, inbox: &mut Intake, crashed: bool, waiters: life::Waiters) -> Option<Life> {
    let mut pause = REOPEN_PAUSE;
    loop {
        // However much is asked meanwhile.
        let until = Instant::now() + pause;
        loop {
            match inbox.wait(Some(until.saturating_duration_since(Instant::now()))) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                // What the earlier life had started reports in vain; callers are told at once to come back.
                Ok(message) => drop(message),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        match surroundings.runtime.block_on(restore::open(surroundings)) {
            Ok(restored) => return Some(Life::begin(Arc::clone(surroundings), restored, crashed, waiters)),
            Err(error) => tracing::error!(error = chain(&error), "the journal cannot be opened"),
        }
        // Room comes back when somebody makes some: until then looking costs little.
        let longest = if surroundings.room.short().is_some() { 1 } else { 60 };
        pause = (pause * 2).min(Span::from_secs(longest));
    }
}
