//! Chat completions in OpenAI's wire format, streamed; every provider that speaks it.

use std::fmt;

use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished, Payload};
use agendum_types::{Class, MediaType, Usage};
use eventsource_stream::Eventsource as _;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::Client;
use serde_json::{Value as Json, json};

use crate::http::{body, of_status, unsent};
use crate::input::{self, ChatInput};

/// Bytes of an answer at most; a provider that sends more is cut off.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What the model is asked to do with its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// As the task says.
    #[default]
    Chat,
    /// `{text}` in, `{allowed, categories}` out.
    Moderate,
    /// `{text, to}` in, `{text}` out.
    Translate,
}

/// One model of one provider.
#[derive(Clone)]
pub struct Chat {
    client: Client,
    endpoint: String,
    model: String,
    key: Option<Secret>,
    profile: Profile,
    legacy_cap: bool,
}

/// A key that nothing prints.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps the key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Chat {
    /// The model at this base URL (`https://api.openai.com/v1`).
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn new(base: &str, model: &str, key: Option<Secret>, profile: Profile) -> Result<Self, reqwest::Error> {
        let client = Client::builder().user_agent(concat!("agendum/", env!("CARGO_PKG_VERSION"))).build()?;
        let endpoint = format!("{}/chat/completions", base.trim_end_matches('/'));
        // OpenAI renamed the parameter; everybody else kept it.
        let legacy_cap = !base.contains("api.openai.com");
        Ok(Self { client, endpoint, model: model.to_owned(), key, profile, legacy_cap })
    }

    fn given(&self, attempt: &Attempt) -> Result<ChatInput, Failed> {
        match self.profile {
            Profile::Chat => input::parse(
                attempt,
                "{prompt, system, messages, schema, tools, tool_choice, max_tokens, temperature, stop}",
            ),
            Profile::Moderate => {
                let given: Json = input::parse(attempt, "{text}")?;
                Ok(ChatInput {
                    system: Some(
                        "You moderate text before it is shown. Say whether it may be shown, and which of these \
                        categories it falls into: violence, self_harm, hate, sexual, credentials."
                            .to_owned(),
                    ),
                    prompt: Some(given["text"].as_str().unwrap_or_default().to_owned()),
                    schema: Some(
                        json!({ "type": "object", "required": ["allowed", "categories"], "additionalProperties": false,
                        "properties": { "allowed": { "type": "boolean" }, "categories": { "type": "array", "items": { "type": "string" } } } }),
                    ),
                    ..ChatInput::default()
                })
            }
            Profile::Translate => {
                let given: Json = input::parse(attempt, "{text, to}")?;
                let to = given["to"].as_str().unwrap_or("en");
                Ok(ChatInput {
                    system: Some(format!(
                        "Translate what the user writes into the language with the code {to:?}. Give only the translation."
                    )),
                    prompt: Some(given["text"].as_str().unwrap_or_default().to_owned()),
                    ..ChatInput::default()
                })
            }
        }
    }

    fn request(&self, given: &ChatInput, attempt: &Attempt) -> Json {
        let mut request = json!({
            "model": self.model, "messages": given.messages(), "stream": true, "stream_options": { "include_usage": true },
        });
        let cap = given.max_tokens.into_iter().chain(attempt.output_cap).min();
        let name = if self.legacy_cap { "max_tokens" } else { "max_completion_tokens" };
        request[name] = json!(cap.unwrap_or(1_024));
        if let Some(schema) = &given.schema {
            let (schema, _) = input::wrapped(schema);
            request["response_format"] =
                json!({ "type": "json_schema", "json_schema": { "name": "output", "schema": schema } });
        }
        let optional = [
            ("tools", given.tools.clone()),
            ("tool_choice", given.tool_choice.clone()),
            ("stop", given.stop.clone()),
            ("temperature", given.temperature.map(|t| json!(t))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                request[name] = value;
            }
        }
        request
    }

    async fn call(&self, attempt: &Attempt) -> Result<Finished, Failed> {
        let given = self.given(attempt)?;
        let mut request = self.client.post(&self.endpoint).json(&self.request(&given, attempt));
        if let Some(key) = &self.key {
            request = request.bearer_auth(&key.0);
        }
        if attempt.forward_key {
            request = request.header("Idempotency-Key", &*attempt.idempotency_key);
        }
        let response = request.send().await.map_err(|error| unsent(&error))?;
        if !response.status().is_success() {
            let (status, headers) = (response.status(), response.headers().clone());
            let said = body(response, 64 << 10).await.unwrap_or_default();
            return Err(of_status(status, &headers, &String::from_utf8_lossy(&said)));
        }
        let mut answer = Gathered::default();
        let mut events = response.bytes_stream().eventsource();
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| answer.broken(&format!("the stream broke: {error}")))?;
            if event.data == "[DONE]" {
                break;
            }
            let chunk: Json = serde_json::from_str(&event.data)
                .map_err(|error| answer.broken(&format!("the provider sent what is not JSON: {error}")))?;
            if let Some(chunk) = answer.take(&chunk)? {
                attempt.chunks.send(chunk).await;
            }
        }
        self.finish(answer, &given)
    }

    fn finish(&self, answer: Gathered, given: &ChatInput) -> Result<Finished, Failed> {
        let Some(reason) = answer.finish_reason.clone() else {
            return Err(answer.broken("the stream ended without its finish marker"));
        };
        if reason == "content_filter" {
            return Err(answer.failed(Class::ContentBlocked, "the provider's content filter stopped the answer"));
        }
        let output = self.output(&answer, given, &reason)?;
        let mut finished = input::finished(&output, answer.usage);
        finished.raw_usage = answer.raw_usage;
        Ok(finished)
    }

    fn output(&self, answer: &Gathered, given: &ChatInput, reason: &str) -> Result<Json, Failed> {
        let cut = if reason == "length" { " (the answer was cut at its output cap)" } else { "" };
        let invalid = |error: &str| answer.failed(Class::InvalidOutput, &format!("{error}{cut}"));
        if !answer.calls.is_empty() {
            // A model that calls tools has not answered yet: a schema is for its last turn.
            let calls: Vec<Json> =
                answer.calls.iter().map(ToolCall::whole).collect::<Result<_, _>>().map_err(|error| invalid(&error))?;
            return Ok(
                json!({ "text": answer.text, "model": self.model, "finish_reason": reason, "tool_calls": calls }),
            );
        }
        match (&given.schema, self.profile) {
            (Some(schema), _) => {
                let (asked, is_wrapped) = input::wrapped(schema);
                let value = input::conforming(&answer.text, &asked)
                    .map_err(|error| invalid(&format!("the answer does not follow the schema: {error}")))?;
                Ok(if is_wrapped { value["value"].clone() } else { value })
            }
            (None, Profile::Translate) => Ok(json!({ "text": answer.text, "model": self.model, "translated": true })),
            (None, Profile::Chat | Profile::Moderate) => {
                Ok(json!({ "text": answer.text, "model": self.model, "finish_reason": reason }))
            }
        }
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("endpoint", &self.endpoint).field("model", &self.model).finish_non_exhaustive()
    }
}

