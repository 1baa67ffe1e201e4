//! What is committed outlasts the process; what failed to be committed never left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agendum_core::why::{Page, Seen};
use agendum_ports::{Appended, Clock, Wall};
use agendum_types::{Cause, Limits, Seq, Tenant, Timestamp};
use serde_json::json;

use super::fixture::{World, line, request};
use crate::{Command, CommandError, Engine, Health, Notice, Parts, SubmitError, Wanted};

const LONG: &str = "
version: 1
name: long
inputs: { properties: { nap: {} } }
tasks:
  first: { uses: chat, with: { prompt: x, give: 1 } }
  nap: { uses: chat, needs: [first], with: { prompt: x, sleep_ms: 60000 }, if: '${{ inputs.nap }}' }
  last: { uses: chat, needs: [nap], with: { prompt: x, give: '${{ tasks.first.output }}' } }
output: '${{ tasks.last.output }}'
";

#[tokio::test]
async fn an_open_run_goes_on_after_a_restart() {
    let world = World::new();
    let engine = world.engine().await;
    let document = LONG.replace("60000", "50");
    let run = engine.submit(request(&document, &json!({"nap": true}))).await.unwrap();
    while world.tool.calls.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    engine.stop().await;
    assert_eq!(engine.health(), Health::Stopped);

    let engine = world.engine().await;
    let answer = engine.answer(&Tenant::default(), run).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @"succeeded 1");
    let calls: Vec<String> = world.tool.calls.lock().unwrap().iter().map(|(_, order)| order.to_string()).collect();
    // `first` was committed and is not run again; `nap` was lost with the process and is.
    insta::assert_snapshot!(calls.join("\n"), @r#"
    {"prompt":"x","give":1}
    {"prompt":"x","sleep_ms":50}
    {"prompt":"x","sleep_ms":50}
    {"prompt":"x","give":1}
    "#);
}

#[tokio::test]
async fn additions_outlast_a_restart() {
    let document = "
version: 1
name: growing
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 50, give: 1 } }
after:
  notice: { uses: chat, with: { prompt: x, give: '${{ tasks.nap.output }}' } }
";
    let world = World::new();
    let engine = world.engine().await;
    let request = request(document, &json!({}));
    let mut accepted = request.accepted.clone();
    let run = engine.submit(request).await.unwrap();
    for (name, reads) in [("more", "nap"), ("most", "more")] {
        let addition = format!(
            "tasks: {{ {name}: {{ uses: chat, with: {{ prompt: x, give: '${{{{ tasks.{reads}.output + 1 }}}}' }} }} }}"
        );
        let checked = agendum_spec::extend(&accepted.document, &addition, &Limits::STANDARD).unwrap();
        accepted = checked.runnable().unwrap().clone();
        engine.add_tasks(&Tenant::default(), run, &accepted).await.unwrap();
    }
    engine.stop().await;

    let engine = world.engine().await;
    let answer = engine.answer(&Tenant::default(), run).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"nap":1,"more":2,"most":3}"#);
}

#[tokio::test]
async fn the_key_of_a_task_is_the_same_in_every_life() {
    let world = World::new();
    let engine = world.engine().await;
    let document = LONG.replace("60000", "50");
    let run = engine.submit(request(&document, &json!({"nap": true}))).await.unwrap();
    while world.tool.calls.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    engine.stop().await;
    let engine = world.engine().await;
    engine.answer(&Tenant::default(), run).await.unwrap();
    let calls = world.tool.calls.lock().unwrap();
    assert_eq!(calls[1].0, calls[2].0);
    assert_ne!(calls[0].0, calls[1].0);
}

