//! Further tasks for a live run.
//!
//! They stand in a list of their own, `additions`, which no document of a user may hold: behind every task that the run had, whatever
//! section it was of, so that each keeps its place in the graph's tables.

use std::sync::Arc;

use agendum_types::Limits;

use crate::children::Nest;
use crate::diagnostic::{Diagnostics, Severity};
use crate::tree::{self, Key, Node, Value};
use crate::{Accepted, Checked, NoFiles, NormalDocument, Unloadable, agent, files, hash_of, lower, parsed, schema};

/// The word of a normal document under which additions stand.
pub(crate) const ADDITIONS: &str = "additions";

/// What an addition may say besides its tasks: a document's head, for those who send one.
const HEAD: [&str; 4] = ["$schema", "version", "name", "description"];

/// Checks a document with further tasks: those under `tasks` of the addition, YAML or JSON. Diagnostics point into the addition.
///
/// # Errors
///
/// If the document is none that this or an earlier release has accepted.
pub fn extend(document: &NormalDocument, addition: &str, limits: &Limits) -> Result<Checked, Unloadable> {
    let mut whole = parsed(document)?;
    let mut diagnostics = Diagnostics::new(addition);
    let accepted = extend_into(&mut whole, addition, limits, &mut diagnostics);
    Ok(Checked::new(accepted, diagnostics))
}

fn extend_into(whole: &mut Node, addition: &str, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Accepted> {
    let added = tree::parse(addition, limits, diagnostics)?;
    let mut tasks = tasks_of(added, diagnostics)?;
    schema::check_tasks(&tasks, limits, diagnostics);
    let mut left = limits.document_bytes_max;
    files::inline_tasks(&mut tasks, &NoFiles, &mut left, diagnostics);
    agent::expand_tasks(&mut tasks, false, limits, diagnostics);
    Nest::new(&NoFiles).inline_tasks(&mut tasks, &mut left, limits, diagnostics);
    let span = tasks.span.clone();
    let additions = push(whole, tasks)?;
    let size = tree::to_json(additions).to_string().len();
    if size > limits.document_bytes_max {
        let most = limits.document_bytes_max;
        let message = format!("the run's additions would have {size} bytes; {most} are allowed");
        diagnostics.error("too_large", &span, message, "submit a run of its own");
        return None;
    }
    let normal = tree::to_json(whole).to_string();
    let graph = lower::graph(whole, hash_of(&normal), limits, diagnostics)?;
    Some(Accepted { graph: Arc::new(graph), document: NormalDocument(normal.into()) })
}

/// The tasks of an addition, which holds nothing else that would count.
fn tasks_of(added: Node, diagnostics: &mut Diagnostics) -> Option<Node> {
    let span = added.span.clone();
    let Value::Map(entries) = added.value else {
        let message = format!("the addition is {}; it must be a map", added.kind());
        diagnostics.error("wrong_type", &span, message, "write `tasks: { NAME: { uses: … } }`");
        return None;
    };
    let mut tasks = None;
    for (key, value) in entries {
        match key.name.as_str() {
            "tasks" => tasks = Some(value),
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
    tasks
}

/// Puts the tasks behind all earlier ones; gives the list of all additions.
fn push(whole: &mut Node, tasks: Node) -> Option<&Node> {
    if whole.get(ADDITIONS).is_none()
        && let Value::Map(entries) = &mut whole.value
    {
        let list = Node { value: Value::List(Vec::new()), span: 0..0 };
        entries.push((Key { name: ADDITIONS.to_owned(), span: 0..0 }, list));
    }
    let additions = files::get_mut(whole, ADDITIONS)?;
    if let Value::List(list) = &mut additions.value {
        list.push(tasks);
    }
    Some(additions)
}
