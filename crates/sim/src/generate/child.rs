//! A task that is a run of its own, beside the tasks of a document.

use serde_json::{Value as Json, json};

use crate::chance::Chance;

/// Adds such a task to a document. By a chance of its own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    let budget = whole["budget"].clone();
    if let Some(tasks) = whole.get_mut("tasks").and_then(Json::as_object_mut) {
        for name in ["child", "twin"].into_iter().take(1 + chance.below(2) as usize) {
            tasks.insert(name.to_owned(), call(chance, &budget));
        }
    }
    if chance.hits(30) {
        let mut last = call(chance, &Json::Null);
        last.as_object_mut().map(|last| last.remove("compensate"));
        whole["finally"]["farewell"] = last;
    }
    whole.to_string()
}

fn call(chance: &mut Chance, around: &Json) -> Json {
    let inner = json!({ "version": 1, "name": "inner", "inputs": { "type": "object" },
        "tasks": { "a": { "uses": "exec", "effect": "once", "on_uncertain": "fail", "with": { "argv": ["tool", "x"] } } } });
    let mut call = json!({ "uses": "graph", "with": { "graph": inner } });
    if chance.hits(50) {
        call["with"]["inputs"] = json!({ "go": "${{ inputs.go }}" });
    }
    let by_money = !around["usd"].is_null();
    // Often a part of what there is, now and then more than there will ever be.
    if by_money || chance.hits(40) {
        let whole = around["usd"].as_f64().unwrap_or(0.01);
        call["with"]["budget"]["usd"] = json!(whole * (1 + chance.below(11)) as f64 / 10.0);
    }
    if !around["tokens"].is_null() || chance.hits(20) {
        let whole = around["tokens"].as_u64().unwrap_or(500);
        call["with"]["budget"]["tokens"] = json!(whole * (1 + chance.below(11)) / 10);
    }
    if chance.hits(60) {
        call["retry"] = json!({ "max_attempts": 1 + chance.below(3), "initial_delay": "10ms",
            "on": ["timeout", "unavailable", "overloaded"] });
    }
    if chance.hits(40) {
        call["timeout"] = json!({ "attempt": format!("{}ms", 20 + chance.below(300)) });
    }
    if chance.hits(30) {
        call["catch"] = json!([{ "on": ["any"], "output": { "caught": "${{ error.class }}" } }]);
    }
    if chance.hits(40) {
        call["compensate"] = json!({ "uses": "exec", "with": { "argv": ["undo", "${{ task.key }}"] } });
    }
    if chance.hits(20) {
        call["optional"] = json!(true);
    }
    if chance.hits(20) {
        call["foreach"] = json!("${{ inputs.items }}");
        call["max_parallel"] = json!(2);
    }
    call
}
