//! An answer as it comes in: put together, kept within limits, without the key, and counted.

use agendum_ports::{Chunk, Failed, Payload};
use agendum_types::{Class, MediaType, Usage};
use serde_json::{Value as Json, json};

use crate::chat::secret::{Screen, Secret, without_tokens};
use crate::input::ChatInput;
use crate::turn::Heard;

/// Bytes kept of an answer at most; a provider that sends more is cut off.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Tool calls of an answer at most.
const CALLS_MAX: usize = 128;
/// Bytes of the arguments of one of them at most.
const ARGUMENTS_BYTES_MAX: usize = 1 << 20;
/// Bytes of what a provider says about usage; more is not kept.
const RAW_USAGE_BYTES_MAX: usize = 4 << 10;
/// Where a provider does not count tokens, we count a token for so many bytes.
const BYTES_PER_TOKEN: u64 = 4;

/// What has arrived of an answer.
#[derive(Default)]
pub(super) struct Gathered {
    secret: Option<Secret>,
    /// Bytes of the prompt, once it was sent to somebody who charges for it.
    prompt: Option<usize>,
    /// Bytes of the request body that has left.
    egress_bytes: u64,
    /// Output tokens that were asked for at most, and can be charged for.
    cap: u64,
    /// Bytes of all output, kept or not.
    heard: usize,
    bytes: usize,
    screen: Screen,
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) finish_reason: Option<String>,
    counted: Option<Usage>,
    pub(super) raw_usage: Option<Box<str>>,
}

/// A call of a tool as it comes in, piece by piece.
#[derive(Default)]
pub(super) struct ToolCall {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Gathered {
    pub(super) fn new(secret: Option<Secret>) -> Self {
        Self { secret, ..Self::default() }
    }

    /// The request is on its way: from now on it may cost something.
    pub(super) fn sent(&mut self, given: &ChatInput, cap: u32, egress_bytes: u64) {
        (self.cap, self.egress_bytes) = (cap.into(), egress_bytes);
        let parts = [&given.tools, &given.schema].into_iter().flatten().map(|part| part.to_string().len());
        self.prompt =
            Some(given.text().len() + given.repair().map_or(0, |told| told.to_string().len()) + parts.sum::<usize>());
    }

    /// Nobody took the request.
    pub(super) fn not_sent(&mut self) {
        self.egress_bytes = 0;
    }

    /// The provider answered with an error: a call, and no tokens.
    pub(super) fn refused(&mut self) {
        self.counted = Some(Usage { calls: 1, ..Usage::default() });
    }

    /// Takes a chunk; gives its text, or the sign of life that it is without one.
    pub(super) fn take(&mut self, chunk: &Json, is_error: bool) -> Result<Option<Chunk>, Failed> {
        let error = &chunk["error"];
        if is_error || !error.is_null() {
            let said = [&error["message"], &chunk["message"], error].into_iter().find_map(Json::as_str);
            return Err(Failed::new(
                Class::Unavailable,
                said.unwrap_or("the provider reports an error and does not say which"),
            ));
        }
        if chunk["usage"].is_object() {
            self.count(&chunk["usage"]);
        }
        let choice = &chunk["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(self.hidden(reason));
        }
        let delta = &choice["delta"];
        let mut said = None;
        if let Some(thought) = delta["reasoning_content"].as_str() {
            self.heard += thought.len();
            said = Some(Chunk::Alive);
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            self.tool(piece)?;
            said = Some(Chunk::Alive);
        }
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.heard += text.len();
            self.room(text.len())?;
            let shown = self.screen.push(self.secret.as_ref(), text);
            self.text.push_str(&shown);
            said = Some(if shown.is_empty() { Chunk::Alive } else { Chunk::Text(shown) });
        }
        Ok(said)
    }

