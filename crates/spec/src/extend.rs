//! Further tasks for a live run.
//!
//! They stand in a list of their own, `additions`, which no document of a user may hold: behind every task that the run had, whatever
//! section it was of, so that each keeps its place in the graph's tables. Beside it stands which tasks have added some (`planned`, with
//! the labels that the run has from then on), and which an addition has taken the place of before they started (`replaced`, with the
//! task whose plan that was).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use agendum_types::{Labels, Limits};

use crate::children::Nest;
use crate::diagnostic::{Diagnostics, Severity};
use crate::tree::{self, Key, Node, Value};
use crate::{Accepted, Checked, NoFiles, NormalDocument, Unloadable, agent, files, hash_of, lower, parsed, schema};
use crate::{ahead, permitted, replaces};

/// The words of a normal document under which additions stand, and what they have made of the rest.
pub(crate) const ADDITIONS: &str = "additions";
pub(crate) const PLANNED: &str = "planned";
pub(crate) const REPLACED: &str = "replaced";

/// What an addition may say besides its tasks: a document's head, for those who send one.
const HEAD: [&str; 4] = ["$schema", "version", "name", "description"];

/// The task whose output gives further tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'p> {
    pub(crate) task: &'p str,
    /// The labels of that output: what it says stands in those tasks.
    pub(crate) labels: &'p Labels,
    pub(crate) stage: Stage,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// These are the first of its tasks.
    Ahead,
    /// These are all; what was given ahead of them counts, or its attempt came to nothing.
    Whole { counts: bool },
}

/// Checks a document with further tasks: those under `tasks` of the addition, YAML or JSON. Diagnostics point into the addition.
///
/// # Errors
///
/// If the document is none that this or an earlier release has accepted.
pub fn extend(document: &NormalDocument, addition: &str, limits: &Limits) -> Result<Checked, Unloadable> {
    extend_by(document, addition, None, limits)
}

/// The same for tasks that the output of this one gives: no more than that is permitted.
pub(crate) fn extend_by(
    document: &NormalDocument,
    addition: &str,
    planner: Option<Planner<'_>>,
    limits: &Limits,
) -> Result<Checked, Unloadable> {
    let mut whole = parsed(document)?;
    let mut diagnostics = Diagnostics::new(addition);
    let accepted = extend_into(&mut whole, addition, planner, limits, &mut diagnostics);
    Ok(Checked::new(accepted, diagnostics))
}

fn extend_into(
    whole: &mut Node,
    addition: &str,
    planner: Option<Planner<'_>>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<Accepted> {
    let added = tree::parse(addition, limits, diagnostics)?;
    let (mut tasks, replaced) = parts_of(added, diagnostics)?;
    let is_ahead = planner.is_some_and(|planner| planner.stage == Stage::Ahead);
    // A planner may find that nothing is left to do.
    let is_done = planner.is_some() && !is_ahead && matches!(&tasks.value, Value::Map(entries) if entries.is_empty());
    if !is_done {
        schema::check_tasks(&tasks, limits, diagnostics);
    }
    let mut left = limits.document_bytes_max;
    files::inline_tasks(&mut tasks, &NoFiles, &mut left, diagnostics);
    agent::expand_tasks(&mut tasks, false, limits, diagnostics);
    Nest::new(&NoFiles).inline_tasks(&mut tasks, &mut left, limits, diagnostics);
    if let Some(replaced) = &replaced {
        replaces::mark(whole, replaced, planner.map(|planner| planner.task), diagnostics);
    }
    let (span, all) = (tasks.span.clone(), names_of(&tasks));
    let kept = match planner {
        Some(planner) if is_ahead => {
            ahead::mark(whole, planner.task, &all);
            BTreeSet::new()
        }
        Some(planner) => {
            permitted::mark(whole, planner, &span, diagnostics);
            ahead::settle(whole, planner, &mut tasks, limits)
        }
        None => BTreeSet::new(),
    };
    let names = names_of(&tasks);
    let additions = push(whole, tasks)?;
    let size = tree::to_json(additions).to_string().len() - ahead::withdrawn_bytes(additions);
    if size > limits.document_bytes_max {
        let most = limits.document_bytes_max;
        let message = format!("the run's additions would have {size} bytes; {most} are allowed");
        diagnostics.error("too_large", &span, message, "submit a run of its own");
        return None;
    }
    let normal = tree::to_json(whole).to_string();
    let graph = lower::part(whole, hash_of(&normal), limits, diagnostics)?;
    replaces::check(&graph, &all, replaced.as_ref(), diagnostics);
    if is_ahead {
        ahead::check(&graph, &names, diagnostics);
    } else {
        ahead::check_others(&graph, &names, diagnostics);
    }
    if let Some(planner) = planner {
        permitted::check(&graph, (planner.task, &kept), &names, &span, diagnostics);
    }
    Some(Accepted { graph: Arc::new(graph), document: NormalDocument(normal.into()) })
}

/// The tasks of an addition and what it replaces; it holds nothing else that would count.
fn parts_of(added: Node, diagnostics: &mut Diagnostics) -> Option<(Node, Option<Node>)> {
    let span = added.span.clone();
    let Value::Map(entries) = added.value else {
        let message = format!("the addition is {}; it must be a map", added.kind());
        diagnostics.error("wrong_type", &span, message, "write `tasks: { NAME: { uses: … } }`");
        return None;
    };
    let (mut tasks, mut replaced) = (None, None);
    for (key, value) in entries {
        match key.name.as_str() {
            "tasks" => tasks = Some(value),
            replaces::WORD => replaced = Some(value),
            word if HEAD.contains(&word) => {}
            word => {
                let message = format!("`{word}` cannot be added to a live run");
                diagnostics.add(Severity::Error, "unknown_key", &key.span, message, Some("write `tasks` only".into()));
            }
        }
    }
    if tasks.is_none() {
        let help = "write `tasks: { NAME: { uses: … } }`";
        diagnostics.error("missing_key", &(span.start..span.start + 1), "the addition lacks `tasks`", help);
    }
    Some((tasks?, replaced))
}

/// The names of the tasks at the top of an addition, and where they stand.
fn names_of(tasks: &Node) -> Vec<(String, Range<usize>)> {
    tasks.entries().iter().map(|(key, _)| (key.name.clone(), key.span.clone())).collect()
}

/// Puts the tasks behind all earlier ones; gives the list of all additions.
fn push(whole: &mut Node, tasks: Node) -> Option<&Node> {
    let additions = made(whole, ADDITIONS, Value::List(Vec::new()))?;
    if let Value::List(list) = &mut additions.value {
        list.push(tasks);
    }
    Some(additions)
}

/// What stands under this word of a normal document; this, if nothing does yet.
pub(crate) fn made<'w>(whole: &'w mut Node, word: &str, empty: Value) -> Option<&'w mut Node> {
    if whole.get(word).is_none()
        && let Value::Map(entries) = &mut whole.value
    {
        entries.push((Key { name: word.to_owned(), span: 0..0 }, Node { value: empty, span: 0..0 }));
    }
    files::get_mut(whole, word)
}
