//! `uses: graph`: real runs inside runs.

use std::sync::Arc;
use std::time::Duration as Span;

use agendum_core::{Change, Record};
use agendum_ports::{Append, Appended, Retention as _, Row, RunFilter, RunRow, SpentBy, Store as _};
use agendum_types::graph::Budget;
use agendum_types::{Money, RunId, Seq, ShardId, Tenant, Timestamp};
use serde_json::{Value as Json, json};

use super::fixture::{World, line, request, run};
use crate::rows::{self, Bill};
use crate::{Command, Engine, Parts};

/// A parent with one task `inner`, which says `with` and whatever else, and the child's tasks.
pub(super) fn document(child: &str, more: &str) -> String {
    format!(
        "
version: 1
name: parent
inputs: {{ properties: {{ x: {{ default: 7 }} }} }}
tasks:
  first: {{ uses: chat, with: {{ prompt: x, give: '${{{{ inputs.x }}}}' }} }}
  inner:
    uses: graph
    with:
      graph:
        version: 1
        name: child
        inputs: {{ properties: {{ y: {{ type: integer }} }}, required: [y] }}
        {child}
      inputs: {{ y: '${{{{ tasks.first.output }}}}' }}
    {more}
output: '${{{{ tasks.inner.output }}}}'
"
    )
}

const GIVES: &str = "tasks: { a: { uses: chat, with: { prompt: x, give: '${{ inputs.y + 1 }}' } } }";
const FAILS: &str = "tasks: { a: { uses: chat, retry: { max_attempts: 1 }, with: { prompt: x, fail: permanent } } }";

async fn all(engine: &Engine) -> Vec<RunRow> {
    let filter = RunFilter { count_max: 100, ..RunFilter::default() };
    engine.reader().runs(&Tenant::default(), filter).await.unwrap()
}

/// The children of a run, the oldest first.
pub(super) async fn children(engine: &Engine, of: RunId) -> Vec<RunRow> {
    let is_child = |row: &RunRow| row.parent.as_ref().is_some_and(|parent| parent.run == of);
    let mut found: Vec<RunRow> = all(engine).await.into_iter().filter(is_child).collect();
    found.sort_by_key(|row| row.run);
    found
}

pub(super) async fn child(engine: &Engine, of: RunId) -> RunRow {
    loop {
        if let Some(row) = children(engine, of).await.pop() {
            return row;
        }
        tokio::task::yield_now().await;
    }
}

/// Until this many calls have come to the tool.
pub(super) async fn calls(world: &World, count: usize) {
    while world.tool.calls.lock().unwrap().len() < count {
        tokio::time::sleep(Span::from_millis(1)).await;
    }
}

