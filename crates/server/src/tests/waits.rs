//! Waits for people, signals and webhooks, over HTTP.

use agendum_ports::{Clock as _, Wall};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::{Value as Json, json};

use super::{NEVER, SECRET, World};

impl World {
    /// Status and body of a decision.
    async fn decide(&self, id: &str, body: Json) -> (u16, Json) {
        let (status, _, body) = self.ask("POST", &format!("/v1/runs/{id}/decisions"), Some(body)).await;
        (status, body)
    }

    async fn signal(&self, id: &str, body: Json) -> (u16, Json) {
        let (status, _, body) = self.ask("POST", &format!("/v1/runs/{id}/signals"), Some(body)).await;
        (status, body)
    }

    /// What waits, once so many do.
    async fn waits(&self, query: &str, count: usize) -> Json {
        loop {
            let (status, _, body) = self.ask("GET", &format!("/v1/waits{query}"), None).await;
            assert_eq!(status, 200, "{body}");
            if body["waits"].as_array().unwrap().len() >= count {
                return body;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&self, id: &str) -> Json {
        self.ask("GET", &format!("/v1/runs/{id}/answer"), None).await.2
    }

    /// Sends a webhook with these headers; status and body.
    async fn hook(&self, path: &str, headers: [(&str, &str); 3], body: &str) -> (u16, Json) {
        let mut request = self.http.post(format!("{}/v1/hooks/{path}", self.base)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }
}

fn signature(id: &str, timestamp: &str, body: &str) -> String {
    let secret = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes())))
}

fn now() -> u64 {
    Wall.now().0 / 1_000_000
}