impl Adapter for Chat {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let this = self.clone();
        async move {
            let cancel = attempt.cancel.clone();
            tokio::select! {
                ended = this.call(&attempt) => ended,
                () = cancel.cancelled() => Err(Failed::new(Class::Cancelled, "told to stop")),
            }
        }
        .boxed()
    }
}

/// What has arrived of an answer.
#[derive(Default)]
struct Gathered {
    text: String,
    calls: Vec<ToolCall>,
    bytes: usize,
    finish_reason: Option<String>,
    usage: Usage,
    raw_usage: Option<Box<str>>,
}

/// A call of a tool as it comes in, piece by piece.
#[derive(Default)]
struct ToolCall {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl ToolCall {
    /// `{id, name, arguments}` with the arguments read.
    fn whole(&self) -> Result<Json, String> {
        let Self { id, name, arguments, .. } = self;
        if name.is_empty() {
            return Err(format!("the model calls a tool (call {id:?}) without naming it"));
        }
        // A tool without parameters may be called with nothing at all.
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let arguments: Json = serde_json::from_str(text)
            .map_err(|error| format!("the model calls the tool {name:?} with arguments that are not JSON: {error}"))?;
        Ok(json!({ "id": id, "name": name, "arguments": arguments }))
    }
}

impl Gathered {
    /// Takes a chunk; gives its text, or the sign of life that it is without one.
    fn take(&mut self, chunk: &Json) -> Result<Option<Chunk>, Failed> {
        if let Some(message) = chunk["error"]["message"].as_str() {
            return Err(self.broken(message));
        }
        if chunk["usage"].is_object() {
            self.count(&chunk["usage"]);
        }
        let choice = &chunk["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(reason.to_owned());
        }
        let delta = &choice["delta"];
        let mut said = None;
        if delta["reasoning_content"].is_string() {
            said = Some(Chunk::Alive);
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            self.tool(piece)?;
            said = Some(Chunk::Alive);
        }
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.room(text.len())?;
            self.text.push_str(text);
            said = Some(Chunk::Text(text.to_owned()));
        }
        Ok(said)
    }

