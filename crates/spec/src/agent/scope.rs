//! What an agent reads, seen from inside the group that it becomes: `tasks.X` beside it is `outer.tasks.X` there.

use std::ops::Range;

use agendum_types::Limits;
use agendum_types::graph::Form;

use crate::diagnostic::Diagnostics;
use crate::expr::{self, Text};
use crate::names::{self, Read};
use crate::tree::{Node, Value};

/// Where a text of an agent is put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'s> {
    /// Into the turn, where rounds are the agent's own.
    With,
    /// Into a tool, beside tools of these names, where items are calls; each brings the item around the agent, if there is one.
    Tool(&'s [&'s str], bool),
    /// Into what judges the agent's output.
    Judge,
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
            (Self::Tool(names, _), "tasks") if name.is_some_and(|name| names.contains(&name)) => Ok(None),
            (_, "tasks" | "outer") => Ok(Some(format!("{}{root}", "outer.".repeat(self.depth())))),
            (Self::Tool(..), "args") => Ok(Some("item.arguments".to_owned())),
            (Self::Tool(_, true), "item") => Ok(Some("item.item".to_owned())),
            (Self::Tool(_, false), "item") => {
                Err("it is known inside a `foreach` only; what the model gives is `args`")
            }
            (Self::Tool(..), "item_index") => Err("a tool knows the `item` around its agent, and not its place"),
            (Self::With | Self::Tool(..), "loop") => {
                Err("an agent is a loop of its own, and reads no other one: hand the value in as the output of a task")
            }
            _ => Ok(None),
        }
    }
}

/// The same value with every text as it reads at its new place.
pub(super) fn moved(node: &Node, scope: Scope<'_>, limits: &Limits, diagnostics: &mut Diagnostics) -> Node {
    let value = match &node.value {
        Value::Text(text) => match text_moved(node, text, scope, limits, diagnostics) {
            // Its characters stand elsewhere now: what is wrong with it is wrong with the whole.
            Some(text) => return Node { value: Value::Text(text), span: inside(&node.span) },
            None => node.value.clone(),
        },
        Value::List(items) => Value::List(items.iter().map(|item| moved(item, scope, limits, diagnostics)).collect()),
        Value::Map(entries) => {
            let each = entries.iter().map(|(key, value)| (key.clone(), moved(value, scope, limits, diagnostics)));
            Value::Map(each.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => node.value.clone(),
    };
    Node { value, span: node.span.clone() }
}

/// A place within, which is not that of a file's name: places in a file count from there.
fn inside(span: &Range<usize>) -> Range<usize> {
    if span.len() > 1 { span.start + 1..span.end } else { span.clone() }
}

/// `None` if it stays as it is. What cannot be read is told when it is lowered.
fn text_moved(
    node: &Node,
    text: &str,
    scope: Scope<'_>,
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
        let Some((root, place)) = read.head().next() else { continue };
        match scope.begins(read) {
            Ok(Some(instead)) => changes.push((begin + place.start..begin + place.end, instead)),
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