pub(super) async fn done(engine: &Engine, run: RunId) -> RunRow {
    loop {
        if let Some(row) = engine.reader().run(&Tenant::default(), run).await.unwrap().filter(|row| row.done.is_some())
        {
            return row;
        }
        tokio::time::sleep(Span::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_a_child_gives_is_what_the_task_gives() {
    let given = run(&document(GIVES, ""), &json!({ "x": 7 })).await;
    insta::assert_snapshot!(given, @r#"succeeded {"a":8}"#);
}

#[tokio::test]
async fn a_child_is_a_run_of_its_own_that_knows_its_parent_and_is_known_to_it() {
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(GIVES, ""), &json!({ "x": 7 }))).await.unwrap();
    engine.answer(&Tenant::default(), parent).await.unwrap();
    let row = child(&engine, parent).await;
    assert_eq!((&*row.graph, row.parent.as_ref().map(|of| &*of.task)), ("child", Some("inner")));
    let told = world.journal().await.into_iter().find_map(|row| {
        let Record::Task { change: Change::Referenced { reference }, .. } = rows::entry(&row).unwrap().record else {
            return None;
        };
        Some(reference.to_string())
    });
    assert_eq!(told, Some(row.run.to_string()));
    engine.stop().await;
}

#[tokio::test]
async fn a_failed_child_fails_the_task_with_its_class_its_id_and_its_task() {
    let world = World::new();
    let engine = world.engine().await;
    let answer = engine.run(request(&document(FAILS, ""), &json!({ "x": 7 }))).await.unwrap();
    let id = child(&engine, answer.run).await.run.to_string();
    let said = line(&engine, &answer).await.replace(&id, "ID");
    insta::assert_snapshot!(said, @"failed permanent: child run ID in `a`: as told");
    engine.stop().await;
}

#[tokio::test]
async fn inputs_that_do_not_fit_begin_no_run() {
    let given = run(&document(GIVES, ""), &json!({ "x": "text" })).await;
    insta::assert_snapshot!(given, @r#"failed permanent: the inputs do not fit the graph: `y`: "text" is not of type "integer""#);
}

#[tokio::test]
async fn a_degraded_child_degrades_its_parent() {
    let caught = "tasks: { a: { uses: chat, retry: { max_attempts: 1 }, with: { prompt: x, fail: permanent }, catch: [{ on: [any], output: least }] } }";
    let given = run(&document(caught, ""), &json!({ "x": 7 })).await;
    insta::assert_snapshot!(given, @r#"succeeded degraded {"a":"least"}"#);
}

#[tokio::test]
async fn a_child_whose_parent_is_cancelled_is_cancelled_and_takes_back_what_it_did() {
    let slow = "
        tasks:
          a:
            uses: chat
            effect: idempotent
            with: { prompt: x, give: booked }
            compensate: { uses: chat, with: { prompt: x, give: 'back ${{ tasks.a.output }}' } }
          b: { uses: chat, needs: [a], with: { prompt: x, sleep_ms: 60000 } }";
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(slow, ""), &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 3).await;
    engine.command(&Tenant::default(), parent, Command::Cancel).await.unwrap();
    let row = done(&engine, parent).await;
    let child = child(&engine, parent).await;
    assert_eq!((row.status.word(), child.status.word()), ("cancelled", "cancelled"));
    assert!(child.done.is_some() && child.done <= row.done, "the parent is live as long as its child");
    let last = world.tool.calls.lock().unwrap().last().unwrap().1["give"].clone();
    assert_eq!(last, json!("back booked"));
    engine.stop().await;
}

/// The parent is cancelled, and the process stops before its child is over: the next life waits for that, and begins no other.
#[tokio::test]
async fn a_cancelled_child_is_awaited_by_the_next_life() {
    let slow = "
        tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 60000 } } }
        finally: { f: { uses: chat, with: { prompt: x, sleep_ms: 60001, give: 1 } } }";
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(slow, ""), &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 2).await;
    engine.command(&Tenant::default(), parent, Command::Cancel).await.unwrap();
    calls(&world, 3).await;
    engine.stop().await;
    world.tool.hurried.store(true, std::sync::atomic::Ordering::SeqCst);
    let engine = world.engine().await;
    let row = done(&engine, parent).await;
    let children = children(&engine, parent).await;
    assert_eq!((children.len(), children[0].status.word(), row.status.word()), (1, "cancelled", "cancelled"));
    assert!(children[0].done.is_some() && children[0].done <= row.done);
    engine.stop().await;
}

#[tokio::test]
async fn a_child_out_of_time_is_cancelled_and_the_task_says_so() {
    let slow = "tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 60000 } } }";
    let world = World::new();
    let engine = world.engine().await;
    let limited = document(slow, "timeout: { attempt: 50ms }\n    retry: { max_attempts: 1 }");
    let answer = engine.run(request(&limited, &json!({ "x": 7 }))).await.unwrap();
    let row = child(&engine, answer.run).await;
    let said = line(&engine, &answer).await.replace(&row.run.to_string(), "ID");
    insta::assert_snapshot!(said, @"failed timeout: `timeout.attempt` has passed: child run ID has ended");
    assert_eq!(row.status.word(), "cancelled");
    engine.stop().await;
}

#[tokio::test]
async fn a_parent_waits_for_what_its_child_waits_for() {
    let asks = "tasks: { a: { uses: wait, with: { for: approval } } }";
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(asks, ""), &json!({ "x": 7 }))).await.unwrap();
    let row = child(&engine, parent).await;
    loop {
        let standings = engine.standings(&Tenant::default(), &[parent, row.run]).await.unwrap();
        let waits = standings.iter().flatten().filter(|of| of.waits_for_person && !of.under_way).count();
        if waits == 2 {
            break;
        }
        tokio::time::sleep(Span::from_millis(1)).await;
    }
    engine.stop().await;
}

/// Stops the engine without good order: nothing more of its shard is heard of.
async fn crash(world: &World, engine: Engine) -> Engine {
    world.store.fail_next(Appended::Unknown("the process is gone".into()));
    // Whatever is appended next fails, and the journal is opened anew.
    let _lost = engine.submit(request(&document(GIVES, ""), &json!({ "x": 7 }))).await;
    engine
}

