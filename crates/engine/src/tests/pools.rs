//! Units of pools, as the configuration has them.

use std::sync::Arc;

use agendum_types::{Cause, Pool, RunId, TaskPath, Tenant};
use serde_json::json;

use super::fixture::{World, line, request};
use crate::{Command, Engine, Parts};

async fn engine(world: &World, pools: &[(&str, u32)]) -> Engine {
    let pool = |(name, units): &(&str, u32)| Pool { name: (*name).into(), units: *units };
    let pools = pools.iter().map(pool).collect();
    Engine::start(Parts { pools, ..world.parts(Arc::clone(&world.blobs) as _) }).await.unwrap()
}

async fn submitted(engine: &Engine, name: &str, order: &str) -> RunId {
    let document = format!(
        "version: 1\nname: {name}\ntasks: {{ a: {{ uses: chat, with: {{ prompt: x, {order} }}, resources: {{ seat: 2 }} }} }}\n"
    );
    engine.submit(request(&document, &json!({}))).await.unwrap()
}

/// The only task of the run comes to wait for this.
async fn waits_on(engine: &Engine, run: RunId, cause: Cause) {
    let waiting_on = async || {
        let view = engine.view(&Tenant::default(), run, TaskPath::default()).await.unwrap();
        view.tasks.first().and_then(|task| task.waiting_on)
    };
    while waiting_on().await != Some(cause) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_attempt_waits_for_units_until_others_give_them_back() {
    let world = World::new();
    let small = engine(&world, &[("seat", 1)]).await;
    let first = submitted(&small, "first", "sleep_ms: 60000").await;
    waits_on(&small, first, Cause::Capacity).await;
    assert!(world.tool.calls.lock().unwrap().is_empty(), "there are too few at all");
    small.stop().await;

    let engine = engine(&world, &[("seat", 3)]).await;
    while world.tool.calls.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = submitted(&engine, "second", "give: 7").await;
    waits_on(&engine, second, Cause::Limit).await;
    engine.command(&Tenant::default(), first, Command::Cancel).await.unwrap();
    let answer = engine.answer(&Tenant::default(), second).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"
    succeeded {"a":7}
    "#);
}
