//! What a parent has to do with its child runs besides their output: waits inside them, time, what was added to them, what is kept of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agendum_ports::{Clock, SpentBy, Wall};
use agendum_types::graph::Budget;
use agendum_types::{Money, RunId, Tenant, Timestamp};
use serde_json::{Value as Json, json};

use super::children::{CALL, anew, calls, child, children, document, done};
use super::fixture::{World, line, request};
use crate::{Command, Engine, Parts, WaitsAsked};

/// A clock that is set by the test.
#[derive(Default)]
struct Shifted(AtomicU64);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp(Wall.now().0 + self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn what_waits_inside_a_child_waits_inside_its_parent() {
    let asks =
        "tasks: { a: { uses: wait, with: { for: approval } }, b: { uses: wait, with: { for: signal, name: go } } }";
    let world = World::new();
    let engine = world.engine().await;
    let tenant = Tenant::default();
    let other = engine.submit(request(&document(asks, ""), &json!({ "x": 7 }))).await.unwrap();
    let parent = engine.submit(request(&document(asks, ""), &json!({ "x": 7 }))).await.unwrap();
    let row = child(&engine, parent).await;
    let asked = |from: RunId| WaitsAsked { queue: None, run: Some(parent), from, count_max: 10 };
    let views = loop {
        let (views, next) = engine.waits(&tenant, asked(RunId::default())).await.unwrap();
        if views.len() == 2 {
            assert_eq!(next, None);
            break views;
        }
        tokio::task::yield_now().await;
    };
    let of = |view: &agendum_types::WaitView| (view.run, view.parent.as_ref().map(|of| (of.run, of.task.to_string())));
    assert!(views.iter().all(|view| of(view) == (row.run, Some((parent, "inner".to_owned())))), "{views:?}");
    assert!(engine.waits(&tenant, asked(RunId(row.run.0 + 1))).await.unwrap().0.is_empty(), "behind the last run");
    assert_ne!(other, parent);
    engine.stop().await;
}

#[tokio::test]
async fn the_time_of_a_child_counts_from_its_first_life() {
    let slow = "tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 20000 } } }";
    let (world, clock) = (World::new(), Arc::new(Shifted::default()));
    let parts = || Parts { clock: Arc::clone(&clock) as _, ..world.parts(Arc::clone(&world.blobs) as _) };
    let engine = Engine::start(parts()).await.unwrap();
    let limited = document(slow, "timeout: { attempt: 1h }\n    retry: { max_attempts: 1 }");
    let parent = engine.submit(request(&limited, &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 2).await;
    engine.stop().await;
    clock.0.store(2 * 3_600_000_000, Ordering::SeqCst);
    let engine = Engine::start(parts()).await.unwrap();
    let answer = engine.answer(&Tenant::default(), parent).await.unwrap();
    let said = line(&engine, &answer).await.replace(&child(&engine, parent).await.run.to_string(), "ID");
    insta::assert_snapshot!(said, @"failed timeout: `timeout.attempt` has passed: child run ID has ended");
    engine.stop().await;
}

#[tokio::test]
async fn what_comes_after_the_answer_of_a_child_is_not_its_parents() {
    let lasting = "
        budget: { usd: 0.02 }
        tasks: { a: { uses: chat, with: { prompt: x, give: 1 } } }
        after:
          b: { uses: chat, with: { prompt: x } }
          c: { uses: chat, with: { prompt: x } }
        finally: { d: { uses: chat, with: { prompt: x } } }";
    let failing = lasting.replace("give: 1", "fail: permanent").replace("after:", "on_failure:");
    let world = World::new();
    let engine = Engine::start(world.priced()).await.unwrap();
    for (child_text, spent) in [(lasting, [2, 4]), (&failing, [1, 3])] {
        let money = Some(Money(3 * CALL.0));
        let budget = Some(Budget { money, tokens: None, on_exceeded: Default::default() });
        let asked = crate::Request { budget, ..request(&document(child_text, ""), &json!({ "x": 7 })) };
        let answer = engine.run(asked).await.unwrap();
        let row = child(&engine, answer.run).await;
        assert_eq!([answer.spent, row.spent].map(|of| of.0 / CALL.0), spent, "{child_text}");
        assert_eq!(answer.over, Money::ZERO);
    }
    let by_graph = engine.reader().spent(&Tenant::default(), Timestamp(0), SpentBy::Graph).await.unwrap();
    let all: u64 = by_graph.iter().map(|of| of.cost.0 / CALL.0).sum();
    assert_eq!(all, 2 + 3 + 1 + 3, "the books know of all of it: {by_graph:?}");
    engine.stop().await;
}

#[tokio::test]
async fn the_time_of_a_child_does_not_run_while_it_is_held() {
    let slow = "
        tasks:
          a: { uses: chat, with: { prompt: x, sleep_ms: 200 } }
          b: { uses: chat, needs: [a], with: { prompt: x, give: 1 } }";
    let (world, clock) = (World::new(), Arc::new(Shifted::default()));
    let parts = || Parts { clock: Arc::clone(&clock) as _, ..world.parts(Arc::clone(&world.blobs) as _) };
    let engine = Engine::start(parts()).await.unwrap();
    let limited = document(slow, "timeout: { attempt: 1h }\n    retry: { max_attempts: 2, on: [timeout] }");
    let parent = engine.submit(request(&limited, &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 2).await;
    let row = child(&engine, parent).await;
    engine.command(&Tenant::default(), row.run, Command::Pause).await.unwrap();
    engine.stop().await;
    clock.0.store(2 * 3_600_000_000, Ordering::SeqCst);
    let engine = Engine::start(parts()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    engine.command(&Tenant::default(), row.run, Command::Resume).await.unwrap();
    let answer = engine.answer(&Tenant::default(), parent).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":null,"b":1}"#);
    assert_eq!(children(&engine, parent).await.len(), 1);
    engine.stop().await;
}

/// Else its work would be begun again by a child of which nobody knows what it did.
#[tokio::test]
async fn a_child_in_quarantine_is_not_begun_again_when_its_time_is_over() {
    let slow = "tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 60000, give: 1 } } }";
    let limited = document(slow, "timeout: { attempt: 1h }\n    retry: { max_attempts: 2, on: [timeout] }");
    let first = World::new();
    let engine = first.engine().await;
    let parent = engine.submit(request(&limited, &json!({ "x": 7 }))).await.unwrap();
    calls(&first, 2).await;
    // What has no effect is called before the journal has it.
    child(&engine, parent).await;
    // What there is of it when its process dies.
    let world = first.cut(first.journal().await.len()).await;
    engine.stop().await;
    world.tool.hurried.store(true, Ordering::SeqCst);
    let clock = Arc::new(Shifted(AtomicU64::new(2 * 3_600_000_000)));
    let mut parts = Parts { clock, ..world.parts(Arc::clone(&world.blobs) as _) };
    parts.limits.crashes_max = 1;
    let engine = Engine::start(parts).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let row = child(&engine, parent).await;
    let standing = engine.standings(&Tenant::default(), &[row.run]).await.unwrap()[0].unwrap();
    assert!(standing.quarantined && world.tool.calls.lock().unwrap().is_empty(), "{standing:?}");
    assert_eq!(children(&engine, parent).await.len(), 1);
    engine.stop().await;
}

/// `b` fails once, when something was added.
const GROWS: &str = "
        tasks:
          a: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, give: paid } }
          b: { uses: chat, needs: [a], retry: { max_attempts: 1 }, with: { prompt: x, sleep_ms: 300, fail: unavailable, fail_times: 1, give: '${{ tasks.a.output }}' } }";

#[tokio::test]
async fn a_child_with_more_tasks_is_taken_over_with_them() {
    let world = World::new();
    let engine = world.engine().await;
    let tried = document(GROWS, "retry: { max_attempts: 2, initial_delay: 1ms }");
    let parent = engine.submit(request(&tried, &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 3).await;
    let first = child(&engine, parent).await;
    let known = engine.reader().document(&Tenant::default(), first.run).await.unwrap().unwrap();
    let added = r#"{ "tasks": { "c": { "uses": "chat", "needs": ["a"], "effect": "once", "on_uncertain": "fail",
        "with": { "prompt": "x", "give": "added" } } } }"#;
    let grown = agendum_spec::extend(&known, added, &agendum_types::Limits::STANDARD).unwrap();
    engine.add_tasks(&Tenant::default(), first.run, grown.runnable().unwrap()).await.unwrap();
    let answer = engine.answer(&Tenant::default(), parent).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":"paid","b":"paid","c":"added"}"#);
    let runs = children(&engine, parent).await;
    let calls = world.tool.calls.lock().unwrap();
    let given = |what: &str| calls.iter().filter(|(_, order)| order["give"] == what && order["fail"].is_null()).count();
    assert_eq!((runs.len(), given("paid"), given("added")), (2, 1, 1), "what was paid for is not paid again");
}

