//! What an agent reads, seen from inside the group that it becomes: `tasks.X` beside it is `outer.tasks.X` there.

use std::ops::Range;

use agendum_types::Limits;
use agendum_types::graph::Form;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostics, Parts};
use crate::expr::{self, Text};
use crate::json_schema::names_all;
use crate::names::{self, Read};
use crate::tree::{Node, Value};

/// Where a text of an agent is put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'s> {
    /// Into the turn, where rounds are the agent's own.
    With,
    /// Into a tool, where items are calls.
    Tool(&'s Around<'s>),
    /// Into what judges the agent's output.
    Judge,
}

/// What stands around the texts of a tool.
#[derive(Debug)]
pub(super) struct Around<'s> {
    /// The tools of its agent.
    pub(super) names: &'s [&'s str],
    /// The agent stands in a `foreach`, whose item each call brings.
    pub(super) is_each: bool,
    /// The schema of `args`.
    pub(super) parameters: Json,
}

impl Scope<'_> {
    /// The groups around it that the agent does not stand in.
    const fn depth(self) -> usize {
        match self {
            Self::With | Self::Judge => 1,
            Self::Tool(..) => 2,
        }
    }

    /// What stands instead of the first name of a path. `Err` says why the path cannot be read there.
    fn begins(self, read: &Read<'_>) -> Result<Option<String>, &'static str> {
        let mut head = read.head().map(|(name, _)| *name);
        let (root, name) = (head.next().unwrap_or_default(), head.next());
        match (self, root) {
            (Self::Tool(around), "tasks") if name.is_some_and(|name| around.names.contains(&name)) => Ok(None),
            (_, "tasks" | "outer") => Ok(Some(format!("{}{root}", "outer.".repeat(self.depth())))),
            (Self::Tool(..), "args") => Ok(Some("item.arguments".to_owned())),
            (Self::Tool(around), "item") if around.is_each => Ok(Some("item.item".to_owned())),
            (Self::Tool(_), "item") => Err("it is known inside a `foreach` only; what the model gives is `args`"),
            (Self::Tool(..), "item_index") => Err("a tool knows the `item` around its agent, and not its place"),
            (Self::With | Self::Tool(..), "loop") => {
                Err("an agent is a loop of its own, and reads no other one: hand the value in as the output of a task")
            }
            _ => Ok(None),
        }
    }
}

impl Around<'_> {
    /// An argument that the model is not told of never comes.
    fn judge(
        &self,
        read: &Read<'_>,
        at: &dyn Fn(&Range<usize>) -> Range<usize>,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) {
        let mut head = read.head();
        let (Some(("args", _)), Some((name, place))) = (head.next().map(|(root, at)| (*root, at)), head.next()) else {
            return;
        };
        let known = self.parameters["properties"].as_object();
        if !names_all(&self.parameters) || known.is_some_and(|known| known.contains_key(*name)) {
            return;
        }
        let words: Vec<&str> = known.into_iter().flatten().map(|(word, _)| word.as_str()).collect();
        let help = diagnostics.suggestion(name, &words, "parameters");
        let message = format!("the tool has no parameter `{name}`: this is always undefined");
        let span = diagnostics.parts(node).place(&at(place));
        diagnostics.warning("unknown_field", &span, message, help);
    }
}

/// The same value with every text as it reads at its new place; what these names stand for stays.
pub(super) fn moved(
    node: &Node,
    scope: Scope<'_>,
    locals: &[&str],
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Node {
    let value = match &node.value {
        Value::Text(text) => match text_moved(node, text, (scope, locals), limits, diagnostics) {
            // Its characters stand elsewhere now: what is wrong with it is wrong with the whole.
            Some(text) => {
                let is_file = matches!(diagnostics.parts(node), Parts::File(_));
                let span = if is_file { inside(&node.span) } else { node.span.clone() };
                return Node { value: Value::Text(text), span };
            }
            None => node.value.clone(),
        },
        Value::List(items) => {
            Value::List(items.iter().map(|item| moved(item, scope, locals, limits, diagnostics)).collect())
        }
        Value::Map(entries) => {
            let each =
                entries.iter().map(|(key, value)| (key.clone(), moved(value, scope, locals, limits, diagnostics)));
            Value::Map(each.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => node.value.clone(),
    };
    Node { value, span: node.span.clone() }
}

/// A place within a file's name, which is not where it begins: from there places in the file would count. Such a name is ASCII.
fn inside(span: &Range<usize>) -> Range<usize> {
    span.start + 1..span.end
}

/// `None` if it stays as it is. What cannot be read is told when it is lowered.
fn text_moved(
    node: &Node,
    text: &str,
    (scope, locals): (Scope<'_>, &[&str]),
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let (form, source) = match expr::classify(text) {
        Text::Plain => return None,
        Text::Expression(source) => (Form::Expression, source),
        Text::Template => (Form::Tree, text),
    };
    let begin = (source.as_ptr() as usize).checked_sub(text.as_ptr() as usize).filter(|at| *at <= text.len())?;
    let found = names::all(limits, form, source).ok()?;
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for read in &found.reads {
        let Some((root, place)) = read.head().next().filter(|(root, _)| !locals.contains(root)) else { continue };
        if let Scope::Tool(around) = scope {
            around.judge(read, &|range: &Range<usize>| begin + range.start..begin + range.end, node, diagnostics);
        }
        match scope.begins(read) {
            Ok(Some(instead)) => {
                let at = begin + place.start..begin + place.end;
                let first = instead.split('.').next().unwrap_or_default();
                // Such a read would silently become one of the text's own name.
                if read.hidden.contains(&first) || found.given.contains(first) || locals.contains(&first) {
                    let span = diagnostics.parts(node).place(&at);
                    let help = format!("rename the variable, or the argument of this `with`, that is called `{first}`");
                    let message = format!("`{root}` cannot be read here: an agent reads it through the name `{first}`");
                    diagnostics.error("name_taken", &span, message, help);
                }
                changes.push((at, instead));
            }
            Ok(None) => {}
            Err(help) => {
                let span = diagnostics.parts(node).place(&(begin + place.start..begin + place.end));
                diagnostics.error("unknown_name", &span, format!("`{root}` is not known here"), help);
            }
        }
    }
    changes.sort_by_key(|(place, _)| place.start);
    changes.dedup_by(|one, other| one.0 == other.0);
    let mut changed = text.to_owned();
    for (place, instead) in changes.iter().rev() {
        changed.replace_range(place.clone(), instead);
    }
    (!changes.is_empty()).then_some(changed)
}
