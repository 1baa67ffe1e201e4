use std::time::Duration as Span;

use agendum_ports::adapter::ChunkSink;
use agendum_ports::{Adapter as _, Chunk, Failed, Finished};
use serde_json::{Value as Json, json};

use super::http::{endless, plain, server};
use super::{attempt, delta, line, sse};
use crate::chat::{Chat, Profile, Secret};
use crate::timeouts::Timeouts;

const KEY: &str = "sk-proj-Zq81LmN0pXr7Vt";

pub(super) fn model(base: &str) -> Chat {
    Chat::new(base, "m", Some(Secret::new(KEY)), Profile::Chat).unwrap()
}

pub(super) async fn answered(answer: String) -> Result<Finished, Failed> {
    let (base, _) = server(vec![answer]).await;
    model(&base).start(attempt(&json!({ "prompt": "Hi" })).0).await
}

pub(super) fn end(reason: &str) -> Json {
    json!({ "choices": [{ "delta": {}, "finish_reason": reason }] })
}

pub(super) fn call(index: usize, name: &str, arguments: &str) -> Json {
    let call =
        json!({ "index": index, "id": format!("c{index}"), "function": { "name": name, "arguments": arguments } });
    json!({ "choices": [{ "delta": { "tool_calls": [call] } }] })
}

#[tokio::test]
async fn a_prompt_follows_no_redirect() {
    let (there, at_there) = server(Vec::new()).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let answer = plain(&format!("{status}\r\nlocation: {there}/v1?q=1"), "");
        let ended = line(answered(answer).await).replace(&there, "THERE");
        assert!(ended.starts_with("permanent: HTTP 30") && ended.contains(" to THERE/v1: prompts are sent"), "{ended}");
    }
    assert!(at_there.lock().unwrap().is_empty(), "{at_there:?}");
}

#[tokio::test]
async fn a_provider_that_echoes_the_key_is_not_repeated() {
    let said = format!("Incorrect API key provided: Bearer {KEY}, not {}", &KEY[..14]);
    let body = json!({ "error": { "message": said } }).to_string();
    insta::assert_snapshot!(line(answered(plain("401 No", &body)).await), @"permission_denied (no effect): HTTP 401: Incorrect API key provided: Bearer …, not [key]");
    insta::assert_snapshot!(line(answered(plain("500 No", &format!("Authorization: Bearer {KEY}"))).await), @"unavailable: HTTP 500: Authorization: Bearer …");
    insta::assert_snapshot!(line(answered(plain("400 No", "Bearer of-another-1234")).await), @"permanent: HTTP 400: Bearer …");
    let error = json!({ "error": { "message": said } });
    insta::assert_snapshot!(line(answered(sse(&[error], false)).await), @"unavailable: Incorrect API key provided: Bearer [key], not [key]");
    let event = format!("event: error\ndata: {}\n\n", json!({ "message": said }));
    insta::assert_snapshot!(line(answered(sse(&[], false) + &event).await), @"unavailable: Incorrect API key provided: Bearer [key], not [key]");
    let pieces: Vec<Json> = KEY.as_bytes().chunks(3).map(|part| delta(std::str::from_utf8(part).unwrap())).collect();
    let failed = answered(sse(&pieces, false)).await.unwrap_err();
    insta::assert_snapshot!(String::from_utf8_lossy(&failed.partial.unwrap().bytes), @"[key]");
    let pieces = [&[delta("the key is ")], &pieces[..], &[delta(", dear"), end("stop")]].concat();
    insta::assert_snapshot!(line(answered(sse(&pieces, true)).await), @r#"{"text":"the key is [key], dear","model":"m","finish_reason":"stop"}"#);
    let calls = [call(0, "tell", &json!({ "key": KEY }).to_string()), end("tool_calls")];
    insta::assert_snapshot!(line(answered(sse(&calls, true)).await), @r#"{"text":"","model":"m","finish_reason":"tool_calls","tool_calls":[{"id":"c0","name":"tell","arguments":{"key":"[key]"}}]}"#);
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 1, "for": KEY } });
    let raw = answered(sse(&[delta("a"), end(KEY), usage], true)).await.unwrap();
    assert!(!format!("{raw:?}").contains(&KEY[8..16]), "{raw:?}");
}

