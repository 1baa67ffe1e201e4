//! Tasks of a plan that is still being written: added while their planner streams, and held against the plan once that is whole.
//!
//! In a normal document they stand among the additions like any. `ahead` names them under their planner until its plan is read. Those
//! that it holds as they were stay what they are; the others are withdrawn: they keep their places in the graph's tables under a name
//! that nobody can write, `NAME~PLANNER`, and what they read of each other is found under such names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use agendum_types::graph::{Ahead, Graph, NodeId};
use agendum_types::{Hash, Labels, Limits};

use crate::diagnostic::Diagnostics;
use crate::extend::{ADDITIONS, Planner, Stage, extend_by, made};
use crate::lower::{self, Lower};
use crate::tree::{self, Key, Node, Value};
use crate::{Accepted, NormalDocument, Unloadable, files};

/// The word of a normal document under which they stand by their planner.
pub(crate) const AHEAD: &str = "ahead";
/// Stands in no name that anybody can write.
const MARK: char = '~';

/// The document with these tasks of a plan that this task still writes: the JSON text of a map of some of its first tasks, whole ones.
/// `None` if they may not run before that is whole: then the end of the plan says what is wrong with them, if anything is.
///
/// # Errors
///
/// If the document is none that this or an earlier release has accepted.
pub fn planned_ahead(
    document: &NormalDocument,
    task: &str,
    tasks: &str,
    limits: &Limits,
) -> Result<Option<Accepted>, Unloadable> {
    let planner = Planner { task, labels: &Labels::NONE, stage: Stage::Ahead };
    let checked = extend_by(document, &format!("{{\"tasks\":{tasks}}}"), Some(planner), limits)?;
    Ok(checked.runnable().cloned())
}

/// Notes that the planner has given these before its plan was whole.
pub(crate) fn mark(whole: &mut Node, planner: &str, names: &[(String, Range<usize>)]) {
    let Some(all) = made(whole, AHEAD, Value::Map(Vec::new())) else { return };
    let Some(list) = made(all, planner, Value::List(Vec::new())) else { return };
    if let Value::List(list) = &mut list.value {
        list.extend(names.iter().map(|(name, _)| text(name)));
    }
}

/// The plan is whole. What it holds as it was given before, while that counts, is there already and leaves `tasks`; the rest of what
/// was given before is withdrawn. Gives the names of the former.
pub(crate) fn settle(whole: &mut Node, planner: Planner<'_>, tasks: &mut Node, limits: &Limits) -> BTreeSet<String> {
    let names = given(whole, planner.task);
    if names.is_empty() {
        return BTreeSet::new();
    }
    let kept = match planner.stage {
        Stage::Whole { counts: true } => kept(whole, &names, tasks, limits),
        Stage::Whole { counts: false } | Stage::Ahead => BTreeSet::new(),
    };
    if let Value::Map(entries) = &mut tasks.value {
        entries.retain(|(key, _)| !kept.contains(&key.name));
    }
    let void = |name: &str| format!("{name}{MARK}{}", planner.task);
    let left: Vec<Node> = names.difference(&kept).map(|name| text(&void(name))).collect();
    if let Some(Node { value: Value::List(additions), .. }) = files::get_mut(whole, ADDITIONS) {
        let entries = additions.iter_mut().filter_map(|addition| match &mut addition.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        });
        for (key, _) in entries.flatten().filter(|(key, _)| names.contains(&key.name) && !kept.contains(&key.name)) {
            key.name = void(&key.name);
        }
    }
    if let Some(list) = files::get_mut(whole, AHEAD).and_then(|all| files::get_mut(all, planner.task)) {
        list.value = Value::List(left);
    }
    kept
}

/// True if a task of this name was given ahead of a plan that is not read yet.
pub(crate) fn stands(whole: &Node, name: &str) -> bool {
    let lists = whole.get(AHEAD).map(Node::entries).unwrap_or_default();
    lists.iter().flat_map(|(_, list)| list.items()).any(|given| given.text() == Some(name))
}

/// The names of what a planner gave ahead of its plan.
fn given(whole: &Node, planner: &str) -> BTreeSet<String> {
    let list = whole.get(AHEAD).and_then(|all| all.get(planner)).map(Node::items).unwrap_or_default();
    list.iter().filter_map(Node::text).map(str::to_owned).collect()
}

