//! What a document says is what happens.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use agendum_core::{Change, Record};
use agendum_ports::memory::MemoryBlobs;
use agendum_ports::{BlobError, Blobs, TenantKey};
use agendum_types::{Fate, Hash, Limits, RunId, Seq, TaskPath, Tenant};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::json;

use super::fixture::{World, line, request, run};
use crate::{Command, Engine, Notice, SubmitError, Wanted};

#[tokio::test]
async fn two_tasks_in_a_row() {
    let document = "
version: 1
name: pair
inputs: { properties: { more: {} } }
tasks:
  first: { uses: chat, with: { prompt: x, give: { n: 20 } } }
  second: { uses: chat, with: { prompt: x, give: '${{ tasks.first.output.n + inputs.more }}' } }
output: { sum: '${{ tasks.second.output }}' }
";
    insta::assert_snapshot!(run(document, &json!({"more": 22})).await, @r#"succeeded {"sum":42}"#);
}

#[tokio::test]
async fn a_failure_is_repeated_then_caught() {
    let document = "
version: 1
name: mend
tasks:
  shaky: { uses: chat, with: { prompt: x, fail: unavailable, fail_times: 1, give: 1 }, retry: { max_attempts: 2, initial_delay: 1ms } }
  broken: { uses: chat, with: { prompt: x, fail: permanent }, catch: [ { on: [permanent], output: 'plan b' } ] }
output: [ '${{ tasks.shaky.output }}', '${{ tasks.broken.output }}' ]
";
    insta::assert_snapshot!(run(document, &json!({})).await, @r#"succeeded degraded [1,"plan b"]"#);
}

#[tokio::test]
async fn a_foreach_collects_its_items() {
    let document = "
version: 1
name: each
inputs: { properties: { numbers: {} } }
tasks:
  square: { foreach: '${{ inputs.numbers }}', max_parallel: 2, uses: chat, with: { prompt: x, give: '${{ item * item }}' } }
output: '${{ tasks.square.output }}'
";
    insta::assert_snapshot!(run(document, &json!({"numbers": [1, 2, 3, 4, 5, 6, 7]})).await, @"succeeded [1,4,9,16,25,36,49]");
}

#[tokio::test]
async fn an_item_that_is_judged_a_failure_is_not_collected() {
    let document = "
version: 1
name: each
inputs: { properties: { numbers: {} } }
tasks:
  pick:
    foreach: '${{ inputs.numbers }}'
    tolerate_failures: 2
    fail_if: '${{ output.n == 2 }}'
    tasks:
      look: { uses: chat, with: { prompt: x, give: '${{ item }}' } }
    output: { n: '${{ tasks.look.output }}' }
output: '${{ tasks.pick.output }}'
";
    insta::assert_snapshot!(run(document, &json!({"numbers": [1, 2, 3]})).await, @r#"succeeded degraded [{"n":1},{"n":3}]"#);
}

#[tokio::test]
async fn a_score_is_a_number() {
    let document = "
version: 1
name: best
tasks:
  polish:
    loop: { until: '${{ false }}', max_iterations: 2, on_exhausted: { use: best, by: '${{ tasks.draft.output.score }}' } }
    tasks:
      draft: { uses: chat, with: { prompt: x, give: { score: high } } }
output: '${{ tasks.polish.output }}'
";
    insta::assert_snapshot!(run(document, &json!({})).await, @r#"failed permanent: `by` gave "high", expected a number"#);
}

#[tokio::test]
async fn an_evaluation_that_needs_more_than_it_may_fails_its_task() {
    let document = "
version: 1
name: long
tasks:
  draft: { uses: chat, with: { prompt: x, give: '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}' } }
output: '${{ tasks.draft.output }}'
";
    insta::assert_snapshot!(run(document, &json!({})).await, @"failed permanent: `with`: the expression took more steps than the limit allows");
}

#[tokio::test]
async fn many_long_evaluations_at_once_all_come_to_an_end() {
    let document = "
version: 1
name: long
inputs: { properties: { numbers: {}, text: {} } }
tasks:
  count: { foreach: '${{ inputs.numbers }}', max_parallel: 20, uses: chat, with: { prompt: x, give: '${{ inputs.text | length + item }}' } }
output: '${{ tasks.count.output | sum }}'
";
    let inputs = json!({"numbers": (0..40).collect::<Vec<_>>(), "text": "x".repeat(100_000)});
    insta::assert_snapshot!(run(document, &inputs).await, @"succeeded 4000780");
}

#[tokio::test]
async fn a_loop_ends_when_it_is_good() {
    let document = "
version: 1
name: refine
tasks:
  polish:
    loop: { until: '${{ tasks.draft.output.score > 2 }}', max_iterations: 5, on_exhausted: fail }
    tasks:
      draft: { uses: chat, with: { prompt: x, give: { score: '${{ loop.round }}' } } }
output: '${{ tasks.polish.output }}'
";
    insta::assert_snapshot!(run(document, &json!({})).await, @r#"succeeded {"score":3}"#);
}

#[tokio::test]
async fn a_timeout_stops_the_adapter() {
    let world = World::new();
    let engine = world.engine().await;
    let document = "
version: 1
name: slow
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 60000 }, timeout: { attempt: 20ms }, retry: { max_attempts: 1 } }
";
    let answer = engine.run(request(document, &json!({}))).await.unwrap();
    insta::assert_snapshot!(line(&engine, &answer).await, @"failed timeout: `timeout.attempt` has passed");
    assert_eq!(world.tool.stopped.load(SeqCst), 1);
}

#[tokio::test]
async fn a_bad_expression_fails_its_task() {
    let document = "
version: 1
name: wrong
tasks:
  first: { uses: chat, with: { prompt: x, give: [1] } }
  second: { needs: [first], foreach: '${{ tasks.first.output[0] }}', uses: chat, with: { prompt: x, give: 1 } }
";
    insta::assert_snapshot!(run(document, &json!({})).await, @"failed permanent: `foreach` gave 1, expected a list");
}

/// A run whose one attempt is out and does not end by itself.
async fn napping(world: &World, engine: &Engine) -> RunId {
    let document = "
version: 1
name: long
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 60000 } }
";
    let run = engine.submit(request(document, &json!({}))).await.unwrap();
    while world.tool.calls.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    run
}

#[tokio::test]
async fn a_cancelled_run_stops_its_attempts() {
    let world = World::new();
    let engine = world.engine().await;
    let run = napping(&world, &engine).await;
    let tenant = Tenant::default();
    engine.command(&tenant, run, Command::Cancel).await.unwrap();
    assert_eq!(engine.answer(&tenant, run).await.unwrap().status.word(), "cancelled");
    while world.tool.stopped.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_took_effect_although_it_was_told_to_stop_is_told_so() {
    let world = World::new();
    let engine = world.engine().await;
    let document = "
version: 1
name: late
tasks:
  pay: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, sleep_ms: 60000, finishes: true } }
  send: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, sleep_ms: 60000 } }
