//! Groups of runs over HTTP: who joins, who waits for its turn, and inputs that name no group.

use serde_json::{Value as Json, json};

use super::World;

fn document(concurrency: &Json, prompt: &str) -> Json {
    let tasks = json!({ "say": { "uses": "chat", "with": { "prompt": prompt } } });
    let inputs = json!({ "type": "object", "properties": { "key": {} } });
    json!({ "version": 1, "name": "g", "inputs": inputs, "concurrency": concurrency, "tasks": tasks })
}

#[tokio::test]
async fn a_submission_that_joins_says_so() {
    let world = World::new().await;
    let document = document(&json!({ "key": "${{ inputs.key }}", "on_new": "join" }), "sleep");
    let submission = |key: Json| json!({ "document": document, "inputs": { "key": key } });
    let (status, _, first) = world.ask("POST", "/v1/runs", Some(submission(json!("k")))).await;
    assert_eq!(status, 202, "{first}");
    let request = world.http.post(format!("{}/v1/runs", world.base)).bearer_auth("right");
    let joined = request.header("Idempotency-Key", "once").json(&submission(json!("k"))).send().await.unwrap();
    assert_eq!((joined.status().as_u16(), joined.headers()["agendum-joined"].as_bytes()), (200, &b"true"[..]));
    let joined: Json = joined.json().await.unwrap();
    let id = &first["id"];
    assert_eq!(joined, json!({ "id": id, "graph": "g", "url": first["url"], "joined": true }));
    let (status, _, refused) = world.ask("POST", "/v1/runs", Some(submission(json!(null)))).await;
    insta::assert_snapshot!(format!("{status} {} {}: {}", refused["type"], refused["title"], refused["detail"]), @r#"422 "concurrency_key" "the inputs name no group": "`concurrency.key` gives nothing: a text or a number was expected""#);
    world.ask("POST", &format!("/v1/runs/{}/cancel", id.as_str().unwrap()), None).await;
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_is_queued_and_says_for_what() {
    let world = World::new().await;
    let queue = json!({ "key": "k" });
    let mut ids = Vec::new();
    for prompt in ["sleep", "hello"] {
        let (_, _, accepted) =
            world.ask("POST", "/v1/runs", Some(json!({ "document": document(&queue, prompt) }))).await;
        ids.push(accepted["id"].as_str().unwrap().to_owned());
    }
    let (_, _, held) = world.ask("GET", &format!("/v1/runs/{}", ids[1]), None).await;
    assert_eq!((&held["status"], &held["waits_for_turn"]["ahead"]), (&json!("queued"), &json!(1)));
    insta::assert_snapshot!(held["tasks"], @r#"[{"task":"say","status":"waiting","waiting_on":"limit","reason":"its run waits for its turn: see `concurrency` of the graph","attempts":0}]"#);
    let (_, _, why) = world.ask("GET", &format!("/v1/runs/{}/why", ids[1]), None).await;
    assert_eq!(why["parts"][0]["cause"], "limit", "{why}");
    world.ask("POST", &format!("/v1/runs/{}/cancel", ids[0]), None).await;
    let (_, _, answered) = world.ask("GET", &format!("/v1/runs/{}/answer", ids[1]), None).await;
    assert_eq!((&answered["status"], &answered["waits_for_turn"]), (&json!("succeeded"), &Json::Null));
    let events = world.events(&ids[1], None).await;
    assert!(events.contains("run.begun") && events.contains("\"group\":\"k\""), "{events}");
}
