//! A provider in this process that lets so many requests through in a second: the offline model behind the quota of the policy laboratory,
//! whose minute is a second here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agendum_adapters::offline::Temper;
use agendum_server::{Categories, Model, Mood, Reply};
use agendum_sim::lab::provider::{Counts, Provider, Quota};
use serde_json::Value as Json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::provider::Offline;
use crate::failure::Failure;
use crate::host::bind;

/// Requests that the bucket holds, and by which it fills in a second. A provider that says 1,200 a minute and enforces it by the second.
pub(super) const PER_SECOND: u64 = 20;
/// Seconds of the laboratory that pass in one of ours.
const FASTER: u64 = 60;
/// What it says to whom it refuses: whole seconds are the least that the header can say.
const RETRY_AFTER_MS: u64 = 1_000;

/// What came to it.
pub(super) struct Books {
    quota: Provider,
    opened: Instant,
    /// The prompts that were answered.
    pub(super) answered: Vec<String>,
}

impl Books {
    pub(super) fn refused(&self) -> usize {
        self.quota.refused.len()
    }

    pub(super) fn requests(&self) -> usize {
        self.quota.let_through.len() + self.refused()
    }

    fn comes(&mut self) -> bool {
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.quota.comes(agendum_types::Duration(micros.saturating_mul(FASTER)), 0)
    }
}

/// The provider, until it goes.
pub(super) struct Limited {
    pub(super) address: SocketAddr,
    books: Arc<Mutex<Books>>,
    _open: DropGuard,
}

impl Limited {
    /// With a full bucket.
    pub(super) async fn open(thinks: Duration) -> Result<Self, Failure> {
        let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let (address, stop) = (server.address(), CancellationToken::new());
        // Its model has a delay of its own: what is of slots and of times here is for virtual requests.
        let quota = Quota {
            requests: PER_SECOND,
            tokens: None,
            counts: Counts::Bucket,
            skew_ms: 0,
            jitter_ms: 0,
            slots: 0,
            base_ms: 0,
            tokens_out_per_s: 0,
        };
        let books = Books { quota: Provider::new(quota, 0), opened: Instant::now(), answered: Vec::new() };
        let books = Arc::new(Mutex::new(books));
        let delay_ms = u64::try_from(thinks.as_millis()).unwrap_or(u64::MAX);
        let door = Door { model: Offline::new(Temper { delay_ms, ..Temper::default() }), books: Arc::clone(&books) };
        tokio::spawn(server.serve_router(agendum_server::provider(Arc::new(door)), stop.clone()));
        Ok(Self { address, books, _open: stop.drop_guard() })
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }
}

fn locked(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Door {
    model: Offline,
    books: Arc<Mutex<Books>>,
}

impl Model for Door {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn fingerprint(&self) -> &str {
        self.model.fingerprint()
    }

    fn chat(&self, asked: &Json) -> Result<Reply, String> {
        let reply = self.model.chat(asked)?;
        locked(&self.books).answered.push(asked["messages"].to_string());
        Ok(reply)
    }

    fn moderate(&self, text: &str) -> Categories {
        self.model.moderate(text)
    }

    fn mood(&self) -> Mood {
        let is_let = locked(&self.books).comes();
        if is_let { self.model.mood() } else { Mood::RateLimited { retry_after_ms: RETRY_AFTER_MS } }
    }

    fn pauses(&self) -> (Duration, Duration) {
        self.model.pauses()
    }
}
