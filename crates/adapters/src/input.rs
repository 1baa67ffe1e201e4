//! The `with` of model tasks, and JSON in and out.

use agendum_ports::{Attempt, Failed, Finished, Payload};
use agendum_types::{Class, MediaType, Usage};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

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
}

impl ChatInput {
    /// The conversation in the provider's form.
    pub(crate) fn messages(&self) -> Vec<Json> {
        let message = |role: &str, text: &String| serde_json::json!({ "role": role, "content": text });
        let mut messages: Vec<Json> = self.system.iter().map(|text| message("system", text)).collect();
        messages.extend(self.messages.iter().cloned());
        messages.extend(self.prompt.iter().map(|text| message("user", text)));
        messages
    }

    /// All text in it, for a model that reads no roles.
    pub(crate) fn text(&self) -> String {
        let contents = self.messages().into_iter().filter_map(|message| match message.get("content") {
            Some(Json::String(text)) => Some(text.clone()),
            Some(Json::Array(parts)) => {
                Some(parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        });
        contents.collect::<Vec<_>>().join("\n\n")
    }
}

/// Reads the `with` of a task.
pub(crate) fn parse<T: DeserializeOwned>(attempt: &Attempt, expected: &str) -> Result<T, Failed> {
    serde_json::from_slice(&attempt.input.bytes)
        .map_err(|error| Failed::new(Class::Permanent, format!("`with` must be {expected}: {error}")).without_effect())
}

/// A result in JSON.
pub(crate) fn finished(value: &Json, usage: Usage) -> Finished {
    let output = Payload { media: MediaType::Json, bytes: value.to_string().into_bytes().into() };
    Finished { output, usage, raw_usage: None }
}

/// Checks a model's words against the schema that was asked for.
pub(crate) fn conforming(text: &str, schema: &Json) -> Result<Json, String> {
    let text = text.trim();
    // Models like to fence what they were asked to give bare.
    let bare =
        text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|rest| rest.strip_suffix("```"));
    let value: Json =
        serde_json::from_str(bare.unwrap_or(text).trim()).map_err(|error| format!("it is not JSON: {error}"))?;
    let validator =
        jsonschema::validator_for(schema).map_err(|error| format!("the schema itself is not valid: {error}"))?;
    match validator.validate(&value) {
        Ok(()) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

/// A schema that is no object is wrapped, because providers take objects only.
pub(crate) fn wrapped(schema: &Json) -> (Json, bool) {
    if schema["type"] == "object" || schema.get("properties").is_some() {
        return (schema.clone(), false);
    }
    let mut properties = Map::new();
    properties.insert("value".to_owned(), schema.clone());
    (
        serde_json::json!({ "type": "object", "properties": properties, "required": ["value"], "additionalProperties": false }),
        true,
    )
}
