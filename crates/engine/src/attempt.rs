//! One attempt on an adapter: its input, its limits of time, its chunks, its one outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration as Span;

use agendum_core::Dispatch;
use agendum_ports::{
    Adapter, Attempt, Chunk, ChunkSink, Failed, Finished, Payload, RateSink, Reference, ReferenceSink, chain,
};
use agendum_types::graph::{CHAT_REFUSED, Timeouts, Work};
use agendum_types::target::Rate;
use agendum_types::{Class, Effect, Failure, MediaType, Outcome, Success};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::ahead::Scanner;
use crate::feed::Feed;
use crate::inbox::{Inbox, Message};
use crate::payloads::{Made, Payloads};

/// Chunks an adapter may hand over before they are read.
const CHUNK_CREDIT: usize = 64;
/// How long an adapter may take to return once it was told to stop.
const STOP_GRACE: Span = Span::from_secs(5);

/// Everything that an attempt needs.
pub(crate) struct Launch {
    pub(crate) dispatch: Box<Dispatch>,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) cancel: CancellationToken,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) feed: Arc<Feed>,
    /// Reads what it says as the first tasks of a plan.
    pub(crate) ahead: Option<Scanner>,
    pub(crate) inbox: Inbox,
    pub(crate) life: u64,
}

/// Runs the attempt and reports its outcome.
pub(crate) async fn run(mut launch: Launch) {
    let ahead = launch.ahead.take();
    // Nobody else would ever end it: its timeouts are in there too.
    let (outcome, made) = AssertUnwindSafe(launch.outcome(ahead)).catch_unwind().await.unwrap_or_else(|_said| {
        let failure = Failure::new(Class::Unavailable, "the adapter broke off: this is a bug in Agendum");
        (Outcome::Failed(failure), None)
    });
    let attempt = launch.dispatch.attempt.clone();
    launch.inbox.send(Message::Finished { life: launch.life, attempt, outcome, made });
}

/// The input of a `chat` with why its last result was refused: an object, to which the adapter's word for that is added as it stands.
fn told(input: Bytes, refused: Option<&str>) -> Bytes {
    let Some((refused, inside)) = refused.zip(input.trim_ascii().strip_suffix(b"}")) else { return input };
    let mut text = inside.to_vec();
    let comma = if inside.trim_ascii().ends_with(b"{") { "" } else { "," };
    text.extend_from_slice(format!("{comma}\"{CHAT_REFUSED}\":{}}}", serde_json::Value::from(refused)).as_bytes());
    text.into()
}

type Running = BoxFuture<'static, Result<Finished, Failed>>;

/// What the adapter writes to while it runs.
struct Ends {
    chunks: mpsc::Receiver<Chunk>,
    references: mpsc::Receiver<Reference>,
    rates: mpsc::Receiver<Rate>,
    ahead: Option<Scanner>,
}

impl Launch {
    async fn outcome(&self, ahead: Option<Scanner>) -> (Outcome, Option<Made>) {
        let result = match self.input().await {
            Ok(input) => self.attempt(told(input, self.dispatch.refused.as_deref()), ahead).await,
            Err(failed) => Err(failed),
        };
        let Finished { output, usage, raw_usage } = match result {
            Ok(finished) => finished,
            Err(failed) => return self.failed(failed).await,
        };
        let raw_usage = raw_usage.map(Arc::from);
        match self.payloads.make(&self.dispatch.tenant, output).await {
            Ok(made) => {
                let output = made.reference.clone();
                (Outcome::Succeeded(Success { output, usage, raw_usage }), Some(made))
            }
            Err(error) => {
                let failure = Failure::new(error.class(), &format!("the output could not be kept: {}", chain(&error)));
                (Outcome::Failed(Failure { usage, raw_usage, ..failure }), None)
            }
        }
    }

    async fn failed(&self, mut failed: Failed) -> (Outcome, Option<Made>) {
        let mut made = None;
        if let Some(partial) = failed.partial {
            match self.payloads.make(&self.dispatch.tenant, partial).await {
                Ok(kept) => made = Some(kept),
                Err(error) => {
                    failed.message.push_str(&format!("; what had arrived could not be kept: {}", chain(&error)))
                }
            }
        }
        let failure = Failure {
            retry_after: failed.retry_after,
            no_effect: failed.no_effect,
            partial: made.as_ref().map(|made| made.reference.clone()),
            usage: failed.usage,
            raw_usage: failed.raw_usage.map(Arc::from),
            ..Failure::new(failed.class, &failed.message)
        };
        (Outcome::Failed(failure), made)
    }

    async fn input(&self) -> Result<Bytes, Failed> {
        if let Some(reference) = &self.dispatch.input {
            let read = self.payloads.bytes(&self.dispatch.tenant, self.dispatch.attempt.run, reference).await;
            return read.map_err(|error| {
                Failed::new(error.class(), format!("the input could not be read: {}", chain(&error))).without_effect()
            });
        }
        let graph = &self.dispatch.graph;
        let Work::Call(call) = &graph.task(self.dispatch.node).work else {
            return Err(Failed::new(Class::Permanent, "a group was dispatched").without_effect());
        };
        Ok(Bytes::copy_from_slice(graph.expr(call.input).source.as_bytes()))
    }

