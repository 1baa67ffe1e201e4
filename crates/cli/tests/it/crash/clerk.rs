//! The client outside: it submits, asks again, follows and cancels, and keeps a ledger of every acknowledgement that it saw.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::chance::Chance;
use super::graphs::Shape;
use super::http::{Door, Message};

/// A submission, under its own idempotency key.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) shape: usize,
    body: String,
    /// The run that was acknowledged.
    pub(crate) run: Option<String>,
    /// The answer that was seen.
    pub(crate) answer: Option<Json>,
    /// The durable events that were seen, by number.
    pub(crate) events: BTreeMap<u64, Json>,
    /// It was asked to be cancelled.
    cancelled: bool,
}

/// What the client knows.
pub(crate) struct Clerk {
    seed: u64,
    strict: bool,
    /// Where the server is, while it is anywhere.
    pub(crate) door: Mutex<Option<Door>>,
    pub(crate) tickets: Mutex<BTreeMap<String, Ticket>>,
    /// What can only be an error of the server.
    pub(crate) wrong: Mutex<Vec<String>>,
    /// Counted up with every acknowledgement, for whoever waits for one.
    pub(crate) acknowledgements: AtomicU64,
    /// Requests whose answer was lost.
    pub(crate) lost: Mutex<u64>,
    unserved: Mutex<u64>,
}

/// Submissions of one life at most, all clients together.
const TICKETS_MAX: usize = 60;
/// Clients at once.
pub(crate) const CLIENTS: u64 = 4;

impl Clerk {
    pub(crate) fn new(seed: u64, strict: bool) -> Self {
        Self {
            seed,
            strict,
            door: Mutex::default(),
            tickets: Mutex::default(),
            wrong: Mutex::default(),
            acknowledgements: AtomicU64::default(),
            lost: Mutex::default(),
            unserved: Mutex::default(),
        }
    }

    /// Works until it is told to stop. Each client has its own choices in each life of the server.
    pub(crate) fn work(&self, client: &str, shapes: &[Shape], stop: &AtomicBool) {
        let mut chance = Chance::new(self.seed, client);
        let most = self.tickets.lock().unwrap().len() + TICKETS_MAX;
        while !stop.load(Ordering::Relaxed) {
            let known = self.tickets.lock().unwrap().len();
            match chance.below(20) {
                0..=5 if known < most => {
                    let name = format!("{client}.{known}");
                    self.take_in(&name, shapes, &mut chance);
                    self.submit(&name);
                }
                0..=10 => self.of_one(&mut chance, |name| self.submit(name)),
                11 => self.of_one(&mut chance, |name| self.submit_another(name)),
                12..=16 => (0..4).for_each(|_| self.of_one(&mut chance, |name| self.look(name))),
                17 => {
                    let span = chance.millis(5, 100);
                    self.of_one(&mut chance, |name| self.follow(name, span));
                }
                18 => self.of_one(&mut chance, |name| self.cancel(name)),
                _ => {}
            }
            std::thread::sleep(chance.millis(0, 12));
        }
    }

