//! What tasks may do that a model has written: `adds` of the task whose output gives them.

use std::collections::BTreeSet;
use std::ops::Range;

use agendum_types::graph::{Adds, Ahead, NodeId, Task, Work};
use agendum_types::{Effect, Graph};

use crate::diagnostic::Diagnostics;
use crate::extend::{PLANNED, Planner, made};
use crate::tree::{Key, Node, Value};

/// Notes in the document that this task has added some, and what labels they bring.
pub(crate) fn mark(whole: &mut Node, planner: Planner<'_>, span: &Range<usize>, diagnostics: &mut Diagnostics) {
    let Some(Node { value: Value::Map(planned), .. }) = made(whole, PLANNED, Value::Map(Vec::new())) else { return };
    if planned.len() >= Adds::PLANS_MAX {
        let message = format!("{} tasks of this run have added others, as many as may", planned.len());
        diagnostics.error("too_many", span, message, "add all tasks at once");
    }
    let text = |word: &str| Node { value: Value::Text(word.to_owned()), span: 0..0 };
    let labels = planner.labels.words().iter().map(|word| text(word)).collect();
    let key = Key { name: planner.task.to_owned(), span: 0..0 };
    planned.push((key, Node { value: Value::List(labels), span: 0..0 }));
}

/// That the tasks of these names, and all inside them, do no more than the planner's `adds` permits. Of its plan those that it `kept` were
/// looked at before.
pub(crate) fn check(
    graph: &Graph,
    (planner, kept): (&str, &BTreeSet<String>),
    added: &[(String, Range<usize>)],
    span: &Range<usize>,
    diagnostics: &mut Diagnostics,
) {
    let named = |node: &&NodeId| *graph.task(**node).name == *planner;
    let Some(adds) = graph.main.iter().find(named).and_then(|node| graph.task(*node).adds.as_ref()) else {
        return diagnostics.error("permission", span, format!("task `{planner}` may not add others"), "");
    };
    // They stand last, be it that one has a name that is taken.
    let known = graph.main.len().saturating_sub(added.len());
    let first = graph.main.get(known).map_or(graph.tasks.len(), |node| node.0 as usize);
    // While the plan is being written, what was given of it before counts too.
    let by_it = |ahead: &Ahead| !ahead.withdrawn && *graph.task(ahead.planner).name == *planner;
    let before =
        graph.tasks[..first].iter().filter_map(|task| task.ahead.as_ref()).filter(|ahead| by_it(ahead)).count();
    let count = graph.tasks.len() - first + kept.len() + before;
    if count > adds.tasks_max as usize {
        let message = format!("the plan has {count} tasks; `{planner}` may add {}", adds.tasks_max);
        diagnostics.error("too_many_tasks", span, message, "plan fewer, or use `foreach` over a list");
    }
    let mut place = span;
    for task in &graph.tasks[first..] {
        if task.parent.is_none() {
            place = added.iter().find(|(name, _)| **name == *task.name).map_or(span, |(_, span)| span);
        }
        if let Some((message, help)) = exceeds(task, planner, adds) {
            diagnostics.error("permission", place, message, help);
        }
    }
}

/// What a task does that it may not, and what would do.
fn exceeds(task: &Task, planner: &str, adds: &Adds) -> Option<(String, String)> {
    let words = || adds.uses.iter().map(|capability| capability.word()).collect::<Vec<_>>().join(", ");
    let name = &task.name;
    if let Work::Call(call) = &task.work {
        if !adds.uses.contains(&call.capability) {
            let message = format!("task `{name}` uses `{}`, which `{planner}` may not add", call.capability);
            return Some((message, format!("use one of {}", words())));
        }
        if task.effect != Effect::None && !adds.effects {
            let message = format!("task `{name}` has an effect outside, which `{planner}` may not add");
            return Some((message, "leave `effect` out".to_owned()));
        }
    }
    if task.judges.is_some() {
        let message = format!("task `{name}` judges another one, which what `{planner}` adds may not");
        return Some((message, "leave `judges` out".to_owned()));
    }
    task.adds.as_ref().filter(|inner| !adds.allows(inner))?;
    let message = format!("task `{name}` may add more than `{planner}` may");
    let help = format!("write `adds: {{ uses: [{}], tasks_max: {} }}`", words(), adds.tasks_max);
    Some((message, help))
}
