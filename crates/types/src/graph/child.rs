//! `uses: graph`: a graph inside a graph, which a run of its own runs.

use std::sync::Arc;

use crate::graph::{Budget, Graph};
use crate::id::RunId;

/// What a child run does: part of the identity of the graph around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The checked graph.
    pub graph: Arc<Graph>,
    /// Its normalised document.
    pub document: Arc<str>,
    /// What the task lets it spend, instead of what its own document says.
    pub budget: Option<Budget>,
}

impl Child {
    /// Graphs inside graphs at most, the outermost not counted: each takes some of the levels that a document may have.
    pub const DEPTH_MAX: usize = 6;

    /// What a child run may spend, and so what is set aside for it. `None` if nothing bounds it but what its targets ask for.
    #[must_use]
    pub fn budget(&self) -> Option<Budget> {
        self.budget.or(self.graph.budget)
    }
}

/// The task of another run for which a run runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The path of the task there, as people write it.
    pub task: Arc<str>,
}

impl Parent {
    /// The task at the top of that run: the first step of the path.
    #[must_use]
    pub fn top(&self) -> &str {
        self.task.split(['/', '[']).next().unwrap_or(&self.task)
    }
}