#[tokio::test]
async fn who_cannot_be_taken_over_is_begun_anew_by_a_command_that_works() {
    let open = "
        tasks:
          a: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, sleep_ms: 60000, give: '${{ inputs.y }}' } }";
    let world = World::new();
    let engine = world.engine().await;
    let limited =
        document(open, "timeout: { attempt: 1s }\n    retry: { max_attempts: 2, on: [timeout], initial_delay: 1ms }");
    let answer = engine.run(request(&limited, &json!({ "x": 7 }))).await.unwrap();
    done(&engine, answer.run).await;
    let before = children(&engine, answer.run).await[0].run;
    let said =
        line(&engine, &answer).await.replace(&answer.run.to_string(), "PARENT").replace(&before.to_string(), "BEFORE");
    insta::assert_snapshot!(said, @r#"failed permanent: child run BEFORE cannot be taken over: its task "a" would run again, and "a" took effect or may have: find that out; `agendum runs retry PARENT --again inner` begins it anew, and does again what it did"#);
    // As it says.
    world.tool.hurried.store(true, Ordering::SeqCst);
    let earlier = engine.reader().earlier(&Tenant::default(), answer.run).await.unwrap();
    let again = crate::Anew { again: vec!["inner".to_owned()], ..anew(None) };
    let second = engine.run_again(&Tenant::default(), earlier, again).await.unwrap().run;
    let answer = engine.answer(&Tenant::default(), second).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":7}"#);
    engine.stop().await;
}

