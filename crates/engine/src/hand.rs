//! What people and programs hand to waits: kept as a payload, then decided by the shard, and durable on return.

use std::sync::Arc;

use agendum_core::{Addressee, Rejected, Signal};
use agendum_ports::Payload;
use agendum_types::{MediaType, Principal, RunId, Tenant, WaitView};
use bytes::Bytes;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::inbox::{Message, WaitsAsked};
use crate::refused::Unkept;
use crate::room::Room;
use crate::shard::Health;

/// Bytes of a decision that is taken though the disk is about to be full.
const SMALL: u64 = 16 << 10;

/// Something for a wait.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The run.
    pub run: RunId,
    /// Which of its waits.
    pub to: Addressee,
    /// What the task gives then.
    pub value: Json,
    /// Who hands it over.
    pub by: Principal,
    /// Of a decision: which.
    pub approved: Option<bool>,
    /// Of an attempt in doubt: which.
    pub attempt: Option<u32>,
    /// Of a webhook: its id.
    pub webhook: Option<Arc<str>>,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// The core refused it; nothing has changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// There is no room for it on the disk; nothing of it was written.
    #[error(transparent)]
    DiskFull(#[from] Room),
    /// It is more than may be kept.
    #[error("it cannot be kept: {0}")]
    Payload(String),
    /// It could not be kept now.
    #[error("it could not be kept: {0}")]
    Unkept(String),
    /// The shard takes nothing now: whether it took effect is not known.
    #[error("the engine takes nothing now ({0}): ask again")]
    Unavailable(Health),
}

impl From<Unkept> for HandError {
    fn from(unkept: Unkept) -> Self {
        match unkept {
            Unkept::Never(why) => Self::Payload(why),
            Unkept::Now(why) => Self::Unkept(why),
            Unkept::DiskFull(room) => Self::DiskFull(room),
        }
    }
}

impl Engine {
    /// Hands something to a wait of a live run; returns once that is durable, be it that it is kept for a wait to come. What has come
    /// before under the same webhook id is taken again and means nothing.
    ///
    /// # Errors
    ///
    /// If nothing can come of it, it cannot be kept, or the shard takes no work now.
    pub async fn hand(&self, tenant: &Tenant, handed: Handed) -> Result<(), HandError> {
        let Handed { run, to, value, by, approved, attempt, webhook } = handed;
        let unavailable = || HandError::Unavailable(self.health());
        if self.standings(tenant, &[run]).await.ok_or_else(unavailable)? == [None] {
            return Err(Rejected::Over(run).into());
        }
        // What is kept for a wait to come is taken in; a decision that is waited for may use what is held back for what goes on.
        let bytes = Bytes::from(value.to_string());
        let size = bytes.len() as u64;
        if size > SMALL || matches!(to, Addressee::Named(..)) {
            self.around.room.take(size)?;
        }
        let permit = self.permit().await;
        let payload = self.around.payloads.make(tenant, Payload { media: MediaType::Json, bytes }).await;
        let payload = payload.map_err(|error| self.unkept(&error))?;
        let signal = Box::new(Signal { run, to, payload: payload.reference.clone(), by, approved, attempt, webhook });
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Signal { tenant: tenant.clone(), signal, payload, reply, permit });
        Ok(told.await.map_err(|_| unavailable())??)
    }

    /// The idempotency key of a task of a run: what expressions call `task.key`.
    #[must_use]
    pub fn key(&self, tenant: &Tenant, run: RunId, task: &str) -> Arc<str> {
        self.around.payloads.idempotency_key(tenant, run, task)
    }

    /// What waits for a person, a signal or a webhook, by run; and the run to go on with, if there may be more. `None` where the shard
    /// takes no work now.
    pub async fn waits(&self, tenant: &Tenant, asked: WaitsAsked) -> Option<(Vec<WaitView>, Option<RunId>)> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Waits { tenant: tenant.clone(), asked, reply, permit });
        told.await.ok()
    }
}