#[tokio::test]
async fn an_answer_in_one_piece_is_an_answer() {
    let whole = |body: &Json| plain("200 OK\r\ncontent-type: application/json; charset=utf-8", &body.to_string());
    let message = |message: Json, reason: &str| {
        let usage = json!({ "prompt_tokens": 3, "completion_tokens": 2 });
        json!({ "choices": [{ "message": message, "finish_reason": reason }], "usage": usage })
    };
    let said = message(json!({ "role": "assistant", "content": format!("not {KEY}") }), "stop");
    let finished = answered(whole(&said)).await.unwrap();
    assert_eq!((finished.usage.tokens_in, finished.usage.tokens_out), (3, 2));
    insta::assert_snapshot!(line(Ok(finished)), @r#"{"text":"not [key]","model":"m","finish_reason":"stop"}"#);
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "tell", "arguments": "{}" } });
    let calls = message(json!({ "content": null, "tool_calls": [call("c1"), call("c2")] }), "tool_calls");
    insta::assert_snapshot!(line(answered(whole(&calls)).await), @r#"{"text":"","model":"m","finish_reason":"tool_calls","tool_calls":[{"id":"c1","name":"tell","arguments":{}},{"id":"c2","name":"tell","arguments":{}}]}"#);
    for (body, said) in [
        (json!({ "error": { "message": "no" } }).to_string(), "unavailable: no"),
        (json!({ "id": "x" }).to_string(), "unavailable: the stream ended without its finish marker"),
        ("{".to_owned(), "unavailable: the provider sent what is not JSON"),
        (format!("\"{}\"", "x".repeat(9 << 20)), "permanent: the response is larger than"),
    ] {
        let ended = line(answered(plain("200 OK\r\ncontent-type: application/json", &body)).await);
        assert!(ended.starts_with(said), "{ended}");
    }
}

#[tokio::test]
async fn live_text_is_whole_and_without_the_key() {
    let pieces = ["It be", "gins with Z", "q8, and ends ", KEY, " Vt"].map(delta);
    let (base, _) = server(vec![sse(&[&pieces[..], &[end("stop")]].concat(), true)]).await;
    let (mut attempt, _) = attempt(&json!({ "prompt": "Hi" }));
    let (sink, mut chunks) = ChunkSink::channel(64);
    attempt.chunks = sink;
    model(&base).start(attempt).await.unwrap();
    let mut shown = String::new();
    while let Some(chunk) = chunks.recv().await {
        if let Chunk::Text(text) = chunk {
            shown += &text;
        }
    }
    insta::assert_snapshot!(shown, @"It begins with Zq8, and ends [key] Vt");
}

#[tokio::test]
async fn every_part_of_an_answer_has_a_limit() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let flooded = async |piece: String| {
        let base = endless(HEAD, piece.repeat(64), Span::ZERO).await;
        line(model(&base).start(attempt(&json!({ "prompt": "Hi" })).0).await)
    };
    let event = |chunk: Json| format!("data: {chunk}\n\n");
    let long = "x".repeat(4_000);
    insta::assert_snapshot!(flooded(event(delta(&long))).await, @"permanent: the answer is larger than 4194304 bytes");
    insta::assert_snapshot!(flooded(event(call(0, "t", &long))).await, @r#"permanent: the arguments of the tool "t" are larger than 1048576 bytes"#);
    insta::assert_snapshot!(flooded(format!("data: {long}")).await, @"permanent: a line is larger than 1048576 bytes");
    insta::assert_snapshot!(flooded(format!(": {long}\n")).await, @"permanent: the response is larger than 67108864 bytes");
    let many: Vec<Json> = (0..1_000).map(|index| call(index, "t", "{}")).collect();
    insta::assert_snapshot!(line(answered(sse(&many, true)).await), @"permanent: the model calls more than 128 tools at once");
}

#[tokio::test]
async fn a_model_cannot_keep_an_attempt() {
    let times = Timeouts { idle: Span::from_millis(50), whole: Span::from_secs(60), ..Timeouts::CHAT };
    let ask = async |base: String, times: Timeouts| {
        let ended = model(&base).with_timeouts(times).unwrap().start(attempt(&json!({ "prompt": "Hi" })).0).await;
        let used = ended.as_ref().map_or_else(|failed| failed.usage, |finished| finished.usage);
        format!("{} ({} tokens, estimated: {})", line(ended), used.tokens(), used.estimated)
    };
    let silent = endless("", String::new(), Span::from_secs(600)).await;
    insta::assert_snapshot!(ask(silent, times).await, @"timeout: nothing arrived for 50ms (`timeout.idle` of the target) (1 tokens, estimated: true)");
    let begun = sse(&[delta("four and four")], false);
    let stuck = endless(&begun, String::new(), Span::from_secs(600)).await;
    insta::assert_snapshot!(ask(stuck, times).await, @"timeout: the stream broke: nothing arrived for 50ms (`timeout.idle` of the target) (5 tokens, estimated: true)");
    let drip = endless(&begun, ": alive\n".to_owned(), Span::from_millis(5)).await;
    let times = Timeouts { idle: times.whole, whole: Span::from_millis(100), ..times };
    insta::assert_snapshot!(ask(drip, times).await, @"timeout: it did not end within 100ms (`timeout.whole` of the target) (5 tokens, estimated: true)");
}

