//! The words of a document, checked against the published JSON Schema.
//!
//! The schema is the one list of words: what is not in it is an error here, and what it marks with `x-not-yet` is refused as such.
//! Walked by our own hand and not by a validator, because a validator knows neither places in a text nor did-you-mean. Understands
//! the part of JSON Schema that the schema uses, and a test holds that it uses no more. What a capability takes (`with_…`) hangs on
//! `uses` by `if` and `then`, and stands beside what it gives (`x-output`).

use std::ops::Range;
use std::sync::LazyLock;

use agendum_types::{Duration, Limits};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostics, nearest};
use crate::expr::{self, Text};
use crate::json_schema;
use crate::kinds;
use crate::tree::{Key, Node, Value};
use crate::values;

/// The schema's text.
pub const TEXT: &str = include_str!("../schema/graph.schema.json");

/// How a whole document is called.
const DOCUMENT: &str = "the document";

static SCHEMA: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(TEXT).expect("the schema is JSON: a test reads it"));

/// What a capability takes, as JSON Schema; with what it gives under `x-output`.
pub(crate) fn arguments(capability: &str) -> Option<&'static Json> {
    SCHEMA["$defs"].get(format!("with_{capability}"))
}

/// True if tasks have such a key, whatever they do.
pub(crate) fn is_of_tasks(key: &str) -> bool {
    SCHEMA["$defs"]["task"]["properties"].get(key).is_some()
}

/// Checks words and types of a whole document.
pub(crate) fn check(tree: &Node, limits: &Limits, diagnostics: &mut Diagnostics) {
    check_against(&SCHEMA, tree, limits, diagnostics);
}

/// The same for a document of another kind, which has a schema of its own.
pub(crate) fn check_against(schema: &Json, tree: &Node, limits: &Limits, diagnostics: &mut Diagnostics) {
    if !kinds::is_of_another(schema, tree, diagnostics) {
        Walk { root: schema, limits, diagnostics, patterns: 0 }.node(tree, schema, DOCUMENT);
    }
}

/// Checks the tasks of an addition to a live run.
pub(crate) fn check_tasks(tasks: &Node, limits: &Limits, diagnostics: &mut Diagnostics) {
    Walk { root: &SCHEMA, limits, diagnostics, patterns: 0 }.node(tasks, &SCHEMA["properties"]["tasks"], "`tasks`");
}

/// Patterns in all schemas of a document.
const PATTERNS_MAX: usize = 500;

struct Walk<'d> {
    /// The whole schema, in which references lead.
    root: &'d Json,
    limits: &'d Limits,
    diagnostics: &'d mut Diagnostics,
    /// Patterns in the schemas so far.
    patterns: usize,
}

