//! A provider in this process that lets so many requests through in a second: the offline model behind a bucket whose minute is
//! a second here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agendum_server::{Mood, Reply};
use tokio_util::sync::DropGuard;

use super::super::provider::Gate;
use super::door::{self, Keeper};
use crate::failure::Failure;

/// Requests that the bucket holds, and by which it fills in a second. A provider that says 1,200 a minute and enforces it by the second.
pub(super) const PER_SECOND: u64 = 20;
/// How much faster its minute goes than ours.
const FASTER: u64 = 60;
/// What it says to whom it refuses: whole seconds are the least that the header can say.
const RETRY_AFTER_MS: u64 = 1_000;

/// What came to it.
pub(super) struct Books {
    gate: Gate,
    /// The prompts that were answered.
    pub(super) answered: Vec<String>,
}

impl Books {
    pub(super) fn refused(&self) -> usize {
        self.gate.count().1
    }

    pub(super) fn requests(&self) -> usize {
        self.gate.count().0
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
        let books = Books { gate: Gate::new(PER_SECOND, FASTER), answered: Vec::new() };
        let books = Arc::new(Mutex::new(books));
        let (address, open) = door::open(AtDoor(Arc::clone(&books)), thinks).await?;
        Ok(Self { address, books, _open: open })
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }
}

fn locked(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who counts at its door.
struct AtDoor(Arc<Mutex<Books>>);

impl Keeper for AtDoor {
    fn comes(&self) -> Option<Mood> {
        (!locked(&self.0).gate.comes()).then_some(Mood::RateLimited { retry_after_ms: RETRY_AFTER_MS })
    }

    fn answers(&self, prompt: String, _: &Reply) {
        locked(&self.0).answered.push(prompt);
    }
}
