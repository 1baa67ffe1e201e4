//! Since when something could be evaluated: no record says when it was asked for, but what it waited for is known.

use std::collections::BTreeMap;

use agendum_core::Step;
use agendum_types::graph::{NotBefore, Section};
use agendum_types::{Graph, Segment, TaskPath, Timestamp};

/// Since when something could be evaluated.
pub(super) enum Since {
    /// The last that it needed came then.
    Known(Timestamp),
    /// It was told to wait, and was asked for in time.
    Timed,
    Unknown,
}

/// What a run had come to, so far.
pub(super) struct Cause {
    /// The last record of the run itself.
    begun: Timestamp,
    /// The last record of this very task,
    exact: BTreeMap<TaskPath, Timestamp>,
    /// and of it or what stands in it.
    within: BTreeMap<TaskPath, Timestamp>,
}

impl Cause {
    pub(super) fn new(begun: Timestamp) -> Self {
        Self { begun, exact: BTreeMap::new(), within: BTreeMap::new() }
    }

    /// The run was submitted, began, went on.
    pub(super) fn begun(&mut self, at: Timestamp) {
        self.begun = at;
    }

    /// A record of a task.
    pub(super) fn touches(&mut self, path: &TaskPath, at: Timestamp) {
        self.exact.insert(path.clone(), at);
        self.within.insert(path.clone(), at);
        for around in path.around() {
            self.within.insert(around, at);
        }
    }

    pub(super) fn of(&self, graph: &Graph, path: &TaskPath, step: Step) -> Since {
        let known = |at: Option<Timestamp>| at.map_or(Since::Unknown, Since::Known);
        if step != Step::Enter {
            return known(self.within.get(path).copied());
        }
        let Some(task) = path.node().and_then(|node| graph.tasks.get(node.0 as usize)) else { return Since::Unknown };
        if task.delay.is_some() || matches!(task.not_before, Some(NotBefore::At(_))) {
            return Since::Timed;
        }
        // Other sections, and what takes effects back, wait for more than their needs.
        if task.section != Section::Main {
            return Since::Unknown;
        }
        known(self.entered(graph, path.segments()))
    }

    /// When what stands around it was there, and what it needs had come.
    fn entered(&self, graph: &Graph, path: &[Segment]) -> Option<Timestamp> {
        let mut latest = Timestamp(0);
        let mut path = path;
        // From inside out, up to the first that has a record of its own.
        while let Some((last, outer)) = path.split_last() {
            let around = TaskPath(outer.into());
            match last {
                Segment::Round(_) => {}
                Segment::Item(item) => {
                    let task = graph.tasks.get(around.node()?.0 as usize)?;
                    // Later items wait for one of the first to end.
                    if *item >= task.foreach?.parallel_max {
                        return None;
                    }
                }
                Segment::Task(node) => {
                    for need in &graph.tasks.get(node.0 as usize)?.needs {
                        latest = latest.max(*self.within.get(&around.child(Segment::Task(*need)))?);
                    }
                }
            }
            if let Some(at) = self.exact.get(&around) {
                return Some(latest.max(*at));
            }
            path = outer;
        }
        Some(latest.max(self.begun))
    }
}
