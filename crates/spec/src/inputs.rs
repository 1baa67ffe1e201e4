//! The inputs of a run: checked against the document's JSON Schema, with its defaults filled in.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value as Json};

use crate::{NormalDocument, json_schema};

/// Characters of a reason that are shown from its begin, and from its end, where it is longer than both.
const SHOWN_MAX: usize = 80;

/// Inputs that do not fit, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inputs do not fit the graph: {}", .0.join("; "))]
pub struct Unfit(pub Vec<String>);

/// What inputs a document declares.
#[derive(Debug)]
pub struct Declared {
    schema: Json,
    /// Or why there is none.
    validator: Result<Validator, String>,
}

impl Declared {
    /// Reads a document's schema of inputs; empty if it declares none.
    #[must_use]
    pub fn of(document: &NormalDocument) -> Self {
        let mut document: Json = serde_json::from_str(&document.0).unwrap_or_default();
        let declared = document.get_mut("inputs").map(Json::take).unwrap_or_default();
        Self::new(if declared.is_object() { declared } else { Json::Object(Map::new()) })
    }

    pub(crate) fn new(schema: Json) -> Self {
        let validator = agendum_schemas::options().build(&schema);
        Self { validator: validator.map_err(|error| error.to_string()), schema }
    }

    /// Their schema.
    #[must_use]
    pub const fn schema(&self) -> &Json {
        &self.schema
    }

    /// Fills in the defaults and checks.
    ///
    /// # Errors
    ///
    /// Everything that does not fit: which input, what is wrong, and what the graph knows.
    pub fn prepare(&self, inputs: Json) -> Result<Json, Unfit> {
        let Json::Object(mut inputs) = inputs else {
            return Err(Unfit(vec!["the inputs must be an object".into()]));
        };
        for (name, property) in self.schema["properties"].as_object().into_iter().flatten() {
            if let (None, Some(default)) = (inputs.get(name), property.get("default")) {
                inputs.insert(name.clone(), default.clone());
            }
        }
        let mut wrong = self.unknown(&inputs);
        let inputs = Json::Object(inputs);
        match &self.validator {
            Ok(validator) => wrong.extend(unfit(validator, &inputs)),
            Err(error) => wrong.push(format!("the graph's own schema of inputs is wrong: {error}")),
        }
        if wrong.is_empty() { Ok(inputs) } else { Err(Unfit(wrong)) }
    }

    /// Names that the document does not know.
    fn unknown(&self, inputs: &Map<String, Json>) -> Vec<String> {
        let Some(known) = json_schema::declared(&self.schema) else { return Vec::new() };
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let unknown = inputs.keys().filter(|name| !known.contains_key(*name));
        let told = unknown.map(|name| {
            let hint = match crate::diagnostic::nearest(name, names.iter().copied()) {
                Some(best) => format!("did you mean `{best}`?"),
                None if names.is_empty() => "the graph takes none: its document has no `inputs`".to_owned(),
                None => format!("known: {}", names.join(", ")),
            };
            format!("unknown input `{name}` ({hint})")
        });
        told.collect()
    }
}

fn unfit<'a>(validator: &'a Validator, inputs: &'a Json) -> impl Iterator<Item = String> + 'a {
    validator.iter_errors(inputs).filter(|error| !is_said(error)).map(|error| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!("`{}`: ", place.trim_start_matches('/')) };
        format!("{place}{}", shortened(&error.to_string()))
    })
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
