//! `judges`: a task whose output says how good that of another one is.

use std::sync::Arc;

use crate::graph::NodeId;

/// Which task is judged, and where in the judge's output that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judges {
    /// The task beside it, or one of `tasks` where the judge stands in another section.
    pub task: NodeId,
    /// Where its output says so.
    pub fields: Fields,
}

/// Fields of an output; what lies deeper is parted by dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fields {
    /// A number from 0 to 1, or a truth value.
    pub score: Arc<str>,
    /// A word.
    pub label: Arc<str>,
    /// For people.
    pub comment: Arc<str>,
}

impl Fields {
    /// Bytes of a field at most, dots included.
    pub const BYTES_MAX: usize = 256;
}

impl Default for Fields {
    fn default() -> Self {
        Self { score: "score".into(), label: "label".into(), comment: "comment".into() }
    }
}
