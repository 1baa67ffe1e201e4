//! `provider`: the offline model in OpenAI's wire format, as well-behaved as it is told to be.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agendum_adapters::offline::{self, Counted, Temper};
use agendum_server::{Allowance, CancellationToken, Categories, Model, Mood, Reply};
use serde_json::Value as Json;
use tokio::sync::Semaphore;

use super::serve::on_loopback;
use crate::args::{Misbehave, Provider};
use crate::failure::Failure;
use crate::host::bind;
use crate::hosting::{signalled, tell};
use crate::show::counted;

/// How long requests under way may go on once it shall stop.
const GRACE: Duration = Duration::from_secs(2);

mod gate;

pub(super) use gate::Gate;

/// The model behind the routes.
pub(super) struct Offline {
    counted: Counted,
    /// Requests that it lets through in a minute, and what counts them.
    gate: Option<(u64, Mutex<Gate>)>,
    /// As many calls as it works on at once.
    slots: Option<Semaphore>,
    /// What comes above that is turned away.
    turns_away: bool,
}

impl Offline {
    pub(super) fn new(temper: Temper) -> Self {
        Self { counted: Counted::new(temper), gate: None, slots: None, turns_away: false }
    }

    /// The same, which lets so many requests through in a minute.
    fn limited(self, requests: Option<u32>) -> Self {
        let gate = |requests: u32| (u64::from(requests), Mutex::new(Gate::new(requests.into(), 1)));
        Self { gate: requests.map(gate), ..self }
    }

    /// The same, which works on so many calls at once, and turns away what comes above that or lets it wait.
    fn at_once(self, calls: Option<u16>, turns_away: bool) -> Self {
        Self { slots: calls.map(|calls| Semaphore::new(calls.into())), turns_away, ..self }
    }
}

impl Model for Offline {
    fn name(&self) -> &str {
        offline::MODEL
    }

    fn fingerprint(&self) -> &str {
        offline::FINGERPRINT
    }

    fn chat(&self, asked: &Json) -> Result<Reply, String> {
        let mut given = asked.clone();
        if let Some(schema) = asked.pointer("/response_format/json_schema/schema") {
            given["schema"] = schema.clone();
        }
        if asked["max_tokens"].is_null() {
            given["max_tokens"] = asked["max_completion_tokens"].clone();
        }
        let reply = offline::reply(&given)?;
        let calls = reply.calls.into_iter().map(|call| (call.name, call.arguments)).collect();
        let offline::Reply { text, finish_reason, tokens_in, tokens_out, .. } = reply;
        Ok(Reply { text, calls, finish_reason, tokens_in, tokens_out })
    }

    fn moderate(&self, text: &str) -> Categories {
        let judged = offline::moderate(text);
        let hit = |name: &str| judged["categories"].as_array().is_some_and(|hits| hits.iter().any(|hit| hit == name));
        offline::CATEGORIES.iter().map(|name| (*name, hit(name))).collect()
    }

    fn mood(&self) -> Mood {
        if let Some((requests, gate)) = &self.gate
            && !gate.lock().unwrap_or_else(PoisonError::into_inner).comes()
        {
            // The next is there when a request's part of the minute is over.
            return Mood::RateLimited { retry_after_ms: 60_000 / requests };
        }
        match self.counted.next() {
            offline::Mood::Fine => Mood::Fine,
            offline::Mood::RateLimited => Mood::RateLimited { retry_after_ms: offline::RETRY_AFTER_MS },
            offline::Mood::Fails => Mood::Fails,
            offline::Mood::Cut => Mood::Cut,
        }
    }

    fn pauses(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.counted.temper.delay_ms), Duration::from_millis(self.counted.temper.word_ms))
    }

    fn slots(&self) -> Option<&Semaphore> {
        self.slots.as_ref()
    }

    fn turns_away(&self) -> bool {
        self.turns_away
    }

    fn allowance(&self) -> Option<Allowance> {
        let (limit, gate) = self.gate.as_ref()?;
        Some(Allowance { limit: *limit, left: gate.lock().unwrap_or_else(PoisonError::into_inner).left() })
    }
}

impl From<&Misbehave> for Temper {
    fn from(told: &Misbehave) -> Self {
        Self {
            delay_ms: told.delay_ms,
            word_ms: told.word_ms,
            fail_every: told.fail_every,
            rate_limit_every: told.rate_limit_every,
            cut_every: told.cut_every,
        }
    }
}

pub(crate) async fn provider(args: &Provider) -> Result<(), Failure> {
    let (requests, calls, turns_away) = (args.requests_per_minute, args.at_once, args.turn_away);
    let temper = Temper::from(&args.temper);
    on_loopback(args.listen)?;
    let server = bind(args.listen).await?;
    let address = server.address();
    tell(&format!("offline model (extractive, no neural network): http://{address}/v1"));
    if temper != Temper::default() {
        tell(&format!("it misbehaves as told: {}", told(temper)));
    }
    if let Some(requests) = requests {
        tell(&format!("it lets {requests} requests through in a minute, and says so in its headers"));
    }
    if let Some(calls) = calls {
        tell(&format!(
            "it works on {} at once until their first word, and {}",
            counted(calls.into(), "call"),
            if turns_away { "turns the others away (503)" } else { "lets the others wait" }
        ));
    }
    tell(&format!("try: curl http://{address}/v1/models"));
    let router = agendum_server::provider(Arc::new(Offline::new(temper).limited(requests).at_once(calls, turns_away)));
    let stop = CancellationToken::new();
    tokio::select! {
        () = server.serve_router(router, stop.clone()) => {}
        () = async {
            // Without signals nothing but the end of the process stops it.
            let _ended = signalled().await;
            stop.cancel();
            tokio::time::sleep(GRACE).await;
        } => {}
    }
    Ok(())
}

fn told(temper: Temper) -> String {
    let words = [(temper.delay_ms, "ms before the first word"), (temper.word_ms, "ms between words")];
    let times = words.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    let turns = [
        (temper.rate_limit_every, "is told to come back later"),
        (temper.fail_every, "fails"),
        (temper.cut_every, "ends in the middle"),
    ];
    let turns = turns.iter().filter(|(every, _)| *every > 0).map(|(every, what)| match every {
        1 => format!("every call {what}"),
        every => format!("call {every} of {every} {what}"),
    });
    times.chain(turns).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
