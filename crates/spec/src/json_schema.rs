//! JSON Schemas inside a document: of its inputs, and of what a model shall answer.

use serde_json::Value as Json;

use crate::diagnostic::Diagnostics;
use crate::expr::{self, Text};
use crate::tree::{self, Node, Value};

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
/// Characters of a validator's reason that are shown; it quotes the schema.
const WHY_MAX: usize = 300;

/// Says where a schema is none. One that holds expressions is known only when they are.
pub(crate) fn check(node: &Node, what: &str, diagnostics: &mut Diagnostics) {
    if is_computed(node) {
        return;
    }
    let schema = tree::to_json(node);
    let wrong: Vec<(String, String)> = match jsonschema::meta::validate(&schema) {
        Ok(()) => match jsonschema::validator_for(&schema) {
            Ok(_) => Vec::new(),
            Err(error) => vec![(error.instance_path().to_string(), error.to_string())],
        },
        Err(error) => vec![(error.instance_path().to_string(), error.to_string())],
    };
    for (path, why) in wrong {
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

fn is_computed(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => expr::classify(text) != Text::Plain,
        Value::List(items) => items.iter().any(is_computed),
        Value::Map(entries) => entries.iter().any(|(_, value)| is_computed(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// True if a schema names all the fields that its values have.
pub(crate) fn names_all(schema: &Json) -> bool {
    const OPEN: [&str; 8] =
        ["$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas", "unevaluatedProperties"];
    let some = |word: &str| schema.get(word).is_some();
    (some("properties") || some("required"))
        && !OPEN.iter().any(|word| some(word))
        && schema.get("additionalProperties").is_none_or(|others| *others == Json::Bool(false))
}
