//! JSON Schemas inside a document: of its inputs, and of what a model shall answer. What they cost is bounded, whoever wrote them.

use std::sync::LazyLock;

use agendum_schemas::bounded;
use agendum_types::Limits;
use serde_json::{Map, Value as Json};

use crate::diagnostic::Diagnostics;
use crate::expr::{self, Text};
use crate::tree::{self, Key, Node, Value};

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
/// Characters of a validator's reason that are shown; it quotes the schema.
const WHY_MAX: usize = 300;
/// How many patterns there are in it, at most.
pub(crate) fn patterns(node: &Node) -> usize {
    let own = |(key, value): &(Key, Node)| match key.name.as_str() {
        "pattern" => 1,
        "patternProperties" => value.entries().len(),
        _ => 0,
    };
    let inside = node.entries().iter().map(|entry| own(entry) + patterns(&entry.1)).sum::<usize>();
    inside + node.items().iter().map(patterns).sum::<usize>()
}

/// Says where a schema is none, or could cost too much.
pub(crate) fn check(node: &Node, what: &str, limits: &Limits, diagnostics: &mut Diagnostics) {
    let schema = tree::to_json(node);
    let built = match (jsonschema::meta::validate(&schema), bounded(&schema, limits.schema_words_max)) {
        (Err(error), _) => Err((error.instance_path().to_string(), error.to_string())),
        (Ok(()), Err(why)) => {
            return diagnostics.error("bad_schema", &node.span, format!("{what} cannot be used: {why}"), "");
        }
        (Ok(()), Ok(options)) => {
            options.build(&schema).map_err(|error| (error.instance_path().to_string(), error.to_string()))
        }
    };
    if let Err((path, why)) = built {
        let at = at(node, &path);
        let of_type = path.ends_with("/type");
        let help = match at.text().filter(|_| of_type) {
            Some(word) => diagnostics.suggestion(word, &TYPES, "types"),
            None if of_type => format!("types: {}", TYPES.join(", ")),
            None => String::new(),
        };
        let place = if path.is_empty() { String::new() } else { format!(" at `{}`", &path[1..]) };
        let why = match at.text().filter(|_| of_type) {
            Some(word) => format!("{word:?} is no type"),
            None => why.chars().take(WHY_MAX).collect(),
        };
        let message = format!("{what} is no JSON Schema{place}: {why}");
        diagnostics.error("bad_schema", &at.span, message, help);
    }
    if schema.get("properties").is_none() {
        without_properties(node, diagnostics);
    }
}

/// `inputs: { question: { type: string } }` is a schema that holds nothing: its author forgot `properties`.
fn without_properties(node: &Node, diagnostics: &mut Diagnostics) {
    const WORDS: [&str; 10] = [
        "$defs",
        "definitions",
        "items",
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "additionalProperties",
        "contains",
    ];
    for (key, value) in node.entries().iter().filter(|(key, _)| !WORDS.contains(&key.name.as_str())) {
        if value.get("type").is_some_and(|of| of.text().is_some()) {
            let message = format!("`{}` is no word of JSON Schema, and holds nothing", key.name);
            let help = format!("put it under `properties`: {{ properties: {{ {}: … }} }}", key.name);
            diagnostics.warning("no_properties", &key.span, message, help);
        }
    }
}

/// The node at a JSON pointer, or the last one on the way that is there.
fn at<'n>(node: &'n Node, path: &str) -> &'n Node {
    let mut at = node;
    for step in path.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let next = at.get(&step).or_else(|| at.items().get(step.parse::<usize>().ok()?));
        let Some(next) = next else { break };
        at = next;
    }
    at
}

/// True if the schema is known only when its expressions are.
pub(crate) fn is_computed(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => expr::classify(text) != Text::Plain,
        Value::List(items) => items.iter().any(is_computed),
        Value::Map(entries) => entries.iter().any(|(_, value)| is_computed(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The inputs that a document declares; `None` if its schema leaves others open. Without a schema there are none.
pub(crate) fn declared(inputs: &Json) -> Option<&Map<String, Json>> {
    static NONE: LazyLock<Map<String, Json>> = LazyLock::new(Map::new);
    let is_absent = inputs.as_object().is_none_or(Map::is_empty);
    let named = inputs["properties"].as_object().unwrap_or(&NONE);
    (is_absent || !named.is_empty() && !takes_others(inputs)).then_some(named)
}

/// True if a schema says itself that its values may have other fields than its `properties`.
fn takes_others(schema: &Json) -> bool {
    let closes = |word: &str| schema.get(word).is_none_or(|others| *others == Json::Bool(false));
    let leads_on = ["patternProperties", "$ref", "$dynamicRef"].iter().any(|word| schema.get(word).is_some());
    leads_on || !closes("additionalProperties") || !closes("unevaluatedProperties")
}

/// True if a schema names all the fields that its values have.
pub(crate) fn names_all(schema: &Json) -> bool {
    const PARTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "if", "dependentSchemas"];
    let some = |word: &str| schema.get(word).is_some();
    (some("properties") || some("required")) && !PARTS.iter().any(|word| some(word)) && !takes_others(schema)
}