#[tokio::test]
async fn a_person_decides_once_and_is_told_of() {
    let world = World::new().await;
    let id = world
        .submit(json!({
            "draft": { "uses": "chat", "with": { "prompt": "a draft" } },
            "ask": { "uses": "wait", "within": "1h", "with": { "for": "approval", "queue": "support", "show": "${{ tasks.draft.output.text }}" } },
            "send": { "uses": "chat", "with": { "prompt": "sent, ${{ tasks.ask.output.comment }}" } },
        }))
        .await;
    let listed = world.waits("?queue=support", 1).await;
    let wait = &listed["waits"][0];
    assert_eq!(
        (&wait["run"], &wait["task"], &wait["for"], &wait["queue"], &wait["show"]),
        (&json!(id), &json!("ask"), &json!("approval"), &json!("support"), &json!("a draft")),
        "{listed}"
    );
    assert!(wait["expires"].is_string() && wait["waited_ms"].is_number(), "{listed}");
    assert_eq!(world.waits("?queue=other", 0).await["waits"], json!([]));
    let (_, _, shown) = world.ask("GET", &format!("/v1/runs/{id}"), None).await;
    let ask = shown["tasks"].as_array().unwrap().iter().find(|task| task["task"] == "ask").unwrap();
    assert_eq!((&ask["status"], &ask["waiting_on"]), (&json!("waiting"), &json!("person")));
    assert_eq!(world.ask("GET", &format!("/v1/runs/{id}/status"), None).await.2["waits_for_person"], json!(true));
    let said = json!({ "approved": true, "comment": "fine", "value": { "tone": "warm" } });
    assert_eq!(world.decide(&id, said).await.0, 200);
    let answer = world.answer(&id).await;
    let given = &answer["output"]["ask"];
    assert_eq!(
        (&given["approved"], &given["by"], &given["comment"], &given["value"]["tone"]),
        (&json!(true), &json!("local"), &json!("fine"), &json!("warm")),
        "{answer}"
    );
    assert_eq!(answer["output"]["send"]["text"], json!("sent, fine"));
    for task in [json!("ask"), Json::Null] {
        let (status, again) = world.decide(&id, json!({ "task": task, "approved": false })).await;
        assert_eq!((status, &again["type"]), (409, &json!("decided")), "{again}");
        assert!(again["detail"].as_str().unwrap().contains("local approved task \"ask\" at"), "{again}");
    }
    let events = world.events(&id, None).await;
    assert!(events.contains(r#""awaits":{"for":"approval","queue":"support"}"#), "{events}");
    assert!(events.contains(r#""type":"task.heard""#) && events.contains(r#""approved":true"#), "{events}");
    let (_, _, why) = world.ask("GET", &format!("/v1/runs/{id}/why?task=ask"), None).await;
    assert!(why["tasks"][0]["reason"].as_str().unwrap().starts_with("approved by local after "), "{why}");
    world.stop.cancel();
}

#[tokio::test]
async fn what_nobody_waits_for_is_refused_with_a_reason() {
    let world = World::new().await;
    let wait = |with: Json| json!({ "uses": "wait", "with": with });
    let id = world
        .submit(json!({
            "boss": wait(json!({ "for": "approval", "who": ["boss"] })),
            "other": wait(json!({ "for": "approval" })),
            "paid": wait(json!({ "for": "signal", "name": "paid" })),
        }))
        .await;
    world.waits("", 3).await;
    let cases = [
        ("decisions", json!({ "task": "boss", "approved": true }), "403 not_asked"),
        ("decisions", json!({ "approved": true }), "409 several_wait"),
        ("decisions", json!({ "task": "paid", "approved": true }), "409 not_waiting"),
        ("decisions", json!({ "task": "nobody", "approved": true }), "404 no_task"),
        ("decisions", json!({ "approved": "yes" }), "422 body"),
        ("decisions", json!({ "task": "other" }), "422 body"),
        ("signals", json!({ "task": "other", "value": 1 }), "409 not_waiting"),
        ("signals", json!({ "value": 1 }), "400 body"),
        ("signals", json!({ "name": "paid", "task": "paid" }), "400 body"),
    ];
    for (what, body, expected) in cases {
        let (status, _, said) = world.ask("POST", &format!("/v1/runs/{id}/{what}"), Some(body.clone())).await;
        assert_eq!(format!("{status} {}", said["type"].as_str().unwrap_or_default()), expected, "{body} {said}");
    }
    let (status, said) = world.decide(NEVER, json!({ "approved": true })).await;
    assert_eq!((status, &said["type"]), (404, &json!("no_run")));
    for query in ["?limit=0", "?run=x", "?who=me"] {
        assert_eq!(world.ask("GET", &format!("/v1/waits{query}"), None).await.0, 400, "{query}");
    }
    let listed = world.waits(&format!("?run={id}&limit=1"), 1).await;
    assert_eq!(listed["waits"].as_array().unwrap().len(), 3, "all of a run that is begun: {listed}");
    assert_eq!(world.signal(&id, json!({ "task": "paid", "value": 7 })).await.0, 200);
    world.ask("POST", &format!("/v1/runs/{id}/cancel"), None).await;
    world.answer(&id).await;
    let (status, said) = world.signal(&id, json!({ "name": "paid" })).await;
    assert_eq!((status, &said["type"]), (409, &json!("not_live")), "{said}");
    world.stop.cancel();
}

#[tokio::test]
async fn a_signal_may_come_before_its_wait() {
    let world = World::new().await;
    let id = world
        .submit(json!({
            "ask": { "uses": "wait", "with": { "for": "approval" } },
            "paid": { "needs": ["ask"], "uses": "wait", "with": { "for": "signal", "name": "paid" } },
        }))
        .await;
    assert_eq!(world.signal(&id, json!({ "name": "paid", "value": { "sum": 3 } })).await.0, 200);
    world.waits("", 1).await;
    assert_eq!(world.decide(&id, json!({ "approved": true })).await.0, 200);
    let answer = world.answer(&id).await;
    assert_eq!(answer["output"]["paid"], json!({ "sum": 3 }), "{answer}");
    world.stop.cancel();
}

#[tokio::test]
async fn a_webhook_is_signed_fresh_and_acts_once() {
    let world = World::new().await;
    let wait = json!({ "uses": "wait", "with": { "for": "webhook", "name": "order.paid" } });
    let id = world
        .submit(json!({
            "first": wait.clone(),
            "second": { "needs": ["first"], "uses": "wait", "with": wait["with"] },
        }))
        .await;
    let path = format!("{id}/order.paid");
    let (body, at) = (r#"{"sum":1}"#, now().to_string());
    let old = (now() - 400).to_string();
    let right = signature("msg_1", &at, body);
    let refused = [
        ("msg_1", at.as_str(), "v1,AAAA".to_owned(), body),
        ("msg_2", at.as_str(), right.clone(), body),
        ("msg_1", at.as_str(), right.clone(), r#"{"sum":2}"#),
        ("", at.as_str(), signature("", &at, body), body),
        ("msg_1", old.as_str(), signature("msg_1", &old, body), body),
        ("msg_1", "soon", signature("msg_1", "soon", body), body),
    ];
    for (message, at, signature, body) in refused {
        let headers = [("webhook-id", message), ("webhook-timestamp", at), ("webhook-signature", &signature)];
        let (status, said) = world.hook(&path, headers, body).await;
        assert_eq!((status, &said["type"]), (401, &json!("signature")), "{message} {at} {said}");
    }
    let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &*at), ("webhook-signature", &*right)];
    for _ in 0..3 {
        assert_eq!(world.hook(&path, headers, body).await.0, 200, "the same again is taken, and acts once");
    }
    assert_eq!(world.waits(&format!("?run={id}"), 1).await["waits"][0]["task"], json!("second"));
    let no_json = signature("msg_2", &at, "paid");
    let headers = [("webhook-id", "msg_2"), ("webhook-timestamp", &*at), ("webhook-signature", &*no_json)];
    assert_eq!(world.hook(&path, headers, "paid").await.0, 400);
    let second = signature("msg_2", &at, "2");
    let headers = [("webhook-id", "msg_2"), ("webhook-timestamp", &*at), ("webhook-signature", &*second)];
    assert_eq!(world.hook(&path, headers, "2").await.0, 200);
    let answer = world.answer(&id).await;
    assert_eq!(answer["output"], json!({ "first": { "sum": 1 }, "second": 2 }), "{answer}");
    world.stop.cancel();
}