    /// The text that was held back, once no more can come.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = self.screen.rest(self.secret.as_ref());
        self.text.push_str(&rest);
        (!rest.is_empty()).then_some(rest)
    }

    fn room(&mut self, more: usize) -> Result<(), Failed> {
        self.bytes += more;
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(too_much(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// Calls come in pieces, put together by index; some providers number all of them 0 and tell them apart by id.
    fn tool(&mut self, piece: &Json) -> Result<(), Failed> {
        let text = |part: &'_ Json| part.as_str().unwrap_or_default().to_owned();
        let (index, id) = (piece["index"].as_u64().unwrap_or(0), text(&piece["id"]));
        let (name, arguments) = (text(&piece["function"]["name"]), text(&piece["function"]["arguments"]));
        self.heard += name.len() + arguments.len();
        self.room(id.len() + name.len() + arguments.len())?;
        let goes_on =
            |call: &&mut ToolCall| call.index == index && (id.is_empty() || call.id.is_empty() || call.id == id);
        let Some(call) = self.calls.iter_mut().rev().find(goes_on) else {
            if self.calls.len() >= CALLS_MAX {
                return Err(too_much(format!("the model calls more than {CALLS_MAX} tools at once")));
            }
            self.calls.push(ToolCall { index, id, name, arguments });
            return Ok(());
        };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        if call.arguments.len() > ARGUMENTS_BYTES_MAX {
            let name = call.name.chars().take(64).collect::<String>();
            return Err(too_much(format!(
                "the arguments of the tool {name:?} are larger than {ARGUMENTS_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }

    /// A call as it was made, whatever it is good for.
    pub(super) fn heard(&self, call: &ToolCall) -> Heard {
        let [id, name, arguments] = [&call.id, &call.name, &call.arguments].map(|part| self.hidden(part));
        Heard { id, name, arguments }
    }

    /// `{id, name, arguments}` with the arguments read.
    pub(super) fn whole(&self, call: &ToolCall) -> Result<Json, String> {
        let Heard { id, name, arguments } = self.heard(call);
        if name.is_empty() {
            return Err(format!("the model calls a tool (call {id:?}) without naming it"));
        }
        // A tool without parameters may be called with nothing at all.
        let text = if arguments.trim().is_empty() { "{}" } else { &arguments };
        let arguments: Json = serde_json::from_str(text)
            .map_err(|error| format!("the model calls the tool {name:?} with arguments that are not JSON: {error}"))?;
        Ok(json!({ "id": id, "name": name, "arguments": arguments }))
    }

    fn count(&mut self, usage: &Json) {
        let number = |path: &str| usage.pointer(path).and_then(Json::as_u64);
        let (Some(tokens_in), Some(tokens_out)) = (number("/prompt_tokens"), number("/completion_tokens")) else {
            return;
        };
        let said = |paths: &[&str]| paths.iter().filter_map(|path| number(path)).max().unwrap_or(0);
        let cached = said(&["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens"]);
        let written = said(&["/prompt_tokens_details/cache_write_tokens"]);
        let reasoning = said(&["/completion_tokens_details/reasoning_tokens"]);
        // They are parts of the two sums; where they say more, nobody knows what they mean.
        let (tokens_cached, tokens_reasoning) = (cached.min(tokens_in), reasoning.min(tokens_out));
        let tokens_written = written.min(tokens_in - tokens_cached);
        self.counted = Some(Usage {
            tokens_in: tokens_in - tokens_cached - tokens_written,
            tokens_cached,
            tokens_written,
            tokens_out: tokens_out - tokens_reasoning,
            tokens_reasoning,
            calls: 1,
            egress_bytes: 0,
            estimated: (tokens_cached, tokens_written, tokens_reasoning) != (cached, written, reasoning),
        });
        let raw = self.hidden(&usage.to_string());
        self.raw_usage = (raw.len() <= RAW_USAGE_BYTES_MAX).then(|| raw.into());
    }

    /// What it used: as the provider counts, else as we guess from what went to and fro.
    pub(super) fn usage(&self) -> Usage {
        let tokens = |bytes: usize| (bytes as u64).div_ceil(BYTES_PER_TOKEN);
        let guessed = self.prompt.map(|prompt| Usage {
            tokens_in: tokens(prompt),
            tokens_out: tokens(self.heard).min(self.cap),
            calls: 1,
            estimated: true,
            ..Usage::default()
        });
        Usage { egress_bytes: self.egress_bytes, ..self.counted.or(guessed).unwrap_or_default() }
    }

    /// The failure with what had arrived and what it cost all the same.
    pub(super) fn failed(&mut self, failed: Failed) -> Failed {
        self.rest();
        if failed.no_effect {
            (self.prompt, self.counted) = (None, None);
        }
        let partial = (!self.text.is_empty())
            .then(|| Payload { media: MediaType::Text, bytes: self.text.clone().into_bytes().into() });
        let message = without_tokens(&self.hidden(&failed.message)).into_owned();
        Failed { message, partial, usage: self.usage(), raw_usage: self.raw_usage.clone(), ..failed }
    }

    fn hidden(&self, text: &str) -> String {
        self.secret.as_ref().map_or_else(|| text.to_owned(), |secret| secret.hide(text).into_owned())
    }
}

fn too_much(message: String) -> Failed {
    Failed::new(Class::Permanent, message)
}
