//! What a source reads of a large value, so that the rest of it is not copied for each evaluation.

use std::collections::BTreeSet;

use agendum_types::Graph;
use agendum_types::graph::DataRef;
use serde_json::{Map, Value as Json};

use super::Bindings;

/// The value that a source which is one dotted path stands for. `None` if it is more than that, or leads nowhere: then the language
/// itself must say what it gives.
pub(super) fn find<'a>(graph: &Graph, source: &str, bindings: &'a Bindings) -> Option<&'a Json> {
    let mut words = source.trim().split('.');
    let is_read: Box<dyn Fn(&DataRef) -> bool> = match words.next()? {
        "inputs" => Box::new(|read| matches!(read, DataRef::Inputs)),
        "item" => Box::new(|read| matches!(read, DataRef::Item)),
        "tasks" => {
            let name = words.next()?;
            words.next().filter(|word| *word == "output")?;
            Box::new(move |read| matches!(read, DataRef::Output(node) if *graph.task(*node).name == *name))
        }
        _ => return None,
    };
    let (_, bound) = bindings.iter().find(|(read, _)| is_read(read))?;
    words.try_fold(bound.as_deref()?, |value, word| {
        if word.is_empty() || !word.chars().all(is_of_name) { None } else { value.as_object()?.get(word) }
    })
}

/// The entries of an object that the source names, or all of it if it is used in any other way than `word.KEY`.
pub(super) fn narrow(source: &str, word: &str, value: &Json) -> Json {
    match (value, keys(source, word)) {
        (Json::Object(entries), Some(keys)) => {
            let named = entries.iter().filter(|(key, _)| keys.contains(key.as_str()));
            Json::Object(named.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
        }
        (whole, _) => whole.clone(),
    }
}

/// The keys behind the word. The source may be JSON with its escapes, so what cannot be told for certain counts as "any key".
fn keys<'a>(source: &'a str, word: &str) -> Option<BTreeSet<&'a str>> {
    let mut keys = BTreeSet::new();
    for (at, _) in source.match_indices(word) {
        let behind = &source[at + word.len()..];
        if behind.starts_with(is_of_name) {
            // A longer name.
            continue;
        }
        let behind = behind.strip_prefix('.')?;
        let end = behind.find(|letter| !is_of_name(letter)).unwrap_or(behind.len());
        let (key, behind) = behind.split_at(end);
        if key.is_empty() || behind.starts_with("\\u") || behind.starts_with('(') {
            return None;
        }
        keys.insert(key);
    }
    Some(keys)
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::narrow;

    #[test]
    fn only_named_entries_are_taken() {
        let inputs = json!({"a": 1, "b": 2, "ä_1": 3});
        let check = |source: &str| narrow(source, "inputs", &inputs).to_string();
        insta::assert_snapshot!(check("${{ inputs.a }} and inputs.ä_1[0]"), @r#"{"a":1,"ä_1":3}"#);
        insta::assert_snapshot!(check(r"text\ninputs.b\n"), @r#"{"b":2}"#);
        insta::assert_snapshot!(check("inputs_of.b"), @"{}");
        for any in ["inputs", "inputs.a + inputs['b']", "inputs . a", r"inputs.\u0061", r"inputs.a\u0062", "inputs.a()"]
        {
            assert_eq!(check(any), inputs.to_string(), "{any}");
        }
    }
}
