//! What of a document is kept, and may be what was kept.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// Lets calls of a document keep what they give. By a chance of their own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    for section in ["tasks", "after", "on_failure", "finally"] {
        if let Some(tasks) = whole.get_mut(section).and_then(Json::as_object_mut) {
            add_to(chance, tasks);
        }
    }
    whole.to_string()
}

fn add_to(chance: &mut Chance, tasks: &mut Map<String, Json>) {
    let names: Vec<String> = tasks.keys().cloned().collect();
    for (name, task) in tasks.iter_mut() {
        if let Some(inner) = task.get_mut("tasks").and_then(Json::as_object_mut) {
            add_to(chance, inner);
            continue;
        }
        let is_check = name.strip_suffix('c').is_some_and(|of| names.iter().any(|name| name == of));
        let is_call = task["uses"] == "chat" || task["uses"] == "translate" || task["effect"] == "none";
        if !is_call || is_check || chance.hits(20) {
            continue;
        }
        let scope = chance.of(&["tenant", "tenant", "tenant", "user", "run"]);
        task["cache"] = json!({ "ttl": chance.of(&["50ms", "300ms", "2s", "1h"]), "scope": scope, "tags": [name] });
        // Few words, so that many ask for the same.
        if task["uses"] == "chat" && chance.hits(60) {
            task["model"] = json!({ "class": chance.of(&["small", "large"]) });
            if let Some(with) = task["with"].as_object_mut() {
                with.remove("max_tokens");
            }
        }
        let is_firm = task.get("no_fallback").is_some() || task.get("risk").is_some() || task.get("loop").is_some();
        if !is_firm && chance.hits(60) {
            let on = chance.of(&["any", "any", "any", "timeout", "unavailable", "budget_exceeded"]);
            // Too old for everybody, and good enough as the last one.
            task["cache"]["ttl"] = json!(chance.of(&["1ms", "1ms", "300ms"]));
            task["retry"] = json!({ "max_attempts": 1 + chance.below(2), "initial_delay": "20ms" });
            let rung = json!({ "on": [on], "use": "cached" });
            let catch = task.as_object_mut().map(|task| task.entry("catch").or_insert_with(|| json!([])));
            if let Some(rungs) = catch.and_then(Json::as_array_mut) {
                let place = chance.below(rungs.len() as u64 + 1) as usize;
                rungs.insert(place, rung);
            }
        }
    }
}
