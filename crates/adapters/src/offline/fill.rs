//! A JSON schema, filled from what a prompt holds, and checked before it is given away.

use std::cell::Cell;
use std::collections::BTreeSet;

use agendum_types::Class;
use jsonschema::Validator;
use serde_json::{Map, Value as Json, json};

use super::prompt::Asked;
use super::subject::Subject;
use super::{Refused, language, words};

/// Schemas nested deeper are refused.
const DEPTH_MAX: u32 = 8;
/// Values tried for one schema at most; branches in branches would be tried for ever.
const TRIES_MAX: u32 = 2_000;
/// Words of a schema at most, with every `$ref` followed: it is read anew for each of its parts.
const SCHEMA_WORDS_MAX: u32 = 4_000;
/// Bytes of all texts of a value at most.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// Items of an array at most.
const ITEMS_MAX: u64 = 64;
/// Words of a prompt that are tried where a pattern or a format asks for a certain one.
const WORDS_MAX: usize = 200;

/// A value that follows the schema.
pub(super) fn value(schema: &Json, asked: &Asked) -> Result<Json, Refused> {
    let unusable = |why| Refused::new(Class::Permanent, format!("the `schema` cannot be used: {why}"));
    let unfit = |why| Refused::new(Class::InvalidOutput, why);
    let validator = validator(schema).map_err(unusable)?;
    let filling = Filling { root: schema, subject: Subject::new(asked), tries: Cell::new(0), text_bytes: Cell::new(0) };
    let value = filling.fill(schema, "", 0).map_err(unfit)?;
    match validator.validate(&value) {
        Ok(()) => Ok(value),
        Err(error) => Err(unfit(format!("nothing in the prompt fits the schema: {error}"))),
    }
}

fn validator(schema: &Json) -> Result<Validator, String> {
    let options = agendum_schemas::bounded(schema, SCHEMA_WORDS_MAX)?;
    options.should_validate_formats(true).build(schema).map_err(|error| error.to_string())
}

struct Filling<'a> {
    root: &'a Json,
    subject: Subject<'a>,
    tries: Cell<u32>,
    text_bytes: Cell<usize>,
}

