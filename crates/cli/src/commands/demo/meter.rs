//! A provider in this process: the offline model in OpenAI's wire format, with a price, that keeps its own books.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agendum_server::{Mood, Reply};
use tokio_util::sync::DropGuard;

use super::door::{self, Keeper};
use crate::failure::Failure;

/// Microdollars for a token.
#[derive(Clone, Copy)]
pub(super) struct Price {
    pub(super) input: u64,
    pub(super) output: u64,
}

impl Price {
    /// The same as a target says it: US dollars per million tokens.
    pub(super) fn toml(self) -> String {
        format!("{{ input = {}, output = {} }}", self.input, self.output)
    }
}

/// What was asked of the model, by whichever of its doors.
#[derive(Default)]
pub(super) struct Books {
    /// Door and prompt of every answer that was given and charged, and when.
    pub(super) answers: Vec<(usize, String, Instant)>,
    /// What all of them cost, in microdollars.
    pub(super) charged: u64,
    /// The first call at each door.
    pub(super) first: BTreeMap<usize, Instant>,
    /// Calls at each door, whether they were answered or not.
    pub(super) calls: BTreeMap<usize, usize>,
}

impl Books {
    /// The different prompts that were answered at a door, each with the first time.
    pub(super) fn answered(&self, door: usize) -> BTreeMap<&str, Instant> {
        let of_door = self.answers.iter().rev().filter(|(at, ..)| *at == door);
        of_door.map(|(_, prompt, given)| (&**prompt, *given)).collect()
    }
}

/// The provider. Its doors close when it goes.
pub(super) struct Meter {
    price: Price,
    delay: Duration,
    books: Arc<Mutex<Books>>,
    doors: Vec<DropGuard>,
}

impl Meter {
    pub(super) fn new(price: Price, delay: Duration) -> Self {
        Self { price, delay, books: Arc::default(), doors: Vec::new() }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }

    /// Opens another door to the same model, so that who came through it can be told from who came before; gives its address.
    pub(super) async fn open(&mut self) -> Result<SocketAddr, Failure> {
        let keeper = AtDoor { number: self.doors.len(), price: self.price, books: Arc::clone(&self.books) };
        let (address, open) = door::open(keeper, self.delay).await?;
        self.doors.push(open);
        Ok(address)
    }
}

/// Who keeps the books at one of its doors.
struct AtDoor {
    number: usize,
    price: Price,
    books: Arc<Mutex<Books>>,
}

impl Keeper for AtDoor {
    fn comes(&self) -> Option<Mood> {
        let mut books = locked(&self.books);
        books.first.entry(self.number).or_insert_with(Instant::now);
        *books.calls.entry(self.number).or_default() += 1;
        None
    }

    fn answers(&self, prompt: String, reply: &Reply) {
        let mut books = locked(&self.books);
        books.charged += reply.tokens_in * self.price.input + reply.tokens_out * self.price.output;
        books.answers.push((self.number, prompt, Instant::now()));
    }
}

fn locked(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