    async fn attempt(&self, input: Bytes, ahead: Option<Scanner>) -> Result<Finished, Failed> {
        let dispatch = &*self.dispatch;
        let (chunks, chunks_end) = ChunkSink::channel(CHUNK_CREDIT);
        let (references, references_end) = ReferenceSink::channel();
        let (rates, rates_end) = RateSink::channel();
        let path = dispatch.graph.path_text(&dispatch.attempt.path);
        let attempt = Attempt {
            id: dispatch.attempt.clone(),
            tenant: dispatch.tenant.clone(),
            principal: dispatch.principal.clone(),
            idempotency_key: self.payloads.idempotency_key(&dispatch.tenant, dispatch.key_origin, &path),
            forward_key: dispatch.effect == Effect::Idempotent,
            output_cap: dispatch.output_cap,
            labels: dispatch.labels.clone(),
            input: Payload { media: MediaType::Json, bytes: input },
            chunks,
            references,
            rates,
            cancel: self.cancel.clone(),
        };
        let running: Running = match &dispatch.reattach {
            None => self.adapter.start(attempt),
            Some(reference) => match self.adapter.reattach(attempt, Reference(Arc::clone(reference))) {
                Some(running) => running,
                None => return Err(Failed::new(Class::Unavailable, "the attempt of an earlier life is out of reach")),
            },
        };
        let ends = Ends { chunks: chunks_end, references: references_end, rates: rates_end, ahead };
        self.watch(running, ends).await
    }

    /// Waits for the adapter, passes on what it says meanwhile, and stops it when time is up.
    async fn watch(&self, mut running: Running, mut ends: Ends) -> Result<Finished, Failed> {
        let mut limits = Watch::new(self.dispatch.timeouts);
        loop {
            let next = limits.next();
            tokio::select! {
                biased;
                Some(chunk) = ends.chunks.recv() => {
                    limits.output();
                    self.chunk(chunk, &mut ends.ahead);
                }
                Some(reference) = ends.references.recv() => self.reference(reference),
                Some(rate) = ends.rates.recv() => self.rate(rate),
                result = &mut running => {
                    while let Ok(chunk) = ends.chunks.try_recv() {
                        self.chunk(chunk, &mut ends.ahead);
                    }
                    // A short answer is there with its headers.
                    if let Ok(rate) = ends.rates.try_recv() {
                        self.rate(rate);
                    }
                    return result;
                }
                () = self.cancel.cancelled() => {
                    let stopped = Failed::new(Class::Cancelled, "the attempt was stopped");
                    return self.stop(running, &mut ends, stopped).await;
                }
                () = until(next.map(|(at, _)| at)) => {
                    let what = next.map_or("time", |(_, what)| what);
                    self.cancel.cancel();
                    let stopped = Failed::new(Class::Timeout, format!("`timeout.{what}` has passed"));
                    return self.stop(running, &mut ends, stopped).await;
                }
            }
        }
    }

    /// The adapter was told to stop: what it still reports of cost and effect is kept. A result is not wanted, unless it says of an effect
    /// that it took place, which nobody would know otherwise.
    async fn stop(&self, running: Running, ends: &mut Ends, stopped: Failed) -> Result<Finished, Failed> {
        // Nobody reads any more, so that an adapter that waits for credit goes on.
        ends.chunks.close();
        ends.references.close();
        match tokio::time::timeout(STOP_GRACE, running).await {
            Ok(Ok(finished)) if self.dispatch.effect != Effect::None => Ok(finished),
            Ok(Ok(Finished { output, usage, raw_usage })) => {
                Err(Failed { partial: Some(output), usage, raw_usage, ..stopped })
            }
            Ok(Err(failed)) => Err(Failed { class: stopped.class, message: stopped.message, ..failed }),
            Err(_) => Err(stopped),
        }
    }

    fn chunk(&self, chunk: Chunk, ahead: &mut Option<Scanner>) {
        let Chunk::Text(text) = chunk else { return };
        if ahead.as_mut().is_some_and(|scanner| !scanner.take(&text)) {
            *ahead = None;
        }
        if self.dispatch.live {
            self.feed.text(&self.dispatch.attempt, &text);
        }
    }

    fn reference(&self, reference: Reference) {
        let attempt = self.dispatch.attempt.clone();
        self.inbox.send(Message::Referenced { life: self.life, attempt, reference: reference.0 });
    }

    fn rate(&self, rate: Rate) {
        self.inbox.send(Message::RateStated { life: self.life, target: self.dispatch.target, rate });
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The limits of an attempt, on monotonic time.
struct Watch {
    attempt: Option<Instant>,
    first_output: Option<Instant>,
    idle_span: Option<Span>,
    idle: Option<Instant>,
}

impl Watch {
    fn new(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        let from_now = |span: Option<agendum_types::Duration>| span.map(|span| now + span.to_std());
        Self {
            attempt: from_now(timeouts.attempt),
            first_output: from_now(timeouts.first_output),
            idle_span: timeouts.idle.map(agendum_types::Duration::to_std),
            // It counts between two chunks: before the first it is `first_output`'s.
            idle: None,
        }
    }

    fn output(&mut self) {
        self.first_output = None;
        self.idle = self.idle_span.map(|span| Instant::now() + span);
    }

    fn next(&self) -> Option<(Instant, &'static str)> {
        let limits = [(self.attempt, "attempt"), (self.first_output, "first_output"), (self.idle, "idle")];
        limits.into_iter().filter_map(|(at, what)| at.map(|at| (at, what))).min()
    }
}