#[tokio::test]
async fn a_failed_append_ends_the_life_and_nothing_is_answered_from_it() {
    for failure in [
        Appended::Unknown("the disk said nothing".into()),
        Appended::Failed { message: "the disk said no".into(), disk_full: false },
        Appended::Fenced("somebody else".into()),
    ] {
        let world = World::new();
        let engine = world.engine().await;
        // The opening record of this life is durable before the failure is planned.
        engine.submit(request(LONG, &json!({"nap": false}))).await.unwrap();
        world.store.fail_next(failure);
        let refused = engine.submit(request(LONG, &json!({"nap": false}))).await;
        assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
        while engine.health() != Health::Ready {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        engine.run(request(LONG, &json!({"nap": false}))).await.unwrap();
        world.store.fail_next(Appended::Unknown("the disk said nothing".into()));
        let lost = engine.run(request(LONG, &json!({"nap": false}))).await;
        assert!(matches!(lost, Err(SubmitError::Unavailable(_))), "who waits is told: {lost:?}");
        while engine.health() != Health::Ready {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let answer = engine.run(request(LONG, &json!({"nap": false}))).await.unwrap();
        assert_eq!(line(&engine, &answer).await, "succeeded 1");
    }
}

#[tokio::test]
async fn a_document_that_was_somebody_s_input_is_kept_all_the_same() {
    let world = World::new();
    let engine = world.engine().await;
    let later = request(LONG, &json!({"nap": false}));
    let mut first = request(&LONG.replace("name: ", "name: x"), &json!({}));
    first.inputs = bytes::Bytes::copy_from_slice(later.accepted.document.0.as_bytes());
    engine.submit(first).await.unwrap();
    let run = engine.submit(later).await.unwrap();
    engine.stop().await;
    let engine = world.engine().await;
    assert!(engine.answer(&Tenant::default(), run).await.is_some());
}

#[tokio::test]
async fn a_command_is_acknowledged_when_it_is_durable() {
    let world = World::new();
    let engine = world.engine().await;
    let run = engine.submit(request(LONG, &json!({"nap": true}))).await.unwrap();
    while world.tool.calls.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    world.store.fail_next(Appended::Unknown("the disk said nothing".into()));
    let told = engine.command(&Tenant::default(), run, Command::Pause).await;
    assert!(matches!(told, Err(CommandError::Unavailable(_))), "{told:?}");
    while engine.health() != Health::Ready {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    engine.command(&Tenant::default(), run, Command::Cancel).await.unwrap();
    assert_eq!(engine.answer(&Tenant::default(), run).await.unwrap().status.word(), "cancelled");
}

#[tokio::test]
async fn what_was_out_at_a_stop_ran_until_then() {
    let world = World::new();
    let engine = world.engine().await;
    let document = LONG.replace("60000", "200");
    let run = engine.submit(request(&document, &json!({"nap": true}))).await.unwrap();
    while world.tool.calls.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let (ran, away) = (std::time::Duration::from_millis(60), std::time::Duration::from_millis(90));
    tokio::time::sleep(ran).await;
    engine.stop().await;
    tokio::time::sleep(away).await;

    let engine = world.engine().await;
    engine.answer(&Tenant::default(), run).await.unwrap();
    let stored = engine.reader().scan(&Tenant::default(), run, Wanted::Tasks).await.unwrap().unwrap();
    let seen = Seen { now: Timestamp(0), live: None, worked_until: None };
    let reasons = stored.reading.reasons(&stored.graph, seen, &Page::all()).unwrap();
    let nap = reasons.tasks.iter().find(|task| stored.graph.path_text(&task.path) == "nap").unwrap();
    let first = &nap.attempts[0];
    assert!(first.ended.unwrap().since(first.started).to_std() >= ran, "{nap:?}");
    assert!(nap.attempts[1].started.since(first.ended.unwrap()).to_std() >= away, "{nap:?}");
    let downtime = nap.parts.iter().find(|(cause, _)| *cause == Cause::Downtime).unwrap().1;
    assert!(downtime.to_std() >= away && downtime <= nap.attempts[1].started.since(first.ended.unwrap()), "{nap:?}");
}

#[tokio::test]
async fn text_of_a_life_that_ended_is_void() {
    let document = "
version: 1
name: live
tasks:
  it: { uses: chat, live: true, with: { prompt: x, say: [word], sleep_ms: 60000 } }
";
    let world = World::new();
    let engine = world.engine().await;
    let run = engine.submit(request(document, &json!({}))).await.unwrap();
    let mut watch = engine.watch(&Tenant::default(), run, Seq(0)).await.unwrap();
    let mut told = Vec::new();
    while told != ["word", "void", "word"] {
        match watch.next().await.unwrap().unwrap() {
            Notice::Text { text, .. } => told.push(text.to_string()),
            Notice::Restarted { .. } => told.push("void".to_owned()),
            Notice::Entry(_) => continue,
        }
        if told == ["word"] {
            world.store.fail_next(Appended::Unknown("the disk said nothing".into()));
            assert!(engine.submit(request(LONG, &json!({"nap": false}))).await.is_err());
        }
        assert!(told.len() <= 3, "{told:?}");
    }
}

/// The time of day, so many microseconds back.
#[derive(Default)]
struct SetBack(AtomicU64);

impl Clock for SetBack {
    fn now(&self) -> Timestamp {
        Timestamp(Wall.now().0 - self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_no_timer() {
    let (world, clock) = (World::new(), Arc::new(SetBack::default()));
    let parts = || Parts { clock: Arc::clone(&clock) as _, ..world.parts(Arc::clone(&world.blobs) as _) };
    let document = LONG.replace(
        "sleep_ms: 60000 }",
        "sleep_ms: 60000 }, timeout: { task: 50ms }, catch: [{ on: [timeout], output: late }]",
    );
    for _ in 0..2 {
        // While it runs, and before the next begins.
        let engine = Engine::start(parts()).await.unwrap();
        let run = engine.submit(request(&document, &json!({"nap": true}))).await.unwrap();
        clock.0.fetch_add(3_600_000_000, Ordering::SeqCst);
        let answer = engine.answer(&Tenant::default(), run).await.unwrap();
        assert_eq!(line(&engine, &answer).await, "succeeded degraded 1");
        engine.stop().await;
        clock.0.fetch_add(3_600_000_000, Ordering::SeqCst);
    }
}
