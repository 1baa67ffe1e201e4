//! An engine over memory, with one target `tool` whose adapter obeys its input.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration as Span;

use agendum_core::Answer;
use agendum_ports::memory::{MemoryBlobs, MemoryStore};
use agendum_ports::{Adapter, Attempt, Blobs, Chunk, Failed, Finished, Payload, Wall};
use agendum_spec::{NoFiles, Source};
use agendum_types::target::Rate;
use agendum_types::{Capability, Class, Limits, MediaType, Principal, ShardId, Target, Tenant, Usage};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use crate::{Engine, Parts, Request};

/// Obeys its input: `{sleep_ms, finishes, fail, fail_times, say: [..], pad, give, panic, requests, tokens}`, the last two of what it lets through in a minute; keeps a list of what it was asked.
#[derive(Default)]
pub(super) struct Tool {
    pub(super) calls: Mutex<Vec<(String, Json)>>,
    failed: Mutex<std::collections::HashMap<String, u32>>,
    pub(super) stopped: AtomicU32,
    /// It does not sleep.
    pub(super) hurried: AtomicBool,
}

/// The adapter's end of a tool.
struct Obedient(Arc<Tool>);

impl Adapter for Obedient {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let tool = Arc::clone(&self.0);
        async move { tool.obey(attempt).await }.boxed()
    }
}

impl Tool {
    async fn obey(&self, attempt: Attempt) -> Result<Finished, Failed> {
        let order: Json = serde_json::from_slice(&attempt.input.bytes).unwrap();
        self.calls.lock().unwrap().push((attempt.idempotency_key.to_string(), order.clone()));
        for word in order["say"].as_array().into_iter().flatten() {
            attempt.chunks.send(Chunk::Text(word.as_str().unwrap().to_owned())).await;
        }
        let rate = Rate { requests: order["requests"].as_u64(), tokens: order["tokens"].as_u64() };
        if !rate.is_unlimited() {
            attempt.rates.tell(rate);
        }
        assert!(order["panic"].is_null(), "on purpose");
        let hurried = self.hurried.load(Ordering::SeqCst);
        if let Some(millis) = order["sleep_ms"].as_u64().filter(|_| !hurried) {
            tokio::select! {
                () = tokio::time::sleep(Span::from_millis(millis)) => {}
                () = attempt.cancel.cancelled() => {
                    self.stopped.fetch_add(1, Ordering::SeqCst);
                    // It was too late to stop it.
                    if order["finishes"].is_null() {
                        return Err(Failed::new(Class::Cancelled, "told to stop"));
                    }
                }
            }
        }
        if let Some(class) = order["fail"].as_str() {
            let mut failed = self.failed.lock().unwrap();
            let count = failed.entry(attempt.idempotency_key.to_string()).or_default();
            *count += 1;
            if order["fail_times"].as_u64().is_none_or(|times| u64::from(*count) <= times) {
                return Err(Failed::new(Class::from_word(class).unwrap(), "as told").without_effect());
            }
        }
        let pad = order["pad"].as_u64().map(|size| json!(" ".repeat(size as usize)));
        let bytes = Bytes::from(pad.as_ref().unwrap_or_else(|| &order["give"]).to_string());
        let output = Payload { media: MediaType::Json, bytes };
        Ok(Finished { output, usage: Usage { calls: 1, ..Usage::default() }, raw_usage: None })
    }
}

/// What outlasts an engine.
pub(super) struct World {
    pub(super) store: Arc<MemoryStore>,
    pub(super) blobs: Arc<MemoryBlobs>,
    pub(super) tool: Arc<Tool>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::default()),
            blobs: Arc::new(MemoryBlobs::new([7; 32])),
            tool: Arc::new(Tool::default()),
        }
    }

    pub(super) async fn engine(&self) -> Engine {
        self.engine_over(Arc::clone(&self.blobs) as _).await
    }

    pub(super) async fn engine_over(&self, blobs: Arc<dyn Blobs>) -> Engine {
        Engine::start(self.parts(blobs)).await.unwrap()
    }

    pub(super) fn parts(&self, blobs: Arc<dyn Blobs>) -> Parts {
        let capabilities = Capability::ALL.into_iter().filter(|one| *one != Capability::Graph).collect();
        let target = Target { capabilities, ..Target::free("tool", Capability::Chat, 1_000) };
        Parts {
            store: Arc::clone(&self.store) as _,
            blobs,
            clock: Arc::new(Wall),
            targets: vec![(target, Arc::new(Obedient(Arc::clone(&self.tool))) as _)],
            limits: Limits::STANDARD,
            windows: Default::default(),
            pools: Vec::new(),
            policy: Default::default(),
            retention: None,
            feedback_kept: agendum_types::Duration::secs(3_600),
            notices: Vec::new(),
            cache: Default::default(),
            shard: ShardId(0),
            seed: Some(1),
        }
    }
}

/// A request for a document and inputs.
pub(super) fn request(document: &str, inputs: &Json) -> Request {
    let checked = agendum_spec::check(Source { name: "test", text: document }, &NoFiles, &Limits::STANDARD);
    let accepted = checked.runnable().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics)).clone();
    Request {
        tenant: Tenant::default(),
        principal: Principal::new("test"),
        accepted,
        inputs: Bytes::from(inputs.to_string()),
        priority: None,
        deadline: None,
        budget: None,
        strict: false,
    }
}

/// Runs a document to its answer; the answer as a line of text.
pub(super) async fn run(document: &str, inputs: &Json) -> String {
    let world = World::new();
    let engine = world.engine().await;
    let answer = engine.run(request(document, inputs)).await.unwrap();
    let line = line(&engine, &answer).await;
    engine.stop().await;
    line
}

/// `succeeded {…}` or `failed class: message`.
pub(super) async fn line(engine: &Engine, answer: &Answer) -> String {
    let output = match &answer.output {
        Some(output) => engine.reader().payload(&answer.tenant, answer.run, output).await.unwrap(),
        None => Bytes::new(),
    };
    let output: Json = serde_json::from_slice(&output).unwrap_or_else(|_| json!(""));
    let degraded = if answer.degraded { " degraded" } else { "" };
    match &answer.failure {
        Some(failed) => format!("{} {}: {}", answer.status, failed.failure.class, failed.failure.message),
        None => format!("{}{degraded} {output}", answer.status),
    }
}
