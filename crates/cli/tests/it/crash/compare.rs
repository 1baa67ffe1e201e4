//! The ledgers of the client, of the bank and of the server, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use super::bank::{Did, Ledger, Request};
use super::clerk::{Ticket, answered, events};
use super::world::World;

/// What was compared.
#[derive(Default)]
pub(crate) struct Told {
    runs: u64,
    requests: u64,
    effects: u64,
    repeats: u64,
    refused: u64,
    uncertain: u64,
    seen: u64,
    lost: u64,
    lives: u64,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.requests += other.requests;
        self.effects += other.effects;
        self.repeats += other.repeats;
        self.refused += other.refused;
        self.uncertain += other.uncertain;
        self.seen += other.seen;
        self.lost += other.lost;
        self.lives += other.lives;
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, requests, effects, repeats, refused, uncertain, seen, lost, lives } = self;
        write!(
            f,
            "{lives} servers, {runs} runs, {seen} answers seen before the end, {lost} answers lost; {requests} requests at the bank, \
             {effects} effects, {repeats} repeats under a key, {refused} refused with proof, {uncertain} tasks uncertain"
        )
    }
}

/// How a task ended, as the run tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Done,
    Uncertain,
    /// It failed otherwise, or was never begun.
    Not,
}

/// Compares everything, after all has ended; once more after another crash, which may change nothing.
pub(crate) fn compare(world: &mut World) -> Told {
    let mut wrong = std::mem::take(&mut *world.clerk.wrong.lock().unwrap());
    let before = details(world, &mut wrong);
    world.kill();
    world.start(&[]);
    world.ready();
    let after = details(world, &mut wrong);
    if before != after {
        wrong.push("the runs are told otherwise after another crash".to_owned());
    }
    let mut told = Told { lives: world.lives, lost: *world.clerk.lost.lock().unwrap(), ..Told::default() };
    let tickets = world.clerk.tickets.lock().unwrap().clone();
    let ledger = world.bank.closed();
    keys(&ledger, &mut wrong);
    let mut money = 0;
    for (name, ticket) in &tickets {
        told.runs += 1;
        told.seen += u64::from(ticket.answer.is_some());
        let Some(detail) = after.get(name) else { continue };
        money += one(name, ticket, detail, &ledger, world, &mut told, &mut wrong);
    }
    let booked: u64 = ledger.effects.values().map(|(_, amount)| amount).sum();
    if booked != money {
        wrong.push(format!("the bank has booked {booked}, the runs account for {money}"));
    }
    told.requests = ledger.requests.len() as u64;
    told.effects = ledger.effects.len() as u64;
    let count = |what: fn(&Did) -> bool| ledger.requests.iter().filter(|request| what(&request.did)).count() as u64;
    told.repeats = count(|did| matches!(did, Did::Repeated(_)));
    told.refused = count(|did| matches!(did, Did::Refused));
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), world.log());
    told
}

/// Every run, by its submission, and that there is no other.
fn details(world: &World, wrong: &mut Vec<String>) -> BTreeMap<String, Json> {
    let tickets = world.clerk.tickets.lock().unwrap().clone();
    let listed: Vec<String> = (world.get("/v1/runs?limit=1000").as_array().unwrap().iter())
        .map(|run| run["id"].as_str().unwrap().to_owned())
        .collect();
    let acknowledged: BTreeSet<&String> = tickets.values().filter_map(|ticket| ticket.run.as_ref()).collect();
    if acknowledged.len() != tickets.len() || listed.len() != tickets.len() {
        let (count, all) = (tickets.len(), acknowledged.len());
        wrong.push(format!("{count} submissions, {all} different runs acknowledged, {} runs are there", listed.len()));
    }
    let mut details = BTreeMap::new();
    for (name, ticket) in &tickets {
        let Some(run) = &ticket.run else { continue };
        if !listed.contains(run) {
            wrong.push(format!("{name}: run {run} was acknowledged and is not there"));
            continue;
        }
        let mut detail = world.get(&format!("/v1/runs/{run}?limit=10000"));
        if detail["tasks"].as_array().unwrap().iter().any(|task| task["status"] == "cancelled") {
            detail["why"] = world.get(&format!("/v1/runs/{run}/why?limit=10000"))["tasks"].take();
        }
        if ticket.answer.is_some() && answered(&detail) != ticket.answer {
            wrong.push(format!("{name}: {:?} was seen, and now it is {detail}", ticket.answer));
        }
        if !ticket.events.is_empty() {
            let now = events(&world.follow(run));
            let gone = ticket.events.iter().find(|(seq, event)| now.get(seq) != Some(event));
            wrong.extend(gone.map(|(seq, event)| format!("{name}: {event} was seen, now it is {:?}", now.get(seq))));
        }
        details.insert(name.clone(), detail);
    }
    details
}

