//! `adds`: a task whose output is further tasks, and what additions have made of the tasks that were there.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::graph::{Adds, NodeId, Rung, Section};
use agendum_types::{Capability, Labels};

use crate::extend::{PLANNED, REPLACED};
use crate::lower::Lower;
use crate::tree::Node;

impl Lower<'_, '_> {
    pub(super) fn adds(&mut self, id: NodeId, node: &Node) {
        let Some(adds) = node.get("adds") else { return };
        if let Some((code, message, help)) = self.adds_nothing(id, node) {
            return self.diagnostics.error(code, &adds.span, message, help);
        }
        let named = adds.get("uses").map(Node::items);
        let uses: BTreeSet<Capability> = named.map_or_else(
            || Adds::USES.into_iter().collect(),
            |words| words.iter().filter_map(Node::text).filter_map(Capability::from_word).collect(),
        );
        let tasks_max = adds.get("tasks_max").and_then(Node::whole).map_or(Adds::TASKS, |most| most as u32);
        let while_streaming = adds.get("while_streaming").and_then(Node::bool).unwrap_or(true);
        let uses = uses.into_iter().collect();
        let adds = Adds { uses, effects: named.is_some(), tasks_max, made: false, while_streaming };
        self.graph.tasks[id.0 as usize].adds = Some(adds);
    }

    /// Why a task cannot add others, and what would do.
    fn adds_nothing(&self, id: NodeId, node: &Node) -> Option<(&'static str, &'static str, &'static str)> {
        let task = self.graph.task(id);
        let is_call = node.get("uses").is_some() && node.get("tasks").is_none() && !self.is_wait(id);
        if !is_call {
            return Some(("call_only", "`adds` belongs to a task whose call gives the tasks", "give it to that task"));
        }
        if task.parent.is_some() || task.section != Section::Main {
            return Some(("top_only", "only a task at the top of `tasks` adds others", "move the task there"));
        }
        if node.get("foreach").is_some() || node.get("loop").is_some() {
            let help = "let a task behind it put the plan together, and write `adds` there";
            return Some((
                "contradiction",
                "a `foreach` or a `loop` adds no tasks: there would be a plan of each",
                help,
            ));
        }
        let takes_kept = task.catch.iter().any(|rung| rung.rung == Rung::Cached);
        if node.get("cache").is_some() || takes_kept {
            return Some(("contradiction", "a plan is of its run: none is kept for another", "leave `cache` out"));
        }
        None
    }

    /// What additions to a live run have said of the tasks that were there.
    pub(super) fn of_additions(&mut self, tree: &Node) {
        self.of_ahead(tree);
        for (planner, labels) in tree.get(PLANNED).map(Node::entries).unwrap_or_default() {
            // Who reads what a model was told may read what it makes of that, and nobody else.
            let labels = Labels::new(labels.items().iter().filter_map(Node::text));
            self.graph.labels = self.graph.labels.join(&labels);
            if let Some(task) = self.find(None, &planner.name)
                && let Some(adds) = &mut self.graph.tasks[task.0 as usize].adds
            {
                adds.made = true;
            }
        }
        for (name, by) in tree.get(REPLACED).map(Node::entries).unwrap_or_default() {
            if let Some(task) = self.find(None, &name.name) {
                let by = by.text().filter(|by| !by.is_empty());
                let by = by.map_or_else(|| "an addition".to_owned(), |by| format!("the plan of `{by}`"));
                self.graph.tasks[task.0 as usize].replaced = Some(Arc::from(by));
            }
        }
    }
}
