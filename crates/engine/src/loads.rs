//! How targets and pools are used now.

use agendum_types::snapshot::Snapshot;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::inbox::Message;

impl Engine {
    /// The shard in numbers: how its targets and pools are used. `None` where the shard takes no work now.
    pub async fn loads(&self) -> Option<Snapshot> {
        let permit = self.permit().await;
        let (reply, told) = oneshot::channel();
        self.around.inbox.send(Message::Loads { reply, permit });
        told.await.ok()
    }
}
