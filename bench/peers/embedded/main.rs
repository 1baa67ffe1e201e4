//! Agendum's engine in one process with its client and its steps, on SQLite in a folder: what `bench/peers/run` measures beside
//! libraries whose steps are functions. An example of `agendum-cli`, so that it is built with the versions and the profile of the binary.
//!
//! `peer FOLDER default|strict`; what it obeys then is in `drive.rs`.

#![expect(clippy::print_stderr, reason = "a measurement for the terminal")]

#[path = "../src/drive.rs"]
mod drive;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use agendum_engine::{Engine, Parts, Reader, Request};
use agendum_ports::{Adapter, Attempt, Failed, Finished, Payload, Wall};
use agendum_spec::{Accepted, NoFiles, Source};
use agendum_store_sqlite::{Directory, FileBlobs, SqliteStore};
use agendum_types::{
    Capability, Class, Limits, MediaType, PayloadRef, Principal, RunId, ShardId, Target, Tenant, Usage,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use drive::{Flow, Peer, SLOW_STEPS, Steps, told};

/// The steps: `prompt` is two numbers that are added, or `slow` and a number.
struct Adds(Arc<Steps>);

impl Adapter for Adds {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let steps = Arc::clone(&self.0);
        async move {
            let value =
                add(&attempt.input.bytes, &steps).await.map_err(|wrong| Failed::new(Class::Permanent, wrong))?;
            let output = Payload { media: MediaType::Json, bytes: Bytes::from(format!("{{\"text\":{value}}}")) };
            Ok(Finished { output, usage: Usage::default(), raw_usage: None })
        }
        .boxed()
    }
}

async fn add(input: &[u8], steps: &Steps) -> Result<u64, String> {
    let input: Json = serde_json::from_slice(input).map_err(told)?;
    let prompt = input["prompt"].as_str().unwrap_or_default();
    let (one, other) = prompt.split_once(' ').ok_or("a prompt is two words")?;
    let other = other.parse::<u64>().map_err(told)?;
    if one == "slow" { steps.slow(other).await } else { Ok(one.parse::<u64>().map_err(told)? + other) }
}

#[derive(Clone)]
struct Embedded {
    engine: Arc<Engine>,
    reader: Arc<Reader>,
    documents: Arc<[Accepted; 3]>,
    strict: bool,
}

impl Embedded {
    async fn open(folder: &Path, strict: bool) -> Result<Self, String> {
        let directory = Directory::own(folder).map_err(told)?;
        let target = Target::free("adds", Capability::Chat, 100_000);
        let adds: Arc<dyn Adapter> = Arc::new(Adds(Arc::new(Steps::open())));
        let parts = Parts {
            store: Arc::new(SqliteStore::open(&directory).map_err(told)?),
            blobs: Arc::new(FileBlobs::new(directory.blobs(), directory.secret().map_err(told)?)),
            clock: Arc::new(Wall),
            targets: vec![(target, adds)],
            limits: Limits::STANDARD,
            windows: Default::default(),
            pools: Vec::new(),
            policy: Default::default(),
            retention: None,
            feedback_kept: agendum_types::Duration::secs(3_600),
            notices: Vec::new(),
            cache: Default::default(),
            shard: ShardId(0),
            seed: None,
        };
        let engine = Engine::start(parts).await.map_err(told)?;
        let [seq, fan, slow] = Flow::ALL.map(document);
        let documents = Arc::new([seq?, fan?, slow?]);
        Ok(Self { reader: Arc::new(engine.reader()), engine: Arc::new(engine), documents, strict })
    }

    fn request(&self, flow: Flow, number: u64) -> Request {
        let [seq, fan, slow] = &*self.documents;
        let accepted = match flow {
            Flow::Seq => seq,
            Flow::Fan => fan,
            Flow::Slow => slow,
        };
        Request {
            tenant: Tenant::default(),
            principal: Principal::new("bench"),
            accepted: accepted.clone(),
            inputs: format!("{{\"n\":{number}}}").into(),
            priority: None,
            deadline: None,
            budget: None,
            strict: self.strict,
        }
    }

    async fn value(&self, run: RunId, output: Option<PayloadRef>) -> Result<u64, String> {
        let output = output.ok_or("a run without an output")?;
        let bytes = self.reader.payload(&Tenant::default(), run, &output).await.map_err(told)?;
        serde_json::from_slice(&bytes).map_err(told)
    }
}

impl Peer for Embedded {
    async fn run(&self, flow: Flow, number: u64) -> Result<u64, String> {
        let answer = self.engine.run(self.request(flow, number)).await.map_err(told)?;
        self.value(answer.run, answer.output).await
    }

    async fn start(&self, number: u64) -> Result<String, String> {
        self.engine.submit(self.request(Flow::Slow, number)).await.map(|run| run.to_string()).map_err(told)
    }

    async fn attach(&self, id: &str) -> Result<u64, String> {
        let run: RunId = id.parse().map_err(told)?;
        let answer = self.engine.answer(&Tenant::default(), run).await.ok_or("no such run")?;
        self.value(answer.run, answer.output).await
    }
}

fn document(flow: Flow) -> Result<Accepted, String> {
    let mut text =
        format!("version: 1\nname: {}\ninputs: {{ properties: {{ n: {{ type: integer }} }} }}\ntasks:\n", flow.word());
    let (steps, slow) = match flow {
        Flow::Seq => (10, false),
        Flow::Slow => (SLOW_STEPS, true),
        Flow::Fan => {
            for step in 0..100 {
                text.push_str(&format!(
                    "  t{step}: {{ uses: chat, with: {{ prompt: '${{{{ inputs.n }}}} {step}' }} }}\n"
                ));
            }
            let outputs: Vec<String> = (0..100).map(|step| format!("tasks.t{step}.output.text")).collect();
            text.push_str(&format!("output: '${{{{ [{}] | sum }}}}'\n", outputs.join(", ")));
            return accepted(&text);
        }
    };
    let mut before = "inputs.n".to_owned();
    for step in 0..steps {
        let prompt = if slow { format!("slow ${{{{ {before} }}}}") } else { format!("${{{{ {before} }}}} 1") };
        text.push_str(&format!("  t{step}: {{ uses: chat, with: {{ prompt: '{prompt}' }} }}\n"));
        before = format!("tasks.t{step}.output.text");
    }
    text.push_str(&format!("output: '${{{{ {before} }}}}'\n"));
    accepted(&text)
}

fn accepted(text: &str) -> Result<Accepted, String> {
    let checked = agendum_spec::check(Source { name: "peers", text }, &NoFiles, &Limits::STANDARD);
    checked.runnable().cloned().ok_or_else(|| format!("{:?}", checked.diagnostics))
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let obeyed = match arguments.as_slice() {
        [folder, mode] => obey(Path::new(folder), mode == "strict").await,
        _ => Err("peer FOLDER default|strict".to_owned()),
    };
    match obeyed {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("peer: {failed}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(folder: &Path, strict: bool) -> Result<(), String> {
    let embedded = Embedded::open(folder, strict).await?;
    let engine = Arc::clone(&embedded.engine);
    drive::obey(embedded).await?;
    engine.stop().await;
    Ok(())
}
