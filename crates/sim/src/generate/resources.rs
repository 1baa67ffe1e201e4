//! Which calls of a document hold units of pools.

use serde_json::{Map, Value as Json, json};

use super::is_wait;
use crate::chance::Chance;
use crate::world::{POOLS, UNITS_MAX};

/// Lets calls of a document ask for units. By a chance of their own: the rest of the document stays what it was.
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
    for task in tasks.values_mut() {
        for inside in ["tasks", "tools"] {
            if let Some(inner) = task.get_mut(inside).and_then(Json::as_object_mut) {
                add_to(chance, inner);
            }
        }
        if let Some(compensation) = task.get_mut("compensate").filter(|_| chance.hits(30)) {
            compensation["resources"] = needs(chance);
        }
        let is_call = task.get("uses").is_some() && !is_wait(task) && task["uses"] != "agent";
        // What waits for a child run that waits for the same would wait for ever.
        if is_call && task["uses"] != "graph" && chance.hits(60) {
            task["resources"] = needs(chance);
        }
    }
}

fn needs(chance: &mut Chance) -> Json {
    let mut needs = Map::new();
    for pool in POOLS {
        if needs.is_empty() || chance.hits(40) {
            let pool = if needs.is_empty() { chance.of(&POOLS) } else { pool };
            // Mostly few: many ask for the same.
            let most = if chance.hits(70) { 2 } else { UNITS_MAX.into() };
            needs.insert(pool.to_owned(), json!(1 + chance.below(most)));
        }
    }
    Json::Object(needs)
}
