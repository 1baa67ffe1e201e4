//! Runs to come.

use std::sync::Arc;

use agendum_spec::Accepted;
use agendum_spec::eval::Evaluator;
use agendum_types::{Concurrency, Graph, Limits, SubmissionKey};

/// A run to come.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What it runs.
    pub graph: Arc<Graph>,
    /// The same with tasks that join it later.
    pub grown: Option<Arc<Graph>>,
    /// The documents of both, which tasks extend that add others.
    pub documents: Vec<Accepted>,
}

/// The group of a run: no key of a generated graph reads its inputs.
pub(super) fn group(graph: &Graph) -> Option<Concurrency> {
    let evaluator = Evaluator::new(&Limits::STANDARD);
    agendum_spec::group::of(&evaluator, graph, &Arc::default()).ok().flatten()
}

pub(super) fn key(key: &str) -> SubmissionKey {
    SubmissionKey { key: Arc::from(key), parts: Vec::new() }
}

impl From<Arc<Graph>> for Planned {
    fn from(graph: Arc<Graph>) -> Self {
        Self { graph, grown: None, documents: Vec::new() }
    }
}
