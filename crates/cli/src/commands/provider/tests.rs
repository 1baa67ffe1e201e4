use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use agendum_adapters::Chat;
use agendum_adapters::chat::Profile;
use agendum_adapters::offline::Temper;
use agendum_ports::adapter::{ChunkSink, RateSink, ReferenceSink};
use agendum_ports::{Adapter, Attempt, Chunk, Payload};
use agendum_types::{AttemptId, AttemptNo, Incarnation, Labels, MediaType, Principal, RunId, TaskPath, Tenant};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Offline;

/// A provider of this temper; its base URL.
async fn serve(temper: Temper) -> String {
    let server = agendum_server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), true).await.unwrap();
    let base = format!("http://{}/v1", server.address());
    let router = agendum_server::provider(Arc::new(Offline::new(temper)));
    tokio::spawn(server.serve_router(router, CancellationToken::new()));
    base
}

/// An attempt, and the end at which its chunks come.
fn attempt(input: &Json, rates: RateSink) -> (Attempt, mpsc::Receiver<Chunk>) {
    let (chunks, came) = ChunkSink::channel(1_024);
    let attempt = Attempt {
        id: AttemptId { run: RunId(1), path: TaskPath::default(), attempt: AttemptNo(1), incarnation: Incarnation(1) },
        tenant: Tenant::default(),
        principal: Principal::new("test"),
        idempotency_key: "key".into(),
        forward_key: false,
        output_cap: Some(200),
        labels: Labels::NONE,
        input: Payload { media: MediaType::Json, bytes: input.to_string().into_bytes().into() },
        chunks,
        references: ReferenceSink::channel().0,
        rates,
        cancel: CancellationToken::new(),
    };
    (attempt, came)
}

/// What our own adapter makes of it: the words that came, and how it ended.
async fn call(base: &str, profile: Profile, input: &Json) -> String {
    let (attempt, mut came) = attempt(input, RateSink::channel().0);
    let ended = Chat::new(base, "any", None, profile).unwrap().start(attempt).await;
    let mut words = 0;
    while let Ok(chunk) = came.try_recv() {
        words += usize::from(matches!(chunk, Chunk::Text(_)));
    }
    let text = |payload: &Payload| String::from_utf8_lossy(&payload.bytes).into_owned();
    match ended {
        Ok(done) => {
            format!("{words} words, {} in, {} out: {}", done.usage.tokens_in, done.usage.tokens_out, text(&done.output))
        }
        Err(failed) => {
            let after = failed.retry_after.map_or(String::new(), |span| format!(", again after {span}"));
            let partial = failed.partial.as_ref().map_or(String::new(), |partial| format!(", had {:?}", text(partial)));
            let effect = if failed.no_effect { "" } else { ", in doubt" };
            format!("{words} words, {}: {}{after}{partial}{effect}", failed.class, failed.message)
        }
    }
}

fn prompt() -> Json {
    json!({ "prompt": "<passage id=\"p1\">One two three four five six.</passage><question>Three five?</question>" })
}

