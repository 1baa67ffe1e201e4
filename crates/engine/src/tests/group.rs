//! Runs that wait for their turn, and those that join one.

use agendum_types::{RunId, Tenant};
use serde_json::{Value as Json, json};

use super::fixture::{World, line, request};
use crate::{Command, Engine, SubmitError};

const JOIN: &str = "
version: 1
name: one
inputs: { type: object, properties: { key: {}, wait: { type: number } } }
concurrency: { key: '${{ inputs.key }}', on_new: join }
tasks:
  call: { uses: chat, with: { prompt: x, sleep_ms: '${{ inputs.wait }}', give: '${{ inputs.wait }}' } }
output: ${{ tasks.call.output }}
";

async fn answer(engine: &Engine, run: RunId) -> String {
    line(engine, &engine.answer(&Tenant::default(), run).await.unwrap()).await
}

async fn submit(engine: &Engine, document: &str, inputs: &Json) -> Result<(RunId, bool), SubmitError> {
    engine.submit_or_join(request(document, inputs)).await.map(|submitted| (submitted.run, submitted.joined))
}

#[tokio::test]
async fn who_joins_is_told_the_run_and_its_answer() {
    let world = World::new();
    let engine = world.engine().await;
    let (first, _) = submit(&engine, JOIN, &json!({ "key": "k", "wait": 60_000 })).await.unwrap();
    let (second, joined) = submit(&engine, JOIN, &json!({ "key": "k", "wait": 1 })).await.unwrap();
    assert_eq!((second, joined), (first, true), "other inputs join as well");
    let (other, joined) = submit(&engine, JOIN, &json!({ "key": "l", "wait": 1 })).await.unwrap();
    assert!(other != first && !joined, "under another key");
    let waiting = engine.run(request(JOIN, &json!({ "key": "k", "wait": 2 })));
    let cancel = async {
        // Time for it to come in front of the command: the shard takes them in order.
        for _ in 0..20 {
            submit(&engine, JOIN, &json!({ "key": "k", "wait": 1 })).await.unwrap();
        }
        engine.command(&Tenant::default(), first, Command::Cancel).await.unwrap();
    };
    let (answered, ()) = tokio::join!(biased; waiting, cancel);
    // Whichever came first: the cancel, or the one that would join.
    let run = answered.unwrap().run;
    assert!(run == first || answer(&engine, run).await == "succeeded 2", "{run}");
    assert_eq!(answer(&engine, first).await, "cancelled cancelled: cancelled by the caller");
    let (again, joined) = submit(&engine, JOIN, &json!({ "key": "k", "wait": 3 })).await.unwrap();
    assert!(again != first && !joined, "nobody joins what was answered");
    assert_eq!(answer(&engine, again).await, "succeeded 3");
    engine.stop().await;
}

#[tokio::test]
async fn a_key_that_is_none_refuses_the_run() {
    let world = World::new();
    let engine = world.engine().await;
    let refused = submit(&engine, JOIN, &json!({ "key": ["k"], "wait": 1 })).await.unwrap_err();
    assert_eq!(refused.to_string(), "`concurrency.key` gives a list: a text or a number was expected");
    engine.stop().await;
}

#[tokio::test]
async fn what_is_held_goes_on_in_the_next_life_in_its_order() {
    let queue = JOIN.replace("join", "queue");
    let world = World::new();
    let engine = world.engine().await;
    let mut runs = Vec::new();
    for wait in [60_000, 1, 2] {
        runs.push(submit(&engine, &queue, &json!({ "key": "k", "wait": wait })).await.unwrap().0);
    }
    let standings = engine.standings(&Tenant::default(), &runs).await.unwrap();
    let ahead = |standing: &Option<crate::Standing>| standing.unwrap().turn.map(|turn| turn.ahead);
    assert_eq!(standings.iter().map(ahead).collect::<Vec<_>>(), [None, Some(1), Some(2)]);
    engine.stop().await;
    let engine = world.engine().await;
    let standings = engine.standings(&Tenant::default(), &runs).await.unwrap();
    assert_eq!(standings.iter().map(ahead).collect::<Vec<_>>(), [None, Some(1), Some(2)]);
    engine.command(&Tenant::default(), runs[0], Command::Cancel).await.unwrap();
    assert_eq!(answer(&engine, runs[1]).await, "succeeded 1");
    assert_eq!(answer(&engine, runs[2]).await, "succeeded 2");
    engine.stop().await;
}
