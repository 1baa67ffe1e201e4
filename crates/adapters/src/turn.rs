//! A turn of an agent: the conversation since its prompt, what its tools gave, and what the calls of a model are held to.
//!
//! A call that cannot be made is no failure of the attempt: it comes with an `error`, which goes back to the model as its result.

use std::collections::BTreeSet;

use agendum_schemas::bounded;
use agendum_types::graph::RESULT_BYTES_MAX;
use agendum_types::{Limits, cut};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Calls of one turn that are made at most.
const CALLS_MAX: usize = 32;
/// Bytes of the results of one turn together: its calls share them.
const RESULTS_BYTES_MAX: usize = 3 << 20;
/// Bytes of a conversation, from its prompt on.
const CONVERSATION_BYTES_MAX: usize = 4 << 20;
/// Characters that an error shows of what it is about.
const SHOWN_MAX: usize = 200;
/// Bytes of the name of a tool.
const NAME_BYTES_MAX: usize = 64;

/// What a turn goes on from: nothing in the first.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Turn {
    /// Messages since the prompt, up to the calls of the last turn.
    #[serde(default)]
    said: Option<Vec<Json>>,
    /// What came of these calls: `{id, output}`, cut where it was put together, or `{id, error}`.
    #[serde(default)]
    results: Option<Vec<Json>>,
    #[serde(default)]
    result_max: Option<usize>,
    /// The item of a `foreach` around the agent: it goes with each call.
    #[serde(default)]
    item: Option<Json>,
}

/// A call as the model made it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As text, which may be anything.
    pub(crate) arguments: String,
}

/// What a model answered in a turn.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) text: &'a str,
    pub(crate) model: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) calls: Vec<Heard>,
    /// The value that follows the schema, where there is one and nothing is called.
    pub(crate) value: Option<Json>,
}

impl Turn {
    /// What follows the prompt: what was said, and a result for each call.
    pub(crate) fn messages(&self) -> Vec<Json> {
        let mut messages = self.said.clone().unwrap_or_default();
        let results = self.results.as_deref().unwrap_or_default();
        let calls = messages.last().and_then(|last| last["tool_calls"].as_array()).cloned().unwrap_or_default();
        for call in &calls {
            let id = &call["id"];
            let result = results.iter().find(|result| result["id"] == *id);
            let content = match result {
                Some(result) if !result["error"].is_null() => self.error(&shown_whole(&result["error"])),
                Some(result) => shown_whole(&result["output"]),
                None => self.error("nothing came of it"),
            };
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": content }));
        }
        messages
    }

    /// What went wrong with a call, no longer than a result may be.
    fn error(&self, said: &str) -> String {
        let text = format!("error: {said}");
        let bytes = text.len();
        cut(text, bytes, self.result_max())
    }

    fn result_max(&self) -> usize {
        self.result_max.unwrap_or(RESULT_BYTES_MAX as usize)
    }

    /// Why the conversation cannot go on: it is handed from turn to turn as one value, which has a bound.
    pub(crate) fn fits(&self) -> Result<(), String> {
        let bytes: usize = self.messages().iter().map(|message| message.to_string().len()).sum();
        if bytes <= CONVERSATION_BYTES_MAX {
            return Ok(());
        }
        Err(format!(
            "the conversation of this agent has {bytes} bytes; it may have {CONVERSATION_BYTES_MAX}: \
            let it have fewer turns (`max_turns`) or shorter results (`result_max`)"
        ))
    }