#[tokio::test]
async fn a_stop_leaves_the_child_to_the_next_life_and_begins_no_second_one() {
    let slow = "tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 100, give: '${{ inputs.y }}' } } }";
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(slow, ""), &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 2).await;
    engine.stop().await;
    let engine = world.engine().await;
    let answer = engine.answer(&Tenant::default(), parent).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":7}"#);
    assert_eq!(children(&engine, parent).await.len(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn a_life_that_breaks_off_finds_its_children_again() {
    let slow = "tasks: { a: { uses: chat, with: { prompt: x, sleep_ms: 300, give: '${{ inputs.y }}' } } }";
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&document(slow, ""), &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 2).await;
    let engine = crash(&world, engine).await;
    let answer = loop {
        if let Some(answer) = engine.answer(&Tenant::default(), parent).await {
            break answer;
        }
        tokio::time::sleep(Span::from_millis(10)).await;
    };
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":7}"#);
    let found = children(&engine, parent).await;
    assert_eq!((found.len(), found[0].status.word()), (1, "succeeded"), "it was not told to stop");
    engine.stop().await;
}

/// Every prefix of the journal is opened anew: before the child is submitted, while it is live, when it is over and its parent has not
/// been told.
#[tokio::test]
async fn a_crash_at_any_moment_makes_one_child_and_one_answer() {
    let whole = World::new();
    let engine = whole.engine().await;
    let parent = engine.submit(request(&document(GIVES, ""), &json!({ "x": 7 }))).await.unwrap();
    engine.answer(&Tenant::default(), parent).await.unwrap();
    done(&engine, parent).await;
    engine.stop().await;
    let count = whole.journal().await.len();
    let mut seen = 0;
    for cut in 1..count {
        let world = whole.cut(cut).await;
        let engine = world.engine().await;
        if engine.reader().run(&Tenant::default(), parent).await.unwrap().is_none() {
            continue;
        }
        let answer = match engine.answer(&Tenant::default(), parent).await {
            Some(answer) => answer,
            None => continue,
        };
        assert_eq!(line(&engine, &answer).await, r#"succeeded {"a":8}"#, "cut {cut}");
        done(&engine, parent).await;
        assert_eq!(children(&engine, parent).await.len(), 1, "cut {cut}");
        seen += 1;
        engine.stop().await;
    }
    assert!(seen > 8, "{seen} of {count}");
}

const RETRIED: &str = "
        tasks:
          a: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, give: paid } }
          b: { uses: chat, needs: [a], retry: { max_attempts: 1 }, with: { prompt: x, fail: unavailable, fail_times: 1, give: '${{ tasks.a.output }}' } }";

#[tokio::test]
async fn a_task_that_is_tried_again_keeps_what_its_child_has_done() {
    let world = World::new();
    let engine = world.engine().await;
    let tried = document(RETRIED, "retry: { max_attempts: 2, initial_delay: 1ms }");
    let answer = engine.run(request(&tried, &json!({ "x": 7 }))).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":"paid","b":"paid"}"#);
    let given: Vec<Json> = world.tool.calls.lock().unwrap().iter().map(|(_, order)| order["give"].clone()).collect();
    assert_eq!(given, [json!(7), json!("paid"), json!("paid"), json!("paid")], "`a` once, `b` twice");
    assert_eq!(children(&engine, answer.run).await.len(), 2);
    engine.stop().await;
}

#[tokio::test]
async fn a_retry_of_the_parent_takes_over_what_the_child_has_done() {
    let world = World::new();
    let engine = world.engine().await;
    let failing = document(RETRIED, "retry: { max_attempts: 1 }");
    let first = engine.run(request(&failing, &json!({ "x": 7 }))).await.unwrap();
    assert!(first.failure.is_some());
    done(&engine, first.run).await;
    let earlier = engine.reader().earlier(&Tenant::default(), first.run).await.unwrap();
    let anew = crate::Anew {
        principal: agendum_types::Principal::new("test"),
        from: None,
        again: Vec::new(),
        inputs: None,
        is_fork: false,
    };
    let second = engine.run_again(&Tenant::default(), earlier, anew).await.unwrap().run;
    let answer = engine.answer(&Tenant::default(), second).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":"paid","b":"paid"}"#);
    let calls = world.tool.calls.lock().unwrap();
    assert_eq!(calls.iter().filter(|(_, order)| order["give"] == "paid" && order["fail"].is_null()).count(), 1);
}

