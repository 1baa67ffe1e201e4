//! Tasks whose output adds others, and what they add.

use serde_json::{Map, Value as Json, json};

use super::Maker;
use crate::chance::Chance;

/// What added tasks may use: all that the generator writes.
const USES: [&str; 4] = ["chat", "translate", "exec", "wait"];

/// Lets some calls at the top add tasks. By a chance of its own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    if let Some(tasks) = whole["tasks"].as_object_mut() {
        tasks.values_mut().filter(|task| can_add(task)).for_each(|task| adds(chance, task, 60));
    }
    whole.to_string()
}

/// Tasks that the output of this one gives, with tasks that they replace. Some read it, and some add others in turn.
pub(crate) fn plan(chance: &mut Chance, planner: &str, replaced: &[String]) -> Json {
    let mut maker = Maker { chance, waits: false, escalations: Vec::new(), tops: Vec::new() };
    let count = 1 + maker.chance.below(2);
    let mut tasks: Map<String, Json> = maker.tasks(&format!("{planner}p"), count, 1);
    for task in tasks.values_mut() {
        if chance.hits(50) {
            task["if"] = json!(format!("${{{{ tasks.{planner}.output.go }}}}"));
        }
        if planner.len() < 20 && can_add(task) {
            adds(chance, task, 30);
        }
    }
    let mut plan = json!({ "tasks": tasks });
    if !replaced.is_empty() {
        plan["replaces"] = json!(replaced);
    }
    plan
}

/// A plan that is written task by task: calls of which most may run before it is whole. Some wait for others, some may do harm.
pub(crate) fn streamed(chance: &mut Chance, planner: &str) -> Json {
    let mut tasks = Map::new();
    for number in 0..=chance.below(4) {
        let mut task = match chance.below(10) {
            0 => json!({ "uses": "exec", "with": { "argv": ["do"] } }),
            1 | 2 => json!({ "uses": "translate", "with": { "text": "hi", "to": "de" } }),
            _ => json!({ "uses": "chat", "with": { "prompt": format!("number {number}") } }),
        };
        if number > 0 && chance.hits(40) {
            task["needs"] = json!([format!("{planner}q{}", chance.below(number))]);
        }
        if chance.hits(15) {
            task["if"] = json!(format!("${{{{ tasks.{planner}.output.go }}}}"));
        }
        if chance.hits(30) {
            task["retry"] = json!({ "max_attempts": 2, "initial_delay": "5ms", "on": ["any"] });
        }
        if chance.hits(20) {
            task["catch"] = json!([{ "on": ["any"], "output": { "text": "none" } }]);
        }
        if chance.hits(15) {
            task["within"] = json!("40ms");
        }
        tasks.insert(format!("{planner}q{number}"), task);
    }
    json!({ "tasks": tasks })
}

fn adds(chance: &mut Chance, task: &mut Json, percent: u64) {
    if !chance.hits(percent) {
        return;
    }
    task["adds"] = json!({ "uses": USES });
    if chance.hits(60) {
        task["retry"] = json!({ "max_attempts": 2, "initial_delay": "5ms", "on": ["any"] });
    }
}

fn can_add(task: &Json) -> bool {
    let is_call = matches!(task["uses"].as_str(), Some("chat" | "exec" | "translate"));
    let cached = task["catch"].as_array().is_some_and(|rungs| rungs.iter().any(|rung| rung.get("use").is_some()));
    let is_check = task["with"]["argv"][0] == "look";
    is_call && !cached && !is_check && ["foreach", "loop", "cache"].iter().all(|word| task.get(word).is_none())
}
