//! Graph documents: YAML or JSON text in, a checked [`agendum_types::Graph`] out, or diagnostics that point at the place. Policy documents,
//! and plans for them, are read in the same way: see [`policy`].
//!
//! A crate of its own because it carries a ban (no IO: files named by a document come through a [`Resolver`]) and is a published
//! contract: the JSON Schema in `schema/` is the one list of words.
//!
//! The way of a document: text → [`tree`] (values with places) → [`schema`] (words and types) → `agent` (agents written out as loops)
//! → `lower` (names, expressions, needs) → `cycles` → graph. What is accepted is kept as a [`NormalDocument`]: canonical JSON with every
//! named file inside, whose hash is the graph's identity, and from which [`load`] makes the identical graph again after a restart.
//! [`eval`] evaluates what the graph holds as source.

pub mod diagnostic;
pub mod eval;
pub mod fix;
pub mod fuzzing;
pub mod group;
pub mod inputs;
mod json_schema;
mod kinds;
pub mod plans;
pub mod policy;
pub mod schema;
pub mod served;
pub mod tree;
pub mod wait;

mod agent;
mod ahead;
mod children;
mod cycles;
mod expr;
mod extend;
mod files;
mod lower;
mod names;
mod permitted;
mod planned;
mod replaces;
mod scalar;
mod shape;
#[cfg(test)]
mod tests;
mod touched;
mod values;

use std::fmt;
use std::sync::Arc;

use agendum_types::{Graph, Hash, Limits};

pub use ahead::planned_ahead;
pub use diagnostic::{Diagnostic, File, Report, Severity};
pub use extend::extend;
pub use files::{NoFiles, Resolver, embedded};
pub use kinds::kind_of;
pub use planned::planned;
pub use touched::touched;
pub use values::{instant, no_span, span};

use crate::children::Nest;
use crate::diagnostic::Diagnostics;
use crate::served::Serving;

/// A document as somebody wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// How to call it in diagnostics: a path, or `<stdin>`.
    pub name: &'a str,
    /// The text, YAML or JSON.
    pub text: &'a str,
}

/// What came of checking a document.
#[derive(Debug)]
pub struct Checked {
    /// The graph with its document, unless there are errors. Present also when the document uses words that this release does not
    /// run yet: see [`Checked::runnable`].
    pub accepted: Option<Accepted>,
    /// Everything there is to say, in the order of the text: 1,000 errors, 100 words that are not run yet and 50
    /// warnings at most.
    pub diagnostics: Vec<Diagnostic>,
    /// True if there are more than these.
    pub more: bool,
}

/// A graph and the document it was made of.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The checked graph.
    pub graph: Arc<Graph>,
    /// Its canonical document.
    pub document: NormalDocument,
}

/// The canonical text of an accepted document: JSON, with every named file inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalDocument(pub Arc<str>);

impl Checked {
    fn new(accepted: Option<Accepted>, diagnostics: Diagnostics) -> Self {
        let accepted = accepted.filter(|_| !diagnostics.has_errors());
        let (diagnostics, more) = diagnostics.finish();
        Self { accepted, diagnostics, more }
    }

    /// The graph, if nothing stands against running it.
    #[must_use]
    pub fn runnable(&self) -> Option<&Accepted> {
        let refused = self.diagnostics.iter().any(|diagnostic| diagnostic.severity != Severity::Warning);
        self.accepted.as_ref().filter(|_| !refused)
    }
}

/// Checks a document: all there is to say about it at once.
#[must_use]
pub fn check(source: Source<'_>, resolver: &dyn Resolver, limits: &Limits) -> Checked {
    check_for(source, resolver, limits, None)
}

/// The same, also against what a configuration has.
#[must_use]
pub fn check_for(
    source: Source<'_>,
    resolver: &dyn Resolver,
    limits: &Limits,
    serving: Option<Serving<'_>>,
) -> Checked {
    let mut diagnostics = Diagnostics::new(source.text);
    let accepted = check_into(source.text, resolver, limits, serving, &mut diagnostics);
    Checked::new(accepted, diagnostics)
}

fn check_into(
    text: &str,
    resolver: &dyn Resolver,
    limits: &Limits,
    serving: Option<Serving<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<Accepted> {
    check_inside(text, &Nest::new(resolver), &mut limits.document_bytes_max.clone(), (limits, serving), diagnostics)
}

/// The same for a document that stands in others. `left` is how many bytes the files of all of them may still have.
fn check_inside(
    text: &str,
    nest: &Nest<'_>,
    left: &mut usize,
    (limits, serving): (&Limits, Option<Serving<'_>>),
    diagnostics: &mut Diagnostics,
) -> Option<Accepted> {
    let mut tree = tree::parse(text, limits, diagnostics)?;
    // Before the other warnings: what no run would get past must not be crowded out by them.
    if let Some(serving) = serving {
        served::look(&tree, serving, limits, diagnostics);
    }
    schema::check(&tree, limits, diagnostics);
    nest.fill(&mut tree, left, (limits, serving), diagnostics);
    let normal = tree::to_json(&tree).to_string();
    let graph = lower::graph(&tree, hash_of(&normal), limits, diagnostics)?;
    Some(Accepted { graph: Arc::new(graph), document: NormalDocument(normal.into()) })
}

/// Makes the graph of a normal document again.
///
/// # Errors
///
/// If the text is no document that this or an earlier release has accepted.
pub fn load(document: &NormalDocument, limits: &Limits) -> Result<Arc<Graph>, Unloadable> {
    let mut diagnostics = Diagnostics::new(&document.0);
    match lower::graph(&parsed(document)?, hash_of(&document.0), limits, &mut diagnostics) {
        Some(graph) if !diagnostics.has_errors() => Ok(Arc::new(graph)),
        _ => Err(Unloadable(diagnostics.finish().0.into_iter().next().map_or_else(String::new, |first| first.message))),
    }
}

/// Read as JSON: YAML would read some rare characters otherwise, and its limits are for what comes from outside.
fn parsed(document: &NormalDocument) -> Result<tree::Node, Unloadable> {
    serde_json::from_str(&document.0).map(tree::from_json).map_err(|error| Unloadable(error.to_string()))
}

/// A stored document that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored graph document cannot be read: {0}")]
pub struct Unloadable(pub String);

/// The JSON Schema of graph documents: the one list of words.
#[must_use]
pub const fn schema() -> &'static str {
    schema::TEXT
}

fn hash_of(normal: &str) -> Hash {
    Hash(*blake3::hash(normal.as_bytes()).as_bytes())
}

impl fmt::Display for NormalDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
