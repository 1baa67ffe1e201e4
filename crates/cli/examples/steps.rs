//! What a step costs on the engine with SQLite: no-op tasks, ten in sequence and a hundred side by side, 1, 32 and 128 runs at once,
//! by default and with every step committed. `cargo xtask bench` runs it.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

use std::sync::Arc;
use std::time::{Duration as Span, Instant, SystemTime, UNIX_EPOCH};

use agendum_engine::{Engine, Parts, Request};
use agendum_ports::{Adapter, Attempt, Clock, Failed, Finished, Payload};
use agendum_sim::bench::{cpu, resident};
use agendum_spec::{Accepted, NoFiles, Source};
use agendum_store_sqlite::{Directory, FileBlobs, SqliteStore};
use agendum_types::outcome::Price;
use agendum_types::{
    Capability, Duration, Labels, Limits, MediaType, Principal, ShardId, Target, Tenant, Timestamp, Usage,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

struct Nothing;

impl Adapter for Nothing {
    fn start(&self, _attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let output = Payload { media: MediaType::Json, bytes: bytes::Bytes::from_static(b"{}") };
        std::future::ready(Ok(Finished { output, usage: Usage::default(), raw_usage: None })).boxed()
    }
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
    }
}

fn graph(sequence: bool) -> Accepted {
    let mut text = "version: 1\nname: steps\ntasks:\n".to_owned();
    for number in 0..if sequence { 10 } else { 100 } {
        let needs = if sequence && number > 0 { format!("needs: [t{}], ", number - 1) } else { String::new() };
        text.push_str(&format!("  t{number}: {{ {needs}uses: chat, with: {{ prompt: x }} }}\n"));
    }
    text.push_str("output: done\n");
    agendum_spec::check(Source { name: "steps", text: &text }, &NoFiles, &Limits::STANDARD).runnable().unwrap().clone()
}

async fn measure(engine: &Arc<Engine>, accepted: &Accepted, at_once: usize, strict: bool) -> String {
    let steps = accepted.graph.tasks.len();
    let (began, used) = (Instant::now(), cpu());
    let runner = |()| {
        let (engine, accepted) = (Arc::clone(engine), accepted.clone());
        tokio::spawn(async move {
            let mut spans = Vec::new();
            while began.elapsed() < Span::from_secs(3) {
                let request = Request {
                    tenant: Tenant::default(),
                    principal: Principal::new("bench"),
                    accepted: accepted.clone(),
                    inputs: bytes::Bytes::from_static(b"{}"),
                    priority: None,
                    deadline: None,
                    budget: None,
                    strict,
                };
                let one = Instant::now();
                let answer = engine.run(request).await.unwrap();
                assert_eq!(answer.status.word(), "succeeded");
                spans.push(one.elapsed());
            }
            spans
        })
    };
    let runners: Vec<_> = (0..at_once).map(|_| runner(())).collect();
    let mut spans = Vec::new();
    for runner in runners {
        spans.extend(runner.await.unwrap());
    }
    let (wall, used) = (began.elapsed().as_secs_f64(), cpu() - used);
    spans.sort();
    let at = |share: f64| spans[((spans.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let total = (spans.len() * steps) as f64;
    format!("{:>9.0} {:>9.1} {:>9.2} {:>9.2}", total / wall, used / total * 1e6, at(0.5), at(0.99))
}

#[tokio::main]
async fn main() {
    let folder = std::env::temp_dir().join(format!("agendum-bench-{}", std::process::id()));
    let directory = Directory::own(&folder).unwrap();
    let target = Target {
        name: "nothing".into(),
        capabilities: vec![Capability::Chat],
        classes: Vec::new(),
        price: Price::FREE,
        concurrency_max: 100_000,
        quota_group: None,
        clearance: Labels::NONE,
        effect: None,
        output_cap: 0,
        bytes_per_token_min: 1,
        expected: Duration::millis(1),
    };
    let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret().unwrap()));
    let parts = Parts {
        store: Arc::new(SqliteStore::open(&directory).unwrap()),
        blobs,
        clock: Arc::new(Wall),
        targets: vec![(target, Arc::new(Nothing))],
        limits: Limits::STANDARD,
        shard: ShardId(0),
        seed: None,
    };
    let engine = Arc::new(Engine::start(parts).await.unwrap());
    println!("idle memory: {} MiB", resident() >> 20);
    println!("{:<34} {:>9} {:>9} {:>9} {:>9}", "", "steps/s", "CPU µs", "p50 ms", "p99 ms");
    for (sequence, name) in [(true, "10 in sequence"), (false, "100 side by side")] {
        let accepted = graph(sequence);
        for at_once in [1, 32, 128] {
            for (strict, word) in [(false, "default"), (true, "strict")] {
                println!(
                    "{:<34} {}",
                    format!("{name}, {at_once} at once, {word}"),
                    measure(&engine, &accepted, at_once, strict).await
                );
            }
        }
    }
    engine.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
