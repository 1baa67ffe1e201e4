//! Budgets that people raise, or refuse to, and what stands in the windows of a tenant's.

use agendum_core::{Raise, Rejected};
use agendum_types::{Tenant, WindowView};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::inbox::Message;
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
        self.around.inbox.send(Message::Raise { tenant, raise, reply, permit });
        Ok(told.await.map_err(|_| RaiseError::Unavailable(self.health()))??)
    }

    /// What a tenant has spent and holds in the limited windows of the present. `None` where the shard takes no work now.
    pub async fn windows(&self, tenant: &Tenant) -> Option<Vec<WindowView>> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Windows { tenant: tenant.clone(), reply, permit });
        told.await.ok()
    }
}
