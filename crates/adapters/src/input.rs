//! The `with` of model tasks, and JSON in and out.

use agendum_ports::{Attempt, Failed, Finished, Payload};
use agendum_types::{Capability, Class, Limits, MediaType, Usage};
use jsonschema::Validator;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::turn::Turn;

/// What a `chat` task is given. Other keys are arguments of its prompt, already rendered into it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ChatInput {
    #[serde(default)]
    pub(crate) prompt: Option<String>,
    #[serde(default)]
    pub(crate) system: Option<String>,
    #[serde(default)]
    pub(crate) messages: Vec<Json>,
    #[serde(default)]
    pub(crate) schema: Option<Json>,
    #[serde(default)]
    pub(crate) tools: Option<Json>,
    #[serde(default)]
    pub(crate) tool_choice: Option<Json>,
    #[serde(default)]
    pub(crate) max_tokens: Option<u32>,
    #[serde(default)]
    pub(crate) temperature: Option<f64>,
    #[serde(default)]
    pub(crate) stop: Option<Json>,
    /// [`AGENT_TURN`](agendum_types::graph::AGENT_TURN).
    #[serde(default, rename = "agent-turn")]
    pub(crate) turn: Option<Turn>,
    /// [`CHAT_REFUSED`](agendum_types::graph::CHAT_REFUSED).
    #[serde(default, rename = "chat-refused")]
    pub(crate) refused: Option<String>,
}

impl ChatInput {
    /// The conversation in the provider's form.
    pub(crate) fn messages(&self) -> Vec<Json> {
        let message = |role: &str, text: &String| serde_json::json!({ "role": role, "content": text });
        let mut messages: Vec<Json> = self.system.iter().map(|text| message("system", text)).collect();
        messages.extend(self.messages.iter().cloned());
        messages.extend(self.prompt.iter().map(|text| message("user", text)));
        messages.extend(self.turn.iter().flat_map(Turn::messages));
        messages
    }

    /// What the model is told of its last answer, if that was refused: the last message.
    pub(crate) fn repair(&self) -> Option<Json> {
        let refused = self.refused.as_ref()?;
        let content =
            format!("Your last answer was refused:\n{refused}\nGive the whole answer anew, without that fault.");
        Some(serde_json::json!({ "role": "user", "content": content }))
    }

    /// All text in it, for a model that reads no roles.
    pub(crate) fn text(&self) -> String {
        self.messages().iter().map(content).collect::<Vec<_>>().join("\n\n")
    }

    /// What the user said last.
    pub(crate) fn last_said(&self) -> String {
        let messages = self.messages();
        let last = messages.iter().rev().find(|message| message["role"] == "user").or_else(|| messages.last());
        last.map(content).unwrap_or_default()
    }
}

/// The text of a message.
pub(crate) fn content(message: &Json) -> String {
    match &message["content"] {
        Json::String(text) => text.clone(),
        Json::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => String::new(),
    }
}

/// Reads the `with` of a task.
pub(crate) fn parse<T: DeserializeOwned>(attempt: &Attempt, expected: &str) -> Result<T, Failed> {
    serde_json::from_slice(&attempt.input.bytes)
        .map_err(|error| Failed::new(Class::Permanent, format!("`with` must be {expected}: {error}")).without_effect())
}

/// That a request body is no larger than what was set aside for it: see [`Capability::egress_max`].
///
/// [`Capability::egress_max`]: agendum_types::Capability::egress_max
pub(crate) fn may_leave(attempt: &Attempt, body_bytes: u64) -> Result<(), Failed> {
    let most = Capability::Chat.egress_max(attempt.input.bytes.len() as u64);
    if body_bytes <= most {
        return Ok(());
    }
    let message = format!("the request would have {body_bytes} bytes, of {most} that such an input may make: not sent");
    Err(Failed::new(Class::Permanent, message).without_effect())
}

/// A text where a number or a truth value will do as well: `argv: [sleep, 0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(text) => Ok(Self(text)),
            scalar @ (Json::Number(_) | Json::Bool(_)) => Ok(Self(scalar.to_string())),
            other @ (Json::Null | Json::Array(_) | Json::Object(_)) => {
                Err(serde::de::Error::custom(format!("expected a text, a number or a truth value, found {other}")))
            }
        }
    }
}

/// A result in JSON.
pub(crate) fn finished(value: &Json, usage: Usage) -> Finished {
    let output = Payload { media: MediaType::Json, bytes: value.to_string().into_bytes().into() };
    Finished { output, usage, raw_usage: None }
}

/// What a model shall follow, and how its words are checked against it.
pub(crate) struct Form {
    /// As providers take it: the schema of an object.
    pub(crate) schema: Json,
    /// True if the value that was asked for is a field of it.
    is_wrapped: bool,
    validator: Validator,
}

impl Form {
    /// The form of a schema. An expression may have made it, so that nobody has looked at what it costs.
    pub(crate) fn new(schema: &Json) -> Result<Self, Failed> {
        let (schema, is_wrapped) = wrapped(schema);
        let built = agendum_schemas::bounded(&schema, Limits::STANDARD.schema_words_max)
            .and_then(|options| options.build(&schema).map_err(|error| error.to_string()));
        let validator = built.map_err(|why| {
            Failed::new(Class::Permanent, format!("the `schema` cannot be used: {why}")).without_effect()
        })?;
        Ok(Self { schema, is_wrapped, validator })
    }

    /// The value in a model's words, if it is what was asked for.
    pub(crate) fn value(&self, text: &str) -> Result<Json, String> {
        let text = text.trim();
        // Models like to fence what they were asked to give bare.
        let bare =
            text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|rest| rest.strip_suffix("```"));
        let mut value: Json =
            serde_json::from_str(bare.unwrap_or(text).trim()).map_err(|error| format!("it is not JSON: {error}"))?;
        self.validator.validate(&value).map_err(|error| error.to_string())?;
        Ok(if self.is_wrapped { value["value"].take() } else { value })
    }
}

/// A schema that is no object is wrapped, because providers take objects only. What its references name stays at the top.
fn wrapped(schema: &Json) -> (Json, bool) {
    if schema["type"] == "object" || schema.get("properties").is_some() {
        return (schema.clone(), false);
    }
    let mut inner = schema.clone();
    let mut whole = serde_json::json!({ "type": "object", "required": ["value"], "additionalProperties": false });
    for word in ["$schema", "$defs", "definitions"] {
        if let Some(named) = inner.as_object_mut().and_then(|keys| keys.shift_remove(word)) {
            whole[word] = named;
        }
    }
    whole["properties"] = serde_json::json!({ "value": inner });
    (whole, true)
}