/// Between which numbers a value has to be.
fn range(schema: &Json) -> Option<String> {
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => Some(format!("between {least} and {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// What the keys of a map name.
fn names(schema: &Json) -> &str {
    schema["x-names"].as_str().unwrap_or("task")
}

/// Keys of a map that are looked at for the one that was meant to be another: of more, none is a slip of the pen.
const STRANGE_MAX: usize = 64;

impl Walk<'_> {
    fn node(&mut self, node: &Node, schema: &Json, what: &str) {
        if schema["$ref"].is_string() {
            self.not_yet(node, schema);
            return self.node(node, resolved(self.root, schema), what);
        }
        if let Some(condition) = schema.get("if") {
            let branch = if condition_word(node, condition).is_some() { "then" } else { "else" };
            return self.node(node, &schema[branch], what);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            self.not_yet(node, schema);
            return self.one_of(node, schema, choices, what);
        }
        if !self.has_type(node, schema, what) {
            return;
        }
        self.not_yet(node, schema);
        self.has_value(node, schema, what);
        match &node.value {
            Value::Map(_) if schema["x-json-schema"].is_string() => {
                // Only a run knows what an expression makes of one; nothing computes what a document's inputs are.
                if schema["x-json-schema"] == "as it stands" || !json_schema::is_computed(node) {
                    self.json_schema(node, what);
                }
            }
            Value::Map(entries) => self.map(node, entries, schema, what),
            Value::List(items) => {
                if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least) {
                    self.diagnostics.error("empty", &node.span, format!("{what} is empty"), "");
                }
                if let Some(most) = schema["maxItems"].as_u64().filter(|most| items.len() as u64 > *most) {
                    let message = format!("{what} has {} entries; it may have {most}", items.len());
                    self.diagnostics.error("out_of_range", &node.span, message, description(schema));
                }
                for item in items {
                    self.node(item, &schema["items"], what);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    /// To build the automaton of one pattern takes up to a millisecond: all schemas of a document share a number of them.
    fn json_schema(&mut self, node: &Node, what: &str) {
        self.patterns += json_schema::patterns(node);
        if self.patterns > PATTERNS_MAX {
            let message = format!("with {what} the schemas of the document have more than {PATTERNS_MAX} patterns");
            return self.diagnostics.error("too_large", &node.span, message, "`enum`, `format` or `maxLength` may do");
        }
        json_schema::check(node, what, self.limits, self.diagnostics);
    }

    fn one_of(&mut self, node: &Node, schema: &Json, choices: &[Json], what: &str) {
        let types: Vec<&Json> = choices.iter().map(|choice| resolved(self.root, choice)).collect();
        if let Some(choice) = types.iter().find(|choice| fits(node, &choice["type"]) && !is_plain(node, choice)) {
            return self.node(node, choice, what);
        }
        let name = |choice: &&Json| match choice["type"].as_str() {
            Some("string") if choice["pattern"].is_string() => "an expression",
            of => article(of.unwrap_or("any")),
        };
        let wanted: Vec<_> = types.iter().map(name).collect();
        let message = format!("{what} is {}; it must be {}", node.kind(), wanted.join(" or "));
        let example = schema["x-example"].as_str().map(|example| format!("write {example}"));
        let is_number = matches!(node.value, Value::Number(_));
        let span = || types.iter().find_map(|choice| as_span(node, choice)).filter(|_| is_number);
        let help = example.or_else(span);
        self.diagnostics.error("wrong_type", &node.span, message, help.unwrap_or_default());
    }

    fn has_type(&mut self, node: &Node, schema: &Json, what: &str) -> bool {
        let wanted = &schema["type"];
        if wanted.is_null() || fits(node, wanted) {
            return true;
        }
        let names: Vec<_> = match wanted.as_array() {
            Some(names) => names.iter().filter_map(Json::as_str).map(article).collect(),
            None => vec![article(wanted.as_str().unwrap_or("any"))],
        };
        // Negative, or no whole number: which, and what would do.
        let is = match &node.value {
            Value::Number(number) if wanted == "integer" => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                node.kind().to_owned()
            }
        };
        let is_number = ["integer", "number"].iter().any(|number| wanted == number);
        let range = range(schema).filter(|_| is_number).map(|range| format!(" {range}")).unwrap_or_default();
        let message = format!("{what} is {is}; it must be {}{range}", names.join(" or "));
        let help = match (&node.value, as_span(node, schema), wanted.as_str()) {
            (Value::Null, ..) if what == DOCUMENT => first_words(schema),
            (Value::Null, ..) => "write a value, or leave the key out".to_owned(),
            (_, Some(span), _) => span,
            (Value::Number(_) | Value::Bool(_), None, Some("string")) => "put it in quotes".to_owned(),
            (Value::Number(_), None, Some("integer")) => description(schema),
            _ => schema["x-example"].as_str().map(|example| format!("write {example}")).unwrap_or_default(),
        };
        self.diagnostics.error("wrong_type", &node.span, message, help);
        false
    }

    fn has_value(&mut self, node: &Node, schema: &Json, what: &str) {
        if let (Some(known), Some(word)) = (schema["enum"].as_array(), node.text()) {
            let words: Vec<&str> = known.iter().filter_map(Json::as_str).collect();
            match schema["x-example"].as_str().filter(|_| !words.contains(&word)) {
                Some(instead) => {
                    let message = format!("{what} knows no `{word}`");
                    self.diagnostics.error("unknown_value", &node.span, message, format!("write {instead}"));
                }
                None if !words.contains(&word) => self.unknown_word(&node.span, word, &words, what),
                None => {}
            }
        }
        if let (Some(known), Value::Number(number)) = (schema["enum"].as_array(), &node.value)
            && !known.iter().any(|one| one.as_number() == Some(number))
        {
            let message = format!("{what} is {number}; this release knows {}", known[0]);
            self.diagnostics.error("unknown_value", &node.span, message, "");
        }
        if let Value::Number(number) = &node.value {
            let number = number.as_f64().unwrap_or(0.0);
            let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                let range = range(schema).unwrap_or_default();
                self.diagnostics.error(
                    "out_of_range",
                    &node.span,
                    format!("{what} is {number}; it must be {range}"),
                    description(schema),
                );
            }
        }
        match (schema["format"].as_str(), node.text()) {
            (Some("agendum-duration"), Some(text)) => self.has_time(node, text, schema, what),
            (Some("agendum-url"), Some(text)) => self.has_url(node, text, what),
            _ => {}
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), node.text())
            && pattern != COMPUTED
            && !matches_name(pattern, text)
        {
            let message = format!("{what} {text:?} must match {pattern}");
            self.diagnostics.error("bad_name", &node.span, message, "");
        }
    }

    fn has_time(&mut self, node: &Node, text: &str, schema: &Json, what: &str) {
        match values::span(text) {
            None => {
                let message = format!("{what} is {text:?}, which is no span of time");
                self.diagnostics.error("no_duration", &node.span, message, values::no_span(text));
            }
            Some(Duration::ZERO) if schema["x-more-than-zero"] == true => {
                let message = format!("{what} is {text}: it would be over before it begins");
                self.diagnostics.error("out_of_range", &node.span, message, "write more, or leave it out");
            }
            Some(time) => {
                let (least, most) = (schema["x-least"].as_str(), schema["x-most"].as_str());
                if let (Some(least), Some(most)) = (least, most)
                    && !(values::span(least) <= Some(time) && Some(time) <= values::span(most))
                {
                    let message = format!("{what} is {text}; it must be between {least} and {most}");
                    self.diagnostics.error("out_of_range", &node.span, message, description(schema));
                }
            }
        }
    }

    fn has_url(&mut self, node: &Node, text: &str, what: &str) {
        if expr::classify(text) == Text::Plain && !values::is_url(text) {
            let message = format!("{what} is {text:?}, which is no http or https URL");
            self.diagnostics.error("no_url", &node.span, message, values::no_url(text));
        }
    }

    fn map(&mut self, node: &Node, entries: &[(Key, Node)], schema: &Json, what: &str) {
        let properties = schema["properties"].as_object();
        let words: Vec<&str> = properties.into_iter().flatten().map(|(word, _)| word.as_str()).collect();
        let strange: Vec<&str> =
            entries.iter().map(|(key, _)| key.name.as_str()).filter(|name| !words.contains(name)).collect();
        for word in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            // What is misspelt is not missing as well.
            let misspelt =
                || strange.iter().take(STRANGE_MAX).any(|name| nearest(name, words.iter().copied()) == Some(word));
            if node.get(word).is_none() && !misspelt() {
                let span = node.span.start..node.span.start + 1;
                let help = description(&schema["properties"][word]);
                self.diagnostics.error("missing_key", &span, format!("{what} lacks `{word}`"), help);
            }
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            self.has_any(node, entries, choices, what);
        }
        if schema["minProperties"].as_u64().is_some_and(|least| (entries.len() as u64) < least) {
            let help = format!("write at least one {}", names(schema));
            self.diagnostics.error("empty", &node.span, format!("{what} is empty"), help);
        }
        if let Some(most) = schema["maxProperties"].as_u64().filter(|most| entries.len() as u64 > *most) {
            let message = format!("{what} has {} entries; it may have {most}", entries.len());
            self.diagnostics.error("out_of_range", &node.span, message, description(schema));
        }
        let others = &schema["additionalProperties"];
        for (key, value) in entries {
            if let Some(pattern) = schema["propertyNames"]["pattern"].as_str()
                && !matches_name(pattern, &key.name)
            {
                let help = "letters, digits and `_`, at most 64, not beginning with a digit";
                let message = format!("{:?} is no name for a {}", key.name, names(schema));
                self.diagnostics.error("bad_name", &key.span, message, help);
            }
            match properties.and_then(|known| known.get(&key.name)) {
                Some(property) => self.node(value, property, &format!("`{}`", key.name)),
                None if others.is_object() => self.node(value, others, &format!("`{}`", key.name)),
                None if *others == Json::Bool(false) => match self.inside(&key.name, schema, &words) {
                    Some(outer) => self.misplaced(key, outer, what),
                    None => self.unknown_key(key, &words, what),
                },
                None => {}
            }
        }
        for choice in schema["allOf"].as_array().into_iter().flatten() {
            self.conditional(node, choice);
        }
    }

    /// One of several keys must be there. Another key that is nearly one of them was meant to be it.
    fn has_any(&mut self, node: &Node, entries: &[(Key, Node)], choices: &[Json], what: &str) {
        let words: Vec<&str> = choices.iter().filter_map(|choice| choice["required"][0].as_str()).collect();
        if words.iter().any(|word| node.get(word).is_some()) {
            return;
        }
        match entries.iter().take(STRANGE_MAX).find(|(key, _)| nearest(&key.name, words.iter().copied()).is_some()) {
            Some((key, _)) => self.unknown_key(key, &words, what),
            None => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                let span = node.span.start..node.span.start + 1;
                let message = format!("{what} lacks {}", words.join(" or "));
                self.diagnostics.error("missing_key", &span, message, "");
            }
        }
    }

    /// `if` a key has a value, `then` other keys have their schemas.
    fn conditional(&mut self, node: &Node, choice: &Json) {
        let Some(word) = condition_word(node, &choice["if"]) else { return };
        for (key, property) in choice["then"]["properties"].as_object().into_iter().flatten() {
            if let Some(value) = node.get(key) {
                if matches!(value.value, Value::Map(_)) {
                    self.node(value, property, &format!("`{key}` of `{word}`"));
                }
                continue;
            }
            let target = resolved(self.root, property);
            let first = target["required"][0].as_str().or_else(|| target["anyOf"][0]["required"][0].as_str());
            let (Some(uses), Some(first)) = (node.get("uses"), first) else { continue };
            let message = format!("`uses: {word}` lacks `{key}`");
            self.diagnostics.error("missing_key", &uses.span, message, format!("write `{key}: {{ {first}: … }}`"));
        }
    }

    /// Words that are right, but that this release does not run.
    fn not_yet(&mut self, node: &Node, schema: &Json) {
        let marked = &schema["x-not-yet"];
        let of_word = || marked.as_object().zip(node.text()).and_then(|(words, word)| words.get(word)?.as_str());
        let what = marked.as_str().or_else(of_word);
        let span = node.span.clone();
        if let Some(what) = what {
            self.diagnostics.not_yet(&span, format!("not yet: this release does not run {what}"), "");
        }
    }

    fn unknown_key(&mut self, key: &Key, words: &[&str], what: &str) {
        if self.diagnostics.is_full() {
            return;
        }
        let help = self.diagnostics.suggestion(&key.name, words, "known keys");
        self.diagnostics.error("unknown_key", &key.span, format!("unknown key `{}` in {what}", key.name), help);
    }

    /// The key of a map in which that key would be right, where none is near it; none where there are several such.
    fn inside<'s>(&self, key: &str, schema: &'s Json, words: &[&str]) -> Option<&'s str> {
        let has = |of: &Json| resolved(self.root, of)["properties"].get(key).is_some();
        let mut properties = schema["properties"].as_object().into_iter().flatten();
        let (outer, _) = properties.find(|(_, of)| has(of))?;
        let is_alone = properties.all(|(_, of)| !has(of));
        (is_alone && nearest(key, words.iter().copied()).is_none()).then_some(outer)
    }

    fn misplaced(&mut self, key: &Key, outer: &str, what: &str) {
        let message = format!("unknown key `{}` in {what}", key.name);
        self.diagnostics.error("unknown_key", &key.span, message, format!("write `{outer}: {{ {}: … }}`", key.name));
    }

    fn unknown_word(&mut self, span: &Range<usize>, word: &str, words: &[&str], what: &str) {
        if self.diagnostics.is_full() {
            return;
        }
        let help = self.diagnostics.suggestion(word, words, "one of");
        self.diagnostics.error("unknown_value", span, format!("{what} knows no `{word}`"), help);
    }
}

