//! A door to the offline model in OpenAI's wire format, with somebody at it who keeps the books.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use agendum_adapters::offline::Temper;
use agendum_server::{Categories, Model, Mood, Reply};
use serde_json::Value as Json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::provider::Offline;
use crate::failure::Failure;
use crate::host::bind;

/// Who stands at the door.
pub(super) trait Keeper: Send + Sync + 'static {
    /// A request comes: what it meets instead of the model, if it is not let through.
    fn comes(&self) -> Option<Mood>;

    /// The model has answered this prompt.
    fn answers(&self, prompt: String, reply: &Reply);
}

/// Opens one on this machine, to a model that takes so long; gives its address, and what keeps it open.
pub(super) async fn open(keeper: impl Keeper, delay: Duration) -> Result<(SocketAddr, DropGuard), Failure> {
    let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let (address, stop) = (server.address(), CancellationToken::new());
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    let door = Door { model: Offline::new(Temper { delay_ms, ..Temper::default() }), keeper };
    tokio::spawn(server.serve_router(agendum_server::provider(Arc::new(door)), stop.clone()));
    Ok((address, stop.drop_guard()))
}

struct Door<K> {
    model: Offline,
    keeper: K,
}

impl<K: Keeper> Model for Door<K> {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn fingerprint(&self) -> &str {
        self.model.fingerprint()
    }

    fn chat(&self, asked: &Json) -> Result<Reply, String> {
        let reply = self.model.chat(asked)?;
        self.keeper.answers(asked["messages"].to_string(), &reply);
        Ok(reply)
    }

    fn moderate(&self, text: &str) -> Categories {
        self.model.moderate(text)
    }

    fn mood(&self) -> Mood {
        self.keeper.comes().unwrap_or_else(|| self.model.mood())
    }

    fn pauses(&self) -> (Duration, Duration) {
        self.model.pauses()
    }
}