/// One run against the bank's ledger; the money that it accounts for.
fn one(
    name: &str,
    ticket: &Ticket,
    detail: &Json,
    ledger: &Ledger,
    world: &World,
    told: &mut Told,
    wrong: &mut Vec<String>,
) -> u64 {
    let mut money = 0;
    if detail["done"] != true || answered(detail).is_none() {
        wrong.push(format!("{name} has not ended: {detail}"));
    }
    for call in &world.shapes[ticket.shape].calls {
        let said = said(detail, call.path);
        told.uncertain += u64::from(said == Said::Uncertain);
        let of = (name.to_owned(), call.path.to_owned());
        let requests: Vec<&Request> = ledger.requests.iter().filter(|request| request.of == of).collect();
        let effects: Vec<u64> =
            ledger.effects.values().filter(|(whose, _)| *whose == of).map(|(_, paid)| *paid).collect();
        let mut is_wrong =
            |what: &str| wrong.push(format!("{name} {}: {what}; said {said:?}, {requests:?}, {detail}", call.path));
        let stray = |request: &&&Request| {
            Some(&request.run) != ticket.run.as_ref()
                || request.key.is_none() != call.once
                || request.amount != call.amount
        };
        if requests.iter().find(stray).is_some() {
            is_wrong("a request of another run, amount or effect");
        }
        if effects.len() > 1 {
            is_wrong("it had its effect more than once");
        }
        // A check that found nothing is a proof as well.
        let proven = |did: Did| did == Did::Refused || call.checked && matches!(did, Did::Nothing | Did::Void);
        let unproven = requests.iter().rev().skip(1).any(|request| !proven(request.did));
        if call.once && unproven {
            is_wrong("a `once` request was sent again without proof that the one before did nothing");
        }
        match (said, effects.len()) {
            (Said::Done, 0) => is_wrong("the run says that it was done, the bank knows nothing of it"),
            (Said::Not, 1) if call.once => is_wrong("the bank has booked what the run says was not done"),
            _ => {}
        }
        // Of a repeatable call that failed for good, the last failure is told; under its key nothing is booked twice.
        let counts = said != Said::Not || !call.once;
        money += if counts && !effects.is_empty() { call.amount } else { 0 };
    }
    receipts(&detail["output"], name, ledger, wrong);
    spending(name, ticket, detail, ledger, wrong);
    money
}

/// How the task of this path ended.
fn said(detail: &Json, path: &str) -> Said {
    let tasks = detail["tasks"].as_array().unwrap();
    let Some(task) = tasks.iter().find(|task| task["task"] == path) else { return Said::Not };
    let reason = task["reason"].as_str().unwrap_or_default();
    let class = reason.strip_prefix("`catch` gave its output after ").unwrap_or(reason);
    match (task["status"].as_str(), class.split(':').next()) {
        (_, Some("uncertain")) => Said::Uncertain,
        (Some("succeeded"), _) if class == reason => Said::Done,
        (Some("cancelled"), _) => fate(detail, path),
        _ => Said::Not,
    }
}

/// What became of an attempt that was cancelled while it was out.
fn fate(detail: &Json, path: &str) -> Said {
    let task = detail["why"].as_array().unwrap().iter().find(|task| task["task"] == path);
    let last = task.and_then(|task| task["attempts"].as_array()?.last()?["failed"].as_str());
    match last.and_then(|failed| failed.split_once(": ")) {
        Some(("uncertain", _)) => Said::Uncertain,
        Some(("cancelled", how)) if how.ends_with("and took effect") => Said::Done,
        _ => Said::Not,
    }
}

/// Every receipt in an output is the bank's, for this submission and that path.
fn receipts(output: &Json, name: &str, ledger: &Ledger, wrong: &mut Vec<String>) {
    let mut left = vec![output];
    while let Some(value) = left.pop() {
        left.extend(value.as_array().into_iter().flatten());
        left.extend(value.as_object().into_iter().flat_map(serde_json::Map::values));
        let Some(receipt) = value["receipt"].as_u64() else { continue };
        let booked = ledger.effects.get(&receipt).map(|((ticket, path), _)| (ticket.as_str(), path.as_str()));
        if booked != Some((name, value["path"].as_str().unwrap_or_default())) {
            wrong.push(format!("{name} says {value}, which the bank booked for {booked:?}"));
        }
    }
}

/// A key belongs to one call of one run, and one run has one key for each call.
fn keys(ledger: &Ledger, wrong: &mut Vec<String>) {
    let mut whose: BTreeMap<&str, &(String, String)> = BTreeMap::new();
    let mut theirs: BTreeMap<&(String, String), &str> = BTreeMap::new();
    for request in &ledger.requests {
        let Some(key) = &request.key else { continue };
        if *whose.entry(key).or_insert(&request.of) != &request.of {
            wrong.push(format!("the key {key} is that of {:?} and of {:?}", whose[key.as_str()], request.of));
        }
        if *theirs.entry(&request.of).or_insert(key) != key {
            wrong.push(format!("{:?} came under the keys {} and {key}", request.of, theirs[&request.of]));
        }
    }
}

/// A cent for each call: whatever the bank looked at was paid for, and no more than was tried.
fn spending(name: &str, ticket: &Ticket, detail: &Json, ledger: &Ledger, wrong: &mut Vec<String>) {
    let spent = (detail["spent_usd"].as_f64().unwrap() * 100.0).round() as u64;
    let is_charged = |request: &&Request| Some(&request.run) == ticket.run.as_ref() && request.did != Did::Refused;
    let looked_at = ledger.requests.iter().filter(is_charged).count() as u64;
    let tried: u64 = detail["tasks"].as_array().unwrap().iter().filter_map(|task| task["attempts"].as_u64()).sum();
    if spent < looked_at || spent > tried {
        wrong.push(format!("{name} spent {spent} cents for {looked_at} requests and {tried} attempts: {detail}"));
    }
}
