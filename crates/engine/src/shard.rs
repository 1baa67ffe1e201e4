//! The shard's thread: one core, driven from one inbox, through as many lives as its journal gives it.
//!
//! A life begins when the journal is opened and ends when an append fails or its outcome is unknown: nothing is retried, memory is
//! dropped, the journal opened anew.

mod commit;
mod life;
mod restore;

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration as Span, Instant};

use agendum_ports::{Adapter, Clock, Store};
use agendum_types::{Limits, ShardId, Target};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::evaluate::Evaluations;
use crate::feed::Feed;
use crate::inbox::{Inbox, Intake, Message};
use crate::payloads::Payloads;
pub use life::STOP_GRACE;
use life::{End, Life};
pub use restore::RestoreError;

/// The pause before the journal is opened anew, doubled up to a minute.
const REOPEN_PAUSE: Span = Span::from_millis(250);

/// How the shard stands, for readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// The journal is being read.
    #[default]
    Starting,
    /// It takes work.
    Ready,
    /// The last append failed; the journal is being opened anew.
    Recovering(String),
    /// It was asked to stop, and has.
    Stopped,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("its journal is being read"),
            Self::Ready => f.write_str("it is about to stop"),
            Self::Recovering(reason) => write!(f, "its journal is being opened anew ({reason})"),
            Self::Stopped => f.write_str("it has stopped"),
        }
    }
}

/// Everything a shard works with; shared by its lives.
pub(crate) struct Surroundings {
    pub(crate) shard: ShardId,
    pub(crate) limits: Limits,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) targets: Vec<(Target, Arc<dyn Adapter>)>,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) evaluations: Evaluations,
    pub(crate) feed: Arc<Feed>,
    pub(crate) inbox: Inbox,
    pub(crate) runtime: Handle,
    pub(crate) health: Mutex<Health>,
    /// Fixes the seeds of a test; chance otherwise.
    pub(crate) seed: Option<u64>,
}

impl Surroundings {
    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    let mut life = match surroundings.runtime.block_on(restore::open(surroundings)) {
        Ok(restored) => {
            surroundings.set_health(Health::Ready);
            let _gone = opened.send(Ok(()));
            Life::begin(Arc::clone(surroundings), restored, life::Waiters::default())
        }
        Err(error) => {
            surroundings.set_health(Health::Stopped);
            let _gone = opened.send(Err(error));
            return;
        }
    };
    loop {
        let reason = match life.live(inbox) {
            End::Stopped => break,
            End::Failed(reason) if life.is_stopping() => {
                tracing::error!(%reason, "the journal refused the last append");
                break;
            }
            End::Failed(reason) => reason,
        };
        tracing::error!(%reason, "the journal refused an append: opening it anew");
        surroundings.set_health(Health::Recovering(reason));
        surroundings.feed.reset();
        let waiters = std::mem::take(&mut life.waiters);
        drop(life);
        life = match reopen(surroundings, inbox, waiters) {
            Some(life) => life,
            None => break,
        };
        surroundings.set_health(Health::Ready);
    }
    surroundings.set_health(Health::Stopped);
}

/// Opens the journal again and again until it succeeds; `None` if the shard is told to stop meanwhile.
fn reopen(surroundings: &Arc<Surroundings>, inbox: &mut Intake, waiters: life::Waiters) -> Option<Life> {
    let mut pause = REOPEN_PAUSE;
    loop {
        let mut kept = VecDeque::new();
        // However much is asked meanwhile.
        let until = Instant::now() + pause;
        loop {
            match inbox.wait(Some(until.saturating_duration_since(Instant::now()))) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(message) => kept.push_back(message),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        // What the earlier life had started reports in vain; callers are told to come back.
        drop(kept);
        match surroundings.runtime.block_on(restore::open(surroundings)) {
            Ok(restored) => return Some(Life::begin(Arc::clone(surroundings), restored, waiters)),
            Err(error) => tracing::error!(%error, "the journal cannot be opened"),
        }
        pause = (pause * 2).min(Span::from_secs(60));
    }
}
