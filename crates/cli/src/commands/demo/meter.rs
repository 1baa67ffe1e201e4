//! A provider in this process: the offline model in OpenAI's wire format, with a price, that keeps its own books.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agendum_adapters::offline::Temper;
use agendum_server::{Categories, Model, Mood, Reply};
use serde_json::Value as Json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::provider::Offline;
use crate::failure::Failure;
use crate::host::bind;

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
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens another door to the same model, so that who came through it can be told from who came before; gives its address.
    pub(super) async fn open(&mut self) -> Result<SocketAddr, Failure> {
        let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = server.address();
        let delay_ms = u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX);
        let door = Door {
            number: self.doors.len(),
            model: Offline::new(Temper { delay_ms, ..Temper::default() }),
            price: self.price,
            books: Arc::clone(&self.books),
        };
        let stop = CancellationToken::new();
        self.doors.push(stop.clone().drop_guard());
        tokio::spawn(server.serve_router(agendum_server::provider(Arc::new(door)), stop));
        Ok(address)
    }
}

struct Door {
    number: usize,
    model: Offline,
    price: Price,
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
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.charged += reply.tokens_in * self.price.input + reply.tokens_out * self.price.output;
        books.answers.push((self.number, asked["messages"].to_string(), Instant::now()));
        Ok(reply)
    }

    fn moderate(&self, text: &str) -> Categories {
        self.model.moderate(text)
    }

    fn mood(&self) -> Mood {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.first.entry(self.number).or_insert_with(Instant::now);
        *books.calls.entry(self.number).or_default() += 1;
        self.model.mood()
    }

    fn pauses(&self) -> (Duration, Duration) {
        self.model.pauses()
    }
}
