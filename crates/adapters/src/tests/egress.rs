//! How many bytes leave, as the requests themselves say, and that they are no more than is set aside for them.

use agendum_ports::{Adapter, Attempt};
use agendum_types::Capability;
use serde_json::{Value as Json, json};

use super::http::{plain, server};
use super::{attempt, delta, line, sse};
use crate::chat::{Chat, Profile};
use crate::{Http, input};

/// What the adapter says has left, and what the requests say: `content-length`, summed up.
async fn left(
    adapter: impl FnOnce(&str) -> Box<dyn Adapter>,
    answers: Vec<String>,
    of: impl FnOnce(&str) -> Json,
) -> (u64, u64, u64) {
    let (base, asked) = server(answers).await;
    let attempt = attempt(&of(&base)).0;
    let input = attempt.input.bytes.len() as u64;
    let ended = adapter(&base).start(attempt).await;
    let told = ended.map_or_else(|failed| failed.usage, |finished| finished.usage).egress_bytes;
    let length = |request: &String| {
        let value =
            request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        value.unwrap_or(0_u64)
    };
    let sent = asked.lock().unwrap().iter().map(length).sum();
    (told, sent, input)
}

fn model(base: &str, profile: Profile) -> Box<dyn Adapter> {
    Box::new(Chat::new(base, "some/model", None, profile).unwrap())
}

#[tokio::test]
async fn a_model_is_sent_its_input_in_a_small_frame() {
    let numbers = json!([0.1, 1e300, 5e-324, 12_345_678.901_234_567, u64::MAX]);
    let tool = json!({ "type": "function", "function": { "name": "pay", "parameters": { "type": "object", "properties": { "sum": { "enum": numbers } } } } });
    let whole = json!({ "system": "\"quoted\" \u{1}\n", "prompt": "é\\", "messages": [{ "role": "user", "content": "a" }],
        "schema": { "type": "array", "$defs": { "x": {} } }, "tools": [tool], "tool_choice": "auto", "max_tokens": 7, "temperature": 1, "stop": ["\u{2}"] });
    let answer = || vec![sse(&[delta("x"), json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] })], true)];
    for (profile, input) in [
        (Profile::Chat, whole),
        (Profile::Chat, json!({ "prompt": "" })),
        (Profile::Moderate, json!({ "text": "" })),
        (Profile::Translate, json!({ "text": "x".repeat(10_000), "to": "de" })),
    ] {
        let (told, sent, input) = left(|base| model(base, profile), answer(), |_| input).await;
        assert!(told == sent && sent > 0 && sent <= Capability::Chat.egress_max(input), "{told} {sent} {input}");
    }
    // It was sent and refused, be it for nothing else.
    let (told, sent, _) =
        left(|base| model(base, Profile::Chat), vec![plain("429 Wait", "")], |_| json!({ "prompt": "a" })).await;
    assert!(told == sent && sent > 0, "{told} {sent}");
    let nobody = model("http://127.0.0.1:9", Profile::Chat).start(attempt(&json!({ "prompt": "a" })).0).await;
    assert_eq!(nobody.unwrap_err().usage.egress_bytes, 0);
}

#[tokio::test]
async fn a_frame_that_is_too_large_does_not_leave() {
    let (base, asked) = server(Vec::new()).await;
    let model = Chat::new(&base, &"m".repeat(5_000), None, Profile::Chat).unwrap();
    let said = line(model.start(attempt(&json!({ "prompt": "a" })).0).await);
    assert!(said.starts_with("permanent (no effect): the request would have 5"), "{said}");
    assert!(asked.lock().unwrap().is_empty());
    let of: Attempt = attempt(&json!({})).0;
    assert!(input::may_leave(&of, 4_098).is_ok() && input::may_leave(&of, 4_099).is_err());
}

#[tokio::test]
async fn a_request_is_counted_each_time_its_body_leaves() {
    let http = |_: &str| -> Box<dyn Adapter> { Box::new(Http::new(vec!["127.0.0.1".to_owned()], true).unwrap()) };
    let json = json!({ "n": [0.1, 1e300], "s": "\u{1}\"" });
    for body in [json!({ "json": json }), json!({ "body": "\u{1}\"é" }), json!({})] {
        for method in ["POST", "GET"] {
            let there = "302 Found\r\nlocation: /there";
            let answers = vec![plain(there, ""), plain(there, ""), plain("200 OK", "{}")];
            let of = |base: &str| {
                let mut input = body.clone();
                (input["url"], input["method"]) = (json!(base), json!(method));
                input
            };
            let (told, sent, input) = left(http, answers, of).await;
            assert!(told == sent && sent <= Capability::Http.egress_max(input), "{method} {body}: {told} {sent}");
            assert_eq!(sent > 0, body != json!({}), "{method} {body}");
        }
    }
}