";
    let run = engine.submit(request(document, &json!({}))).await.unwrap();
    while world.tool.calls.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let tenant = Tenant::default();
    let mut watched = engine.watch(&tenant, run, Seq(0)).await.unwrap();
    engine.command(&tenant, run, Command::Cancel).await.unwrap();
    let mut fates = Vec::new();
    while let Some(notice) = watched.next().await.unwrap() {
        if let Notice::Entry(entry) = notice
            && let Record::Task { path, change: Change::Abandoned { fate, .. }, .. } = &entry.record
        {
            fates.push((path.clone(), *fate));
        }
    }
    fates.sort();
    assert_eq!(fates.iter().map(|(_, fate)| *fate).collect::<Vec<_>>(), [Fate::Taken, Fate::Uncertain]);
}

#[tokio::test]
async fn a_stranger_sees_no_run_of_a_tenant_and_commands_none() {
    let world = World::new();
    let engine = world.engine().await;
    let run = napping(&world, &engine).await;
    let stranger = Tenant::new("stranger");
    assert!(engine.command(&stranger, run, Command::Cancel).await.is_err());
    assert!(engine.view(&stranger, run, TaskPath::default()).await.is_none());
    assert!(engine.reader().scan(&stranger, run, Wanted::Answer).await.unwrap().is_none());
    assert_eq!(engine.standings(&stranger, &[run]).await, Some(vec![None]));
    assert_eq!(world.tool.stopped.load(SeqCst), 0);
}

