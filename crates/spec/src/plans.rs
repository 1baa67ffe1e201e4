//! Two shapes that agent planners emit, read as graphs: a list of steps, and nodes with links.
//!
//! `[{id, tool, args, dependencies}]` (LLMCompiler), with HuggingGPT's `task` and `dep`; `{nodes, links}` (TaskBench), also as its
//! planners write them: `{task_steps, task_nodes, task_links}`. Links are pairs or `{source, target}`. Every tool becomes an `exec`
//! task without effect that runs the program of that name with its arguments as JSON. Where these name another step (`$1`,
//! `<GENERATED>-1`, `<node-1>`), what that one printed stands, and the step needs it. Refusals are for a model to act on: all of them
//! at once, each with what would mend it.

mod references;

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::Limits;
use agendum_types::graph::NodeId;
use serde_json::{Map, Value as Json, json};

use crate::cycles;
use crate::diagnostic::{Diagnostic, Severity};
use crate::plans::references::{LINKED, LISTED, Mark};

/// What the names of steps begin with where a plan is a run of its own.
const PREFIX: &str = "s";
/// Steps of a plan at most.
const STEPS_MAX: usize = 10_000;

/// A step of a plan.
struct Step {
    id: String,
    tool: String,
    /// What the planner says of it.
    words: Option<String>,
    args: Json,
    needs: Vec<String>,
}

/// The graph document of an agent's plan; `None` if the text is none, or larger than a document may be, which checking it says then.
///
/// # Errors
///
/// Everything that is wrong with the plan. It names steps, and has no place in the text: its line is 0.
pub fn document(text: &str, limits: &Limits) -> Result<Option<Json>, Vec<Diagnostic>> {
    document_for(text, PREFIX, limits)
}

/// The same with steps whose names begin so: those of several plans can stand beside each other.
pub(crate) fn document_for(text: &str, prefix: &str, limits: &Limits) -> Result<Option<Json>, Vec<Diagnostic>> {
    let read = if text.len() > limits.document_bytes_max { None } else { read_for(text, prefix) };
    read.transpose().map_err(|wrong| wrong.into_iter().map(diagnostic).collect())
}

fn diagnostic(message: String) -> Diagnostic {
    let (code, severity) = ("plan".into(), Severity::Error);
    Diagnostic { code, severity, message, help: None, file: None, span: 0..0, line: 0, column: 0 }
}

/// Reads a plan. `None` if the text is not of either shape, else the graph document, or everything that is wrong with it.
#[must_use]
pub fn read(text: &str) -> Option<Result<Json, Vec<String>>> {
    read_for(text, PREFIX)
}

fn read_for(text: &str, prefix: &str) -> Option<Result<Json, Vec<String>>> {
    let value: Json = serde_json::from_str(text).ok()?;
    let (steps, marks) = match &value {
        Json::Array(list) if list.is_empty() || list.iter().any(is_step) => (Ok(listed(list)), LISTED),
        // A document has tasks, and a plan that stands inside one is none.
        Json::Object(object) if !object.contains_key("tasks") => (linked(object)?, LINKED),
        Json::Array(_) | Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            return None;
        }
    };
    Some(steps.and_then(|(steps, wrong)| assembled(&steps, (prefix, marks), wrong)))
}

/// The steps that could be read, and what is wrong so far.
type Steps = (Vec<Step>, Vec<String>);

fn is_step(step: &Json) -> bool {
    ["tool", "task", "dependencies", "dep"].iter().any(|key| step.get(key).is_some())
}

