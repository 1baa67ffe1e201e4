//! A service outside: it books what it is asked to, misbehaves as the world does, and keeps a ledger that outlives the server.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::chance::Chance;
use super::http::{Message, read};

/// Longer than the target's `timeout.whole` of [`super::world`].
const TOO_LONG: Duration = Duration::from_millis(900);

/// A request as it came in, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The submission and the path of the task that sent it.
    pub(crate) of: (String, String),
    pub(crate) run: String,
    pub(crate) key: Option<String>,
    pub(crate) amount: u64,
    pub(crate) did: Did,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// It is being looked at.
    Pending,
    /// It had its effect under this receipt.
    Booked(u64),
    /// Its key had been booked before, under this receipt.
    Repeated(u64),
    /// Refused with proof that nothing happened.
    Refused,
    /// Nothing happened, which the caller was not told for certain.
    Nothing,
}

/// The ledger.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) requests: Vec<Request>,
    /// By receipt: whose it is, and how much.
    pub(crate) effects: BTreeMap<u64, ((String, String), u64)>,
    keys: BTreeMap<String, u64>,
    working: usize,
}

impl Ledger {
    fn book(&mut self, at: usize) -> u64 {
        let request = &self.requests[at];
        if let Some(receipt) = request.key.as_ref().and_then(|key| self.keys.get(key)).copied() {
            self.requests[at].did = Did::Repeated(receipt);
            return receipt;
        }
        let receipt = self.effects.len() as u64 + 1;
        self.effects.insert(receipt, (request.of.clone(), request.amount));
        if let Some(key) = &request.key {
            self.keys.insert(key.clone(), receipt);
        }
        self.requests[at].did = Did::Booked(receipt);
        receipt
    }
}

/// What it does with a request.
#[derive(Clone, Copy)]
enum Mood {
    Prompt,
    Slow,
    /// Books at once, answers when the caller has gone.
    Late,
    /// Books when the caller has gone.
    Overdue,
    HangUpBefore,
    HangUpAfter,
    ErrorBefore,
    ErrorAfter,
    TooMany,
}

/// Of twenty.
const MOODS: [Mood; 20] = {
    use Mood::*;
    [
        Prompt,
        Prompt,
        Prompt,
        Prompt,
        Prompt,
        Prompt,
        Prompt,
        Prompt,
        Slow,
        Slow,
        Slow,
        Slow,
        Late,
        Overdue,
        HangUpBefore,
        HangUpAfter,
        ErrorBefore,
        ErrorAfter,
        TooMany,
        TooMany,
    ]
};

/// The service. It serves until its test ends.
pub(crate) struct Bank {
    pub(crate) address: SocketAddr,
    /// Counted up with every request that comes in, for whoever waits for one.
    pub(crate) arrivals: Arc<AtomicU64>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Bank {
    pub(crate) fn open(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ledger = Arc::<Mutex<Ledger>>::default();
        let arrivals = Arc::<AtomicU64>::default();
        let (books, counter) = (Arc::clone(&ledger), Arc::clone(&arrivals));
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (books, counter) = (Arc::clone(&books), Arc::clone(&counter));
                // A connection that breaks is the caller's affair.
                std::thread::spawn(move || drop(serve(stream, &books, &counter, seed)));
            }
        });
        Self { address, arrivals, ledger }
    }

    /// The ledger once nothing is being looked at any more.
    pub(crate) fn closed(&self) -> std::sync::MutexGuard<'_, Ledger> {
        loop {
            let ledger = self.ledger.lock().unwrap();
            if ledger.working == 0 {
                return ledger;
            }
            drop(ledger);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(stream: TcpStream, books: &Mutex<Ledger>, arrivals: &AtomicU64, seed: u64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(message) = read(&mut reader)? {
        let (at, mood, mut chance) = enter(&message, books, seed);
        arrivals.fetch_add(1, Ordering::Relaxed);
        let answer = act(at, mood, &mut chance, books);
        books.lock().unwrap().working -= 1;
        let Some((status, more, body)) = answer else { return Ok(()) };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}");
        (&stream).write_all(format!("{head}\r\n{body}").as_bytes())?;
        if chance.below(4) == 0 {
            // As an idle connection ends: without a word.
            return Ok(());
        }
    }
    Ok(())
}

/// Writes the request down; what is done with it depends on the seed, whose it is, and how many came before it.
fn enter(message: &Message, books: &Mutex<Ledger>, seed: u64) -> (usize, Mood, Chance) {
    let asked: Json = serde_json::from_str(&message.body).unwrap();
    let word = |field: &str| asked[field].as_str().unwrap().to_owned();
    let request = Request {
        of: (word("ticket"), word("path")),
        run: word("run"),
        key: message.headers.get("idempotency-key").cloned(),
        amount: asked["amount"].as_u64().unwrap(),
        did: Did::Pending,
    };
    let mut ledger = books.lock().unwrap();
    let before = ledger.requests.iter().filter(|other| other.of == request.of).count();
    let mut chance = Chance::new(seed, &format!("{} {} {before}", request.of.0, request.of.1));
    let mood = *chance.one(&MOODS);
    ledger.working += 1;
    ledger.requests.push(request);
    (ledger.requests.len() - 1, mood, chance)
}

/// Status, further headers and body; nothing if it hangs up.
fn act(at: usize, mood: Mood, chance: &mut Chance, books: &Mutex<Ledger>) -> Option<(u16, &'static str, String)> {
    let books_it = || {
        let mut ledger = books.lock().unwrap();
        let receipt = ledger.book(at);
        let (ticket, path) = &ledger.requests[at].of;
        json!({ "receipt": receipt, "ticket": ticket, "path": path }).to_string()
    };
    let says = |did| books.lock().unwrap().requests[at].did = did;
    match mood {
        Mood::Prompt => Some((200, "", books_it())),
        Mood::Slow => {
            std::thread::sleep(chance.millis(10, 150));
            Some((200, "", books_it()))
        }
        Mood::Late => {
            let body = books_it();
            std::thread::sleep(TOO_LONG);
            Some((200, "", body))
        }
        Mood::Overdue => {
            std::thread::sleep(TOO_LONG);
            Some((200, "", books_it()))
        }
        Mood::HangUpBefore => {
            says(Did::Nothing);
            None
        }
        Mood::HangUpAfter => {
            books_it();
            None
        }
        Mood::ErrorBefore => {
            says(Did::Nothing);
            Some((500, "", "{}".to_owned()))
        }
        Mood::ErrorAfter => {
            books_it();
            Some((*chance.one(&[500, 502, 503]), "", "{}".to_owned()))
        }
        Mood::TooMany => {
            says(Did::Refused);
            Some((429, "Retry-After-Ms: 20\r\n", "{}".to_owned()))
        }
    }
}
