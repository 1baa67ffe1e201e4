//! The place of every task in the graph's table, and the task that a name means in a scope.

use agendum_types::graph::{COMPENSATE, NodeId, Section, Work};

use crate::extend::ADDITIONS;
use crate::lower::{Lower, words};
use crate::tree::{Key, Node};

const RENAME: &str = "give one of them another name";

impl<'t> Lower<'t, '_> {
    /// Gives every task its place. Additions to a live run come after everything the document had.
    pub(super) fn collect(&mut self, tree: &'t Node) {
        for section in Section::ALL {
            if let Some(tasks) = tree.get(section.word()) {
                self.collect_tasks(tasks, None, section, 1);
            }
        }
        for addition in tree.get(ADDITIONS).map(Node::items).unwrap_or_default() {
            self.collect_tasks(addition, None, Section::Main, 1);
        }
    }

    fn collect_tasks(&mut self, tasks: &'t Node, parent: Option<NodeId>, section: Section, depth: u32) {
        if depth > self.limits.depth_max {
            let message = format!("groups are nested more than {} deep", self.limits.depth_max);
            return self.diagnostics.error("too_deep", &tasks.span, message, "");
        }
        for (key, node) in tasks.entries() {
            if self.graph.tasks.len() >= self.limits.graph_tasks_max as usize {
                let what = if self.is_grown { "with this task the run" } else { "the document" };
                let message = format!("{what} has more than {} tasks", self.limits.graph_tasks_max);
                return self.diagnostics.error("too_many_tasks", &key.span, message, "use `foreach` over a list");
            }
            let id = NodeId(self.graph.tasks.len() as u32);
            if self.places.insert((parent, &key.name), id).is_some() {
                let message = format!("there is another task `{}`", key.name);
                self.diagnostics.error("duplicate_task", &key.span, message, RENAME);
            }
            self.graph.tasks.push(words::blank(&key.name, parent, section, node.get("tasks").is_some()));
            if key.name.contains('-') {
                self.pieces.extend(key.name.split('-'));
            }
            self.nodes.push(node);
            self.names.push(key.span.clone());
            match parent {
                Some(parent) => {
                    if let Work::Group(group) = &mut self.graph.tasks[parent.0 as usize].work {
                        group.tasks.push(id);
                    }
                }
                None => self.section_mut(section).push(id),
            }
            match (node.get("tasks"), node.entries().iter().find(|(key, _)| key.name == COMPENSATE)) {
                (Some(inner), _) => self.collect_tasks(inner, Some(id), section, depth + 1),
                (None, Some((key, compensate))) if section == Section::Main => {
                    self.collect_compensation(id, key, compensate);
                }
                (None, _) => {}
            }
        }
    }

    /// What takes a task back follows it, in no section's list.
    fn collect_compensation(&mut self, of: NodeId, key: &'t Key, node: &'t Node) {
        let id = NodeId(self.graph.tasks.len() as u32);
        self.graph.tasks[of.0 as usize].compensate = Some(id);
        self.graph.tasks.push(words::blank(COMPENSATE, Some(of), Section::Compensation, false));
        self.nodes.push(node);
        self.names.push(key.span.clone());
    }

    fn section_mut(&mut self, section: Section) -> &mut Vec<NodeId> {
        match section {
            Section::Main => &mut self.graph.main,
            Section::After => &mut self.graph.after,
            Section::OnFailure => &mut self.graph.on_failure,
            Section::Finally => &mut self.graph.finally,
            Section::Compensation => unreachable!("a compensation stands in no section's list"),
        }
    }

    /// The task of this name in a group, or at the top.
    pub(crate) fn find(&self, scope: Option<NodeId>, name: &str) -> Option<NodeId> {
        self.places.get(&(scope, name)).copied()
    }

    /// A name shadows none further out, whichever of the two stands first. Said of the later one: an addition cannot change what is there.
    pub(super) fn no_shadows(&mut self) {
        for index in (0..self.graph.tasks.len()).filter(|index| !self.graph.tasks[*index].is_compensation()) {
            let name = self.graph.tasks[index].name.clone();
            let mut inside = self.graph.tasks[index].parent;
            while let Some(group) = inside {
                inside = self.graph.task(group).parent;
                let Some(outer) = self.find(inside, &name) else { continue };
                let (message, later) = if (outer.0 as usize) < index {
                    (format!("task `{name}` shadows the one outside its group"), index)
                } else {
                    let message =
                        format!("task `{name}` is shadowed by the one inside `{}`", self.graph.task(group).name);
                    (message, outer.0 as usize)
                };
                self.diagnostics.error("duplicate_task", &self.names[later].clone(), message, RENAME);
            }
        }
    }
}