/// The pattern of texts that hold an expression or a statement.
const COMPUTED: &str = r"\$\{\{|\{%";

/// What a schema refers to, or the schema itself.
pub(crate) fn resolved<'s>(root: &'s Json, schema: &'s Json) -> &'s Json {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).expect("references of the schema resolve"),
        None => schema,
    }
}

/// The value that a condition asks for, of the last key that it names, if a node has what it asks for.
fn condition_word<'s>(node: &Node, condition: &'s Json) -> Option<&'s str> {
    let asked = condition["properties"].as_object().into_iter().flatten();
    asked
        .map(|(key, wanted)| (key, wanted["const"].as_str().unwrap_or_default()))
        .try_fold("", |_, (key, word)| (node.get(key).and_then(Node::text) == Some(word)).then_some(word))
}

/// A text that should be an expression, and is none.
fn is_plain(node: &Node, schema: &Json) -> bool {
    let wants = schema["pattern"].as_str() == Some(COMPUTED);
    wants && node.text().is_some_and(|text| !text.contains("${{") && !text.contains("{%"))
}

/// How to write what was meant, where a span of time should be.
fn as_span(node: &Node, schema: &Json) -> Option<String> {
    let number = if let Value::Number(number) = &node.value { number.to_string() } else { String::new() };
    (schema["format"] == "agendum-duration").then(|| values::no_span(&number))
}

