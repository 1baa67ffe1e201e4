//! What takes back what the tasks of a document have done.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// Adds compensations to a document. By a chance of their own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    if let Some(tasks) = whole.get_mut("tasks").and_then(Json::as_object_mut) {
        add_to(chance, tasks);
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
        // Who finds out for another has nothing to take back.
        let is_check = name.strip_suffix('c').is_some_and(|of| names.iter().any(|name| name == of));
        let has_effect = matches!(task["effect"].as_str(), Some("idempotent" | "once"));
        if !has_effect || is_check || chance.hits(15) {
            continue;
        }
        let item = if task.get("foreach").is_some() { "${{ item_index }}" } else { "-" };
        let output = format!("${{{{ tasks.{name}.output.x }}}}");
        let mut compensate = json!({ "uses": "exec", "with": { "argv": ["undo", "${{ task.key }}", output, item] } });
        if chance.hits(10) {
            compensate["with"] = json!({ "argv": ["undo"] });
        }
        if chance.hits(20) {
            compensate["effect"] = json!(chance.of(&["none", "idempotent"]));
        }
        if chance.hits(60) {
            compensate["retry"] = json!({ "max_attempts": 1 + chance.below(4), "initial_delay": "20ms",
                "on": ["timeout", "unavailable", "rate_limited", "overloaded"] });
        }
        if chance.hits(30) {
            let task = format!("{}ms", 100 + chance.below(2_000));
            compensate["timeout"] = json!({ "attempt": "80ms", "task": task });
        }
        task["compensate"] = compensate;
    }
}
