//! Tasks of a document that judge others.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// Lets tasks judge what they read. By a chance of their own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    let main: Vec<String> = whole["tasks"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    for section in ["tasks", "after", "on_failure", "finally"] {
        let others = if section == "tasks" { &[][..] } else { &main };
        if let Some(tasks) = whole.get_mut(section).and_then(Json::as_object_mut) {
            add_to(chance, tasks, others);
        }
    }
    whole.to_string()
}

fn add_to(chance: &mut Chance, tasks: &mut Map<String, Json>, others: &[String]) {
    let names: Vec<String> = tasks.keys().cloned().collect();
    for task in tasks.values_mut() {
        if let Some(inner) = task.get_mut("tasks").and_then(Json::as_object_mut) {
            add_to(chance, inner, &[]);
        }
        let reads = |name: &&String| {
            let read = format!("tasks.{name}.output");
            let needs = task["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == name.as_str()));
            needs || ["with", "if"].iter().any(|word| task[*word].to_string().contains(&read))
        };
        let judged: Vec<&String> = names.iter().filter(reads).chain(others).collect();
        let Some(score) = score(task).filter(|_| !judged.is_empty() && chance.hits(60)) else { continue };
        task["judges"] = json!({ "task": chance.of(&judged), "score": score });
        if task["uses"] == "chat" {
            task["with"]["schema"] = json!({});
        }
    }
}

/// A field that the task may have.
fn score(task: &Json) -> Option<&'static str> {
    match task["uses"].as_str() {
        Some("exec") => Some("code"),
        Some("translate") => Some("translated"),
        Some("chat") => Some("score"),
        Some("wait") if task["with"]["for"] == "approval" => Some("approved"),
        Some(_) => None,
        None => task["output"].is_string().then_some("score"),
    }
}