impl Filling<'_> {
    fn fill(&self, schema: &Json, name: &str, depth: u32) -> Result<Json, String> {
        self.tries.set(self.tries.get() + 1);
        if depth > DEPTH_MAX {
            return Err(format!("the schema is nested deeper than {DEPTH_MAX} levels"));
        }
        if self.tries.get() > TRIES_MAX {
            return Err(format!("the schema has more than {TRIES_MAX} ways to be followed"));
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').ok_or_else(|| format!("{reference:?} is outside the schema"))?;
            let target =
                self.root.pointer(pointer).ok_or_else(|| format!("there is no {reference:?} in the schema"))?;
            return self.fill(target, name, depth + 1);
        }
        if let Some(fixed) = schema.get("const") {
            return Ok(fixed.clone());
        }
        if let Some(choices) = schema["enum"].as_array() {
            let chosen = self.subject.judged().classify(choices);
            return chosen.ok_or_else(|| "an `enum` of the schema is empty".to_owned());
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let whole = parts.iter().fold(without(schema, "allOf"), |whole, part| merged(&whole, self.resolved(part)));
            return self.fill(&whole, name, depth + 1);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(branches) = schema[word].as_array() {
                let base = without(schema, word);
                let tries = branches.iter().map(|branch| merged(&base, self.resolved(branch)));
                return self.first(schema, tries, name, depth);
            }
        }
        if let Some(kinds) = schema["type"].as_array() {
            let tries = kinds.iter().map(|kind| merged(schema, &json!({ "type": kind })));
            return self.first(schema, tries, name, depth);
        }
        self.of_kind(kind(schema), schema, name, depth)
    }

    /// The first of several schemas whose value follows the whole.
    fn first(&self, whole: &Json, tries: impl Iterator<Item = Json>, name: &str, depth: u32) -> Result<Json, String> {
        let mut wrong = "the schema gives no choice".to_owned();
        for one in tries {
            match self.fill(&one, name, depth + 1) {
                Ok(value) if self.fits(whole, &value) => return Ok(value),
                Ok(value) => wrong = format!("{value} does not fit"),
                Err(error) => wrong = error,
            }
        }
        Err(wrong)
    }

    fn of_kind(&self, kind: &str, schema: &Json, name: &str, depth: u32) -> Result<Json, String> {
        if let ("allowed", "boolean") | ("categories", "array") = (name, kind) {
            // A moderation asked for by schema, as the profile `moderate` does over HTTP.
            return Ok(self.subject.moderated()[name].clone());
        }
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "number" | "integer" => {
                self.pick(schema, self.numbers(schema, name, kind)).ok_or_else(|| unfit(name, kind))
            }
            "boolean" => Ok(json!(self.subject.judged().is_positive())),
            "null" => Ok(Json::Null),
            "string" => {
                let text = self.pick(schema, self.strings(schema, name)).ok_or_else(|| unfit(name, kind))?;
                self.counted(text)
            }
            other => Err(format!("the schema asks for the unknown type {other:?}")),
        }
    }

    fn object(&self, schema: &Json, depth: u32) -> Result<Json, String> {
        let mut filled = Map::new();
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            match self.fill(inner, key, depth + 1) {
                Ok(value) if required.contains(key.as_str()) || self.fits(inner, &value) => {
                    filled.insert(key.clone(), value);
                }
                // What may be missing is better missing than wrong.
                Ok(_) => {}
                Err(error) if required.contains(key.as_str()) => return Err(error),
                Err(_) => {}
            }
        }
        for key in required {
            if !filled.contains_key(key) {
                filled.insert(key.to_owned(), self.fill(&guess(key), key, depth + 1)?);
            }
        }
        Ok(Json::Object(filled))
    }

    fn array(&self, schema: &Json, name: &str, depth: u32) -> Result<Json, String> {
        let most = schema["maxItems"].as_u64().unwrap_or(ITEMS_MAX);
        let count = schema["minItems"].as_u64().unwrap_or(1).min(most);
        if count > ITEMS_MAX {
            return Err(format!("the schema wants {count} items, this model gives {ITEMS_MAX} at most"));
        }
        let any = json!({ "type": "string" });
        let item = schema.get("items").map_or(&any, |item| self.resolved(item));
        let mut items: Vec<Json> = Vec::new();
        if kind(item) == "string" && item.get("enum").is_none() && schema["uniqueItems"] == true {
            for value in self.strings(item, name) {
                if (items.len() as u64) < count && self.fits(item, &value) && !items.contains(&value) {
                    items.push(self.counted(value)?);
                }
            }
            return Ok(Json::Array(items));
        }
        for _ in 0..count {
            items.push(self.fill(item, name, depth + 1)?);
        }
        Ok(Json::Array(items))
    }

    /// The first value that follows its own schema.
    fn pick(&self, schema: &Json, candidates: Vec<Json>) -> Option<Json> {
        let validator = validator(&self.local(schema)).ok()?;
        candidates.into_iter().find(|value| validator.is_valid(value))
    }

    /// A text that becomes a part of the value.
    fn counted(&self, text: Json) -> Result<Json, String> {
        self.text_bytes.set(self.text_bytes.get() + text.as_str().map_or(0, str::len));
        if self.text_bytes.get() > TEXT_BYTES_MAX {
            return Err(format!("the value that follows the schema has more than {TEXT_BYTES_MAX} bytes of text"));
        }
        Ok(text)
    }

    fn fits(&self, schema: &Json, value: &Json) -> bool {
        // A reference that only the whole schema can follow is left to the last check.
        validator(&self.local(schema)).map_or(true, |validator| validator.is_valid(value))
    }

    /// A part of the schema, with what its references name.
    fn local(&self, schema: &Json) -> Json {
        let mut local = schema.clone();
        if let Json::Object(keys) = &mut local {
            for word in ["$defs", "definitions"] {
                if let (None, Some(named)) = (keys.get(word), self.root.get(word)) {
                    keys.insert(word.to_owned(), named.clone());
                }
            }
        }
        local
    }

    fn resolved<'s>(&'s self, schema: &'s Json) -> &'s Json {
        let target = schema["$ref"].as_str().and_then(|reference| self.root.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(schema)
    }

    /// Judgements are numbers of their own; other numbers are looked for in the text, before they are guessed.
    fn numbers(&self, schema: &Json, name: &str, kind: &str) -> Vec<Json> {
        let top = schema["maximum"].as_f64().unwrap_or(if kind == "integer" { 10.0 } else { 1.0 });
        let judged = self.subject.quality() * top;
        let mut numbers = vec![judged];
        if !matches!(name, "score" | "confidence" | "probability" | "quality" | "rating") {
            numbers.splice(0..0, words_of(self.subject.text()).filter_map(|word| word.parse::<f64>().ok()));
        }
        let edges = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        for edge in edges.iter().filter_map(|edge| schema[*edge].as_f64()) {
            numbers.extend([judged.max(edge), judged.min(edge), edge, edge + 1.0, edge - 1.0]);
        }
        numbers.extend([0.0, 1.0]);
        let finite = numbers.into_iter().filter(|number| number.is_finite());
        finite
            .map(
                |number| {
                    if kind == "integer" {
                        json!(number.round() as i64)
                    } else {
                        json!((number * 100.0).round() / 100.0)
                    }
                },
            )
            .collect()
    }

    fn strings(&self, schema: &Json, name: &str) -> Vec<Json> {
        let length_max = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let text: String = self.subject.field(name).chars().take(length_max).collect();
        let subject = self.subject.text().trim();
        let whole = [text, subject.to_owned()].into_iter().map(Json::String);
        let code = self.subject.language();
        let (holding, telling): (Vec<&str>, Vec<&str>) =
            words_of(self.subject.text()).partition(|word| language::is_function_word(code, &words::fold(word)));
        whole.chain(telling.into_iter().chain(holding).map(|word| json!(word))).collect()
    }
}

