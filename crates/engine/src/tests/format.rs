//! Open runs of earlier builds: their journals are kept as texts, and must be taken up and come to the same end for ever.
//!
//! `AGENDUM_GOLDEN=write` writes the journal of this build under the newest name, if there is none yet. When records or rules grow, a new
//! name is added and its file written; what is there stays as it is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

use agendum_core::{Addressee, Record};
use agendum_ports::{Append, Appended, Blobs as _, InlinePayload, Retention as _, Row, Store as _};
use agendum_types::{Hash, Incarnation, Principal, RunId, Seq, ShardId, Tenant, Timestamp, WaitFor};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::fixture::{World, line, request};
use crate::{Command, Engine, Handed, rows};

/// Builds whose open runs are kept, oldest first.
const KEPT: [(&str, &str); 1] = [("open-1", include_str!("../../golden/open-1.jsonl"))];

/// Runs that stop in the middle: an attempt is out, or a person is asked, or the run is paused.
const DOCUMENTS: [&str; 6] = [
    "
name: lost
tasks:
  first: { uses: chat, with: { prompt: x, give: 1 } }
  nap: { uses: chat, needs: [first], with: { prompt: x, sleep_ms: 60000, give: '${{ tasks.first.output + 1 }}' } }
output: '${{ tasks.nap.output }}'
",
    "
name: doubtful
tasks:
  pay: { uses: chat, effect: once, on_uncertain: { check: paid }, with: { prompt: x, sleep_ms: 60000 } }
  paid: { if: '${{ false }}', uses: chat, with: { prompt: x, give: { receipt: 7 } } }
output: '${{ tasks.pay.output.receipt }}'
",
    "
name: uncertain
tasks:
  send: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, sleep_ms: 60000 }, catch: [{ on: [uncertain], output: nobody knows }] }
finally:
  tidy: { uses: chat, with: { prompt: x, give: 1 } }
",
    "
name: asked
tasks:
  ask: { uses: wait, with: { for: approval, show: this, reminder: 1h } }
  next: { uses: chat, with: { prompt: x, give: '${{ tasks.ask.output.approved }}' } }
output: '${{ tasks.next.output }}'
",
    "
name: paused
tasks:
  nap: { uses: chat, with: { prompt: x, sleep_ms: 60000, give: done } }
  more: { uses: chat, needs: [nap], with: { prompt: x, give: '${{ tasks.nap.output }}' } }
output: '${{ tasks.more.output }}'
",
    "
name: wide
tasks:
  each:
    foreach: [1, 2, 3]
    max_parallel: 2
    tolerate_failures: 1
    loop: { until: '${{ loop.round == 2 }}', max_iterations: 3, on_exhausted: fail }
    tasks:
      give: { uses: chat, with: { prompt: x, sleep_ms: 60000, give: '${{ item * loop.round }}' } }
output: '${{ tasks.each.output }}'
",
];