#[tokio::test]
async fn a_long_journal_is_read_to_its_end_by_whoever_comes_early_or_late() {
    let world = World::new();
    let engine = world.engine().await;
    let document = "
version: 1
name: many
inputs: { properties: { numbers: {} } }
tasks:
  each: { foreach: '${{ inputs.numbers }}', max_parallel: 50, uses: chat, with: { prompt: x, give: '${{ item }}' } }
";
    let inputs = json!({"numbers": (0..700).collect::<Vec<_>>()});
    let tenant = Tenant::default();
    let run = engine.submit(request(document, &inputs)).await.unwrap();
    let mut early = engine.watch(&tenant, run, Seq(0)).await.unwrap();
    let mut seen = Vec::new();
    while let Some(notice) = early.next().await.unwrap() {
        let Notice::Entry(entry) = notice else { continue };
        seen.push(entry.seq);
    }
    assert!(seen.len() > 2_000 && seen.is_sorted_by(|one, next| one < next), "{}", seen.len());
    for after in [0, 1_000] {
        let mut late = engine.watch(&tenant, run, seen[after]).await.unwrap();
        for expected in &seen[after + 1..] {
            let Some(Notice::Entry(entry)) = late.next().await.unwrap() else { panic!("{expected:?} is missing") };
            assert_eq!(entry.seq, *expected);
        }
        assert!(late.next().await.unwrap().is_none());
    }
}

/// Blobs on a disk that is full for a while.
struct Full(Arc<MemoryBlobs>, AtomicU32);

impl Blobs for Full {
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>> {
        // Documents are kept: texts do not fit.
        let full = bytes.starts_with(b"\"") && self.1.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if full { ready(Err(BlobError::DiskFull)).boxed() } else { self.0.put(tenant, bytes) }
    }

    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>> {
        self.0.get(tenant, hash)
    }

    fn remove(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<(), BlobError>> {
        self.0.remove(tenant, hash)
    }

    fn key(&self, tenant: &Tenant) -> TenantKey {
        self.0.key(tenant)
    }
}

#[tokio::test]
async fn a_full_disk_is_no_fault_of_the_task() {
    let document = "
version: 1
name: large
tasks:
  large: { uses: chat, with: { prompt: x, pad: 20000 }, retry: { max_attempts: 2, initial_delay: 1ms } }
output: '${{ tasks.large.output | length }}'
";
    let mut told = String::new();
    for times in [1, 9] {
        let world = World::new();
        let engine = world.engine_over(Arc::new(Full(Arc::clone(&world.blobs), AtomicU32::new(times)))).await;
        let answer = engine.run(request(document, &json!({}))).await.unwrap();
        told += &format!("{}\n", line(&engine, &answer).await);
    }
    insta::assert_snapshot!(told, @r"
    succeeded 20000
    failed unavailable: the output could not be kept: the disk that holds the blobs is full
    ");
}

#[tokio::test]
async fn inputs_that_cannot_be_kept_now_are_told_from_those_that_never_can() {
    let document = "
version: 1
name: small
inputs: { properties: { text: {} } }
tasks:
  small: { uses: chat, with: { prompt: x, give: 1 } }
";
    let world = World::new();
    let engine = world.engine_over(Arc::new(Full(Arc::clone(&world.blobs), AtomicU32::new(1)))).await;
    let mut large = request(document, &json!({}));
    large.inputs = Bytes::from(json!(" ".repeat(20_000)).to_string());
    let refused = engine.submit(large.clone()).await;
    assert!(matches!(&refused, Err(SubmitError::DiskFull(_))), "{refused:?}");
    engine.submit(large.clone()).await.unwrap();
    large.inputs = Bytes::from(vec![b' '; usize::try_from(Limits::STANDARD.payload_bytes_max).unwrap() + 1]);
    let refused = engine.submit(large).await;
    assert!(matches!(refused, Err(SubmitError::Payload(_))), "{refused:?}");
}

#[tokio::test]
async fn idle_is_between_two_chunks() {
    let document = "
version: 1
name: idle
inputs: { properties: { words: {} } }
tasks:
  it: { uses: chat, timeout: { idle: 20ms }, with: { prompt: x, say: '${{ inputs.words }}', sleep_ms: 200, give: 1 } }
output: '${{ tasks.it.output }}'
";
    let mut told = String::new();
    for words in [json!([]), json!(["thinks"])] {
        told += &format!("{}\n", run(document, &json!({ "words": words })).await);
    }
    insta::assert_snapshot!(told, @r"
    succeeded 1
    failed timeout: `timeout.idle` has passed
    ");
}
