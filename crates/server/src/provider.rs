//! The HTTP side of the offline provider: chat completions and moderations in OpenAI's wire format, over a model that is a function.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration as Span;

use agendum_ports::{Clock as _, Wall};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::map_response_with_state;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 16 << 20;

/// What is behind the routes.
pub trait Model: Send + Sync + 'static {
    /// What it calls itself.
    fn name(&self) -> &str;
    /// What it is, as `system_fingerprint` of every answer.
    fn fingerprint(&self) -> &str;
    /// Replies to the body of a chat completion.
    ///
    /// # Errors
    ///
    /// What is wrong with the request.
    fn chat(&self, asked: &Value) -> Result<Reply, String>;
    /// The categories that a text falls into, of those it knows.
    fn moderate(&self, text: &str) -> Categories;
    /// Counts a call, and says how it shall end.
    fn mood(&self) -> Mood;
    /// Before the first word, and between words.
    fn pauses(&self) -> (Span, Span);
    /// The requests that it lets through in a minute, where it counts them: each answer says so in its headers.
    fn allowance(&self) -> Option<Allowance> {
        None
    }
    /// As many calls as it works on at once, until the first word: the others wait inside, in the order in which they came. `None`: all.
    fn slots(&self) -> Option<&Semaphore> {
        None
    }
    /// True if what comes above that is answered 503 at once, and does not wait.
    fn turns_away(&self) -> bool {
        false
    }
}

/// The requests of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// As many as the bucket holds, which fills within the minute; at least 1.
    pub limit: u64,
    /// As many as it holds now.
    pub left: u64,
}

/// What a model replies.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Its text.
    pub text: String,
    /// Names and arguments of the tools it calls instead.
    pub calls: Vec<(String, Value)>,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: &'static str,
    /// Tokens in.
    pub tokens_in: u64,
    /// Tokens out.
    pub tokens_out: u64,
}

/// Every category, and whether the text falls into it.
pub type Categories = Vec<(&'static str, bool)>;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Fine,
    /// 429, with `Retry-After`.
    RateLimited {
        /// Milliseconds.
        retry_after_ms: u64,
    },
    /// 500.
    Fails,
    /// A stream ends in its middle; an answer in one piece comes whole.
    Cut,
}

struct Provider {
    model: Arc<dyn Model>,
    calls: AtomicU64,
}

/// Routes that serve a model at `/v1/chat/completions`, `/v1/moderations` and `/v1/models`.
pub fn provider(model: Arc<dyn Model>) -> Router {
    let state = Arc::new(Provider { model, calls: AtomicU64::new(0) });
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/moderations", post(moderations))
        .method_not_allowed_fallback(unknown)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response_with_state(Arc::clone(&state), allowed))
        .with_state(state)
}

/// Says what is left, in OpenAI's headers.
async fn allowed(State(provider): State<Arc<Provider>>, mut response: Response) -> Response {
    if let Some(Allowance { limit, left }) = provider.model.allowance() {
        let millis = limit.saturating_sub(left).saturating_mul(60_000) / limit.max(1);
        let reset = if millis < 1_000 { format!("{millis}ms") } else { format!("{}s", millis as f64 / 1_000.0) };
        let said = [("limit", limit.to_string()), ("remaining", left.to_string()), ("reset", reset)];
        for (part, value) in said {
            let name = HeaderName::try_from(format!("x-ratelimit-{part}-requests")).expect("it is a name");
            response.headers_mut().insert(name, HeaderValue::try_from(value).expect("it is visible ASCII"));
        }
    }
    response
}

/// An error in OpenAI's form.
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    retry_after_ms: Option<u64>,
}

impl Refusal {
    fn invalid(message: String) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, kind: "invalid_request_error", code: None, message, retry_after_ms: None }
    }

    /// It works on as many as it does at once, and keeps none waiting.
    fn full() -> Self {
        let (status, message) = (StatusCode::SERVICE_UNAVAILABLE, "no room: it works on as many calls as it takes");
        Self { status, code: Some("server_busy"), ..Self::server(message.to_owned()) }
    }

    fn server(message: String) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, kind: "server_error", ..Self::invalid(message) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({ "message": self.message, "type": self.kind, "param": null, "code": self.code });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(millis) = self.retry_after_ms {
            // Whole seconds, rounded up: who comes back sooner is refused again.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000)));
        }
        response
    }
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    let path = uri.path();
    let message = format!(
        "Unknown request URL: {method} {path}. Use POST /v1/chat/completions, POST /v1/moderations or GET /v1/models."
    );
    Refusal { status: StatusCode::NOT_FOUND, code: Some("unknown_url"), ..Refusal::invalid(message) }
}

async fn models(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let model = json!({ "id": provider.model.name(), "object": "model", "created": 0, "owned_by": "agendum" });
    Json(json!({ "object": "list", "data": [model] }))
}

/// Waits as told, and refuses as told; for its rate at once, as providers do. True if the answer shall be cut.
async fn tempered(model: &dyn Model) -> Result<bool, Refusal> {
    let mood = model.mood();
    if !matches!(mood, Mood::RateLimited { .. }) {
        // Nobody closes it, and who waits is served in turn.
        let _slot = match model.slots() {
            Some(slots) if model.turns_away() => Some(slots.try_acquire().map_err(|_| Refusal::full())?),
            Some(slots) => slots.acquire().await.ok(),
            None => None,
        };
        tokio::time::sleep(model.pauses().0).await;
    }
    match mood {
        Mood::Fine => Ok(false),
        Mood::Cut => Ok(true),
        Mood::Fails => Err(Refusal::server("told to fail".to_owned())),
        Mood::RateLimited { retry_after_ms } => Err(Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "requests",
            code: Some("rate_limit_exceeded"),
            message: "told to rate-limit".to_owned(),
            retry_after_ms: Some(retry_after_ms),
        }),
    }
}

