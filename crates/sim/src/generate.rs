//! Random documents that use the whole language of graphs.

use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;

/// A document of this seed.
#[must_use]
pub fn document(chance: &mut Chance, number: u64) -> String {
    let mut document = json!({ "version": 1, "name": format!("sim-{number}"), "inputs": { "type": "object" } });
    document["priority"] = json!(chance.of(&["interactive", "standard", "background"]));
    if chance.hits(40) {
        document["deadline"] = json!(format!("{}ms", 50 + chance.below(5_000)));
    }
    if chance.hits(30) {
        let word = chance.of(&["degrade", "fail", "wait"]);
        document["budget"] = json!({ "usd": 0.000_5 * (1 + chance.below(40)) as f64, "on_exceeded": word });
    }
    let count = 1 + chance.below(8);
    document["tasks"] = Json::Object(tasks(chance, "t", count, 0));
    for section in ["after", "on_failure", "finally"] {
        if chance.hits(15) {
            let count = 1 + u64::from(chance.hits(30));
            document[section] = Json::Object(tasks(chance, &section[..2], count, 2));
        }
    }
    if chance.hits(60) {
        document["output"] = json!({ "last": format!("${{{{ tasks.t{}.output }}}}", count - 1) });
    }
    document.to_string()
}

/// Tasks that stand beside each other; each may read those before it.
fn tasks(chance: &mut Chance, prefix: &str, count: u64, depth: u32) -> Map<String, Json> {
    let mut tasks = Map::new();
    for place in 0..count {
        let before: Vec<String> = (0..place).filter(|_| chance.hits(35)).map(|of| format!("{prefix}{of}")).collect();
        tasks.insert(format!("{prefix}{place}"), task(chance, prefix, place, &before, depth));
    }
    tasks
}

fn task(chance: &mut Chance, prefix: &str, place: u64, before: &[String], depth: u32) -> Json {
    let mut task = json!({});
    let (read, needed) = before.split_at(before.len() / 2);
    if !needed.is_empty() {
        task["needs"] = json!(needed);
    }
    let is_group = depth < 2 && chance.hits(20);
    if is_group {
        group(chance, &mut task, prefix, place, depth);
    } else {
        call(chance, &mut task, read);
    }
    if chance.hits(20) {
        let read = read.first().map_or_else(|| "inputs.go".to_owned(), |name| format!("tasks.{name}.output.go"));
        task["if"] = json!(format!("${{{{ {read} }}}}"));
    }
    if chance.hits(15) && task.get("race").is_none() {
        task["foreach"] = json!("${{ inputs.items }}");
        task["max_parallel"] = json!(1 + chance.below(3));
        task["tolerate_failures"] = json!(chance.below(3));
    }
    if chance.hits(40) {
        task["catch"] =
            json!([{ "on": [chance.of(&["any", "timeout", "unavailable"])], "output": { "caught": true } }]);
    }
    if depth == 0 && chance.hits(20) {
        task["optional"] = json!(true);
        task["value"] = json!(chance.below(100));
    }
    if chance.hits(10) {
        task["delay"] = json!(format!("{}ms", chance.below(300)));
    }
    if chance.hits(10) {
        task["within"] = json!(format!("{}ms", 100 + chance.below(3_000)));
    }
    task
}

fn call(chance: &mut Chance, task: &mut Json, read: &[String]) {
    let with: Map<String, Json> =
        read.iter().map(|name| (format!("of_{name}"), json!(format!("${{{{ tasks.{name}.output }}}}")))).collect();
    let has_effect = chance.hits(25);
    if has_effect {
        task["uses"] = json!("exec");
        let effect = chance.of(&["none", "idempotent", "once"]);
        task["effect"] = json!(effect);
        if effect == "once" {
            task["on_uncertain"] = json!("fail");
        }
        let argument =
            read.first().map_or_else(|| json!("x"), |name| json!(format!("${{{{ tasks.{name}.output.x }}}}")));
        task["with"] = json!({ "argv": ["tool", argument] });
    } else {
        task["uses"] = json!("chat");
        let mut with = with;
        with.insert("prompt".to_owned(), json!("say it"));
        task["with"] = Json::Object(with);
        task["model"] = json!({ "class": chance.of(&["small", "large"]) });
    }
    if chance.hits(60) {
        task["retry"] = json!({ "max_attempts": 1 + chance.below(4), "initial_delay": format!("{}ms", 1 + chance.below(200)),
            "on": ["timeout", "unavailable", "rate_limited", "overloaded"] });
    }
    if chance.hits(40) {
        task["timeout"] = json!({ "attempt": format!("{}ms", 20 + chance.below(400)), "task": format!("{}ms", 500 + chance.below(2_000)) });
    }
    if chance.hits(20) {
        task["loop"] = repeat(chance);
    }
    if chance.hits(10) && task.get("loop").is_none() {
        task["fail_if"] = json!("${{ output.bad }}");
    }
}

fn repeat(chance: &mut Chance) -> Json {
    let mut repeat = json!({ "until": "${{ loop.round > 2 }}", "max_iterations": 1 + chance.below(4) });
    repeat["on_exhausted"] = match chance.below(3) {
        0 => json!("fail"),
        1 => json!({ "use": "last" }),
        _ => json!({ "use": "best", "by": "${{ loop.round }}" }),
    };
    repeat
}

fn group(chance: &mut Chance, task: &mut Json, prefix: &str, place: u64, depth: u32) {
    let inner = format!("{prefix}{place}x");
    let count = 1 + chance.below(3);
    task["tasks"] = Json::Object(tasks(chance, &inner, count, depth + 1));
    match chance.below(3) {
        0 => task["loop"] = repeat(chance),
        1 => task["race"] = json!({ "first": 1 }),
        _ => {}
    }
}
