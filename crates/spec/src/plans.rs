//! Two shapes that agent planners emit, read as graphs: a list of steps, and nodes with links.
//!
//! `[{id, tool, args, dependencies}]` (LLMCompiler), with HuggingGPT's `task` and `dep`; `{nodes, links}` (TaskBench), with links as
//! pairs or as `{source, target}`. Every tool becomes an `exec` task without effect that runs the program of that name with its
//! arguments as JSON. Refusals are for a model to act on: all of them at once, each with what would mend it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

/// Steps of a plan at most.
const STEPS_MAX: usize = 10_000;

/// A step of a plan.
struct Step {
    id: String,
    tool: String,
    args: Json,
    needs: Vec<String>,
}

/// Reads a plan. `None` if the text is not of either shape, else the graph document, or everything that is wrong with it.
#[must_use]
pub fn read(text: &str) -> Option<Result<Json, Vec<String>>> {
    let value: Json = serde_json::from_str(text).ok()?;
    let steps = match &value {
        Json::Array(list) if list.iter().all(|step| step.get("tool").or_else(|| step.get("task")).is_some()) => {
            listed(list)
        }
        Json::Object(object) if object.contains_key("nodes") && object.contains_key("links") => linked(object),
        Json::Array(_) | Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            return None;
        }
    };
    Some(steps.and_then(|steps| document(&steps)))
}

fn listed(list: &[Json]) -> Result<Vec<Step>, Vec<String>> {
    let name = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let step = |(place, step): (usize, &Json)| Step {
        id: step.get("id").map_or_else(|| place.to_string(), name),
        tool: name(step.get("tool").or_else(|| step.get("task")).unwrap_or(&Json::Null)),
        args: step.get("args").cloned().unwrap_or_else(|| json!({})),
        needs: step
            .get("dependencies")
            .or_else(|| step.get("dep"))
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .map(name)
            .filter(|need| need != "-1")
            .collect(),
    };
    Ok(list.iter().enumerate().map(step).collect())
}

fn linked(object: &Map<String, Json>) -> Result<Vec<Step>, Vec<String>> {
    let name = |node: &Json| {
        let inside = || ["id", "task", "tool", "name"].iter().find_map(|key| node[*key].as_str());
        node.as_str().or_else(inside).unwrap_or_default().to_owned()
    };
    let nodes = object["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut steps: Vec<Step> = nodes
        .iter()
        .map(|node| Step {
            id: name(node),
            tool: node["tool"].as_str().map_or_else(|| name(node), str::to_owned),
            args: node.get("arguments").or_else(|| node.get("args")).cloned().unwrap_or_else(|| json!({})),
            needs: Vec::new(),
        })
        .collect();
    let mut wrong = Vec::new();
    for link in object["links"].as_array().into_iter().flatten() {
        let (from, to) = match link.as_array().map(Vec::as_slice) {
            Some([from, to]) => (name(from), name(to)),
            _ => (name(&link["source"]), name(&link["target"])),
        };
        match steps.iter_mut().find(|step| step.id == to) {
            Some(step) => step.needs.push(from),
            None => wrong
                .push(format!("a link leads to {to:?}, which is not among the nodes: add the node, or drop the link")),
        }
    }
    if wrong.is_empty() { Ok(steps) } else { Err(wrong) }
}

fn document(steps: &[Step]) -> Result<Json, Vec<String>> {
    let mut wrong = Vec::new();
    if steps.is_empty() {
        wrong.push("the plan has no steps: name at least one tool".to_owned());
    }
    if steps.len() > STEPS_MAX {
        wrong.push(format!("the plan has {} steps, {STEPS_MAX} at most: plan in parts", steps.len()));
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        if names.insert(&step.id, format!("s{place}")).is_some() {
            wrong.push(format!("two steps have the id {:?}: give each its own", step.id));
        }
        if step.tool.trim().is_empty() {
            wrong.push(format!("step {:?} names no tool", step.id));
        }
    }
    let mut tasks = Map::new();
    for step in steps {
        let mut needs: BTreeSet<&str> = BTreeSet::new();
        for need in &step.needs {
            match names.get(need.as_str()) {
                Some(name) => drop(needs.insert(name)),
                None => wrong.push(format!(
                    "step {:?} depends on {need:?}, which is no step: add it, or drop the dependency",
                    step.id
                )),
            }
        }
        // Braces of templates stand in texts only, where JSON has another way to write them.
        let arguments =
            step.args.to_string().replace("${{", "$\\u007b{").replace("{%", "\\u007b%").replace("{#", "\\u007b#");
        let tool = step.tool.replace("${{", "$ {{").replace("{%", "{ %").replace("{#", "{ #");
        let task = json!({
            "description": step.tool, "uses": "exec", "effect": "none", "needs": needs,
            "with": { "argv": [tool, arguments] },
        });
        tasks.insert(names[step.id.as_str()].clone(), task);
    }
    if let Some(path) = cycle(steps) {
        wrong.push(format!(
            "the plan is a cycle: {}: drop one of these dependencies, or write a loop",
            path.join(" → ")
        ));
    }
    if wrong.is_empty() { Ok(json!({ "version": 1, "name": "plan", "tasks": tasks })) } else { Err(wrong) }
}

/// A cycle of the plan, by ids, the first repeated at the end. Takes away what depends on nothing until only cycles are left.
fn cycle(steps: &[Step]) -> Option<Vec<String>> {
    let known: BTreeSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for step in steps {
        left.insert(&step.id, step.needs.iter().map(String::as_str).filter(|need| known.contains(need)).collect());
    }
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
            .map(|(id, _)| *id)
            .collect();
        if free.is_empty() {
            break;
        }
        free.into_iter().for_each(|id| drop(left.remove(id)));
    }
    let mut path: Vec<&str> = vec![left.keys().next()?];
    loop {
        let next = left[path[path.len() - 1]].iter().find(|need| left.contains_key(*need))?;
        if let Some(begin) = path.iter().position(|id| id == next) {
            let mut around: Vec<String> = path[begin..].iter().rev().map(|id| (*id).to_owned()).collect();
            around.insert(0, (*next).to_owned());
            return Some(around);
        }
        path.push(next);
    }
}
