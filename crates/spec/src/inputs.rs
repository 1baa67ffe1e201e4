//! The inputs of a run: checked against the document's JSON Schema, with its defaults filled in.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value as Json};

use crate::{NormalDocument, json_schema};

/// Characters of a reason that are shown from its begin, and from its end, where it is longer than both.
const SHOWN_MAX: usize = 80;

/// Inputs that do not fit, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inputs do not fit the graph: {}", .0.join("; "))]
pub struct Unfit(pub Vec<String>);

/// The schema of a document's inputs; empty if it declares none.
#[must_use]
pub fn schema(document: &NormalDocument) -> Json {
    let mut document: Json = serde_json::from_str(&document.0).unwrap_or_default();
    let declared = document.get_mut("inputs").map(Json::take).unwrap_or_default();
    if declared.is_object() { declared } else { Json::Object(Map::new()) }
}

/// Fills in the defaults and checks.
///
/// # Errors
///
/// Everything that does not fit: which input, what is wrong, and what the graph knows.
pub fn prepare(schema: &Json, inputs: Json) -> Result<Json, Unfit> {
    let Json::Object(mut inputs) = inputs else {
        return Err(Unfit(vec!["the inputs must be an object".into()]));
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let (None, Some(default)) = (inputs.get(name), property.get("default")) {
            inputs.insert(name.clone(), default.clone());
        }
    }
    let mut wrong: Vec<String> = Vec::new();
    if let Some(known) = json_schema::declared(schema) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        for name in inputs.keys().filter(|name| !known.contains_key(*name)) {
            let hint = match crate::diagnostic::nearest(name, names.iter().copied()) {
                Some(best) => format!("did you mean `{best}`?"),
                None if names.is_empty() => "the graph takes none: its document has no `inputs`".to_owned(),
                None => format!("known: {}", names.join(", ")),
            };
            wrong.push(format!("unknown input `{name}` ({hint})"));
        }
    }
    let inputs = Json::Object(inputs);
    match agendum_schemas::options().build(schema) {
        Ok(validator) => {
            for error in validator.iter_errors(&inputs).filter(|error| !is_said(error)) {
                let place = error.instance_path().to_string();
                let place =
                    if place.is_empty() { String::new() } else { format!("`{}`: ", place.trim_start_matches('/')) };
                wrong.push(format!("{place}{}", shortened(&error.to_string())));
            }
        }
        Err(error) => wrong.push(format!("the graph's own schema of inputs is wrong: {error}")),
    }
    if wrong.is_empty() { Ok(inputs) } else { Err(Unfit(wrong)) }
}

/// Inputs that the schema does not have were told with the nearest that it has.
fn is_said(error: &ValidationError<'_>) -> bool {
    error.instance_path().as_str().is_empty()
        && matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. })
}

/// A reason without most of the value that it repeats.
fn shortened(reason: &str) -> String {
    let count = reason.chars().count();
    if count <= 2 * SHOWN_MAX {
        return reason.to_owned();
    }
    let tail: String = reason.chars().skip(count - SHOWN_MAX).collect();
    format!("{}…{tail}", reason.chars().take(SHOWN_MAX).collect::<String>())
}
