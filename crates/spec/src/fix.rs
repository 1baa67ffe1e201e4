//! `check --fix`: tasks that need each other become a loop, in the text as it stands.
//!
//! Each cycle becomes one task with `loop` and the tasks of the cycle inside. The tasks of a round get an order; what a task reads of
//! a later one, or of itself, is the last round's. What is written is checked again, so that a fix is right or is refused.

mod edits;
mod loops;
mod walk;

use agendum_types::Limits;

use crate::diagnostic::Diagnostics;
use crate::{Resolver, Severity, Source, check, files, lower, tree};

/// A document that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Its text: outside of the tasks concerned, byte for byte what it was.
    pub text: String,
    /// The loops that were written.
    pub loops: Vec<Written>,
}

/// A loop in the place of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The name of the task.
    pub name: String,
    /// The tasks inside, in the order of a round.
    pub tasks: Vec<String>,
    /// When it ends; `None` if nothing in the document says so, and somebody must.
    pub until: Option<String>,
    /// Rounds at most.
    pub rounds_max: u32,
}

/// Why a document cannot be mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cycle cannot be rewritten as a loop: {0}")]
pub struct Unfixable(pub String);

/// Rewrites the cycles of a document as loops. `None` if it has none.
///
/// # Errors
///
/// If there are other errors to mend first, or a cycle has no loop that means the same.
pub fn fix(source: Source<'_>, resolver: &dyn Resolver, limits: &Limits) -> Result<Option<Fixed>, Unfixable> {
    let checked = check(source, resolver, limits);
    let errors = checked.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let (cycles, others): (Vec<_>, Vec<_>) = errors.partition(|found| found.code == "cycle");
    if cycles.is_empty() {
        return Ok(None);
    }
    if let Some(other) = others.first() {
        return Err(Unfixable(format!("mend the other errors first: line {}: {}", other.line, other.message)));
    }
    let mut diagnostics = Diagnostics::new(source.text);
    let Some(tree) = tree::parse(source.text, limits, &mut diagnostics) else {
        return Err(Unfixable("it cannot be read".into()));
    };
    let mut with_files = tree.clone();
    files::inline(&mut with_files, resolver, &mut limits.document_bytes_max.clone(), &mut diagnostics);
    let cycles = lower::cycles(&with_files, limits, &mut diagnostics);
    let mut loops = loops::plan(&tree, &cycles, limits);
    let mut edits = edits::Edits::new(source.text);
    walk::references(&tree, &mut loops, &mut edits, &diagnostics, limits)?;
    for (groups, loops) in loops.by_scope() {
        edits::wrap(&mut edits, &tree, groups, &loops)?;
    }
    let text = edits.emit(0..source.text.len());
    let again = check(Source { name: source.name, text: &text }, resolver, limits);
    if let Some(left) = again.diagnostics.iter().find(|found| found.severity == Severity::Error) {
        return Err(Unfixable(format!("what would be written has an error of its own: {}", left.message)));
    }
    Ok(Some(Fixed { text, loops: loops.written() }))
}

/// The difference between two texts, as `diff -u` shows it.
#[must_use]
pub fn difference(name: &str, before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(name, name).to_string()
}
