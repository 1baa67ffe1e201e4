//! Loops whose budgets are tight, one in the other, with several calls at once in a round.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// Gives loops of a document budgets, and makes loops of groups and calls. By a chance of its own: the rest of the document stays what it was.
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
        if task["uses"] == "agent" {
            if chance.hits(60) {
                task["budget"] = budget(chance);
            }
            continue;
        }
        if let Some(inner) = task.get_mut("tasks").and_then(Json::as_object_mut) {
            add_to(chance, inner);
            for place in 0..chance.below(3) {
                inner.insert(format!("{name}y{place}"), call(chance));
            }
        }
        let is_group = task.get("tasks").is_some();
        let is_check = name.strip_suffix('c').is_some_and(|of| names.iter().any(|name| name == of));
        let is_plain =
            ["catch", "cache", "live", "publish_after", "compensate"].iter().all(|word| task.get(word).is_none());
        let may_loop = task.get("race").is_none() && task.get("loop").is_none() && !is_check;
        if may_loop && (is_group && chance.hits(60) || !is_group && is_plain && chance.hits(25)) {
            task["loop"] = repeat(chance);
        }
        if task.get("loop").is_some() && chance.hits(80) {
            task["loop"]["budget"] = budget(chance);
        }
    }
}

fn call(chance: &mut Chance) -> Json {
    let mut call =
        json!({ "uses": "chat", "with": { "prompt": "say it" }, "model": { "class": chance.of(&["small", "large"]) } });
    if chance.hits(30) {
        call["catch"] = json!([{ "on": ["budget_exceeded"], "target": "small" }]);
    }
    if chance.hits(30) {
        call["retry"] = json!({ "max_attempts": 1 + chance.below(3), "initial_delay": "10ms" });
    }
    call
}

fn repeat(chance: &mut Chance) -> Json {
    let until = chance.of(&["${{ loop.round > 2 }}", "${{ false }}"]);
    let exhausted = match chance.below(3) {
        0 => json!("fail"),
        1 => json!({ "use": "last" }),
        _ => json!({ "use": "best", "by": "${{ loop.round }}" }),
    };
    json!({ "until": until, "max_iterations": 1 + chance.below(4), "on_exhausted": exhausted })
}

/// About what some calls may cost.
fn budget(chance: &mut Chance) -> Json {
    let usd = json!(0.000_02 * (1 + chance.below(40)) as f64);
    let tokens = json!(60 + chance.below(900));
    match chance.below(3) {
        0 => json!({ "usd": usd }),
        1 => json!({ "tokens": tokens }),
        _ => json!({ "usd": usd, "tokens": tokens }),
    }
}
