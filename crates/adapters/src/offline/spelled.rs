//! Tools that a prompt calls by name, arguments and all: `weather {"city": "Rome"}`.
//!
//! The model cannot judge what a tool is good for, but it can do as it is told. The calls of one line are made at once, and those of the
//! next line when these have their results; then it says what they gave.

use serde_json::Value as Json;

use super::answer::Answer;
use super::{ToolCall, language};
use crate::input::{ChatInput, content};

/// The calls that are next, if the prompt spells out any that were not made yet.
pub(super) fn due(given: &ChatInput) -> Option<Vec<ToolCall>> {
    if matches!(&given.tool_choice, Some(choice) if choice != "auto") {
        return None;
    }
    let messages = given.messages();
    let asked = messages.iter().rposition(|message| message["role"] == "user")?;
    let turns = messages[asked..].iter().filter(|message| message["tool_calls"].is_array()).count();
    let names = names(given);
    let prompt = content(&messages[asked]);
    prompt.lines().map(|line| calls(line, &names)).filter(|calls| !calls.is_empty()).nth(turns)
}

/// What the calls gave that this conversation has seen since its last question: each result under the name of its tool.
pub(super) fn results(given: &ChatInput) -> Option<Answer> {
    let messages = given.messages();
    let asked = messages.iter().rposition(|message| message["role"] == "user")?;
    let since = &messages[asked..];
    let made: Vec<&Json> = since.iter().filter_map(|message| message["tool_calls"].as_array()).flatten().collect();
    let name =
        |id: &Json| made.iter().find(|call| call["id"] == *id).and_then(|call| call["function"]["name"].as_str());
    let results = since.iter().filter(|message| message["role"] == "tool");
    let lines: Vec<String> = results
        .map(|result| format!("{}: {}", name(&result["tool_call_id"]).unwrap_or("tool"), content(result).trim()))
        .collect();
    let text = lines.join("\n");
    let language = language::of(&text);
    (!lines.is_empty()).then_some(Answer { text, citations: Vec::new(), answered: true, language })
}

fn names(given: &ChatInput) -> Vec<&str> {
    let tools = given.tools.as_ref().and_then(Json::as_array).map_or(&[] as &[Json], Vec::as_slice);
    tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).filter(|name| !name.is_empty()).collect()
}

/// The calls of a line, in its order.
fn calls(line: &str, names: &[&str]) -> Vec<ToolCall> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = line[at..].find('{').map(|place| at + place) {
        let before = line[at..open].trim_end();
        let begins = before.rfind(|letter: char| !letter.is_alphanumeric() && !"_-".contains(letter));
        let word =
            &before[begins.map_or(0, |place| place + before[place..].chars().next().map_or(1, char::len_utf8))..];
        let mut values = serde_json::Deserializer::from_str(&line[open..]).into_iter::<Json>();
        at = match (names.contains(&word), values.next()) {
            (true, Some(Ok(arguments))) => {
                found.push(ToolCall { name: word.to_owned(), arguments });
                open + values.byte_offset()
            }
            _ => open + 1,
        };
    }
    found
}