#[tokio::test]
async fn what_was_sent_is_counted() {
    let prompt = json!({ "prompt": "12345678", "tools": [1, 2, 3] });
    let used = async |base: &str| {
        let ended = model(base).start(attempt(&prompt).0).await;
        let usage = ended.map_or_else(|failed| failed.usage, |finished| finished.usage);
        format!(
            "{} in, {} out, {} calls, estimated: {}",
            usage.tokens_in, usage.tokens_out, usage.calls, usage.estimated
        )
    };
    let ask = async |answer: String| used(&server(vec![answer]).await.0).await;
    let counted = json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 2 } });
    let text = delta("four");
    insta::assert_snapshot!(ask(sse(&[text.clone(), end("stop"), counted.clone()], true)).await, @"3 in, 2 out, 1 calls, estimated: false");
    insta::assert_snapshot!(ask(sse(&[text.clone(), end("stop")], true)).await, @"4 in, 1 out, 1 calls, estimated: true");
    let empty = json!({ "choices": [], "usage": {} });
    insta::assert_snapshot!(ask(sse(&[text.clone(), end("stop"), empty], true)).await, @"4 in, 1 out, 1 calls, estimated: true");
    insta::assert_snapshot!(ask(sse(std::slice::from_ref(&text), false)).await, @"4 in, 1 out, 1 calls, estimated: true");
    insta::assert_snapshot!(ask(sse(&[counted, text.clone()], false)).await, @"3 in, 2 out, 1 calls, estimated: false");
    insta::assert_snapshot!(ask(sse(&[text, end("content_filter")], true)).await, @"4 in, 1 out, 1 calls, estimated: true");
    let thought = json!({ "choices": [{ "delta": { "reasoning_content": "eight and eight!" } }] });
    insta::assert_snapshot!(ask(sse(&[thought, call(0, "tool", "{}"), end("tool_calls")], true)).await, @"4 in, 6 out, 1 calls, estimated: true");
    let long = delta(&"word ".repeat(1_000));
    insta::assert_snapshot!(ask(sse(&[long, end("stop")], true)).await, @"4 in, 100 out, 1 calls, estimated: true");
    insta::assert_snapshot!(ask(String::new()).await, @"4 in, 0 out, 1 calls, estimated: true");
    insta::assert_snapshot!(ask(plain("504 Late", "")).await, @"4 in, 0 out, 1 calls, estimated: true");
    insta::assert_snapshot!(ask(plain("500 No", "")).await, @"0 in, 0 out, 1 calls, estimated: false");
    insta::assert_snapshot!(ask(plain("429 Wait", "")).await, @"0 in, 0 out, 0 calls, estimated: false");
    insta::assert_snapshot!(used("http://127.0.0.1:9").await, @"0 in, 0 out, 0 calls, estimated: false");
}

#[tokio::test]
async fn a_stopped_attempt_says_what_it_used() {
    let base = endless(&sse(&[delta("twelve bytes")], false), String::new(), Span::from_secs(600)).await;
    let (mut attempt, cancel) = attempt(&json!({ "prompt": "12345678" }));
    let (sink, mut chunks) = ChunkSink::channel(64);
    attempt.chunks = sink;
    let running = tokio::spawn(model(&base).start(attempt));
    chunks.recv().await.unwrap();
    cancel.cancel();
    let failed = running.await.unwrap().unwrap_err();
    assert_eq!((failed.usage.tokens_in, failed.usage.tokens_out, failed.usage.estimated), (2, 3, true));
    assert_eq!(failed.partial.as_ref().unwrap().bytes, "twelve bytes");
    insta::assert_snapshot!(line(Err(failed)), @"cancelled: told to stop");
}

#[tokio::test]
async fn a_schema_that_costs_too_much_is_not_sent() {
    let (base, asked) = server(Vec::new()).await;
    let ask =
        async |schema: Json| line(model(&base).start(attempt(&json!({ "prompt": "Hi", "schema": schema })).0).await);
    let mut doubling = json!({ "$defs": { "d30": {} }, "$ref": "#/$defs/d0" });
    for at in 0..30 {
        let next = json!({ "$ref": format!("#/$defs/d{}", at + 1) });
        doubling["$defs"][format!("d{at}")] = json!({ "anyOf": [next, next] });
    }
    insta::assert_snapshot!(ask(doubling).await, @"permanent (no effect): the `schema` cannot be used: it has more than 20000 words with every `$ref` followed: let fewer of them lead on");
    insta::assert_snapshot!(ask(json!({ "type": "strng" })).await, @r#"permanent (no effect): the `schema` cannot be used: "strng" is not valid under any of the schemas listed in the 'anyOf' keyword"#);
    insta::assert_snapshot!(ask(json!({ "pattern": "(a+)+$(?=b)" })).await, @r#"permanent (no effect): the `schema` cannot be used: "(a+)+$(?=b)" is not a "regex""#);
    assert!(asked.lock().unwrap().is_empty());
}