    /// The output of the turn: `{text, model, finish_reason, tool_calls, said, calls, value}`. It may take as long as the tools' schemas
    /// let it.
    pub(crate) fn output(&self, answered: Answered<'_>, tools: Option<&Json>) -> Json {
        let Answered { text, model, reason, calls, value } = answered;
        let mut said = self.messages();
        let number = said.iter().filter(|message| message["role"] == "assistant").count() + 1;
        let mut known = ids(&said);
        let earlier = known.len();
        // An id that is still to come is not invented before it.
        let given: BTreeSet<String> = calls.iter().map(|heard| heard.id.clone()).collect();
        let tools = Tools::new(tools);
        let (mut made, mut told) = (Vec::new(), Vec::new());
        let share = RESULTS_BYTES_MAX / calls.len().clamp(1, CALLS_MAX);
        for (index, heard) in calls.into_iter().enumerate() {
            // A result is told apart by its call's id, which not every provider gives.
            let id = Some(heard.id).filter(|id| !id.is_empty() && !known.contains(id));
            let id = id.unwrap_or_else(|| {
                let mut ids = (index..).map(|place| format!("call_{number}_{place}"));
                ids.find(|id| !known.contains(id) && !given.contains(id)).unwrap_or_default()
            });
            known.insert(id.clone());
            let name = wordlike(&heard.name);
            let arguments = serde_json::from_str::<Json>(blank_is_nothing(&heard.arguments));
            // What is no JSON is not repeated to a provider that may want to read it.
            let kept = arguments.as_ref().map_or_else(|_| "{}".to_owned(), Json::to_string);
            told.push(json!({ "id": id, "type": "function", "function": { "name": name, "arguments": kept } }));
            let mut call = json!({ "id": id, "name": name });
            if let Some(item) = &self.item {
                call["item"] = item.clone();
            }
            if share < self.result_max() {
                call["result_max"] = json!(share);
            }
            let why = match arguments {
                _ if index >= CALLS_MAX => {
                    Err(format!("this call was not made: a turn has {CALLS_MAX} calls at most, ask for it again"))
                }
                Ok(arguments) => {
                    let fits = tools.fit(&heard.name, &arguments);
                    call["arguments"] = arguments;
                    fits
                }
                Err(error) => {
                    let begin = begin(&heard.arguments);
                    Err(format!("the arguments are no JSON ({error}); they begin with {begin:?}"))
                }
            };
            if let Err(why) = why {
                call["error"] = json!(why);
            }
            made.push(call);
        }
        let mut message = json!({ "role": "assistant", "content": text });
        if !told.is_empty() {
            // An empty text is none: not every provider takes one back.
            message["content"] = if text.is_empty() { Json::Null } else { json!(text) };
            message["tool_calls"] = json!(told);
        }
        said.push(message);
        let count = earlier + made.len();
        let mut output = json!({ "text": text, "model": model, "finish_reason": reason, "tool_calls": made,
            "said": said, "calls": count });
        if let Some(value) = value {
            output["value"] = value;
        }
        output
    }
}

/// The ids of all calls of a conversation.
fn ids(said: &[Json]) -> BTreeSet<String> {
    let calls = said.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
    calls.filter_map(|call| call["id"].as_str().map(str::to_owned)).collect()
}

/// The tools that a model was told of.
struct Tools<'a>(Vec<(&'a str, &'a Json)>);

impl<'a> Tools<'a> {
    fn new(tools: Option<&'a Json>) -> Self {
        let tools = tools.and_then(Json::as_array).map_or(&[] as &[Json], Vec::as_slice);
        let named = |tool: &'a Json| Some((tool["function"]["name"].as_str()?, &tool["function"]["parameters"]));
        Self(tools.iter().filter_map(named).collect())
    }

    /// Why a call cannot be made.
    fn fit(&self, name: &str, arguments: &Json) -> Result<(), String> {
        let Some((_, schema)) = self.0.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = self.0.iter().map(|(known, _)| *known).collect();
            return Err(format!("there is no tool {:?}; there are: {}", begin(name), known.join(", ")));
        };
        if schema.is_null() {
            return Ok(());
        }
        let built = bounded(schema, Limits::STANDARD.schema_words_max)
            .and_then(|options| options.build(schema).map_err(|error| error.to_string()));
        let validator = built.map_err(|why| format!("the parameters of the tool cannot be used: {why}"))?;
        validator.validate(arguments).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            format!("the arguments do not follow the tool's parameters{place}: {}", begin(&error.to_string()))
        })
    }
}

/// A tool without parameters may be called with nothing at all.
fn blank_is_nothing(arguments: &str) -> &str {
    if arguments.trim().is_empty() { "{}" } else { arguments }
}

/// A name as providers take it back in a conversation.
fn wordlike(name: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() || "_-".contains(character) { character } else { '_' }
    };
    let name: String = name.chars().take(NAME_BYTES_MAX).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn begin(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

fn shown_whole(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
