//! The HTTP side of the offline provider: OpenAI's chat completions over a model that is a function.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration as Span;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

/// A model: the body of a request in; text, input tokens and output tokens out.
pub type Model = Arc<dyn Fn(&Value) -> Result<(String, u64, u64), String> + Send + Sync>;

struct Provider {
    name: String,
    model: Model,
    word_pause: Span,
}

/// Routes that serve a model at `/v1/chat/completions` and `/v1/models`, with a pause before each word.
pub fn provider(name: &str, model: Model, word_pause: Span) -> Router {
    let state = Arc::new(Provider { name: name.to_owned(), model, word_pause });
    Router::new().route("/v1/models", get(models)).route("/v1/chat/completions", post(completions)).with_state(state)
}

async fn models(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({ "object": "list", "data": [{ "id": provider.name, "object": "model", "owned_by": "agendum" }] }))
}

async fn completions(State(provider): State<Arc<Provider>>, Json(asked): Json<Value>) -> Response {
    let (text, tokens_in, tokens_out) = match (provider.model)(&asked) {
        Ok(reply) => reply,
        Err(message) => {
            let error = json!({ "error": { "message": message, "type": "invalid_request_error" } });
            return (StatusCode::BAD_REQUEST, Json(error)).into_response();
        }
    };
    let usage =
        json!({ "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out });
    if asked["stream"] != true {
        let choice =
            json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
        return Json(json!({ "id": "offline", "object": "chat.completion", "model": provider.name, "choices": [choice], "usage": usage }))
            .into_response();
    }
    let chunk = |delta: Value, reason: Value| {
        json!({ "id": "offline", "object": "chat.completion.chunk", "model": provider.name,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
    };
    let mut chunks: Vec<String> =
        text.split_inclusive(' ').map(|word| chunk(json!({ "content": word }), Value::Null).to_string()).collect();
    chunks.push(chunk(json!({}), json!("stop")).to_string());
    chunks
        .push(json!({ "id": "offline", "object": "chat.completion.chunk", "choices": [], "usage": usage }).to_string());
    chunks.push("[DONE]".to_owned());
    let pause = provider.word_pause;
    let events = stream::iter(chunks).then(move |chunk| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok::<_, Infallible>(Event::default().data(chunk))
    });
    Sse::new(events).into_response()
}
