//! What tasks that judge others say becomes feedback: once each, beside what it is about.

use agendum_ports::{Feedback, FeedbackFilter};
use agendum_types::Tenant;
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::fixture::{World, line, request};
use crate::Engine;

const JUDGED: &str = "
version: 1
name: judged
inputs: { properties: { give: {}, list: {} } }
tasks:
  draft: { uses: chat, with: { prompt: x, give: 1 } }
  judge: { uses: chat, judges: draft, with: { prompt: '${{ tasks.draft.output }}', schema: {}, give: '${{ inputs.give }}' } }
  each:
    foreach: '${{ inputs.list }}'
    max_parallel: 1
    tasks:
      x: { uses: chat, with: { prompt: x, give: '${{ item }}' } }
      j: { uses: chat, judges: { task: x, score: json.fine }, with: { prompt: x, schema: {}, give: { json: { fine: '${{ tasks.x.output }}' } } } }
after:
  late: { uses: chat, judges: draft, with: { prompt: '${{ tasks.draft.output }}', schema: {}, give: { score: 0.75, label: late } } }
output: ok
";

/// What was said, oldest first.
async fn said(engine: &Engine) -> String {
    let found = engine.reader().opinions(&Tenant::default(), &FeedbackFilter::default(), 99).await.unwrap();
    let line = |(_, one): &(u64, Feedback)| {
        let (judge, task) = (one.judge.as_deref().unwrap_or("-"), one.task.as_deref().unwrap_or("-"));
        let (target, label) = (one.target.as_deref().unwrap_or("-"), one.label.as_deref().unwrap_or("-"));
        format!(
            "{judge} on {task} of {target} by {}: {} {label} {}",
            one.principal,
            one.score,
            one.comment.as_ref().map_or(0, String::len)
        )
    };
    found.iter().rev().map(line).collect::<Vec<_>>().join("\n")
}

/// The same once that many were said.
async fn said_by(engine: &Engine, count: usize) -> String {
    loop {
        let said = said(engine).await;
        if said.lines().count() >= count {
            return said;
        }
        tokio::task::yield_now().await;
    }
}

async fn judged(give: &Json, list: &Json) -> (String, String) {
    let world = World::new();
    let engine = world.engine().await;
    let answer = engine.run(request(JUDGED, &json!({ "give": give, "list": list }))).await.unwrap();
    let line = line(&engine, &answer).await;
    while engine.view(&Tenant::default(), answer.run, Default::default()).await.is_some() {
        tokio::task::yield_now().await;
    }
    engine.stop().await;
    // All that was durable is read when the engine has stopped, and not again.
    let before = said(&engine).await;
    let engine = world.engine().await;
    engine.stop().await;
    assert_eq!(said(&engine).await, before);
    // Judges that run side by side may end in any order.
    let mut lines: Vec<&str> = before.lines().collect();
    lines.sort_unstable();
    (line, lines.join("\n"))
}

#[tokio::test]
async fn what_judges_say_is_feedback() {
    // A comment that is a blob with its output, and cut.
    let (line, said) =
        judged(&json!({ "score": 0.25, "label": "poor", "comment": "c".repeat(40_000) }), &json!([true, false])).await;
    assert_eq!(line, "succeeded \"ok\"");
    assert_snapshot!(said, @"
    each[0]/j on each[0]/x of tool by test: 1000000 - 0
    each[1]/j on each[1]/x of tool by test: 0 - 0
    judge on draft of tool by test: 250000 poor 2000
    late on draft of tool by test: 750000 late 0
    ");
}

#[tokio::test]
async fn what_is_no_score_is_nothing_and_fails_nothing() {
    let (line, said) = judged(&json!({ "score": 7 }), &json!(["good", null, 1])).await;
    assert_eq!(line, "succeeded \"ok\"");
    assert_snapshot!(said, @"
    each[2]/j on each[2]/x of tool by test: 1000000 - 0
    late on draft of tool by test: 750000 late 0
    ");
}

#[tokio::test]
async fn a_verdict_survives_the_process_that_heard_it() {
    let world = World::new();
    let engine = world.engine().await;
    engine.run(request(JUDGED, &json!({ "give": { "score": 1 }, "list": [] }))).await.unwrap();
    drop(engine);
    let engine = world.engine().await;
    assert_snapshot!(said_by(&engine, 2).await, @"
    judge on draft of tool by test: 1000000 - 0
    late on draft of tool by test: 750000 late 0
    ");
    engine.stop().await;
    assert_eq!(said(&engine).await.lines().count(), 2);
}
