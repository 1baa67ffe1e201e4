//! Chat completions in OpenAI's wire format, streamed; every provider that speaks it.
//!
//! A provider is not trusted: every part of its answer has a limit, and nothing of what it says back carries the key. No redirect is
//! followed, because the request carries the prompt. What an attempt used is always reported once it was sent, in our own estimate
//! where the provider is silent.

use std::fmt;

use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished};
use agendum_types::Class;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use serde_json::{Value as Json, json};

use crate::aside::aside;
use crate::chat::events::{Event, Events};
use crate::chat::gathered::Gathered;
use crate::http::answer::{location, named, refusal};
use crate::http::limits;
use crate::input::{self, ChatInput, Form};
use crate::offline::CATEGORIES;
use crate::timeouts::{Timeouts, over};
use crate::turn::{Answered, Heard, Turn};

mod events;
mod gathered;
pub(crate) mod secret;
mod whole;

pub use secret::Secret;

/// Output tokens where neither the task nor the target says how many.
const OUTPUT_CAP: u32 = 1_024;

/// What the model is asked to do with its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// As the task says.
    #[default]
    Chat,
    /// `{text}` in, `{allowed, categories}` out.
    Moderate,
    /// `{text, to}` in, `{text, model, translated}` out.
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
    timeouts: Timeouts,
}

impl Chat {
    /// The model at this base URL (`https://api.openai.com/v1`).
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn new(base: &str, model: &str, key: Option<Secret>, profile: Profile) -> Result<Self, reqwest::Error> {
        let timeouts = Timeouts::CHAT;
        let client = timeouts.client().build()?;
        let endpoint = format!("{}/chat/completions", base.trim_end_matches('/'));
        // OpenAI renamed the parameter; everybody else kept it.
        let legacy_cap = !base.contains("api.openai.com");
        Ok(Self { client, endpoint, model: model.to_owned(), key, profile, legacy_cap, timeouts })
    }

    /// The same model with other limits of time.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        Ok(Self { client: timeouts.client().build()?, timeouts, ..self })
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
                    system: Some(format!(
                        "You moderate text before it is shown. Say whether it may be shown, and which of these \
                        categories it falls into: {}.",
                        CATEGORIES.join(", ")
                    )),
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