/// Those that the plan holds as they were, and all that they need of each other too.
fn kept(whole: &Node, names: &BTreeSet<String>, tasks: &Node, limits: &Limits) -> BTreeSet<String> {
    let additions = whole.get(ADDITIONS).map(Node::items).unwrap_or_default().iter().flat_map(Node::entries);
    let before: BTreeMap<&str, &Node> =
        additions.filter(|(key, _)| names.contains(&key.name)).map(|(key, task)| (key.name.as_str(), task)).collect();
    let is_same = |name: &str| {
        let (before, after) = (before.get(name), tasks.get(name));
        before.zip(after).is_some_and(|(before, after)| tree::to_json(before) == tree::to_json(after))
    };
    let mut kept = BTreeSet::new();
    let Some(graph) = lower::part(whole, Hash([0; 32]), limits, &mut Diagnostics::new("")) else { return kept };
    // Whoever needs another stands behind it.
    for node in graph.main.iter().map(|node| graph.task(*node)).filter(|task| names.contains(&*task.name)) {
        let stays = |need: &NodeId| {
            let need = &*graph.task(*need).name;
            !names.contains(need) || kept.contains(need)
        };
        if is_same(&node.name) && node.needs.iter().all(stays) {
            kept.insert(node.name.to_string());
        }
    }
    kept
}

/// What was given ahead can run before the plan is whole, each by itself.
pub(crate) fn check(graph: &Graph, fresh: &[(String, Range<usize>)], diagnostics: &mut Diagnostics) {
    let first = graph.main.len().saturating_sub(fresh.len());
    for (node, (_, span)) in graph.main[first..].iter().zip(fresh) {
        if !graph.task(*node).may_run_ahead() {
            diagnostics.error("not_ahead", span, "it waits for the whole plan", "");
        }
    }
}

/// Nobody else builds on what may yet be withdrawn.
pub(crate) fn check_others(graph: &Graph, fresh: &[(String, Range<usize>)], diagnostics: &mut Diagnostics) {
    let first = graph.main.len().saturating_sub(fresh.len());
    for (node, (name, span)) in graph.main[first..].iter().zip(fresh) {
        for need in graph.task(*node).needs.iter().map(|need| graph.task(*need)) {
            let Some(ahead) = need.ahead else { continue };
            let planner = &graph.task(ahead.planner).name;
            let message = format!("task `{name}` needs `{}`, which is not yet sure to stay", need.name);
            let help = format!("add it once `{planner}` has succeeded, whose plan that stands in");
            diagnostics.error("needs_ahead", span, message, help);
        }
    }
}

/// Bytes of what was withdrawn: it stands there for its places only, and counts in no limit.
pub(crate) fn withdrawn_bytes(additions: &Node) -> usize {
    let tasks = additions.items().iter().flat_map(Node::entries);
    tasks.filter(|(key, _)| key.name.contains(MARK)).map(|(_, task)| tree::to_json(task).to_string().len()).sum()
}

fn text(word: &str) -> Node {
    Node { value: Value::Text(word.to_owned()), span: 0..0 }
}

impl Lower<'_, '_> {
    /// What planners have given ahead of their plans.
    pub(crate) fn of_ahead(&mut self, whole: &Node) {
        for (Key { name, .. }, list) in whole.get(AHEAD).map(Node::entries).unwrap_or_default() {
            let Some(planner) = self.find(None, name) else { continue };
            for name in list.items().iter().filter_map(Node::text) {
                if let Some(task) = self.find(None, name) {
                    let withdrawn = name.contains(MARK);
                    self.graph.tasks[task.0 as usize].ahead = Some(Ahead { planner, withdrawn });
                }
            }
        }
    }

    /// The task of this name that a task at the top means: one that was withdrawn means what was withdrawn with it.
    pub(crate) fn find_for(&self, reader: NodeId, scope: Option<NodeId>, name: &str) -> Option<NodeId> {
        let withdrawn = self.graph.task(reader).name.split_once(MARK).filter(|_| scope.is_none());
        let with = withdrawn.and_then(|(_, planner)| self.find(None, &format!("{name}{MARK}{planner}")));
        with.or_else(|| self.find(scope, name))
    }
}
