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
    /// The key of its task, which the bank books nothing by, but finds it.
    mark: String,
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
    /// Somebody asked for it before it was booked, was told that there is nothing, and so it stays.
    Void,
}

/// The ledger.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) requests: Vec<Request>,
    /// By receipt: whose it is, and how much.
    pub(crate) effects: BTreeMap<u64, ((String, String), u64)>,
    keys: BTreeMap<String, u64>,
    looks: u64,
    working: usize,
}

impl Ledger {
    /// The receipt; none if it is void.
    fn book(&mut self, at: usize) -> Option<u64> {
        let request = &self.requests[at];
        if request.did == Did::Void {
            return None;
        }
        if let Some(receipt) = request.key.as_ref().and_then(|key| self.keys.get(key)).copied() {
            self.requests[at].did = Did::Repeated(receipt);
            return Some(receipt);
        }
        let receipt = self.effects.len() as u64 + 1;
        self.effects.insert(receipt, (request.of.clone(), request.amount));
        if let Some(key) = &request.key {
            self.keys.insert(key.clone(), receipt);
        }
        self.requests[at].did = Did::Booked(receipt);
        Some(receipt)
    }

    /// What was booked under this mark. Where nothing was, nothing that is under way will be.
    fn look(&mut self, mark: &str) -> Option<String> {
        let of = self.requests.iter().find(|request| request.mark == mark).map(|request| request.of.clone())?;
        let found = self.effects.iter().find(|(_, (whose, _))| *whose == of).map(|(receipt, _)| *receipt);
        if found.is_none() {
            let open =
                |request: &&mut Request| request.mark == mark && matches!(request.did, Did::Pending | Did::Nothing);
            self.requests.iter_mut().filter(open).for_each(|request| request.did = Did::Void);
        }
        found.map(|receipt| json!({ "receipt": receipt, "ticket": of.0, "path": of.1 }).to_string())
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
        let (answer, ends) = if message.line.starts_with("POST /look") {
            (looked(&message, books, seed), false)
        } else {
            let (at, mood, mut chance) = enter(&message, books, seed);
            arrivals.fetch_add(1, Ordering::Relaxed);
            let answer = act(at, mood, &mut chance, books);
            books.lock().unwrap().working -= 1;
            (answer, chance.below(4) == 0)
        };
        let Some((status, more, body)) = answer else { return Ok(()) };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}");
        (&stream).write_all(format!("{head}\r\n{body}").as_bytes())?;
        if ends {
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
        mark: word("mark"),
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

/// What was booked under a key, as far as the bank answers at all.
fn looked(message: &Message, books: &Mutex<Ledger>, seed: u64) -> Option<(u16, &'static str, String)> {
    let asked: Json = serde_json::from_str(&message.body).unwrap();
    let mark = asked["key"].as_str().unwrap();
    let mut ledger = books.lock().unwrap();
    ledger.looks += 1;
    match Chance::new(seed, &format!("{mark} {}", ledger.looks)).below(10) {
        0 => None,
        1 => Some((503, "", "{}".to_owned())),
        _ => Some(ledger.look(mark).map_or_else(|| (404, "", "{}".to_owned()), |found| (200, "", found))),
    }
}

/// Status, further headers and body; nothing if it hangs up.
fn act(at: usize, mood: Mood, chance: &mut Chance, books: &Mutex<Ledger>) -> Option<(u16, &'static str, String)> {
    let books_it = || {
        let mut ledger = books.lock().unwrap();
        // What is void is told so to whoever still listens.
        let Some(receipt) = ledger.book(at) else { return (410, "", "{}".to_owned()) };
        let (ticket, path) = &ledger.requests[at].of;
        (200, "", json!({ "receipt": receipt, "ticket": ticket, "path": path }).to_string())
    };
    let says = |did| books.lock().unwrap().requests[at].did = did;
    match mood {
        Mood::Prompt => Some(books_it()),
        Mood::Slow => {
            std::thread::sleep(chance.millis(10, 150));
            Some(books_it())
        }
        Mood::Late => {
            let answer = books_it();
            std::thread::sleep(TOO_LONG);
            Some(answer)
        }
        Mood::Overdue => {
            std::thread::sleep(TOO_LONG);
            Some(books_it())
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