    fn request(&self, given: &ChatInput, form: Option<&Form>, attempt: &Attempt) -> Json {
        let mut messages = given.messages();
        messages.extend(given.repair());
        let mut request = json!({
            "model": self.model, "messages": messages, "stream": true, "stream_options": { "include_usage": true },
        });
        let name = if self.legacy_cap { "max_tokens" } else { "max_completion_tokens" };
        request[name] = json!(cap(given, attempt));
        if let Some(form) = form {
            request["response_format"] =
                json!({ "type": "json_schema", "json_schema": { "name": "output", "schema": form.schema } });
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

    async fn call(&self, attempt: &Attempt, answer: &mut Gathered) -> Result<Finished, Failed> {
        let given = self.given(attempt)?;
        if let Some(turn) = &given.turn {
            turn.fits().map_err(|why| Failed::new(Class::Permanent, why).without_effect())?;
        }
        let form = match given.schema.clone() {
            Some(schema) => Some(aside(move || Form::new(&schema)).await??),
            None => None,
        };
        let body = self.request(&given, form.as_ref(), attempt).to_string();
        let size = body.len() as u64;
        input::may_leave(attempt, size)?;
        let mut request = self.client.post(&self.endpoint).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        if attempt.forward_key {
            request = request.header("Idempotency-Key", &*attempt.idempotency_key);
        }
        answer.sent(&given, cap(&given, attempt), size);
        let response = request.send().await.map_err(|error| {
            let failed = self.timeouts.failed(&error);
            if failed.no_effect {
                answer.not_sent();
            }
            failed
        })?;
        if let Some(rate) = limits::stated(response.headers()) {
            attempt.rates.tell(rate);
        }
        if !response.status().is_success() {
            return Err(self.refused(response, answer).await);
        }
        if whole::is_whole(&response) {
            let event = whole::read(response, &self.timeouts).await?;
            if let Some(chunk) = answer.take(&event, false)? {
                attempt.chunks.send(chunk).await;
            }
        } else {
            self.stream(response, attempt, answer).await?;
        }
        if let Some(rest) = answer.rest() {
            attempt.chunks.send(Chunk::Text(rest)).await;
        }
        self.finish(answer, form, given).await
    }

    /// A status that is no answer.
    async fn refused(&self, response: Response, answer: &mut Gathered) -> Failed {
        let status = response.status();
        // Nobody charges for an error, but one that says "too late" may come after the work.
        if !matches!(status.as_u16(), 408 | 504) {
            answer.refused();
        }
        if let Some((_, shown)) = location(response.url(), response.headers()).filter(|_| status.is_redirection()) {
            let said = named(status);
            let message =
                format!("{said} to {shown}: prompts are sent to no other place than `base_url` of the target");
            return Failed::new(Class::Permanent, message);
        }
        refusal(response).await
    }

    async fn stream(&self, response: Response, attempt: &Attempt, answer: &mut Gathered) -> Result<(), Failed> {
        let mut events = Events::default();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                let failed = self.timeouts.failed(&error);
                Failed { message: format!("the stream broke: {}", failed.message), no_effect: false, ..failed }
            })?;
            for Event { data, is_error } in events.push(&piece)? {
                if data == "[DONE]" {
                    return Ok(());
                }
                let chunk: Json = serde_json::from_str(&data).map_err(|error| {
                    Failed::new(Class::Unavailable, format!("the provider sent what is not JSON: {error}"))
                })?;
                if let Some(chunk) = answer.take(&chunk, is_error)? {
                    attempt.chunks.send(chunk).await;
                }
            }
        }
        Ok(())
    }

    async fn finish(&self, answer: &Gathered, form: Option<Form>, given: ChatInput) -> Result<Finished, Failed> {
        let Some(reason) = answer.finish_reason.clone() else {
            return Err(Failed::new(Class::Unavailable, "the stream ended without its finish marker"));
        };
        if reason == "content_filter" {
            return Err(Failed::new(Class::ContentBlocked, "the provider's content filter stopped the answer"));
        }
        let mut output = match given.turn {
            Some(turn) => self.turn(answer, form, turn, (given.tools, reason)).await?,
            None => self.output(answer, form, &reason).await?,
        };
        // JSON can spell a key so that its text does not show it.
        if let Some(key) = &self.key {
            key.hide_in(&mut output);
        }
        let mut finished = input::finished(&output, answer.usage());
        finished.raw_usage.clone_from(&answer.raw_usage);
        Ok(finished)
    }

    /// What a turn of an agent gives.
    async fn turn(
        &self,
        answer: &Gathered,
        form: Option<Form>,
        turn: Turn,
        (tools, reason): (Option<Json>, String),
    ) -> Result<Json, Failed> {
        let calls: Vec<Heard> = answer.calls.iter().map(|call| answer.heard(call)).collect();
        let value = match form.filter(|_| calls.is_empty()) {
            Some(form) => Some(self.output(answer, Some(form), &reason).await?),
            None => None,
        };
        let (text, model) = (answer.text.clone(), self.model.clone());
        let said = move || {
            let answered = Answered { text: &text, model: &model, reason: &reason, calls, value };
            turn.output(answered, tools.as_ref())
        };
        aside(said).await
    }

    async fn output(&self, answer: &Gathered, form: Option<Form>, reason: &str) -> Result<Json, Failed> {
        let cut = if reason == "length" { " (the answer was cut at its output cap)" } else { "" };
        let invalid = |error: &str| Failed::new(Class::InvalidOutput, format!("{error}{cut}"));
        if !answer.calls.is_empty() {
            // A model that calls tools has not answered yet: a schema is for its last turn.
            let calls: Vec<Json> = answer
                .calls
                .iter()
                .map(|call| answer.whole(call))
                .collect::<Result<_, _>>()
                .map_err(|error| invalid(&error))?;
            return Ok(
                json!({ "text": answer.text, "model": self.model, "finish_reason": reason, "tool_calls": calls }),
            );
        }
        match (form, self.profile) {
            (Some(form), _) => {
                let text = answer.text.clone();
                let value = aside(move || form.value(&text)).await?;
                value.map_err(|error| invalid(&format!("the answer does not follow the schema: {error}")))
            }
            // Half of a text is no translation of it.
            (None, Profile::Translate) => {
                Ok(json!({ "text": answer.text, "model": self.model, "translated": reason != "length" }))
            }
            (None, Profile::Chat | Profile::Moderate) => {
                Ok(json!({ "text": answer.text, "model": self.model, "finish_reason": reason }))
            }
        }
    }
}

/// Output tokens at most: the task's own limit, and what its budget affords.
fn cap(given: &ChatInput, attempt: &Attempt) -> u32 {
    given.max_tokens.into_iter().chain(attempt.output_cap).min().unwrap_or(OUTPUT_CAP)
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
            let mut answer = Gathered::new(this.key.clone());
            let ended = tokio::select! {
                ended = this.call(&attempt, &mut answer) => ended,
                () = cancel.cancelled() => Err(Failed::new(Class::Cancelled, "told to stop")),
                late = over(this.timeouts.whole) => Err(late),
            };
            ended.map_err(|failed| answer.failed(failed))
        }
        .boxed()
    }
}
