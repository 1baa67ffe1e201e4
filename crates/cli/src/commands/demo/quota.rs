//! A provider in this process that lets so many requests through in a second: the offline model behind the quota of the policy laboratory,
//! whose minute is a second here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agendum_server::{Mood, Reply};
use agendum_sim::lab::provider::{Counts, Provider, Quota};
use tokio_util::sync::DropGuard;

use super::door::{self, Keeper};
use crate::failure::Failure;

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
        (!locked(&self.0).comes()).then_some(Mood::RateLimited { retry_after_ms: RETRY_AFTER_MS })
    }

    fn answers(&self, prompt: String, _: &Reply) {
        locked(&self.0).answered.push(prompt);
    }
}
