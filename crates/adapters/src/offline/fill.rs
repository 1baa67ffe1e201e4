//! A JSON schema, filled from what a prompt holds.

use serde_json::{Map, Value as Json, json};

use super::answer::answer as compose;
use super::prompt::Asked;
use super::{lexicon, words};

/// Schemas nested deeper are refused.
const DEPTH_MAX: u32 = 8;

pub(super) fn value(schema: &Json, asked: &Asked) -> Result<Json, String> {
    fill(schema, "", asked, 0)
}

fn fill(schema: &Json, name: &str, asked: &Asked, depth: u32) -> Result<Json, String> {
    if depth > DEPTH_MAX {
        return Err(format!("the schema is nested deeper than {DEPTH_MAX} levels"));
    }
    if let Some(fixed) = schema.get("const") {
        return Ok(fixed.clone());
    }
    if let Some(choices) = schema["enum"].as_array() {
        return lexicon::classify(asked.subject(), choices)
            .ok_or_else(|| "an `enum` of the schema is empty".to_owned());
    }
    if let ("allowed", "boolean") | ("categories", "array") = (name, schema["type"].as_str().unwrap_or_default()) {
        // A moderation asked for by schema, as the profile `moderate` does over HTTP.
        return Ok(lexicon::moderate(asked.subject())[name].clone());
    }
    let kind =
        schema["type"].as_str().unwrap_or_else(|| if schema.get("properties").is_some() { "object" } else { "string" });
    match kind {
        "object" => {
            let mut filled = Map::new();
            for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
                filled.insert(key.clone(), fill(inner, key, asked, depth + 1)?);
            }
            for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
                if !filled.contains_key(key) {
                    let guessed = guess(key);
                    filled.insert(key.to_owned(), fill(&guessed, key, asked, depth + 1)?);
                }
            }
            Ok(Json::Object(filled))
        }
        "array" => {
            let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 16);
            (0..least).map(|_| fill(&schema["items"], name, asked, depth + 1)).collect()
        }
        "number" => Ok(json!(bounded(schema, quality(asked)))),
        "integer" => {
            Ok(json!(bounded(schema, quality(asked) * schema["maximum"].as_f64().unwrap_or(10.0)).round() as i64))
        }
        "boolean" => Ok(json!(lexicon::is_positive(asked.subject()))),
        "null" => Ok(Json::Null),
        "string" => Ok(json!(text(name, asked, schema["maxLength"].as_u64()))),
        other => Err(format!("the schema asks for the unknown type {other:?}")),
    }
}

/// A required property without a schema: numbers where the name says so.
fn guess(key: &str) -> Json {
    match key {
        "score" | "confidence" | "probability" | "quality" => json!({ "type": "number" }),
        "count" | "rank" => json!({ "type": "integer" }),
        _ => json!({ "type": "string" }),
    }
}

fn bounded(schema: &Json, value: f64) -> f64 {
    let value = schema["minimum"].as_f64().map_or(value, |least| value.max(least));
    let value = schema["maximum"].as_f64().map_or(value, |most| value.min(most));
    (value * 100.0).round() / 100.0
}

/// 0 to 1: how many of the question's words the text has, and whether it cites.
fn quality(asked: &Asked) -> f64 {
    let wanted = words::telling_set(&asked.question);
    let has = words::telling_set(asked.subject());
    let covered = wanted.iter().filter(|word| has.contains(*word)).count() as f64 / wanted.len().max(1) as f64;
    let cites = if asked.subject().contains("[p") { 0.4 } else { 0.0 };
    (0.6 * covered + cites).min(1.0)
}

fn text(name: &str, asked: &Asked, length_max: Option<u64>) -> String {
    let mut text = match name {
        "notes" | "feedback" | "reason" => notes(asked),
        "language" => lexicon::language(asked.subject()).to_owned(),
        _ => {
            let answer = compose(&asked.question, &asked.passages, 2).text;
            if answer.is_empty() { asked.subject().to_owned() } else { answer }
        }
    };
    if let Some(most) = length_max {
        text = text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
    }
    text
}

/// What a reviewer would miss: the question's words that the text does not have.
fn notes(asked: &Asked) -> String {
    let has = words::telling_set(asked.subject());
    let missing: Vec<String> =
        words::telling_set(&asked.question).into_iter().filter(|word| !has.contains(word)).collect();
    match missing.as_slice() {
        [] => "nothing is missing".to_owned(),
        missing => format!("says nothing about: {}", missing.join(", ")),
    }
}
