//! A disk that is about to be full stops intake and nothing else.

use agendum_core::Addressee;
use agendum_types::{Limits, Principal, Tenant, WaitFor};
use serde_json::json;

use super::fixture::{World, line, request};
use crate::{Engine, HandError, Handed, Health, SubmitError};

const DOCUMENT: &str = "
version: 1
name: napping
inputs: { properties: { ms: {} } }
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: '${{ inputs.ms }}', give: 1 } }
  then: { uses: chat, with: { prompt: x, give: '${{ tasks.nap.output + 1 }}' } }
output: '${{ tasks.then.output }}'
";

async fn until(engine: &Engine, wanted: impl Fn(&Health) -> bool) {
    while !wanted(&engine.health()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_under_way_goes_on_while_nothing_more_is_taken_in() {
    let world = World::new();
    let engine = world.engine().await;
    let wanted = |ms| request(DOCUMENT, &json!({ "ms": ms }));
    let long = engine.submit(wanted(60_000)).await.unwrap();
    let short = engine.submit(wanted(200)).await.unwrap();
    world.store.set_room(Some(Limits::STANDARD.disk_reserve - 1));
    until(&engine, |health| matches!(health, Health::Full(_))).await;
    let refused = engine.submit(wanted(0)).await;
    assert!(matches!(refused, Err(SubmitError::DiskFull(_))), "{refused:?}");
    let accepted = wanted(0).accepted;
    let added = agendum_spec::extend(
        &accepted.document,
        "tasks: { more: { uses: chat, with: { prompt: x } } }",
        &Limits::STANDARD,
    );
    let added = engine.add_tasks(&Tenant::default(), long, added.unwrap().runnable().unwrap()).await;
    assert!(matches!(added, Err(SubmitError::DiskFull(_))), "{added:?}");
    let to = Addressee::Named(WaitFor::Signal, "paid".into());
    let (value, by) = (json!(1), Principal::new("shop"));
    let signal = Handed { run: long, to, value, by, approved: None, attempt: None, webhook: None };
    let kept = engine.hand(&Tenant::default(), signal).await;
    assert!(matches!(kept, Err(HandError::DiskFull(_))), "{kept:?}");
    let answer = engine.answer(&Tenant::default(), short).await.unwrap();
    assert_eq!(line(&engine, &answer).await, "succeeded 2");
    world.store.set_room(Some(Limits::STANDARD.disk_reserve * 2));
    until(&engine, |health| *health == Health::Ready).await;
    let answer = engine.run(wanted(0)).await.unwrap();
    assert_eq!(line(&engine, &answer).await, "succeeded 2");
    engine.stop().await;
}

#[tokio::test]
async fn what_needs_more_room_than_there_is_is_refused_before_it_is_written() {
    let world = World::new();
    let engine = world.engine().await;
    world.store.set_room(Some(Limits::STANDARD.disk_reserve + 10_000));
    let mut large = request(DOCUMENT, &json!({ "ms": 0 }));
    let whole = large.clone();
    large.inputs = json!({ "ms": 0, "pad": " ".repeat(20_000) }).to_string().into();
    let refused = engine.submit(large.clone()).await;
    assert!(matches!(refused, Err(SubmitError::DiskFull(_))), "{refused:?}");
    assert_eq!(world.blobs.count(), 0, "neither inputs nor document");
    engine.run(whole).await.unwrap();
    assert_eq!(engine.health(), Health::Ready, "for less there is room");
    engine.stop().await;
}
