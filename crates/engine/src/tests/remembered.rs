//! What a life has learned is there in the next, if it can be read.

use std::sync::Arc;

use agendum_core::Checkpoint;
use agendum_ports::{Append, Appended, Store as _};
use agendum_types::{Duration, Policy, ShardId, Timestamp};
use agendum_wire::checkpoint;
use bytes::Bytes;
use serde_json::json;

use super::fixture::{World, request};
use crate::{Engine, Health, Parts};

const FAILS: &str = "
version: 1
name: fails
tasks:
  t: { uses: chat, with: { prompt: x, fail: unavailable }, retry: { max_attempts: 1 } }
";
const WORKS: &str = "
version: 1
name: works
tasks:
  t: { uses: chat, with: { prompt: x, give: 1 } }
";

async fn engine(world: &World) -> Engine {
    let mut policy = Policy::default();
    policy.limits.failing_for = Duration::ZERO;
    Engine::start(Parts { policy: Arc::new(policy), ..world.parts(Arc::clone(&world.blobs) as _) }).await.unwrap()
}

/// Until when the one target is left alone.
async fn broken_until(engine: &Engine) -> Option<Timestamp> {
    let loads = engine.loads().await.unwrap();
    loads.targets.iter().find(|load| &*load.name == "tool").unwrap().broken_until
}

async fn learned(world: &World) -> Option<Checkpoint> {
    let bytes = world.store.learned(ShardId(0)).await.unwrap();
    bytes.map(|bytes| checkpoint::decode(&bytes).unwrap().core)
}

#[tokio::test]
async fn a_broken_target_is_broken_after_a_stop_unless_nobody_can_read_that() {
    let world = World::new();
    let first = engine(&world).await;
    for _ in 0..5 {
        first.run(request(FAILS, &json!({}))).await.unwrap();
    }
    let until = broken_until(&first).await;
    assert!(until.is_some());
    first.stop().await;
    let second = engine(&world).await;
    assert_eq!(broken_until(&second).await, until);
    second.stop().await;

    let opened = world.store.open(ShardId(0)).await.unwrap();
    let nonsense = Append {
        shard: ShardId(0),
        incarnation: opened.incarnation,
        expected: opened.last.next(),
        rows: Vec::new(),
        runs: Vec::new(),
        settled: Vec::new(),
        noted: Vec::new(),
        judged: Vec::new(),
        learned: Some(Bytes::from_static(b"{\"version\":1,\"seq\":")),
    };
    assert_eq!(world.store.append(nonsense).await, Appended::Durable);
    let third = engine(&world).await;
    assert_eq!(broken_until(&third).await, None, "it is left out, and keeps nobody from beginning");
    third.stop().await;
    assert!(learned(&world).await.is_some_and(|learned| learned.is_last));
}

#[tokio::test]
async fn what_was_learned_is_kept_while_it_works_and_is_there_after_a_crash() {
    let world = World::new();
    let engine = engine(&world).await;
    let works = async || engine.run(request(WORKS, &json!({}))).await;
    let first = loop {
        works().await.unwrap();
        if let Some(learned) = learned(&world).await {
            break learned;
        }
    };
    assert!(!first.is_last && first.served.0 > 0 && first.graphs.len() == 1, "{first:?}");
    world.store.fail_next(Appended::Unknown("the disk said nothing".into()));
    works().await.unwrap_err();
    while engine.health() != Health::Ready {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for _ in 0..3 {
        works().await.unwrap();
    }
    engine.stop().await;
    let last = learned(&world).await.unwrap();
    assert!(last.is_last && last.incarnation > first.incarnation);
    assert!(last.served.0 >= first.served.0 + 3, "it goes on from there: {} and {}", first.served.0, last.served.0);
}
