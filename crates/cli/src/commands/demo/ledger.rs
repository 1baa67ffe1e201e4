//! A service in this process whose effects last: it books what it is told to, and says what it has booked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::failure::Failure;
use crate::host::bind;

/// Between booking and the answer: the moment in which a caller that dies leaves a doubt.
const TAKES: Duration = Duration::from_millis(60);

/// What it has done.
#[derive(Default)]
pub(super) struct Books {
    /// How often each agent's tool took effect.
    pub(super) effects: BTreeMap<(u32, String), usize>,
    /// The agents that asked whether their payment had been booked, and what they were told.
    pub(super) doubts: BTreeMap<u32, bool>,
    /// Of tools that honour keys: those that were booked.
    keys: BTreeSet<String>,
}

/// The service, until it goes.
pub(super) struct Ledger {
    pub(super) address: SocketAddr,
    books: Arc<Mutex<Books>>,
    _open: DropGuard,
}

impl Ledger {
    pub(super) async fn open() -> Result<Self, Failure> {
        let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let (address, books, stop) = (server.address(), Arc::<Mutex<Books>>::default(), CancellationToken::new());
        let router = Router::new()
            .route("/once/{tool}", post(once))
            .route("/keyed/{tool}", post(keyed))
            .route("/booked/{tool}/{agent}", get(booked))
            .with_state(Arc::clone(&books));
        tokio::spawn(server.serve_router(router, stop.clone()));
        Ok(Self { address, books, _open: stop.drop_guard() })
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }
}

fn locked(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Asked {
    agent: u32,
}

/// It happens as often as it is asked for.
async fn once(
    State(books): State<Arc<Mutex<Books>>>,
    Path(tool): Path<String>,
    Json(asked): Json<Asked>,
) -> Json<Value> {
    *locked(&books).effects.entry((asked.agent, tool)).or_default() += 1;
    tokio::time::sleep(TAKES).await;
    Json(json!({ "done": true }))
}

/// It happens once for each key.
async fn keyed(
    State(books): State<Arc<Mutex<Books>>>,
    Path(tool): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Json<Value> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    {
        let mut books = locked(&books);
        // Without a key there is nothing to know it by.
        if key.is_none_or(|key| books.keys.insert(key)) {
            *books.effects.entry((asked.agent, tool)).or_default() += 1;
        }
    }
    tokio::time::sleep(TAKES).await;
    Json(json!({ "done": true }))
}

async fn booked(State(books): State<Arc<Mutex<Books>>>, Path((tool, agent)): Path<(String, u32)>) -> Json<Value> {
    let mut books = locked(&books);
    let booked = books.effects.contains_key(&(agent, tool));
    books.doubts.insert(agent, booked);
    Json(json!({ "booked": booked }))
}
