//! Groups of runs: graphs of one name, each with rules of its own.

use serde_json::{Value as Json, json};

use crate::chance::Chance;

/// Puts the runs of a document into a group. By a chance of its own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    whole["name"] = json!("sim");
    let key = chance.of(&[json!("one"), json!("one"), json!("one"), json!("two"), json!(2)].each_ref()).clone();
    let mut concurrency = json!({ "key": key });
    if chance.hits(40) {
        concurrency["limit"] = json!(1 + chance.below(3));
    }
    if chance.hits(70) {
        concurrency["on_new"] = json!(chance.of(&["queue", "replace", "join"]));
    }
    if chance.hits(40) {
        concurrency["settle"] = json!(format!("{}ms", 1 + chance.below(300)));
    }
    whole["concurrency"] = concurrency;
    whole.to_string()
}
