mod chat;
mod courier;
mod egress;
mod exec;
mod http;
mod turn;
mod usage;

use std::time::Duration as Span;

use agendum_ports::adapter::{ChunkSink, RateSink, ReferenceSink};
use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished, Payload};
use agendum_types::{AttemptId, AttemptNo, Incarnation, Labels, MediaType, Principal, RunId, TaskPath, Tenant};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::chat::{Chat, Profile, Secret};
use crate::{Exec, Http};

pub(crate) fn attempt(input: &Json) -> (Attempt, CancellationToken) {
    let cancel = CancellationToken::new();
    let attempt = Attempt {
        id: AttemptId { run: RunId(1), path: TaskPath::default(), attempt: AttemptNo(1), incarnation: Incarnation(1) },
        tenant: Tenant::default(),
        principal: Principal::new("test"),
        idempotency_key: "key-1".into(),
        forward_key: true,
        output_cap: Some(100),
        labels: Labels::NONE,
        input: Payload { media: MediaType::Json, bytes: input.to_string().into_bytes().into() },
        chunks: ChunkSink::channel(64).0,
        references: ReferenceSink::channel().0,
        rates: RateSink::channel().0,
        cancel: cancel.clone(),
    };
    (attempt, cancel)
}

pub(crate) fn line(ended: Result<Finished, Failed>) -> String {
    match ended {
        Ok(finished) => String::from_utf8_lossy(&finished.output.bytes).into_owned(),
        Err(failed) => {
            let proof = if failed.no_effect { " (no effect)" } else { "" };
            format!("{}{proof}: {}", failed.class, failed.message)
        }
    }
}

fn exec(allow: &[&str]) -> Exec {
    Exec { allow: allow.iter().map(|name| (*name).to_owned()).collect(), ..Exec::default() }
}

#[tokio::test]
async fn programs_run_without_a_shell() {
    let mut target = exec(&["echo", "cat", "sh", "no-such-program"]);
    target.env_allow = vec!["N".to_owned()];
    let run = async |input: Json| line(target.start(attempt(&input).0).await);
    insta::assert_snapshot!(run(json!({ "argv": ["echo", "a b", "$HOME; ls"] })).await, @r#"{"code":0,"stdout":"a b $HOME; ls\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(json!({ "argv": ["echo", 0, 1.5, true, "x"] })).await, @r#"{"code":0,"stdout":"0 1.5 true x\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(json!({ "argv": ["echo", null] })).await, @"permanent (no effect): `with` must be {argv: [program, …], stdin, cwd, env, ok_codes}: expected a text, a number or a truth value, found null at line 1 column 21");
    insta::assert_snapshot!(run(json!({ "argv": ["sh", "-c", "echo $N"], "env": { "N": 7 } })).await, @r#"{"code":0,"stdout":"7\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(json!({ "argv": ["cat"], "stdin": "hello" })).await, @r#"{"code":0,"stdout":"hello","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(json!({ "argv": ["rm", "-rf", "/"] })).await, @r#"permission_denied (no effect): "rm" is not on the allow-list (echo, cat, sh, no-such-program); see `allow` of the target in agendum.toml"#);
    insta::assert_snapshot!(run(json!({ "argv": ["sh", "-c", "echo broken >&2; exit 3"] })).await, @r#"permanent: "sh" ended with code 3: broken"#);
    insta::assert_snapshot!(run(json!({ "argv": ["no-such-program"] })).await, @r#"permanent (no effect): "no-such-program" is not installed, or not on the PATH; `agendum doctor` says how to get it"#);
    insta::assert_snapshot!(run(json!({ "argv": ["echo"], "cwd": "../../.." })).await, @r#"permission_denied (no effect): cwd "../../.." lies outside the target's folder"#);
    insta::assert_snapshot!(run(json!({ "argv": ["sh", "-c", "echo $AGENDUM_IDEMPOTENCY_KEY"] })).await, @r#"{"code":0,"stdout":"key-1\n","stderr":"","truncated":false}"#);
    let mut small = exec(&["sh"]);
    small.output_bytes_max = 4;
    insta::assert_snapshot!(line(small.start(attempt(&json!({ "argv": ["sh", "-c", "echo 123456789"] })).0).await), @r#"{"code":0,"stdout":"1234","stderr":"","truncated":true}"#);
}

#[tokio::test]
async fn a_run_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let studio = Exec { folder: folder.path().join("out"), per_run: true, ..exec(&["tee", "ls", "pwd"]) };
    let run = async |number: u128, input: Json| {
        let (mut attempt, _) = attempt(&input);
        attempt.id.run = RunId(number);
        line(studio.start(attempt).await)
    };
    run(1, json!({ "argv": ["tee", "note.txt"], "stdin": "mine" })).await;
    insta::assert_snapshot!(run(1, json!({ "argv": ["ls"] })).await, @r#"{"code":0,"stdout":"note.txt\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(2, json!({ "argv": ["ls"] })).await, @r#"{"code":0,"stdout":"","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(2, json!({ "argv": ["ls"], "cwd": format!("../{}", RunId(1)) })).await, @r#"permission_denied (no effect): cwd "../00000000000000000000000001" lies outside the target's folder"#);
    assert_eq!(std::fs::read_to_string(folder.path().join(format!("out/{}/note.txt", RunId(1)))).unwrap(), "mine");
    let lost = Exec { folder: folder.path().join("none"), ..exec(&["ls"]) };
    let said = line(lost.start(attempt(&json!({ "argv": ["ls"] })).0).await);
    assert!(said.starts_with("permission_denied (no effect): the target's folder"), "{said}");
}

#[tokio::test]
async fn a_cancelled_program_goes_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", alive.display());
    let (attempt, cancel) = attempt(&json!({ "argv": ["sh", "-c", script] }));
    let running = tokio::spawn(exec(&["sh"]).start(attempt));
    while std::fs::read_to_string(&alive).map_or(0, |text| text.trim().len()) == 0 {
        tokio::time::sleep(Span::from_millis(5)).await;
    }
    cancel.cancel();
    insta::assert_snapshot!(line(running.await.unwrap()), @"cancelled: told to stop");
    let pid = std::fs::read_to_string(&alive).unwrap();
    for _ in 0..400 {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Span::from_millis(5)).await;
    }
    panic!("the program's child is still there");
}

/// Serves one canned answer and gives back what it was asked.
async fn canned(answer: String) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = socket.read(&mut piece).await.unwrap();
            asked.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&asked).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").and_then(|n| n.parse().ok()));
            if body.len() >= length.unwrap_or(0) {
                socket.write_all(answer.as_bytes()).await.unwrap();
                return text;
            }
        }
    });
    (format!("http://{address}"), served)
}

