//! What is old goes, with what nothing else names; what is named stays, however it comes to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agendum_ports::{Clock, FeedbackBy, FeedbackFilter, Spending as _, Wall};
use agendum_types::{Duration, Hash, Limits, Money, Principal, RunId, SubmissionKey, Tenant, Timestamp};
use serde_json::json;

use super::fixture::{World, request};
use crate::{Engine, ForgetError, Opinion, OpinionError, Parts, ReadError, Reader, Request, Wanted};

const DOCUMENT: &str = "
version: 1
name: NAME
inputs: { properties: { pad: {} } }
tasks:
  large: { uses: chat, with: { prompt: x, pad: '${{ inputs.pad }}' } }
output: '${{ tasks.large.output }}'
";

fn wanted(name: &str, pad: u32) -> Request {
    request(&DOCUMENT.replace("NAME", name), &json!({ "pad": pad }))
}

/// Runs it, and waits until nothing more will happen to it.
async fn done(engine: &Engine, request: Request) -> RunId {
    let run = engine.run(request).await.unwrap().run;
    while engine.reader().run(&Tenant::default(), run).await.unwrap().unwrap().done.is_none() {
        tokio::task::yield_now().await;
    }
    run
}

/// True if document and output are there for whoever has nothing in memory.
async fn is_whole(world: &World, run: RunId) -> bool {
    let reader = Reader::new(Arc::clone(&world.store) as _, Arc::clone(&world.blobs) as _, Limits::STANDARD);
    let Ok(Some(scanned)) = reader.scan(&Tenant::default(), run, Wanted::Tasks).await else { return false };
    let output = scanned.told.ended.unwrap().output.unwrap();
    reader.payload(&Tenant::default(), run, &output).await.is_ok()
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_nothing_else_names_goes_with_its_run() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = world.engine().await;
    // Two that share everything, one that shares its output, one that shares nothing.
    let (one, other) = (done(&engine, wanted("same", 20_000)).await, done(&engine, wanted("same", 20_000)).await);
    let fourth = done(&engine, wanted("fourth", 30_000)).await;
    // The last row of a journal stays, and with it what its run names.
    let third = done(&engine, wanted("other", 20_000)).await;
    assert_eq!(world.blobs.count(), 5, "three documents, two outputs");
    engine.forget(&tenant, one).await.unwrap();
    assert!(matches!(engine.forget(&tenant, one).await, Err(ForgetError::NoRun(_))));
    engine.forget(&tenant, fourth).await.unwrap();
    until(|| world.blobs.count() == 3).await;
    assert!(is_whole(&world, other).await && is_whole(&world, third).await);
    engine.forget(&tenant, other).await.unwrap();
    until(|| world.blobs.count() == 2).await;
    assert!(is_whole(&world, third).await);
    let again = done(&engine, wanted("fourth", 30_000)).await;
    assert!(is_whole(&world, again).await, "what was deleted is kept again");
    engine.stop().await;
    let engine = world.engine().await;
    assert!(is_whole(&world, done(&engine, wanted("same", 20_000)).await).await, "a journal with holes opens");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_comes_while_blobs_are_deleted_loses_none() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = Arc::new(world.engine().await);
    let workers = (0..4).map(|_| {
        let (engine, tenant) = (Arc::clone(&engine), tenant.clone());
        tokio::spawn(async move {
            let mut last = None;
            for round in 0..40_u32 {
                // Everybody names the same few contents, and forgets its own run of before.
                let run = done(&engine, wanted(&format!("g{}", round % 2), 20_000 + round % 3)).await;
                if let Some(before) = last.replace(run) {
                    engine.forget(&tenant, before).await.unwrap();
                }
            }
            last.unwrap()
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        assert!(is_whole(&world, worker.await.unwrap()).await);
    }
    engine.stop().await;
}

/// The system's clock, put forward.
struct Later(AtomicU64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp(Wall.now().0 + self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn what_is_done_goes_when_it_is_old_and_a_key_outlasts_a_day() {
    let (world, tenant) = (World::new(), Tenant::default());
    let clock = Arc::new(Later(AtomicU64::new(0)));
    let start = async || {
        let parts = world.parts(Arc::clone(&world.blobs) as _);
        let retention = Some(Duration::secs(3_600));
        Engine::start(Parts { clock: Arc::clone(&clock) as _, retention, ..parts }).await.unwrap()
    };
    let known = async |engine: &Engine, run| engine.reader().run(&tenant, run).await.unwrap().is_some();
    let engine = start().await;
    let plain = done(&engine, wanted("plain", 1)).await;
    let key = SubmissionKey { key: Arc::from("k"), parts: vec![(Arc::from("document"), Hash([1; 32]))] };
    let keyed = engine.submit_once(wanted("keyed", 1), key.clone()).await.unwrap().run;
    engine.answer(&tenant, keyed).await.unwrap();
    let nap = DOCUMENT.replace("NAME", "nap").replace("prompt: x", "prompt: x, sleep_ms: 60000");
    let open = engine.submit(request(&nap, &json!({}))).await.unwrap();
    assert!(matches!(engine.forget(&tenant, open).await, Err(ForgetError::NotDone(_))));
    while !matches!(engine.forget(&tenant, keyed).await, Err(ForgetError::Keyed { .. })) {}
    engine.stop().await;

    clock.0.store(Duration::secs(2 * 3_600).0, Ordering::SeqCst);
    let engine = start().await;
    while known(&engine, plain).await {
        tokio::task::yield_now().await;
    }
    assert!(known(&engine, keyed).await && known(&engine, open).await);
    assert!(engine.submit_once(wanted("keyed", 1), key.clone()).await.unwrap().replayed);
    engine.stop().await;

    clock.0.store(Duration::secs(25 * 3_600).0, Ordering::SeqCst);
    let engine = start().await;
    while known(&engine, keyed).await {
        tokio::task::yield_now().await;
    }
    assert!(known(&engine, open).await);
    assert!(!engine.submit_once(wanted("keyed", 1), key).await.unwrap().replayed);
    engine.stop().await;
}

#[tokio::test]
async fn what_was_said_of_a_run_outlasts_it_and_goes_when_it_is_old() {
    let (world, tenant) = (World::new(), Tenant::default());
    let clock = Arc::new(Later(AtomicU64::new(0)));
    let start = async || {
        let parts = world.parts(Arc::clone(&world.blobs) as _);
        Engine::start(Parts { clock: Arc::clone(&clock) as _, ..parts }).await.unwrap()
    };
    let said = async |engine: &Engine| {
        let judged = engine.reader().feedback(&tenant, &of_graph("said"), FeedbackBy::Target, 9).await.unwrap();
        judged.iter().map(|line| format!("{} {}", line.name, line.sum)).collect::<Vec<_>>().join(", ")
    };
    let engine = start().await;
    let run = done(&engine, wanted("said", 1)).await;
    let (by, task) = (Principal::new("local"), Some("large".to_owned()));
    let opinion = Opinion { run, task, by, score: 400_000, label: None, comment: None };
    engine.judge(&tenant, opinion.clone()).await.unwrap();
    let nothing = Opinion { task: Some("small".to_owned()), ..opinion.clone() };
    assert!(matches!(engine.judge(&tenant, nothing).await, Err(OpinionError::NoTask { .. })));
    engine.forget(&tenant, run).await.unwrap();
    assert!(matches!(engine.judge(&tenant, opinion).await, Err(OpinionError::Read(ReadError::NoRun(_)))));
    assert_eq!(said(&engine).await, "tool 400000");
    engine.stop().await;

    clock.0.store(Duration::secs(2 * 3_600).0, Ordering::SeqCst);
    let engine = start().await;
    while !said(&engine).await.is_empty() {
        tokio::task::yield_now().await;
    }
    engine.stop().await;
}

#[tokio::test]
async fn what_was_spent_long_ago_is_told_by_days() {
    const DAY: u64 = 24 * 3_600 * 1_000_000;
    let world = World::new();
    // At noon.
    let clock = Arc::new(Later(AtomicU64::new(DAY + DAY / 2 - Wall.now().0 % DAY)));
    let start = async || {
        let mut parts = world.parts(Arc::clone(&world.blobs) as _);
        parts.targets[0].0.price.call = Money(5);
        Engine::start(Parts { clock: Arc::clone(&clock) as _, ..parts }).await.unwrap()
    };
    let hours = async || world.store.spent_since(Timestamp(0)).await.unwrap();
    let engine = start().await;
    done(&engine, wanted("paid", 1)).await;
    engine.stop().await;
    let before = hours().await;
    let [(_, at, spent, _)] = &before[..] else { panic!("one attempt was paid") };
    let (day, spent) = (Timestamp(at.0 - at.0 % DAY), *spent);
    assert!(*at > day && spent == Money(5), "{at} {spent}");

    clock.0.fetch_add(401 * DAY, Ordering::SeqCst);
    let engine = start().await;
    while hours().await.iter().any(|(_, at, ..)| *at != day) {
        tokio::task::yield_now().await;
    }
    assert_eq!(hours().await.iter().map(|(.., spent, _)| *spent).collect::<Vec<_>>(), [spent]);
    engine.stop().await;
}

/// What is made of others had no attempt of its own: it is judged all the same.
#[tokio::test]
async fn a_whole_group_is_judged() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = Engine::start(world.parts(Arc::clone(&world.blobs) as _)).await.unwrap();
    let document = "
version: 1
name: groups
tasks:
  each: { foreach: [1, 2], tasks: { one: { uses: chat, with: { prompt: x } } } }
  all: { tasks: { two: { uses: chat, with: { prompt: x } } } }
output: '${{ tasks.all.output }}'
";
    let run = done(&engine, request(document, &json!({}))).await;
    for (task, is_kept) in [("each", true), ("each[1]/one", true), ("all", true), ("all/none", false)] {
        let (by, task) = (Principal::new("local"), Some(task.to_owned()));
        let opinion = Opinion { run, task, by, score: 400_000, label: None, comment: None };
        assert_eq!(engine.judge(&tenant, opinion.clone()).await.is_ok(), is_kept, "{opinion:?}");
    }
    let judged = engine.reader().feedback(&tenant, &of_graph("groups"), FeedbackBy::Target, 9).await.unwrap();
    assert_eq!(judged.iter().map(|line| line.count).sum::<u64>(), 3);
    // However a path is spelled, it is kept as it is written everywhere.
    let spelled = engine.last_target(&tenant, run, "each[0000001]/one").await.unwrap();
    assert_eq!(spelled, ("each[1]/one".to_owned(), Some("tool".to_owned())));
    engine.stop().await;
}

fn of_graph(graph: &str) -> FeedbackFilter {
    FeedbackFilter { graph: Some(graph.to_owned()), ..FeedbackFilter::default() }
}
