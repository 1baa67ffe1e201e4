//! Tasks that pass on what they were given, and repeat what others failed with.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// Lets tasks of a document read its inputs, an output of `catch` repeat what it catches, and the tasks after the answer why the run has
/// failed. By a chance of its own: the rest of the document stays what it was.
pub(crate) fn add(chance: &mut Chance, document: &str) -> String {
    let Ok(mut whole) = serde_json::from_str::<Json>(document) else { return document.to_owned() };
    if let Some(tasks) = whole.get_mut("tasks").and_then(Json::as_object_mut) {
        add_to(chance, tasks, "${{ inputs.go }}");
        let names: Vec<String> = tasks.keys().cloned().collect();
        // It stands behind the others, and reads them: what was caught comes to where somebody abroad could see it.
        let mut last = call(chance, "${{ inputs.kind }}");
        // A check is no task that others read.
        let is_check = |name: &String| name.starts_with('t') && name.ends_with('c');
        for name in names.iter().filter(|name| !is_check(name) && chance.hits(40)) {
            last["with"][format!("of_{name}")] = json!(format!("${{{{ tasks.{name}.output }}}}"));
        }
        tasks.insert("quoter".to_owned(), last);
    }
    for section in ["on_failure", "finally"] {
        if let Some(tasks) = whole.get_mut(section).and_then(Json::as_object_mut) {
            add_to(chance, tasks, "${{ run.error.message }}");
        }
    }
    if chance.hits(60) {
        whole["finally"]["teller"] = call(chance, "why: ${{ run.error.message }}");
    }
    whole.to_string()
}

fn call(chance: &mut Chance, told: &str) -> Json {
    let allow = chance.of(&[["abroad", "large", "small"], ["large", "abroad", "small"]]);
    json!({ "uses": "chat", "with": { "prompt": "say it", "told": told }, "model": { "allow": allow } })
}

fn add_to(chance: &mut Chance, tasks: &mut Map<String, Json>, told: &str) {
    for task in tasks.values_mut() {
        if let Some(inner) = task.get_mut("tasks").and_then(Json::as_object_mut) {
            add_to(chance, inner, told);
        }
        if task["uses"] == "chat" && chance.hits(60) {
            task["with"]["told"] = json!(told);
        }
        for rung in task.get_mut("catch").and_then(Json::as_array_mut).into_iter().flatten() {
            if rung.get("output").is_some() && chance.hits(70) {
                rung["output"] = json!({ "caught": "${{ error.message }}" });
            }
        }
    }
}
