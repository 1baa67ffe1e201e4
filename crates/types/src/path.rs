//! The name of a task inside a run: `studio[3]/loop#2/render`.
//!
//! Held as a few integers that point into the run's graph, so that records and actions stay small. [`crate::Graph::path_text`]
//! writes a path as text and [`crate::Graph::parse_path`] reads it again.

use smallvec::SmallVec;

use crate::graph::NodeId;

/// One step on the way from the run to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A task by its place in the graph.
    Task(NodeId),
    /// One item of a `foreach`, counted from 0.
    Item(u32),
    /// One round of a `loop`, counted from 1.
    Round(u32),
}

/// The way from the run to a task; empty for the run itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskPath(pub SmallVec<[Segment; 3]>);

impl TaskPath {
    /// A task at the top of its graph.
    #[must_use]
    pub fn top(node: NodeId) -> Self {
        Self(SmallVec::from_slice(&[Segment::Task(node)]))
    }

    /// This path, one step longer.
    #[must_use]
    pub fn child(&self, segment: Segment) -> Self {
        let mut longer = self.clone();
        longer.0.push(segment);
        longer
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The task whose instance this is, if the path names one.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Task(node) => Some(*node),
            Segment::Item(_) | Segment::Round(_) => None,
        })
    }

    /// True if this path names something inside `outer` (or `outer` itself).
    #[must_use]
    pub fn is_within(&self, outer: &Self) -> bool {
        self.0.starts_with(&outer.0)
    }

    /// The paths that this one stands in, innermost first.
    pub fn around(&self) -> impl Iterator<Item = Self> + '_ {
        (1..self.0.len()).rev().map(|depth| Self(self.0[..depth].into()))
    }
}