#[tokio::test]
async fn open_runs_of_earlier_builds_come_to_their_end() {
    write_newest().await;
    let mut ends = String::new();
    for (name, text) in KEPT {
        ends += &format!("{name}\n");
        let world = World::new();
        let runs = restored(&world, text).await;
        world.tool.hurried.store(true, SeqCst);
        let engine = world.engine().await;
        let tenant = Tenant::default();
        for (graph, run) in &runs {
            match graph.as_str() {
                "asked" => engine.hand(&tenant, approval(*run)).await.unwrap(),
                "paused" => engine.command(&tenant, *run, Command::Resume).await.unwrap(),
                _ => {}
            }
            let answer = engine.answer(&tenant, *run).await.unwrap();
            ends += &format!("{graph}: {}\n", line(&engine, &answer).await);
        }
        engine.stop().await;
    }
    insta::assert_snapshot!(ends, @r#"
    open-1
    asked: succeeded true
    doubtful: succeeded 7
    lost: succeeded 2
    paused: succeeded "done"
    uncertain: succeeded degraded {"send":"nobody knows"}
    wide: succeeded [{"give":2},{"give":4},{"give":6}]
    "#);
}

fn approval(run: RunId) -> Handed {
    let to = Addressee::Task(WaitFor::Approval, None);
    Handed {
        run,
        to,
        value: json!({ "approved": true }),
        by: Principal::new("ann"),
        approved: Some(true),
        attempt: None,
        webhook: None,
    }
}

/// The rows and blobs of a kept journal; the runs by the names of their graphs.
async fn restored(world: &World, text: &str) -> BTreeMap<String, RunId> {
    let (tenant, shard) = (Tenant::default(), ShardId(0));
    let (mut all, mut runs) = (Vec::new(), BTreeMap::new());
    for line in text.lines() {
        let kept: Json = serde_json::from_str(line).unwrap();
        if let Some(blob) = kept["blob"].as_str() {
            world.blobs.put(&tenant, Bytes::from(blob.to_owned())).await.unwrap();
            continue;
        }
        let number = |name: &str| kept[name].as_u64().unwrap();
        let run: Option<RunId> = kept["run"].as_str().map(|run| run.parse().unwrap());
        let payload = kept["payload"].as_str().map(|text| {
            let bytes = Bytes::from(text.to_owned());
            InlinePayload { hash: world.blobs.key(&tenant).address(&bytes), bytes }
        });
        all.push(Row {
            seq: Seq(number("seq")),
            at: Timestamp(number("at")),
            incarnation: Incarnation(number("incarnation") as u32),
            tenant: run.map(|_| tenant.clone()),
            run,
            kind: number("kind") as u16,
            version: number("version") as u16,
            body: Bytes::from(kept["body"].as_str().unwrap().to_owned()),
            payload,
        });
    }
    let mut updates = Vec::new();
    for row in &all {
        let entry = rows::entry(row).unwrap();
        updates.extend(rows::run_update(&entry, Default::default()));
        if let Record::RunSubmitted(submitted) = &entry.record {
            runs.insert(submitted.graph_name.to_string(), submitted.run);
        }
    }
    let opened = world.store.open(shard).await.unwrap();
    let append = Append {
        shard,
        incarnation: opened.incarnation,
        expected: Seq(1),
        rows: all,
        runs: updates,
        settled: Vec::new(),
        noted: Vec::new(),
        judged: Vec::new(),
        learned: None,
    };
    assert_eq!(world.store.append(append).await, Appended::Durable);
    runs
}

/// Plays the documents to where they stop, and keeps what the journal says then.
async fn write_newest() {
    let (name, text) = KEPT[KEPT.len() - 1];
    if !text.is_empty() || !std::env::var("AGENDUM_GOLDEN").is_ok_and(|value| value == "write") {
        return;
    }
    let world = World::new();
    let engine = world.engine().await;
    let mut documents = Vec::new();
    for document in DOCUMENTS {
        let request = request(&format!("version: 1{document}"), &json!({}));
        documents.push(request.accepted.document.0.to_string());
        let run = engine.submit(request).await.unwrap();
        if document.contains("name: paused") {
            engine.command(&Tenant::default(), run, Command::Pause).await.unwrap();
        }
    }
    // Sleeping: the first of each, and two items.
    while world.tool.calls.lock().unwrap().len() < 7 {
        tokio::task::yield_now().await;
    }
    let lines = kept(&world, &engine, &documents).await;
    std::fs::write(format!("{}/golden/{name}.jsonl", env!("CARGO_MANIFEST_DIR")), lines).unwrap();
}

async fn kept(world: &World, _alive: &Engine, documents: &[String]) -> String {
    let mut lines: Vec<Json> = documents.iter().map(|document| json!({ "blob": document })).collect();
    let rows = world.store.read_all(ShardId(0), Seq(0), 10_000).await.unwrap();
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    lines.extend(rows.iter().map(|row| {
        json!({
            "seq": row.seq.0, "at": row.at.0, "incarnation": row.incarnation.0, "run": row.run.map(|run| run.to_string()),
            "kind": row.kind, "version": row.version, "body": text(&row.body),
            "payload": row.payload.as_ref().map(|payload| text(&payload.bytes)),
        })
    }));
    let known: Vec<Hash> = rows.iter().filter_map(|row| Some(row.payload.as_ref()?.hash)).collect();
    assert!(world.blobs.count() >= documents.len() && !known.is_empty());
    lines.iter().map(|line| format!("{line}\n")).collect()
}