    /// Sends what was never acknowledged until it is.
    pub(crate) fn send_the_rest(&self) {
        let names: Vec<String> = self.tickets.lock().unwrap().keys().cloned().collect();
        for name in names {
            for _ in 0..200 {
                if self.ticket(&name).run.is_some() {
                    break;
                }
                self.submit(&name);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Submissions that were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.tickets.lock().unwrap().values().filter(|ticket| ticket.run.is_some()).count()
    }

    /// Requests that the server said it could not serve.
    pub(crate) fn unserved(&self) -> u64 {
        *self.unserved.lock().unwrap()
    }

    fn ticket(&self, name: &str) -> Ticket {
        self.tickets.lock().unwrap()[name].clone()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Ticket)) {
        change(self.tickets.lock().unwrap().get_mut(name).unwrap());
    }

    fn of_one(&self, chance: &mut Chance, act: impl FnOnce(&str)) {
        let names: Vec<String> = self.tickets.lock().unwrap().keys().cloned().collect();
        if !names.is_empty() {
            act(chance.one::<String>(&names));
        }
    }

    fn take_in(&self, name: &str, shapes: &[Shape], chance: &mut Chance) {
        let shape = chance.below(shapes.len() as u64) as usize;
        let strict = self.strict || chance.below(4) == 0;
        let body = json!({ "document": shapes[shape].text, "inputs": { "ticket": name }, "strict": strict });
        let body = body.to_string();
        let ticket = Ticket { shape, body, run: None, answer: None, events: BTreeMap::new(), cancelled: false };
        self.tickets.lock().unwrap().insert(name.to_owned(), ticket);
    }

    /// The answer, unless there is no server or it was lost on the way.
    fn ask(&self, call: impl FnOnce(&Door) -> io::Result<Message>) -> Option<Message> {
        let door = self.door.lock().unwrap().clone()?;
        let answer = call(&door);
        *self.lost.lock().unwrap() += u64::from(answer.is_err());
        // What it cannot do now it says; that acknowledges nothing.
        *self.unserved.lock().unwrap() += u64::from(answer.as_ref().is_ok_and(|answer| answer.status() >= 500));
        let answer = answer.ok().filter(|answer| answer.status() < 500)?;
        self.acknowledgements.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// Submits under the ticket's key, be it for the first time or again.
    fn submit(&self, name: &str) {
        let before = self.ticket(name);
        let key = format!("Idempotency-Key: {name}\r\n");
        let Some(answer) = self.ask(|door| door.call("POST", "/v1/runs", &key, &before.body)) else { return };
        let said: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let Some(run) = said["id"].as_str().filter(|_| answer.status() == 202) else {
            return self.wrong(format!("{name} was refused: {} {}", answer.line.trim(), answer.body));
        };
        if let Some(earlier) = &before.run {
            let replayed = answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true");
            if earlier != run || !replayed {
                self.wrong(format!("{name} was run {earlier}, and is {run} when sent again (replayed: {replayed})"));
            }
        }
        self.change(name, |ticket| match &ticket.run {
            Some(_) => {}
            None => ticket.run = Some(run.to_owned()),
        });
    }

    /// Another request under a key that is taken.
    fn submit_another(&self, name: &str) {
        let before = self.ticket(name);
        if before.run.is_none() {
            return;
        }
        let (key, body) = (format!("Idempotency-Key: {name}\r\n"), before.body.replace(name, "another"));
        let Some(answer) = self.ask(|door| door.call("POST", "/v1/runs", &key, &body)) else { return };
        if answer.status() != 422 {
            self.wrong(format!("another request under the key {name}: {} {}", answer.line.trim(), answer.body));
        }
    }

    fn look(&self, name: &str) {
        let before = self.ticket(name);
        let Some(run) = &before.run else { return };
        let Some(answer) = self.ask(|door| door.call("GET", &format!("/v1/runs/{run}?limit=0"), "", "")) else {
            return;
        };
        let said: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        if answer.status() != 200 {
            return self.wrong(format!("{name}, run {run}: {} {}", answer.line.trim(), answer.body));
        }
        let Some(seen) = answered(&said) else { return };
        if before.answer.as_ref().is_some_and(|earlier| *earlier != seen) {
            self.wrong(format!("{name} was answered {:?} and then {seen}", before.answer));
        }
        self.change(name, |ticket| ticket.answer = Some(seen));
    }

    fn follow(&self, name: &str, span: Duration) {
        let Some(run) = self.ticket(name).run else { return };
        let Some(door) = self.door.lock().unwrap().clone() else { return };
        let Ok(text) = door.follow(&format!("/v1/runs/{run}/events"), span) else { return };
        self.change(name, |ticket| ticket.events.extend(events(&text)));
    }

    fn cancel(&self, name: &str) {
        let before = self.ticket(name);
        let Some(run) = &before.run else { return };
        // Most runs are to go their way.
        if before.cancelled || self.tickets.lock().unwrap().values().filter(|ticket| ticket.cancelled).count() > 8 {
            return;
        }
        self.change(name, |ticket| ticket.cancelled = true);
        self.ask(|door| door.call("POST", &format!("/v1/runs/{run}/cancel"), "", ""));
    }
}

/// What may never change of a run that is answered.
pub(crate) fn answered(run: &Json) -> Option<Json> {
    let has_ended = matches!(run["status"].as_str(), Some("succeeded" | "failed" | "cancelled"));
    has_ended.then(|| json!({ "status": run["status"], "output": run["output"], "error": run["error"] }))
}

/// The durable events of a stream, whole ones only.
pub(crate) fn events(text: &str) -> BTreeMap<u64, Json> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let event = |part: &str| {
        let line = |name: &str| part.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Some((line("id:")?.parse().ok()?, serde_json::from_str(line("data:")?).ok()?))
    };
    whole.split("\n\n").filter_map(event).collect()
}
