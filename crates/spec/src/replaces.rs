//! `replaces` of an addition: tasks at the top that it takes the place of. That none of them has started only the scheduler knows.

use std::collections::BTreeMap;
use std::ops::Range;

use agendum_types::Graph;
use agendum_types::graph::{DataRef, NodeId, OnUncertain};

use crate::ahead;
use crate::diagnostic::Diagnostics;
use crate::extend::{ADDITIONS, REPLACED, made};
use crate::tree::{Key, Node, Value};

/// The word of additions.
pub(crate) const WORD: &str = "replaces";

/// Notes in the document which tasks are replaced, and by whose plan.
pub(crate) fn mark(whole: &mut Node, replaced: &Node, planner: Option<&str>, diagnostics: &mut Diagnostics) {
    if !matches!(replaced.value, Value::List(_)) {
        let message = format!("`replaces` is {}; it must be a list", replaced.kind());
        return diagnostics.error("wrong_type", &replaced.span, message, "write [NAME, …]");
    }
    for entry in replaced.items() {
        let Some(name) = entry.text() else {
            let message = format!("an entry of `replaces` is {}; it must be a text", entry.kind());
            diagnostics.error("wrong_type", &entry.span, message, "write the name of a task");
            continue;
        };
        let is_there = whole.get("tasks").is_some_and(|tasks| tasks.get(name).is_some())
            || whole.get(ADDITIONS).is_some_and(|list| list.items().iter().any(|tasks| tasks.get(name).is_some()));
        if !is_there {
            let help = "name a task at the top of `tasks`, or one that was added";
            diagnostics.error("unknown_task", &entry.span, format!("the run has no task `{name}` to replace"), help);
            continue;
        }
        if ahead::stands(whole, name) {
            let message = format!("`{name}` is not yet sure to stay: its planner still writes");
            diagnostics.error("needs_ahead", &entry.span, message, "leave it out, or wait for the plan");
            continue;
        }
        if planner == Some(name) {
            let message = format!("`{name}` cannot replace itself");
            diagnostics.error("contradiction", &entry.span, message, "leave it out: it ends with this plan");
            continue;
        }
        let Some(all) = made(whole, REPLACED, Value::Map(Vec::new())) else { return };
        if all.get(name).is_some() {
            let message = format!("task `{name}` was replaced before");
            diagnostics.error("duplicate_task", &entry.span, message, "leave it out");
        } else if let Value::Map(entries) = &mut all.value {
            let by = Node { value: Value::Text(planner.unwrap_or_default().to_owned()), span: 0..0 };
            entries.push((Key { name: name.to_owned(), span: 0..0 }, by));
        }
    }
}

/// Nothing that stays needs, or reads, what is replaced.
pub(crate) fn check(
    graph: &Graph,
    added: &[(String, Range<usize>)],
    replaced: Option<&Node>,
    diagnostics: &mut Diagnostics,
) {
    let is_gone = |node: &NodeId| graph.task(*node).replaced.is_some();
    if !graph.main.iter().any(is_gone) {
        return;
    }
    let spans: BTreeMap<&str, &Range<usize>> = added.iter().map(|(name, span)| (name.as_str(), span)).collect();
    let places = replaced.map(Node::items).unwrap_or_default();
    let place_of = |gone: &str| places.iter().find(|entry| entry.text() == Some(gone)).map(|entry| &entry.span);
    for node in graph.main.iter().filter(|node| !is_gone(node)) {
        let task = graph.task(*node);
        // What is not yet sure to stay keeps nothing back.
        if task.ahead.is_some() {
            continue;
        }
        let checks = match &task.on_uncertain {
            OnUncertain::Check { task, .. } => Some(*task),
            OnUncertain::Fail | OnUncertain::Ask => None,
        };
        for need in task.needs.iter().copied().chain(task.publish_after.iter().copied()).chain(checks) {
            let gone = &graph.task(need).name;
            // What was there before was looked at when that was replaced.
            let (own, stays) = (spans.get(&*task.name).copied(), "let it need a task that stays");
            if let Some(place) = own.or_else(|| place_of(gone)).filter(|_| is_gone(&need)) {
                let message = format!("task `{}` needs `{gone}`, which is replaced", task.name);
                let too = || format!("replace `{}` too, or leave `{gone}` in if that has started", task.name);
                let help = own.map_or_else(too, |_| stays.to_owned());
                diagnostics.error("needs_replaced", place, message, help);
            }
        }
    }
    let reads = graph.output.map(|output| graph.expr(output).reads.as_slice()).unwrap_or_default();
    for read in reads {
        if let DataRef::Output(node) = read
            && let Some(place) = place_of(&graph.task(*node).name).filter(|_| is_gone(node))
        {
            let message = format!("the run's `output` reads `{}`, which is replaced", graph.task(*node).name);
            diagnostics.error("needs_replaced", place, message, "leave it in: the run could give no output");
        }
    }
}
