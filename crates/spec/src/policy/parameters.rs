//! A policy parameter by parameter, for people: what each means, and what another has otherwise.

use std::collections::BTreeMap;
use std::fmt;

use agendum_types::policy::Policy;
use serde_json::Value as Json;

use super::{HEAD, WORDS, normal};
use crate::schema::resolved;

/// A parameter of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Where it stands in a document: `order.interactive.share`.
    pub path: String,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// As documents have it.
    pub value: Json,
}

/// A parameter that two policies have otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where it stands in a document.
    pub path: String,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// Its value in the one and in the other; `None` where one does not have it, such as a tenant's weight.
    pub values: [Option<Json>; 2],
}

impl fmt::Display for Difference {
    /// `path: value → value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |value: &Option<Json>| match value {
            None => "–".to_owned(),
            Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        };
        let [one, other] = self.values.each_ref().map(written);
        write!(f, "{}: {one} → {other}", self.path)
    }
}

/// All parameters of a policy, in the order of the schema. A map without entries is one of them.
#[must_use]
pub fn parameters(policy: &Policy) -> Vec<Parameter> {
    let mut found = Vec::new();
    below(&normal(policy), &WORDS, "", &mut found);
    found.retain(|one| !HEAD.contains(&one.path.as_str()));
    found
}

/// What two policies have otherwise. Names do not count.
#[must_use]
pub fn differences(one: &Policy, other: &Policy) -> Vec<Difference> {
    let [ones, others] = [one, other].map(|policy| {
        let mut all = parameters(policy);
        all.retain(|parameter| !parameter.value.is_object());
        all
    });
    let of_other: BTreeMap<&str, &Json> = others.iter().map(|one| (one.path.as_str(), &one.value)).collect();
    let of_one: BTreeMap<&str, &Json> = ones.iter().map(|one| (one.path.as_str(), &one.value)).collect();
    let only_there = others.iter().filter(|parameter| !of_one.contains_key(parameter.path.as_str()));
    let difference = |parameter: &Parameter| {
        let values = [&of_one, &of_other].map(|all| all.get(parameter.path.as_str()).map(|value| Json::clone(value)));
        (values[0] != values[1]).then(|| Difference {
            path: parameter.path.clone(),
            meaning: parameter.meaning,
            values,
        })
    };
    ones.iter().chain(only_there).filter_map(difference).collect()
}

/// What a policy has otherwise than `balanced`, in a line: `the rules of balanced` if that is nothing.
#[must_use]
pub fn otherwise(policy: &Policy) -> String {
    let differs: Vec<String> = differences(&Policy::default(), policy).iter().map(ToString::to_string).collect();
    if differs.is_empty() { "the rules of balanced".to_owned() } else { differs.join(", ") }
}

/// Along the schema, whose depth is fixed.
fn below(value: &Json, schema: &'static Json, path: &str, found: &mut Vec<Parameter>) {
    let whole = resolved(&WORDS, schema);
    match value.as_object().filter(|entries| !entries.is_empty()) {
        Some(entries) => {
            for (key, inner) in entries {
                let known = whole["properties"].get(key).unwrap_or_else(|| &whole["additionalProperties"]);
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                below(inner, known, &path, found);
            }
        }
        None => {
            let meaning = [schema, whole].into_iter().find_map(|one| one["description"].as_str()).unwrap_or_default();
            found.push(Parameter { path: path.to_owned(), meaning, value: value.clone() });
        }
    }
}