/// How a document of this kind begins, for whoever has an empty one.
fn first_words(schema: &Json) -> String {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let words: Vec<String> = required
        .map(|word| if word == "version" { "`version: 1`".to_owned() } else { format!("`{word}: …`") })
        .collect();
    match words.split_last() {
        Some((last, rest)) => format!("write {} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn fits(node: &Node, wanted: &Json) -> bool {
    let is = |name: &str| match name {
        "object" => matches!(node.value, Value::Map(_)),
        "array" => matches!(node.value, Value::List(_)),
        "string" => matches!(node.value, Value::Text(_)),
        "boolean" => matches!(node.value, Value::Bool(_)),
        "integer" => node.whole().is_some(),
        "number" => matches!(node.value, Value::Number(_)),
        _ => false,
    };
    match wanted.as_array() {
        Some(names) => names.iter().filter_map(Json::as_str).any(is),
        None => wanted.as_str().is_some_and(is),
    }
}

fn article(name: &str) -> &'static str {
    match name {
        "object" => "a map",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

/// What a description says, as a help: it begins like one, unless with an abbreviation.
fn description(property: &Json) -> String {
    let text = property["description"].as_str().unwrap_or_default().trim_end_matches('.');
    let mut rest = text.chars();
    match rest.next() {
        Some(first) if !rest.as_str().starts_with(char::is_uppercase) => first.to_lowercase().chain(rest).collect(),
        _ => text.to_owned(),
    }
}

/// The two patterns of the schema: names of graphs and of tasks.
fn matches_name(pattern: &str, text: &str) -> bool {
    let of_graph = pattern.starts_with("^[a-z0-9]");
    let first = |character: char| {
        if of_graph {
            character.is_ascii_lowercase() || character.is_ascii_digit()
        } else {
            character.is_ascii_alphabetic() || character == '_'
        }
    };
    let other = |character: char| {
        if of_graph {
            first(character) || character == '-'
        } else {
            character.is_ascii_alphanumeric() || character == '_'
        }
    };
    let mut characters = text.chars();
    text.len() <= 64 && characters.next().is_some_and(first) && characters.all(other)
}