#[tokio::test]
async fn our_own_adapter_understands_every_temper() {
    let calm = Temper::default();
    let mut seen = String::new();
    for (name, temper) in [
        ("calm", calm),
        ("slow", Temper { delay_ms: 1, word_ms: 1, ..calm }),
        ("fails", Temper { fail_every: 2, ..calm }),
        ("rate-limits", Temper { rate_limit_every: 2, ..calm }),
        ("cuts", Temper { cut_every: 2, ..calm }),
    ] {
        let base = serve(temper).await;
        let (first, second) =
            (call(&base, Profile::Chat, &prompt()).await, call(&base, Profile::Chat, &prompt()).await);
        let second = if first == second { "the same again".to_owned() } else { second };
        seen.push_str(&format!("{name}\n  {first}\n  {second}\n"));
    }
    insta::assert_snapshot!(seen, @r#"
    calm
      7 words, 14 in, 7 out: {"text":"One two three four five six. [p1]","model":"any","finish_reason":"stop"}
      the same again
    slow
      7 words, 14 in, 7 out: {"text":"One two three four five six. [p1]","model":"any","finish_reason":"stop"}
      the same again
    fails
      7 words, 14 in, 7 out: {"text":"One two three four five six. [p1]","model":"any","finish_reason":"stop"}
      0 words, unavailable: HTTP 500: told to fail, in doubt
    rate-limits
      7 words, 14 in, 7 out: {"text":"One two three four five six. [p1]","model":"any","finish_reason":"stop"}
      0 words, rate_limited: HTTP 429: told to rate-limit, again after 1s
    cuts
      7 words, 14 in, 7 out: {"text":"One two three four five six. [p1]","model":"any","finish_reason":"stop"}
      3 words, unavailable: the stream ended without its finish marker, had "One two three ", in doubt
    "#);
}

#[tokio::test]
async fn schemas_tools_and_moderation_go_over_the_wire() {
    let base = serve(Temper::default()).await;
    let mut given = prompt();
    given["schema"] = json!({ "enum": ["billing", "other"] });
    insta::assert_snapshot!(call(&base, Profile::Chat, &given).await, @r#"1 words, 14 in, 2 out: "other""#);
    let mut given = prompt();
    let parameters = json!({ "type": "object", "properties": { "query": { "type": "string" } } });
    given["tools"] = json!([{ "type": "function", "function": { "name": "search", "parameters": parameters } }]);
    given["tool_choice"] = json!("required");
    insta::assert_snapshot!(call(&base, Profile::Chat, &given).await, @r#"0 words, 14 in, 3 out: {"text":"","model":"any","finish_reason":"tool_calls","tool_calls":[{"id":"call_1","name":"search","arguments":{"query":"Three five?"}}]}"#);
    insta::assert_snapshot!(call(&base, Profile::Moderate, &json!({ "text": "my key is ghp_12" })).await, @r#"1 words, 31 in, 4 out: {"allowed":false,"categories":["credentials"]}"#);
}

/// Method, path, body; status, `Retry-After` and what came.
async fn ask(base: &str, method: &str, path: &str, body: &str) -> String {
    let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{base}{path}"));
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after").map_or("-", |value| value.to_str().unwrap()).to_owned();
    let text = response.text().await.unwrap();
    let mut value: Json = serde_json::from_str(&text).unwrap_or(Json::String(text));
    if value["created"].as_u64().is_some_and(|created| created > 0) {
        value["created"] = json!("now");
    }
    format!("{status} {after} {value}\n")
}

#[tokio::test]
async fn it_speaks_as_openai_does() {
    let base = serve(Temper::default()).await;
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": "a b" }], "max_completion_tokens": 3 });
    let mut seen = String::new();
    for (method, path, body) in [
        ("GET", "/models", String::new()),
        ("POST", "/chat/completions", chat.to_string()),
        ("POST", "/chat/completions", "{\"messages\": []}".to_owned()),
        ("POST", "/chat/completions", "nonsense".to_owned()),
        ("GET", "/chat/completions", String::new()),
        ("POST", "/moderations", json!({ "input": ["fine", "I will kill you"] }).to_string()),
        ("POST", "/moderations", json!({ "input": 1 }).to_string()),
        ("POST", "/embeddings", "{}".to_owned()),
    ] {
        seen.push_str(&ask(&base, method, path, &body).await);
    }
    for temper in [Temper { fail_every: 1, ..Temper::default() }, Temper { rate_limit_every: 1, ..Temper::default() }] {
        seen.push_str(&ask(&serve(temper).await, "POST", "/chat/completions", &chat.to_string()).await);
    }
    insta::assert_snapshot!(seen, @r#"
    200 - {"object":"list","data":[{"id":"offline/extractive","object":"model","created":0,"owned_by":"agendum"}]}
    200 - {"id":"chatcmpl-1","object":"chat.completion","created":"now","model":"offline/extractive","system_fingerprint":"extractive, no neural network","choices":[{"index":0,"message":{"role":"assistant","content":"Nothing in the"},"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}
    400 - {"error":{"message":"there is neither a `prompt` nor `messages`","type":"invalid_request_error","param":null,"code":null}}
    400 - {"error":{"message":"Failed to parse the request body as JSON: expected ident at line 1 column 2","type":"invalid_request_error","param":null,"code":null}}
    404 - {"error":{"message":"Unknown request URL: GET /v1/chat/completions. Use POST /v1/chat/completions, POST /v1/moderations or GET /v1/models.","type":"invalid_request_error","param":null,"code":"unknown_url"}}
    200 - {"id":"modr-2","model":"offline/extractive","results":[{"flagged":false,"categories":{"harassment":false,"violence":false,"self_harm":false,"sexual":false,"hate":false,"credentials":false},"category_scores":{"harassment":0.0,"violence":0.0,"self_harm":0.0,"sexual":0.0,"hate":0.0,"credentials":0.0}},{"flagged":true,"categories":{"harassment":false,"violence":true,"self_harm":false,"sexual":false,"hate":false,"credentials":false},"category_scores":{"harassment":0.0,"violence":1.0,"self_harm":0.0,"sexual":0.0,"hate":0.0,"credentials":0.0}}]}
    400 - {"error":{"message":"`input` must be a text or a list of texts","type":"invalid_request_error","param":null,"code":null}}
    404 - {"error":{"message":"Unknown request URL: POST /v1/embeddings. Use POST /v1/chat/completions, POST /v1/moderations or GET /v1/models.","type":"invalid_request_error","param":null,"code":"unknown_url"}}
    500 - {"error":{"message":"told to fail","type":"server_error","param":null,"code":null}}
    429 1 {"error":{"message":"told to rate-limit","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    "#);
}

#[tokio::test]
async fn a_limit_is_kept_and_told_so_that_our_own_adapter_hears_it() {
    let server = agendum_server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), true).await.unwrap();
    let base = format!("http://{}/v1", server.address());
    let limited = Offline::new(Temper::default()).limited(Some(3));
    tokio::spawn(server.serve_router(agendum_server::provider(Arc::new(limited)), CancellationToken::new()));
    let mut seen = String::new();
    for _ in 0..4 {
        let (rates, mut told) = RateSink::channel();
        let (attempt, _came) = attempt(&prompt(), rates);
        let ended = Chat::new(&base, "any", None, Profile::Chat).unwrap().start(attempt).await;
        let ended = ended.map_or_else(|failed| failed.class.word(), |_| "fine");
        writeln!(seen, "{ended}: {:?}", told.try_recv().ok().map(|rate| (rate.requests, rate.tokens))).unwrap();
    }
    insta::assert_snapshot!(seen, @"
    fine: Some((Some(3), None))
    fine: Some((Some(3), None))
    fine: Some((Some(3), None))
    rate_limited: Some((Some(3), None))
    ");
}