fn sse(chunks: &[Json], done: bool) -> String {
    let mut text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned();
    for chunk in chunks {
        text.push_str(&format!("data: {chunk}\n\n"));
    }
    text + if done { "data: [DONE]\n\n" } else { "" }
}

fn delta(text: &str) -> Json {
    json!({ "choices": [{ "delta": { "content": text } }] })
}

async fn chat(answer: String, input: Json) -> (String, String) {
    let (base, served) = canned(answer).await;
    let model = Chat::new(&base, "m", Some(Secret::new("sk-secret")), Profile::Chat).unwrap();
    assert!(!format!("{model:?}").contains("sk-secret"));
    let ended = line(model.start(attempt(&input).0).await);
    (ended, served.await.unwrap())
}

#[tokio::test]
async fn chat_speaks_the_wire_format() {
    let stop = json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 10, "completion_tokens": 5 } });
    let (ended, asked) =
        chat(sse(&[delta("Hel"), delta("lo"), stop.clone(), usage], true), json!({ "prompt": "Hi", "extra": 1 })).await;
    insta::assert_snapshot!(ended, @r#"{"text":"Hello","model":"m","finish_reason":"stop"}"#);
    assert!(asked.contains("authorization: Bearer sk-secret") && asked.contains("idempotency-key: key-1"), "{asked}");
    insta::assert_snapshot!(asked.split_once("\r\n\r\n").unwrap().1, @r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":100}"#);
    let (ended, _) = chat(sse(&[delta("half")], false), json!({ "prompt": "Hi" })).await;
    insta::assert_snapshot!(ended, @"unavailable: the stream ended without its finish marker");
    let schema = json!({ "prompt": "Hi", "schema": { "enum": ["a", "b"] } });
    let (ended, _) = chat(sse(&[delta("{\"value\": \"a\"}"), stop.clone()], true), schema.clone()).await;
    insta::assert_snapshot!(ended, @r#""a""#);
    let (ended, _) = chat(sse(&[delta("{\"value\": \"z\"}"), stop], true), schema).await;
    insta::assert_snapshot!(ended, @r#"invalid_output: the answer does not follow the schema: "z" is not one of "a" or "b""#);
}

#[tokio::test]
async fn chat_checks_every_answer_against_its_schema() {
    let stop = json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] });
    let ask = async |schema: Json, said: &str| {
        let given = json!({ "prompt": "Hi", "schema": schema });
        let (ended, asked) = chat(sse(&[delta(said), stop.clone()], true), given).await;
        let body: Json = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
        format!("{ended}\n  sent {}", body["response_format"]["json_schema"]["schema"])
    };
    let named = json!({ "$ref": "#/$defs/q", "$defs": { "q": { "type": "integer", "minimum": 1 } } });
    insta::assert_snapshot!(ask(named.clone(), "{\"value\": 7}").await, @r##"
    7
      sent {"type":"object","required":["value"],"additionalProperties":false,"$defs":{"q":{"type":"integer","minimum":1}},"properties":{"value":{"$ref":"#/$defs/q"}}}
    "##);
    insta::assert_snapshot!(ask(named, "{\"value\": 0}").await, @r##"
    invalid_output: the answer does not follow the schema: 0 is less than the minimum of 1
      sent {"type":"object","required":["value"],"additionalProperties":false,"$defs":{"q":{"type":"integer","minimum":1}},"properties":{"value":{"$ref":"#/$defs/q"}}}
    "##);
    let union = json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] });
    insta::assert_snapshot!(ask(union.clone(), "{\"value\": null}").await, @r#"
    null
      sent {"type":"object","required":["value"],"additionalProperties":false,"properties":{"value":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}
    "#);
    insta::assert_snapshot!(ask(union, "{\"value\": \"pick\"}").await, @r#"
    invalid_output: the answer does not follow the schema: "pick" is not valid under any of the schemas listed in the 'anyOf' keyword
      sent {"type":"object","required":["value"],"additionalProperties":false,"properties":{"value":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}
    "#);
    let object = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "string", "pattern": "^[0-9]{3}$" } } });
    insta::assert_snapshot!(ask(object.clone(), "{\"n\": \"404\"}").await, @r#"
    {"n":"404"}
      sent {"type":"object","required":["n"],"properties":{"n":{"type":"string","pattern":"^[0-9]{3}$"}}}
    "#);
    insta::assert_snapshot!(ask(object.clone(), "{\"n\": \"how many\"}").await, @r#"
    invalid_output: the answer does not follow the schema: "how many" does not match "^[0-9]{3}$"
      sent {"type":"object","required":["n"],"properties":{"n":{"type":"string","pattern":"^[0-9]{3}$"}}}
    "#);
    insta::assert_snapshot!(ask(object.clone(), "{}").await, @r#"
    invalid_output: the answer does not follow the schema: "n" is a required property
      sent {"type":"object","required":["n"],"properties":{"n":{"type":"string","pattern":"^[0-9]{3}$"}}}
    "#);
    insta::assert_snapshot!(ask(object, "I will not.").await, @r#"
    invalid_output: the answer does not follow the schema: it is not JSON: expected value at line 1 column 1
      sent {"type":"object","required":["n"],"properties":{"n":{"type":"string","pattern":"^[0-9]{3}$"}}}
    "#);
}

#[tokio::test]
async fn chat_puts_tool_calls_together() {
    let piece = |index: u64, id: &str, name: &str, arguments: &str| {
        let function = json!({ "name": name, "arguments": arguments });
        json!({ "choices": [{ "delta": { "tool_calls": [{ "index": index, "id": id, "function": function }] } }] })
    };
    let end = |reason: &str| json!({ "choices": [{ "delta": {}, "finish_reason": reason }] });
    let tools = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let given = json!({ "prompt": "Hi", "tools": tools, "tool_choice": "auto", "schema": { "type": "object" } });
    let ask = async |chunks: &[Json]| chat(sse(chunks, true), given.clone()).await;
    let parallel = [
        piece(0, "c1", "weather", "{\"city\":"),
        piece(1, "c2", "weather", ""),
        piece(0, "", "", " \"Rome\"}"),
        end("tool_calls"),
    ];
    let (ended, asked) = ask(&parallel).await;
    insta::assert_snapshot!(ended, @r#"{"text":"","model":"m","finish_reason":"tool_calls","tool_calls":[{"id":"c1","name":"weather","arguments":{"city":"Rome"}},{"id":"c2","name":"weather","arguments":{}}]}"#);
    let body: Json = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["tools"], &body["tool_choice"]), (&tools, &json!("auto")));
    let same_index = [piece(0, "c1", "weather", "{}"), piece(0, "c2", "time", "{\"zone\": 1}"), end("tool_calls")];
    insta::assert_snapshot!(ask(&same_index).await.0, @r#"{"text":"","model":"m","finish_reason":"tool_calls","tool_calls":[{"id":"c1","name":"weather","arguments":{}},{"id":"c2","name":"time","arguments":{"zone":1}}]}"#);
    let cut = [piece(0, "c1", "weather", "{\"city\": \"Ro"), end("length")];
    insta::assert_snapshot!(ask(&cut).await.0, @r#"invalid_output: the model calls the tool "weather" with arguments that are not JSON: EOF while parsing a string at line 1 column 12 (the answer was cut at its output cap)"#);
    insta::assert_snapshot!(ask(&[piece(0, "c1", "", "{}"), end("tool_calls")]).await.0, @r#"invalid_output: the model calls a tool (call "c1") without naming it"#);
    insta::assert_snapshot!(ask(&[piece(0, "c1", "weather", "{}")]).await.0, @"unavailable: the stream ended without its finish marker");
}

#[tokio::test]
async fn a_stream_of_tool_calls_is_a_sign_of_life() {
    let call = json!({ "choices": [{ "delta": { "tool_calls": [{ "index": 0, "id": "c", "function": { "name": "t", "arguments": "{}" } }] } }] });
    let thought = json!({ "choices": [{ "delta": { "reasoning_content": "hm" } }] });
    let end = json!({ "choices": [{ "delta": {}, "finish_reason": "tool_calls" }] });
    let (base, _served) = canned(sse(&[thought, call, end], true)).await;
    let (mut attempt, _) = attempt(&json!({ "prompt": "Hi" }));
    let (sink, mut chunks) = ChunkSink::channel(64);
    attempt.chunks = sink;
    Chat::new(&base, "m", None, Profile::Chat).unwrap().start(attempt).await.unwrap();
    assert_eq!((chunks.recv().await, chunks.recv().await), (Some(Chunk::Alive), Some(Chunk::Alive)));
    assert_eq!(chunks.recv().await, None);
}

#[tokio::test]
async fn provider_errors_have_classes() {
    let refuse = async |head: &str, body: &str| {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        chat(answer, json!({ "prompt": "Hi" })).await.0
    };
    insta::assert_snapshot!(refuse("429 Too Many\r\nretry-after: 7", "{\"error\":{\"message\":\"slow down\"}}").await, @"rate_limited (no effect): HTTP 429: slow down");
    insta::assert_snapshot!(refuse("401 No", "{}").await, @"permission_denied (no effect): HTTP 401: {}");
    insta::assert_snapshot!(refuse("503 Busy", "later").await, @"overloaded: HTTP 503: later");
    insta::assert_snapshot!(refuse("400 Bad", "no").await, @"permanent: HTTP 400: no");
    let nobody = Chat::new("http://name:hidden@127.0.0.1:9/v1?key=hidden", "m", None, Profile::Chat).unwrap();
    let ended = line(nobody.start(attempt(&json!({ "prompt": "Hi" })).0).await);
    assert!(ended.starts_with("unavailable (no effect): no connection to 127.0.0.1:9: "), "{ended}");
    assert!(!ended.contains("hidden"), "{ended}");
}

#[tokio::test]
async fn http_asks_allowed_hosts_only() {
    let body = "{\"a\":1}";
    let (base, served) = canned(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let http = Http::new(vec!["127.0.0.1".to_owned()], true).unwrap();
    let ended = line(
        http.start(
            attempt(&json!({ "url": format!("{base}/x"), "query": { "q": 1 }, "method": "post", "json": { "b": 2 } }))
                .0,
        )
        .await,
    );
    insta::assert_snapshot!(ended, @r#"{"status":200,"media":"application/json","json":{"a":1}}"#);
    assert!(served.await.unwrap().starts_with("POST /x?q=1 HTTP/1.1"));
    let ended = line(http.start(attempt(&json!({ "url": "http://example.com/" })).0).await);
    insta::assert_snapshot!(ended, @"permission_denied (no effect): example.com is not an allowed host; see `allow` of the target in agendum.toml");
}
