//! What kind of document a text is, by the key that no other kind has: who checks one as another kind is told so, and nothing else.

use serde_json::Value as Json;

use crate::diagnostic::Diagnostics;
use crate::tree::Node;

/// A key, what has it, and what that is for. A plan may name its policy: it comes first.
const KINDS: [(&str, &str, &str); 4] = [
    ("tasks", "graph", "`agendum check` checks it, `agendum run` runs it"),
    ("plan", "plan", "`agendum plan check` checks it"),
    ("policy", "policy", "`agendum policy check` checks it, `agendum simulate e2 --compare` plays by it"),
    ("workload", "scenario", "`agendum simulate` plays it"),
];

/// What kind of document has these top-level keys, and what that is for.
pub fn kind_of(has: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    KINDS.iter().find(|(key, ..)| has(key)).map(|(_, is, what)| (*is, *what))
}

/// True if the document is of another kind than the schema; then that is all there is to say.
pub(crate) fn is_of_another(schema: &Json, tree: &Node, diagnostics: &mut Diagnostics) -> bool {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let Some((own, wanted, _)) = KINDS.iter().find(|(key, ..)| required.clone().any(|word| word == *key)) else {
        return false;
    };
    let found = KINDS.iter().find(|(key, ..)| tree.get(key).is_some());
    let Some((key, is, what)) = found.filter(|(key, ..)| key != own) else { return false };
    let span = tree.entries().iter().find(|(of, _)| of.name == **key).map(|(of, _)| of.span.clone());
    diagnostics.error("other_kind", &span.unwrap_or_default(), format!("this is a {is}, and no {wanted}"), *what);
    true
}