/// Words of what a judgement is about, as they are written.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split_whitespace().take(WORDS_MAX);
    pieces.map(|piece| piece.trim_matches(|letter: char| !letter.is_alphanumeric())).filter(|word| !word.is_empty())
}

fn unfit(name: &str, kind: &str) -> String {
    let what = if name.is_empty() { String::new() } else { format!(" for {name:?}") };
    format!("nothing in the prompt is a {kind}{what} that the schema allows")
}

fn kind(schema: &Json) -> &str {
    let has = |words: &[&str]| words.iter().any(|word| schema.get(*word).is_some());
    match schema["type"].as_str() {
        Some(kind) => kind,
        None if has(&["properties", "required"]) => "object",
        None if has(&["items", "minItems"]) => "array",
        None if has(&["minimum", "maximum", "multipleOf"]) => "number",
        None => "string",
    }
}

fn without(schema: &Json, word: &str) -> Json {
    let keys = schema.as_object().into_iter().flatten().filter(|(key, _)| *key != word);
    Json::Object(keys.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// One schema that asks for what both ask for, as far as keys can be put together.
fn merged(one: &Json, other: &Json) -> Json {
    let mut whole = one.clone();
    for (key, value) in other.as_object().into_iter().flatten() {
        match (&mut whole[key.as_str()], value) {
            (Json::Object(keys), Json::Object(more)) => keys.extend(more.clone()),
            (Json::Array(items), Json::Array(more)) if key == "required" => items.extend(more.iter().cloned()),
            (place, value) => *place = value.clone(),
        }
    }
    whole
}

/// A required property without a schema: numbers where the name says so.
fn guess(key: &str) -> Json {
    match key {
        "score" | "confidence" | "probability" | "quality" => json!({ "type": "number" }),
        "count" | "rank" => json!({ "type": "integer" }),
        _ => json!({ "type": "string" }),
    }
}
