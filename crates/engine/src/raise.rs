//! Budgets that people raise, or refuse to, and what stands in the windows of a tenant's.

use agendum_core::{Raise, Rejected};
use agendum_ports::{Invoice, Reconciliation, StoreError};
use agendum_types::{Tenant, WindowView};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::inbox::{Message, OfMoney};
use crate::shard::Health;

/// Why a budget was not raised.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// The core refused it; nothing has changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The shard takes nothing now: whether it took effect is not known.
    #[error("the engine takes nothing now ({0}): look at the run before you raise again")]
    Unavailable(Health),
}

/// Why a bill was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The shard takes nothing now: send it again, the same bill changes nothing twice.
    #[error("the engine takes nothing now ({0}): send the bill again, it changes nothing twice")]
    Unavailable(Health),
}

impl Engine {
    /// Raises a budget of a live run, or refuses to; returns once that is durable.
    ///
    /// # Errors
    ///
    /// If there is no such budget, it ends, nobody has asked for what is refused, or the shard takes no work now.
    pub async fn raise(&self, tenant: &Tenant, raise: Raise) -> Result<(), RaiseError> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        let (tenant, raise) = (tenant.clone(), Box::new(raise));
        self.around.inbox.send(Message::Money(OfMoney::Raise { tenant, raise, reply, permit }));
        Ok(told.await.map_err(|_| RaiseError::Unavailable(self.health()))??)
    }

    /// Compares the bill of a target for a day that is over with what is counted there, and releases what was lost in crashes and not
    /// billed, or charges again what an earlier bill released too much: in the store, then in the windows. Says what of which hour, and how
    /// the day stands then; `None` where nothing was lost.
    ///
    /// # Errors
    ///
    /// If the shard takes no work now, or the store fails: the windows hold what they held until the next start.
    pub async fn reconcile(&self, tenant: &Tenant, invoice: Invoice) -> Result<Option<Reconciliation>, ReconcileError> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Money(OfMoney::Reconcile { tenant: tenant.clone(), invoice, reply, permit }));
        Ok(told.await.map_err(|_| ReconcileError::Unavailable(self.health()))??)
    }

    /// What a tenant has spent and holds in the limited windows of the present. `None` where the shard takes no work now.
    pub async fn windows(&self, tenant: &Tenant) -> Option<Vec<WindowView>> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Money(OfMoney::Windows { tenant: tenant.clone(), reply, permit }));
        told.await.ok()
    }
}