/// A name, or the number that stands for one.
fn name(value: &Json) -> String {
    match value {
        Json::String(name) => name.clone(),
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

fn listed(list: &[Json]) -> Steps {
    let mut wrong = Vec::new();
    let mut steps = Vec::new();
    for (place, step) in list.iter().enumerate() {
        let id = step.get("id").map_or_else(|| place.to_string(), name);
        let needs = step.get("dependencies").or_else(|| step.get("dep"));
        if needs.is_some_and(|needs| !needs.is_array() && !needs.is_null()) {
            wrong.push(format!("the dependencies of step {id:?} are no list: write them as [id, …]"));
        }
        let needs = needs.and_then(Json::as_array).into_iter().flatten().map(name).filter(|need| need != "-1");
        steps.push(Step {
            tool: step.get("tool").or_else(|| step.get("task")).map(name).unwrap_or_default(),
            words: None,
            args: arguments(step),
            needs: needs.collect(),
            id,
        });
    }
    (steps, wrong)
}

fn arguments(step: &Json) -> Json {
    step.get("args").or_else(|| step.get("arguments")).cloned().unwrap_or_else(|| json!({}))
}

/// `None` if this is no plan at all.
fn linked(object: &Map<String, Json>) -> Option<Result<Steps, Vec<String>>> {
    let of = |word: &str| object.get(word).or_else(|| object.get(&format!("task_{word}")));
    let (nodes, links, steps) = (of("nodes"), of("links"), object.get("task_steps"));
    if nodes.is_none() && links.is_none() && steps.is_none() {
        return None;
    }
    let Some(nodes) = nodes.and_then(Json::as_array) else {
        let reason =
            "the plan has no list of nodes: name its tools under \"task_nodes\", as {\"task\": NAME, \"arguments\": …}";
        return Some(Err(vec![reason.to_owned()]));
    };
    let links = match links {
        Some(Json::Array(links)) => links.as_slice(),
        None if nodes.len() < 2 => &[],
        _ => {
            let reason = "the plan has no list of links: write \"task_links\": [{\"source\": …, \"target\": …}], or [] if no step needs another";
            return Some(Err(vec![reason.to_owned()]));
        }
    };
    let words = steps.and_then(Json::as_array).filter(|steps| steps.len() == nodes.len());
    let mut steps: Vec<Step> = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let own = |keys: &[&str]| keys.iter().find_map(|key| node.get(key).filter(|of| !of.is_null())).map(name);
        let tool = own(&["tool", "task", "name", "id"]).unwrap_or_else(|| name(node));
        steps.push(Step {
            id: own(&["id"]).unwrap_or_else(|| tool.clone()),
            words: words.and_then(|words| words[place].as_str()).map(str::to_owned),
            args: arguments(node),
            needs: Vec::new(),
            tool,
        });
    }
    Some(Ok(joined(steps, links)))
}

/// Joins the steps as the links say. A tool that stands there twice is two steps, as long as no link has to choose between them.
fn joined(mut steps: Vec<Step>, links: &[Json]) -> Steps {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (place, step) in steps.iter_mut().enumerate() {
        let count = times.entry(step.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            step.id = format!("{}#{count}", step.id);
        }
        places.entry(step.id.clone()).or_insert(place);
    }
    let mut wrong = Vec::new();
    let mut told: BTreeSet<String> = BTreeSet::new();
    for link in links {
        let (from, to) = match link.as_array().map(Vec::as_slice) {
            Some([from, to]) => (name(from), name(to)),
            _ => (name(&link["source"]), name(&link["target"])),
        };
        for end in [&from, &to] {
            if times.get(end).is_some_and(|count| *count > 1) && told.insert(end.clone()) {
                wrong.push(format!(
                    "several nodes are called {end:?} and a link names it: give each an \"id\" of its own, and link the ids"
                ));
            }
        }
        // A step says itself what it needs and lacks.
        match places.get(&to) {
            Some(place) => steps[*place].needs.push(from),
            None => {
                let strange =
                    |end: &str| format!("{end:?}, which is not among the nodes: add the node, or drop the link");
                if !places.contains_key(&from) {
                    wrong.push(format!("a link comes from {}", strange(&from)));
                }
                wrong.push(format!("a link leads to {}", strange(&to)));
            }
        }
    }
    (steps, wrong)
}

fn assembled(steps: &[Step], (prefix, marks): (&str, &[Mark]), mut wrong: Vec<String>) -> Result<Json, Vec<String>> {
    if steps.is_empty() {
        wrong.push("the plan has no steps: name at least one tool".to_owned());
    }
    if steps.len() > STEPS_MAX {
        wrong.push(format!("the plan has {} steps, {STEPS_MAX} at most: plan in parts", steps.len()));
        return Err(wrong);
    }
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for (place, step) in (0..).zip(steps) {
        if places.insert(&step.id, place).is_some() {
            wrong.push(format!("two steps have the id {:?}: give each its own", step.id));
        }
        if step.tool.trim().is_empty() {
            wrong.push(format!("step {:?} names no tool: add \"tool\"", step.id));
        }
    }
    let name_of = |place: u32| format!("{prefix}{place}");
    let mut tasks = Map::new();
    let mut all_needs: Vec<Vec<NodeId>> = Vec::with_capacity(steps.len());
    for (place, step) in (0..).zip(steps) {
        let mut needs: BTreeSet<u32> = BTreeSet::new();
        for need in &step.needs {
            match places.get(need.as_str()) {
                Some(place) => drop(needs.insert(*place)),
                None => wrong.push(format!(
                    "step {:?} depends on {need:?}, which is no step: add it, or drop the dependency",
                    step.id
                )),
            }
        }
        let (arguments, read) = arguments_of(step, place, (prefix, marks), &places, &mut wrong);
        needs.extend(read);
        let tool = step.tool.replace("${{", "$ {{").replace("{%", "{ %").replace("{#", "{ #");
        let task = json!({
            "description": step.words.as_ref().unwrap_or(&step.tool), "uses": "exec", "effect": "none",
            "needs": needs.iter().copied().map(name_of).collect::<Vec<_>>(), "with": { "argv": [tool, arguments] },
        });
        tasks.insert(name_of(place), task);
        all_needs.push(needs.into_iter().map(NodeId).collect());
    }
    if let Some(path) = cycle(steps, &all_needs) {
        wrong.push(format!(
            "the plan is a cycle: {}: drop one of these dependencies, or write a loop",
            path.join(" → ")
        ));
    }
    if wrong.is_empty() { Ok(json!({ "version": 1, "name": called(steps), "tasks": tasks })) } else { Err(wrong) }
}

/// Plans of the same tools in the same order are of one name: what one run taught of them holds for the next.
fn called(steps: &[Step]) -> String {
    let tools: Vec<&str> = steps.iter().map(|step| step.tool.as_str()).collect();
    format!("plan-{:.8}", crate::hash_of(&json!(tools).to_string()))
}

/// The arguments of a step as a template, and the places of the steps that they read.
fn arguments_of(
    step: &Step,
    own: u32,
    (prefix, marks): (&str, &[Mark]),
    places: &BTreeMap<&str, u32>,
    wrong: &mut Vec<String>,
) -> (String, BTreeSet<u32>) {
    let (mut read, mut told) = (BTreeSet::new(), BTreeSet::new());
    let template = references::template(&step.args.to_string(), (prefix, marks), |reference| {
        let place = reference.place(places);
        if place.is_some_and(|place| place != own) {
            read.extend(place);
        } else if told.insert(reference.text.to_owned()) {
            let what = if place.is_some() { "which is itself" } else { "and there is no such step" };
            wrong.push(format!(
                "step {:?} reads {}, {what}: name another step{}",
                step.id,
                reference.text,
                reference.or_literal()
            ));
        }
        place
    });
    (template, read)
}

/// A cycle of the plan, by ids, the first repeated at the end; what is needed stands before what needs it.
fn cycle(steps: &[Step], needs: &[Vec<NodeId>]) -> Option<Vec<String>> {
    let needs: Vec<&[NodeId]> = needs.iter().map(Vec::as_slice).collect();
    let first = cycles::find(&needs).into_iter().next()?;
    Some(first.iter().rev().map(|node| steps[node.0 as usize].id.clone()).collect())
}
