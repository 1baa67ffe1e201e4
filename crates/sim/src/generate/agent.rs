//! An agent beside the tasks of a document.

use serde_json::{Value as Json, json};

use crate::chance::Chance;

/// Adds an agent to a document. By a chance of its own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    if let Some(tasks) = whole.get_mut("tasks").and_then(Json::as_object_mut) {
        let agent = agent(chance);
        if chance.hits(30) {
            // For each of several, where its tools know which.
            let group = json!({ "foreach": "${{ inputs.items }}", "max_parallel": 2, "tasks": { "desk": agent } });
            tasks.insert("desks".to_owned(), group);
        } else {
            tasks.insert("desk".to_owned(), agent);
        }
    }
    whole.to_string()
}

fn agent(chance: &mut Chance) -> Json {
    let schema = json!({ "type": "object" });
    let mut look = json!({ "description": "Looks.", "parameters": schema, "uses": "exec", "effect": "none",
        "with": { "argv": ["look", "${{ args.x }}"] } });
    let mut pay = json!({ "description": "Pays.", "parameters": schema, "uses": "exec", "effect": "once",
        "on_uncertain": chance.of(&["fail", "ask"]), "with": { "argv": ["pay", "${{ args.x }}"] } });
    if chance.hits(30) {
        pay["on_uncertain"] = json!({ "check": "look" });
    }
    if chance.hits(50) {
        pay["compensate"] = json!({ "uses": "exec", "with": { "argv": ["undo", "${{ args.x }}", "${{ task.key }}"] } });
    }
    if chance.hits(30) {
        look["no_fallback"] = json!(true);
    }
    if chance.hits(50) {
        look["timeout"] = json!("80ms");
    }
    let ask =
        json!({ "description": "Asks.", "parameters": schema, "uses": "chat", "with": { "prompt": "${{ args.x }}" } });
    let mut agent = json!({ "uses": "agent", "with": { "prompt": "Do ${{ inputs.go }}." },
        "tools": { "look": look, "pay": pay, "ask": ask },
        "max_turns": 1 + chance.below(4), "max_parallel": 1 + chance.below(3) });
    agent["on_exhausted"] = if chance.hits(50) { json!("fail") } else { json!({ "use": "last" }) };
    if chance.hits(30) {
        agent["budget"] = json!({ "tokens": 200 + chance.below(2_000) });
    }
    if chance.hits(20) {
        agent["stop_if_stuck"] = json!(false);
    }
    if chance.hits(30) {
        agent["optional"] = json!(true);
    }
    if chance.hits(30) {
        agent["catch"] = json!([{ "on": ["any"], "output": { "caught": "${{ error.message }}" } }]);
    }
    agent
}
