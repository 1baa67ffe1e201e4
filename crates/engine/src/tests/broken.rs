//! What panics or is damaged is one attempt, one evaluation, one life or one run, and nothing beside it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use agendum_ports::{Appended, BlobError, Blobs, Clock, TenantKey, Wall};
use agendum_types::{Hash, Limits, Seq, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::fixture::{World, line, request};
use crate::{Engine, Health, ReadError, SubmitError};

const PLAIN: &str = "
version: 1
name: plain
inputs: { properties: { order: {} } }
tasks:
  it: { uses: chat, with: { prompt: x, give: 1, panic: '${{ inputs.order }}' } }
output: '${{ tasks.it.output }}'
";

/// Blobs of which those that begin so cannot be used.
struct Spoilt(Arc<dyn Blobs>, &'static [u8]);

impl Blobs for Spoilt {
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>> {
        assert!(!bytes.starts_with(self.1), "on purpose");
        self.0.put(tenant, bytes)
    }

    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>> {
        let (got, spoilt) = (self.0.get(tenant, hash), self.1);
        Box::pin(async move {
            let bytes = got.await?;
            let is_spoilt = bytes.as_ref().is_some_and(|bytes| bytes.windows(spoilt.len()).any(|part| part == spoilt));
            if is_spoilt { Err(BlobError::Corrupt(hash)) } else { Ok(bytes) }
        })
    }

    fn remove(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<(), BlobError>> {
        self.0.remove(tenant, hash)
    }

    fn key(&self, tenant: &Tenant) -> TenantKey {
        self.0.key(tenant)
    }
}

#[tokio::test]
async fn an_adapter_that_panics_fails_its_attempt() {
    let world = World::new();
    let engine = world.engine().await;
    let answer = engine.run(request(PLAIN, &json!({"order": true}))).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @"failed unavailable: the adapter broke off: this is a bug in Agendum");
    let answer = engine.run(request(PLAIN, &json!({}))).await.unwrap();
    assert_eq!(line(&engine, &answer).await, "succeeded 1");
}

#[tokio::test]
async fn an_evaluation_that_panics_fails_its_task() {
    let document = "
version: 1
name: large
tasks:
  it: { uses: chat, with: { prompt: x, give: 1 } }
output: '${{ \"x\" * 20000 }}'
";
    let world = World::new();
    let engine = world.engine_over(Arc::new(Spoilt(Arc::clone(&world.blobs) as _, b"\"xx"))).await;
    let answer = engine.run(request(document, &json!({}))).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @"failed permanent: the run's output cannot be made: the evaluation gave nothing: it broke off: this is a bug in Agendum");
    let answer = engine.run(request(PLAIN, &json!({}))).await.unwrap();
    assert_eq!(line(&engine, &answer).await, "succeeded 1");
}

/// A clock that breaks the shard's thread when it is told to, once.
struct Breaking(Arc<AtomicBool>);

impl Clock for Breaking {
    fn now(&self) -> Timestamp {
        let is_shard = std::thread::current().name().is_some_and(|name| name.starts_with("shard-"));
        assert!(!is_shard || !self.0.swap(false, SeqCst), "on purpose");
        Wall.now()
    }
}

#[tokio::test]
async fn a_shard_that_panics_begins_a_new_life() {
    let world = World::new();
    let breaks = Arc::new(AtomicBool::new(false));
    let parts = world.parts(Arc::clone(&world.blobs) as _);
    let engine = Engine::start(crate::Parts { clock: Arc::new(Breaking(Arc::clone(&breaks))), ..parts }).await.unwrap();
    breaks.store(true, SeqCst);
    let refused = engine.submit(request(PLAIN, &json!({}))).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
    while engine.health() != Health::Ready {
        assert_ne!(engine.health(), Health::Stopped, "a panic ends a life and not the shard");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let answer = engine.run(request(PLAIN, &json!({}))).await.unwrap();
    assert_eq!(line(&engine, &answer).await, "succeeded 1");
    engine.stop().await;
    assert_eq!(engine.health(), Health::Stopped);
}

#[tokio::test]
async fn a_run_whose_document_is_damaged_is_left_out_until_it_is_mended() {
    let nap = "
version: 1
name: spoilt
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 60000, give: 1 } }
output: '${{ tasks.nap.output }}'
";
    let world = World::new();
    let engine = world.engine().await;
    let tenant = Tenant::default();
    let grown = request(&nap.replace("spoilt", "grown"), &json!({}));
    let addition = "tasks: { spoilt: { uses: chat, with: { prompt: x, give: 2 } } }";
    let checked = agendum_spec::extend(&grown.accepted.document, addition, &Limits::STANDARD).unwrap();
    let mut runs = Vec::new();
    runs.push(engine.submit(request(nap, &json!({}))).await.unwrap());
    runs.push(engine.submit(grown).await.unwrap());
    engine.add_tasks(&tenant, runs[1], checked.runnable().unwrap()).await.unwrap();
    runs.push(engine.submit(request(&nap.replace("spoilt", "sound"), &json!({}))).await.unwrap());
    engine.stop().await;
    world.tool.hurried.store(true, SeqCst);

    let engine = world.engine_over(Arc::new(Spoilt(Arc::clone(&world.blobs) as _, b"spoilt"))).await;
    let mut told = Vec::new();
    for run in &runs {
        told.push(engine.answer(&tenant, *run).await.map(|answer| answer.status.word()));
    }
    assert_eq!(told, [None, None, Some("succeeded")]);
    assert_eq!(runs.iter().map(|run| engine.left_out(&tenant, *run)).collect::<Vec<_>>(), [true, true, false]);
    engine.stop().await;
    let engine = world.engine().await;
    for run in runs {
        assert!(!engine.left_out(&tenant, run));
        assert_eq!(engine.answer(&tenant, run).await.unwrap().status.word(), "succeeded");
    }
}

