//! Task paths as text, and back.

use std::fmt::Write as _;

use crate::graph::{COMPENSATE, Graph, NodeId, Section};
use crate::path::{Segment, TaskPath};

impl Graph {
    /// The path as people read it: `studio[3]/loop#2/render`.
    #[must_use]
    pub fn path_text(&self, path: &TaskPath) -> String {
        let mut text = String::new();
        for segment in path.segments() {
            let written = match segment {
                Segment::Task(node) => {
                    let slash = if text.is_empty() { "" } else { "/" };
                    write!(text, "{slash}{}", self.task(*node).name)
                }
                Segment::Item(index) => write!(text, "[{index}]"),
                Segment::Round(round) => write!(text, "/loop#{round}"),
            };
            written.expect("a String takes any text");
        }
        text
    }

    /// Reads what [`Graph::path_text`] wrote; `None` if the graph has no such task.
    #[must_use]
    pub fn parse_path(&self, text: &str) -> Option<TaskPath> {
        let mut path = TaskPath::default();
        let mut parent: Option<NodeId> = None;
        for part in text.split('/') {
            if let Some(round) = part.strip_prefix("loop#") {
                parent?;
                path.0.push(Segment::Round(round.parse().ok()?));
                continue;
            }
            let (name, item) = match part.split_once('[') {
                Some((name, rest)) => (name, Some(rest.strip_suffix(']')?.parse().ok()?)),
                None => (part, None),
            };
            let node = self.find(parent, name)?;
            path.0.push(Segment::Task(node));
            path.0.extend(item.map(Segment::Item));
            parent = Some(node);
        }
        Some(path)
    }

    /// The task of this name in a group, or at the top of any section; inside a call what takes it back.
    #[must_use]
    pub fn find(&self, parent: Option<NodeId>, name: &str) -> Option<NodeId> {
        let named = |node: &NodeId| &*self.task(*node).name == name;
        match parent {
            Some(parent) if name == COMPENSATE && self.task(parent).compensate.is_some() => {
                self.task(parent).compensate
            }
            Some(parent) => self.siblings(Some(parent), self.task(parent).section).iter().copied().find(named),
            None => Section::ALL.into_iter().flat_map(|section| self.section(section)).copied().find(named),
        }
    }
}