    fn room(&mut self, more: usize) -> Result<(), Failed> {
        self.bytes += more;
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(self.failed(Class::Permanent, &format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// Calls come in pieces, put together by index; some providers number all of them 0 and tell them apart by id.
    fn tool(&mut self, piece: &Json) -> Result<(), Failed> {
        let text = |part: &'_ Json| part.as_str().unwrap_or_default().to_owned();
        let (index, id) = (piece["index"].as_u64().unwrap_or(0), text(&piece["id"]));
        let (name, arguments) = (text(&piece["function"]["name"]), text(&piece["function"]["arguments"]));
        // Each piece counts a little, so that empty ones have an end too.
        self.room(16 + id.len() + name.len() + arguments.len())?;
        let goes_on =
            |call: &&mut ToolCall| call.index == index && (id.is_empty() || call.id.is_empty() || call.id == id);
        match self.calls.iter_mut().rev().find(goes_on) {
            Some(call) => {
                if call.id.is_empty() {
                    call.id = id;
                }
                if call.name.is_empty() {
                    call.name = name;
                }
                call.arguments.push_str(&arguments);
            }
            None => self.calls.push(ToolCall { index, id, name, arguments }),
        }
        Ok(())
    }

    fn count(&mut self, usage: &Json) {
        let number = |path: &str| usage.pointer(path).and_then(Json::as_u64).unwrap_or(0);
        let cached = number("/prompt_tokens_details/cached_tokens").max(number("/prompt_cache_hit_tokens"));
        let reasoning = number("/completion_tokens_details/reasoning_tokens");
        self.usage = Usage {
            tokens_in: number("/prompt_tokens").saturating_sub(cached),
            tokens_cached: cached,
            tokens_out: number("/completion_tokens").saturating_sub(reasoning),
            tokens_reasoning: reasoning,
            calls: 1,
            estimated: false,
        };
        let raw = usage.to_string();
        self.raw_usage = (raw.len() <= 4_096).then(|| raw.into());
    }

    fn broken(&self, message: &str) -> Failed {
        self.failed(Class::Unavailable, message)
    }

    fn failed(&self, class: Class, message: &str) -> Failed {
        let mut failed = Failed::new(class, message);
        failed.usage = self.usage;
        failed.raw_usage.clone_from(&self.raw_usage);
        if !self.text.is_empty() {
            failed.partial = Some(Payload { media: MediaType::Text, bytes: self.text.clone().into_bytes().into() });
        }
        failed
    }
}
