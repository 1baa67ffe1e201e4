//! What is submitted twice under a key is run once.

use std::sync::Arc;

use agendum_ports::Appended;
use agendum_types::{Hash, RunId, SubmissionKey, Tenant};
use serde_json::json;

use super::fixture::{World, request};
use crate::{Engine, SubmitError, Submitted};

const ONE: &str = "
version: 1
name: one
tasks:
  call: { uses: chat, with: { prompt: x, sleep_ms: 20, give: 1 } }
";

fn key(key: &str, inputs: u8) -> SubmissionKey {
    let part = |name: &str, said| (Arc::from(name), Hash([said; 32]));
    SubmissionKey { key: Arc::from(key), parts: vec![part("document", 1), part("inputs", inputs)] }
}

async fn send(engine: &Engine, key: SubmissionKey) -> Result<Submitted, SubmitError> {
    engine.submit_once(request(ONE, &json!({})), key).await
}

#[tokio::test]
async fn the_same_request_is_the_same_run() {
    let world = World::new();
    let engine = world.engine().await;
    let (first, second) = tokio::join!(send(&engine, key("k", 1)), send(&engine, key("k", 1)));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.run, first.replayed, second.replayed), (second.run, false, true), "at once");
    let other = send(&engine, key("l", 1)).await.unwrap();
    assert!(other.run != first.run && !other.replayed, "under another key");
    engine.answer(&Tenant::default(), first.run).await.unwrap();
    engine.answer(&Tenant::default(), other.run).await.unwrap();
    engine.stop().await;
    let engine = world.engine().await;
    let again = send(&engine, key("k", 1)).await.unwrap();
    assert_eq!((again.run, again.replayed), (first.run, true), "when it is over, in another life");
    let differs = send(&engine, key("k", 2)).await.unwrap_err();
    assert_eq!(
        differs.to_string(),
        format!(
            "run {} was submitted under this key, and the request differs in `inputs`: use another key for another request",
            first.run
        )
    );
    assert_eq!(world.tool.calls.lock().unwrap().len(), 2);
    engine.stop().await;
}

#[tokio::test]
async fn what_was_not_accepted_has_taken_no_key() {
    let world = World::new();
    let engine = world.engine().await;
    let mut number = 0;
    let refused = loop {
        number += 1;
        let name = format!("k{number}");
        world.store.fail_next(Appended::Failed { message: "no space left".to_owned(), disk_full: true });
        // What the engine notes for itself may be what fails.
        if matches!(send(&engine, key(&name, 1)).await, Err(SubmitError::DiskFull(_))) {
            break name;
        }
    };
    let mut again = send(&engine, key(&refused, 2)).await;
    while matches!(again, Err(SubmitError::DiskFull(_) | SubmitError::Unavailable(_))) {
        again = send(&engine, key(&refused, 2)).await;
    }
    assert!(!again.unwrap().replayed);
    engine.stop().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_one_run() {
    let world = World::new();
    let engine = world.engine().await;
    let mut runs: Vec<RunId> = Vec::new();
    for polls in 0..6 {
        {
            let mut gone = Box::pin(send(&engine, key("k", 1)));
            for _ in 0..polls {
                if futures_util::poll!(&mut gone).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        runs.push(send(&engine, key("k", 1)).await.unwrap().run);
    }
    runs.dedup();
    assert_eq!(runs.len(), 1);
    engine.stop().await;
}
