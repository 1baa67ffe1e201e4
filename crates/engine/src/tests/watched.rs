//! What the readers of a run see, and in which order.

use agendum_types::{Graph, RunId, Seq, Tenant};
use agendum_wire::v1;
use serde_json::json;

use super::fixture::{World, request};
use crate::{Engine, Notice};

/// What a reader sees of a run, and another that comes when it has ended.
async fn seen_twice(document: &str) -> [String; 2] {
    let world = World::new();
    let engine = world.engine().await;
    let request = request(document, &json!({}));
    let graph = request.accepted.graph.clone();
    let run = engine.submit(request).await.unwrap();
    let seen = [read(&engine, run, &graph).await, read(&engine, run, &graph).await];
    engine.stop().await;
    seen
}

async fn seen(document: &str) -> String {
    let [seen, _] = seen_twice(document).await;
    seen
}

/// Its events, and texts, those that follow each other as one.
async fn read(engine: &Engine, run: RunId, graph: &Graph) -> String {
    let mut watch = engine.watch(&Tenant::default(), run, Seq(0)).await.unwrap();
    let mut seen: Vec<String> = Vec::new();
    while let Some(notice) = watch.next().await.unwrap() {
        match notice {
            Notice::Entry(entry) => {
                let event = v1::event(graph, &entry);
                seen.extend(
                    event.map(|event| [event.kind, event.task.unwrap_or_default()].join(" ").trim_end().to_owned()),
                );
            }
            Notice::Restarted { path } => seen.push(format!("restarted {}", graph.path_text(&path))),
            Notice::Text { attempt, text, .. } => {
                let head = format!("text of {}: ", graph.path_text(&attempt.path));
                match seen.last_mut().filter(|last| last.starts_with(&head)) {
                    Some(last) => last.push_str(&text),
                    None => seen.push(head + &text),
                }
            }
        }
    }
    seen.join("\n")
}

/// Of that the texts: a live one may come before the record of its attempt is durable.
async fn texts(document: &str) -> String {
    let seen = seen(document).await;
    let texts: Vec<&str> =
        seen.lines().filter(|line| line.starts_with("text") || line.starts_with("restarted")).collect();
    texts.join("\n")
}

#[tokio::test]
async fn live_text_comes_while_the_attempt_runs() {
    insta::assert_snapshot!(texts("
version: 1
name: talk
tasks:
  speak: { uses: chat, live: true, with: { prompt: x, say: [one, two], sleep_ms: 30, give: done } }
").await, @"text of speak: onetwo");
}

#[tokio::test]
async fn who_comes_when_the_run_has_ended_is_told_what_was_said_in_its_place() {
    let [_, late] = seen_twice(
        "
version: 1
name: talk
tasks:
  speak: { uses: chat, live: true, with: { prompt: x, say: [one, two], give: done } }
  again: { needs: [speak], uses: chat, live: true, with: { prompt: x, say: [three], give: done } }
  quiet: { needs: [again], uses: chat, with: { prompt: x, say: [unheard] } }
",
    )
    .await;
    insta::assert_snapshot!(late, @r"
    run.submitted
    task.started speak
    text of speak: onetwo
    task.succeeded speak
    task.started again
    text of again: three
    task.succeeded again
    task.started quiet
    task.succeeded quiet
    run.answered
    run.done
    ");
}

#[tokio::test]
async fn what_is_held_back_comes_behind_the_check_and_before_the_answer() {
    insta::assert_snapshot!(seen("
version: 1
name: draft
tasks:
  draft: { uses: chat, live: true, publish_after: [check], with: { prompt: x, say: [one, two], give: done } }
  check: { needs: [draft], uses: chat, with: { prompt: x, sleep_ms: 30 } }
").await, @r"
    run.submitted
    task.started draft
    task.succeeded draft
    task.started check
    task.succeeded check
    text of draft: onetwo
    run.answered
    run.done
    ");
}

#[tokio::test]
async fn each_item_is_shown_once_all_were_checked() {
    insta::assert_snapshot!(seen("
version: 1
name: items
tasks:
  draft: { foreach: [a, b], max_parallel: 1, uses: chat, live: true, publish_after: [check], with: { prompt: x, say: ['${{ item }}'] } }
  check: { needs: [draft], uses: chat, with: { prompt: x, sleep_ms: 30 } }
").await, @r"
    run.submitted
    task.started draft[0]
    task.succeeded draft[0]
    task.started draft[1]
    task.succeeded draft[1]
    task.composed draft
    task.started check
    task.succeeded check
    text of draft[0]: a
    text of draft[1]: b
    run.answered
    run.done
    ");
}

#[tokio::test]
async fn an_attempt_that_failed_and_what_a_catch_replaced_are_not_shown() {
    insta::assert_snapshot!(seen("
version: 1
name: replaced
tasks:
  draft: { uses: chat, live: true, publish_after: [check], with: { prompt: x, say: [wrong], fail: permanent }, catch: [{ on: [any], output: right }] }
  check: { needs: [draft], uses: chat, with: { prompt: x, sleep_ms: 30 } }
").await, @r"
    run.submitted
    task.started draft
    task.catching draft
    task.caught draft
    task.started check
    task.succeeded check
    run.answered
    run.done
    ");
}

#[tokio::test]
async fn what_is_held_back_of_an_attempt_that_has_ended_without_success_is_not_shown() {
    // Each says its word twice, and once in vain: before the check has succeeded.
    for draft in [
        "with: { prompt: x, say: [word], fail: unavailable, fail_times: 1 }",
        "with: { prompt: x, say: [word] }, fail_if: true, as: unavailable, optional: true",
    ] {
        let document = format!("
version: 1
name: vain
tasks:
  draft: {{ uses: chat, live: true, publish_after: [check], {draft}, retry: {{ max_attempts: 2, initial_delay: 300ms, jitter: false }} }}
  check: {{ uses: chat, with: {{ prompt: x, sleep_ms: 100 }} }}
");
        assert_eq!(texts(&document).await, "text of draft: word", "{draft}");
    }
}

#[tokio::test]
async fn the_text_of_an_attempt_that_failed_does_not_count() {
    insta::assert_snapshot!(texts("
version: 1
name: again
tasks:
  speak: { uses: chat, live: true, with: { prompt: x, say: [word], fail: unavailable, fail_times: 1 }, retry: { max_attempts: 2, initial_delay: 1ms, jitter: false } }
").await, @"
    text of speak: word
    restarted speak
    text of speak: word
    ");
}