#[tokio::test]
async fn who_reads_a_run_that_is_left_out_meanwhile_is_told() {
    let world = World::new();
    let engine = world.engine().await;
    let nap = "version: 1\nname: nap\ntasks: { nap: { uses: chat, with: { prompt: x, sleep_ms: 60000 } } }";
    let run = engine.submit(request(nap, &json!({}))).await.unwrap();
    let mut watch = engine.watch(&Tenant::default(), run, Seq(0)).await.unwrap();
    world.store.spoil(run);
    world.store.fail_next(Appended::Unknown("the disk said nothing".into()));
    engine.submit(request(PLAIN, &json!({}))).await.unwrap_err();
    let told = loop {
        match watch.next().await {
            Ok(Some(_)) => {}
            told => break told.err(),
        }
    };
    assert!(matches!(told, Some(ReadError::LeftOut(of)) if of == run), "{told:?}");
    for (tenant, found) in [("default", "LeftOut"), ("stranger", "NoRun")] {
        let told = engine.watch(&Tenant::new(tenant), run, Seq(0)).await.err();
        assert_eq!(format!("{told:?}"), format!("Some({found}({run:?}))"));
    }
}

#[tokio::test]
async fn a_graph_that_is_forgotten_meanwhile_is_learnt_again() {
    // More than the core keeps of graphs that no run has just now.
    const RUNS: usize = 1_030;
    let nap = "
version: 1
name: nap
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 600000 } }
";
    let world = World::new();
    let engine = world.engine().await;
    let tenant = Tenant::default();
    let request = request(nap, &json!({}));
    for number in 0..RUNS {
        let addition = format!("tasks: {{ more{number}: {{ uses: chat, needs: [nap], with: {{ prompt: x }} }} }}");
        let checked = agendum_spec::extend(&request.accepted.document, &addition, &Limits::STANDARD).unwrap();
        let run = engine.submit(request.clone()).await.unwrap();
        engine.add_tasks(&tenant, run, checked.runnable().unwrap()).await.unwrap();
    }
    let last = engine.submit(request).await.unwrap();
    engine.stop().await;
    let engine = world.engine().await;
    assert!(engine.standings(&tenant, &[last]).await.unwrap()[0].is_some());
}