#[tokio::test]
async fn a_parent_is_kept_as_long_as_its_retry_may_ask_for_its_children() {
    let failing = document("tasks: { a: { uses: chat, retry: { max_attempts: 1 }, with: { prompt: x, fail: permanent, fail_times: 1, give: 1 } } }", "retry: { max_attempts: 1 }")
        .replace("output: '${{ tasks.inner.output }}'", "  last: { uses: chat, needs: [inner], with: { prompt: x, sleep_ms: 60000 } }");
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = world.engine().await;
    let first = engine.run(request(&failing, &json!({ "x": 7 }))).await.unwrap().run;
    done(&engine, first).await;
    let earlier = engine.reader().earlier(&tenant, first).await.unwrap();
    let second = engine.run_again(&tenant, earlier, anew(None)).await.unwrap().run;
    let is_last = |(_, order): &(String, Json)| order["sleep_ms"] == 60_000;
    while !world.tool.calls.lock().unwrap().iter().any(is_last) {
        tokio::task::yield_now().await;
    }
    let kept = engine.forget(&tenant, first).await.unwrap_err().to_string();
    assert_eq!(
        kept,
        format!(
            "run {first} went on as run {second}, which is not done and may ask what the child runs did: wait for that one"
        )
    );
    engine.command(&tenant, second, Command::Cancel).await.unwrap();
    done(&engine, second).await;
    engine.forget(&tenant, first).await.unwrap();
    engine.stop().await;
}

#[tokio::test]
async fn who_begins_from_a_task_that_is_kept_nonetheless_is_told() {
    let world = World::new();
    let engine = world.engine().await;
    let text = document(
        "tasks: { a: { uses: chat, with: { prompt: x, give: 1 } } }",
        "retry: { max_attempts: 1 }
  more: { uses: chat, with: { prompt: x, give: 2 } }",
    );
    let first = engine.run(request(&text, &json!({ "x": 7 }))).await.unwrap();
    done(&engine, first.run).await;
    let mut kept = Vec::new();
    for (from, again) in [("inner", None), ("inner", Some("inner")), ("more", None)] {
        let earlier = engine.reader().earlier(&Tenant::default(), first.run).await.unwrap();
        let again = again.map(str::to_owned).into_iter().collect();
        let anew = crate::Anew { from: Some(from.to_owned()), again, is_fork: true, ..anew(None) };
        kept.push(engine.run_again(&Tenant::default(), earlier, anew).await.unwrap().kept);
    }
    assert_eq!(kept, [Some(crate::Kept { task: "inner".into(), is_child: true }), None, None]);
    engine.stop().await;
}