pub(super) fn anew(inputs: Option<&'static str>) -> crate::Anew {
    let principal = agendum_types::Principal::new("test");
    crate::Anew { principal, from: None, again: Vec::new(), inputs: inputs.map(|inputs| inputs.into()), is_fork: false }
}

#[tokio::test]
async fn a_fork_of_the_parent_does_not_pay_again_what_its_failed_child_has_paid() {
    let world = World::new();
    let engine = world.engine().await;
    let failing = document(RETRIED, "retry: { max_attempts: 1 }");
    let first = engine.run(request(&failing, &json!({ "x": 7 }))).await.unwrap();
    done(&engine, first.run).await;
    let earlier = engine.reader().earlier(&Tenant::default(), first.run).await.unwrap();
    let other = anew(Some(r#"{"x":7,"z":1}"#));
    let fork = engine.run_again(&Tenant::default(), earlier, other).await.unwrap().run;
    let answer = engine.answer(&Tenant::default(), fork).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":"paid","b":"paid"}"#);
    let calls = world.tool.calls.lock().unwrap();
    assert_eq!(calls.iter().filter(|(_, order)| order["give"] == "paid" && order["fail"].is_null()).count(), 1);
}

#[tokio::test]
async fn what_a_child_fails_with_carries_its_labels() {
    let world = World::new();
    let engine = world.engine().await;
    let next = "next: { uses: chat, with: { prompt: '${{ tasks.inner.output }}' } }";
    let more = format!("catch: [{{ on: [any], output: '${{{{ error.message }}}}' }}]\n  {next}");
    let of = |child: &str| request(&document(child, &more), &json!({ "x": 7 }));
    let answer = engine.run(of(FAILS)).await.unwrap();
    assert!(line(&engine, &answer).await.starts_with("succeeded degraded"), "nothing there is labelled");
    let answer = engine.run(of(&format!("labels: {{ region: eu }}\n        {FAILS}"))).await.unwrap();
    let expected = "failed permanent: no target that could chat here has clearance for data labelled region=eu";
    assert_eq!(line(&engine, &answer).await, expected);
    engine.stop().await;
}

#[tokio::test]
async fn a_fork_of_a_child_has_the_labels_of_its_inputs() {
    let world = World::new();
    let engine = world.engine().await;
    let text = "
version: 1
name: parent
labels: { region: eu }
inputs: { properties: { x: { default: 7 } } }
tasks:
  inner:
    uses: graph
    with:
      graph:
        version: 1
        name: child
        inputs: { properties: { y: { type: integer } }, required: [y] }
        tasks: { a: { uses: chat, with: { prompt: x, give: '${{ inputs.y }}' } } }
      inputs: { y: '${{ inputs.x }}' }
";
    let first = engine.run(request(text, &json!({ "x": 7 }))).await.unwrap();
    done(&engine, first.run).await;
    let row = child(&engine, first.run).await;
    let earlier = engine.reader().earlier(&Tenant::default(), row.run).await.unwrap();
    let fork = engine.run_again(&Tenant::default(), earlier, anew(Some(r#"{"y":8}"#))).await.unwrap().run;
    let labels = world.journal().await.iter().find_map(|row| {
        let Record::RunSubmitted(submitted) = rows::entry(row).unwrap().record else { return None };
        (submitted.run == fork).then(|| submitted.inputs.labels.clone())
    });
    assert_eq!(labels, Some(agendum_types::Labels::new(["region=eu"])));
    engine.stop().await;
}

impl World {
    pub(super) async fn journal(&self) -> Vec<Row> {
        self.store.read_all(ShardId(0), Seq(0), 10_000).await.unwrap()
    }

    /// The same with the first rows of the journal only.
    pub(super) async fn cut(&self, count: usize) -> Self {
        let cut = Self { blobs: Arc::clone(&self.blobs), ..Self::new() };
        let incarnation = cut.store.open(ShardId(0)).await.unwrap().incarnation;
        let rows: Vec<Row> = self.journal().await.into_iter().take(count).collect();
        let runs =
            rows.iter().filter_map(|row| rows::run_update(&rows::entry(row).unwrap(), Bill::default())).collect();
        let rows = rows.into_iter().map(|row| Row { incarnation, ..row }).collect();
        let (settled, noted, judged) = (Vec::new(), Vec::new(), Vec::new());
        let batch = Append {
            shard: ShardId(0),
            incarnation,
            expected: Seq(1),
            rows,
            runs,
            settled,
            noted,
            judged,
            learned: None,
        };
        assert_eq!(cut.store.append(batch).await, Appended::Durable);
        cut
    }
}

/// What the tool costs in these tests, for each call.
pub(super) const CALL: Money = Money(Money::PER_DOLLAR / 100);

impl World {
    pub(super) fn priced(&self) -> Parts {
        let mut parts = self.parts(Arc::clone(&self.blobs) as _);
        parts.targets[0].0.price.call = CALL;
        parts
    }
}

#[tokio::test]
async fn what_a_child_spends_its_parent_has_spent_and_the_books_hold_it_once() {
    let nested = "
        budget: { usd: 0.05 }
        tasks:
          a: { uses: chat, with: { prompt: x, give: 1 } }
          deeper:
            uses: graph
            with:
              graph: { version: 1, name: deepest, tasks: { c: { uses: chat, with: { prompt: x, give: 2 } } } }
              budget: { usd: 0.02 }";
    let world = World::new();
    let mut parts = world.priced();
    parts.windows.caps[agendum_types::Window::Day as usize].money = Some(Money(Money::PER_DOLLAR));
    let engine = Engine::start(parts).await.unwrap();
    let budget =
        Some(Budget { money: Some(Money(Money::PER_DOLLAR / 10)), tokens: None, on_exceeded: Default::default() });
    let answer =
        engine.run(crate::Request { budget, ..request(&document(nested, ""), &json!({ "x": 7 })) }).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @r#"succeeded {"a":1,"deeper":{"c":2}}"#);
    let row = child(&engine, answer.run).await;
    let deepest = child(&engine, row.run).await;
    assert_eq!([answer.spent, row.spent, deepest.spent].map(|of| of.0 / CALL.0), [3, 2, 1]);
    let by_graph = engine.reader().spent(&Tenant::default(), Timestamp(0), SpentBy::Graph).await.unwrap();
    let mut told: Vec<(String, u64)> = by_graph.iter().map(|of| (of.name.clone(), of.cost.0 / CALL.0)).collect();
    told.sort();
    assert_eq!(told, [("child".to_owned(), 1), ("deepest".to_owned(), 1), ("parent".to_owned(), 1)]);
    let windows = engine.windows(&Tenant::default()).await.unwrap();
    assert!(
        windows
            .iter()
            .all(|window| window.spent.0.0 == 3 * CALL.0 && window.held.is_none_or(|held| held.0 == Money::ZERO)),
        "{windows:?}"
    );
    engine.stop().await;
}

#[tokio::test]
async fn a_child_that_nothing_bounds_is_not_begun_under_a_budget() {
    let world = World::new();
    let engine = Engine::start(world.priced()).await.unwrap();
    let budget = Some(Budget { money: Some(Money(Money::PER_DOLLAR)), tokens: None, on_exceeded: Default::default() });
    let answer =
        engine.run(crate::Request { budget, ..request(&document(GIVES, ""), &json!({ "x": 7 })) }).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @"failed budget_exceeded: there is a budget in usd, and nothing says how much of it the child run may spend: write `budget: { usd: … }` in its `with`");
    assert!(children(&engine, answer.run).await.is_empty());
    engine.stop().await;
}

#[tokio::test]
async fn a_child_is_kept_as_long_as_its_parent_may_ask_for_it() {
    let more = "
  after_it: { uses: chat, needs: [inner], with: { prompt: x, sleep_ms: 60000 } }";
    let text = document(GIVES, "")
        .replace("output: '${{ tasks.inner.output }}'\n", &format!("{}\n", more.trim_start_matches('\n')));
    let world = World::new();
    let engine = world.engine().await;
    let parent = engine.submit(request(&text, &json!({ "x": 7 }))).await.unwrap();
    calls(&world, 3).await;
    let row = child(&engine, parent).await;
    let kept = engine.forget(&Tenant::default(), row.run).await.unwrap_err().to_string();
    let says = "which may still ask for what it did: delete that one first";
    assert_eq!(kept, format!("run {} is a child of run {parent}, {says}", row.run));
    engine.stop().await;
}