type Body = Result<Json<Value>, JsonRejection>;

fn read(body: Body) -> Result<Value, Refusal> {
    let Json(asked) =
        body.map_err(|error| Refusal { status: error.status(), ..Refusal::invalid(error.body_text()) })?;
    Ok(asked)
}

/// Asks the model on a thread that may be busy.
async fn aside<T: Send + 'static>(
    provider: &Arc<Provider>,
    ask: impl FnOnce(&dyn Model) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let model = Arc::clone(&provider.model);
    tokio::task::spawn_blocking(move || ask(&*model)).await.map_err(|error| Refusal::server(error.to_string()))
}

async fn completions(State(provider): State<Arc<Provider>>, body: Body) -> Result<Response, Refusal> {
    let asked = read(body)?;
    let cut = tempered(&*provider.model).await?;
    let (reply, asked) = aside(&provider, |model| (model.chat(&asked), asked)).await?;
    let reply = reply.map_err(Refusal::invalid)?;
    let number = provider.calls.fetch_add(1, Ordering::Relaxed) + 1;
    let head = |object: &str| {
        json!({ "id": format!("chatcmpl-{number}"), "object": object, "created": Wall.now().0 / 1_000_000,
            "model": provider.model.name(), "system_fingerprint": provider.model.fingerprint() })
    };
    if asked["stream"] == true {
        let chunks = chunks(&reply, &head("chat.completion.chunk"), &asked, cut);
        return Ok(streamed(chunks, provider.model.pauses().1));
    }
    let calls: Vec<Value> = reply.calls.iter().enumerate().map(tool_call).collect();
    let message = if calls.is_empty() {
        json!({ "role": "assistant", "content": reply.text })
    } else {
        json!({ "role": "assistant", "content": null, "tool_calls": calls })
    };
    let mut whole = head("chat.completion");
    whole["choices"] = json!([{ "index": 0, "message": message, "finish_reason": reply.finish_reason }]);
    whole["usage"] = usage(&reply);
    Ok(Json(whole).into_response())
}

fn usage(reply: &Reply) -> Value {
    let Reply { tokens_in, tokens_out, .. } = reply;
    json!({ "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out })
}

fn tool_call((index, (name, arguments)): (usize, &(String, Value))) -> Value {
    json!({ "id": format!("call_{}", index + 1), "type": "function", "function": { "name": name, "arguments": arguments.to_string() } })
}

/// The data of the events of a stream; a cut one has half of its words and no end.
fn chunks(reply: &Reply, head: &Value, asked: &Value, cut: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = head.clone();
        chunk["choices"] = choices;
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        chunk.to_string()
    };
    let part = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let mut deltas: Vec<Value> = vec![json!({ "role": "assistant", "content": "" })];
    deltas.extend(reply.text.split_inclusive(' ').map(|word| json!({ "content": word })));
    for (index, call) in reply.calls.iter().enumerate() {
        let mut call = tool_call((index, call));
        call["index"] = json!(index);
        deltas.push(json!({ "tool_calls": [call] }));
    }
    if cut {
        deltas.truncate(1 + (deltas.len() - 1) / 2);
    }
    let mut chunks: Vec<String> = deltas.into_iter().map(|delta| chunk(part(delta, Value::Null), None)).collect();
    if !cut {
        chunks.push(chunk(part(json!({}), json!(reply.finish_reason)), None));
        if asked["stream_options"]["include_usage"] == true {
            chunks.push(chunk(json!([]), Some(usage(reply))));
        }
        chunks.push("[DONE]".to_owned());
    }
    chunks
}

fn streamed(chunks: Vec<String>, pause: Span) -> Response {
    let events = stream::iter(chunks.into_iter().enumerate()).then(move |(place, chunk)| async move {
        // The first event only opens the stream.
        if place > 1 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok::<_, Infallible>(Event::default().data(chunk))
    });
    Sse::new(events).into_response()
}

async fn moderations(State(provider): State<Arc<Provider>>, body: Body) -> Result<Json<Value>, Refusal> {
    let asked = read(body)?;
    tempered(&*provider.model).await?;
    let texts: Vec<String> = match &asked["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(Refusal::invalid("`input` must be a text or a list of texts".to_owned()));
        }
    };
    let judge = move |model: &dyn Model| texts.iter().map(|text| model.moderate(text)).collect::<Vec<_>>();
    let results: Vec<Value> = aside(&provider, judge)
        .await?
        .into_iter()
        .map(|categories| {
            let flagged = categories.iter().any(|(_, hit)| *hit);
            let named: serde_json::Map<String, Value> =
                categories.iter().map(|(name, hit)| ((*name).to_owned(), json!(hit))).collect();
            let scores: serde_json::Map<String, Value> =
                categories.iter().map(|(name, hit)| ((*name).to_owned(), json!(f64::from(u8::from(*hit))))).collect();
            json!({ "flagged": flagged, "categories": named, "category_scores": scores })
        })
        .collect();
    let number = provider.calls.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(Json(json!({ "id": format!("modr-{number}"), "model": provider.model.name(), "results": results })))
}
