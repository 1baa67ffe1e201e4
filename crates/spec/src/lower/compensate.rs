//! `compensate`: what takes the effect of a task back.

use agendum_types::Effect;
use agendum_types::graph::{COMPENSATE, DataRef, NodeId, Retry, Section, Work};

use crate::lower::{Lower, words};
use crate::tree::Node;

impl<'t> Lower<'t, '_> {
    /// Lowers what takes a task back: a call of its own, which is repeated until it has succeeded.
    pub(super) fn compensation(&mut self, id: NodeId, node: &'t Node) {
        // The schema has said that `uses` is missing.
        let Some(uses) = node.get("uses") else { return };
        self.call(id, node, uses);
        self.resources(id, node);
        let task = &mut self.graph.tasks[id.0 as usize];
        if !task.effect_declared {
            task.effect = Effect::Idempotent;
        }
        task.effect_declared = true;
        task.timeouts = words::timeouts(node.get("timeout"));
        task.retry = words::retry(node.get("retry"), Retry::PATIENT);
        if !self.names[id.0 as usize].is_empty() {
            self.retries(id, node);
        }
    }

    /// A task that is taken back has done something, and stands where it can be.
    pub(super) fn compensated(&mut self, id: NodeId, node: &Node) {
        let Some((key, _)) = node.entries().iter().find(|(key, _)| key.name == COMPENSATE) else { return };
        let is_wait = self.is_wait(id);
        let task = &mut self.graph.tasks[id.0 as usize];
        if task.section != Section::Main {
            let message = "`compensate` belongs to a task of `tasks`";
            let help = "leave it out: what runs once the run is answered is not taken back";
            return self.diagnostics.error("main_only", &key.span, message, help);
        }
        if task.effect == Effect::None && !is_wait {
            let message = "nothing is there to take back: the effect of this task is `none`";
            let help = "write `effect: idempotent` if its target keeps the key that it is sent, else `effect: once`";
            return self.diagnostics.error("contradiction", &key.span, message, help);
        }
        // The document says so: a target that says otherwise does not count.
        task.effect_declared = true;
    }

    /// Judges what compensations read, once every task knows what it needs.
    pub(super) fn judge_compensations(&mut self) {
        for index in 0..self.graph.tasks.len() {
            let task = &self.graph.tasks[index];
            let (Some(of), Work::Call(call)) = (task.parent.filter(|_| task.is_compensation()), &task.work) else {
                continue;
            };
            let input = call.input;
            let reads = self.graph.exprs.get(input.0 as usize).map(|expr| expr.reads.clone()).unwrap_or_default();
            let Some(with) = self.nodes[index].get("with").filter(|_| !self.names[index].is_empty()) else { continue };
            let late: Vec<_> = reads.into_iter().filter_map(|read| self.too_late(of, read)).collect();
            for (message, help) in late {
                self.diagnostics.error("not_settled", &with.span, message, help);
            }
        }
    }

    /// Why the compensation of this task cannot read that: it is read when the task has taken effect.
    fn too_late(&self, of: NodeId, read: DataRef) -> Option<(String, String)> {
        let name = &self.graph.task(of).name;
        let node = match read {
            DataRef::Output(node) => node,
            DataRef::RunError | DataRef::PartialOutput => {
                let message = "`compensate` cannot read how the run ends".to_owned();
                return Some((
                    message,
                    "write a task under `on_failure`, which runs when all is taken back".to_owned(),
                ));
            }
            DataRef::Inputs
            | DataRef::Previous(_)
            | DataRef::Round
            | DataRef::Item
            | DataRef::ItemIndex
            | DataRef::Candidate
            | DataRef::Key
            | DataRef::RunId
            | DataRef::Caught => return None,
        };
        let scope = self.graph.task(node).parent;
        let mut at = of;
        while self.graph.task(at).parent != scope {
            at = self.graph.task(at).parent?;
        }
        if node == of || (node != at && self.needs_of(at).contains(&node)) {
            return None;
        }
        let (at_node, late, at) = (at, &self.graph.task(node).name, &self.graph.task(at).name);
        let message =
            format!("`{late}` may not have settled when `{name}` has taken effect, which is when this is read");
        let help = if node == of || late == at {
            "leave it out: what stands inside it has not ended either".to_owned()
        } else if self.needs_of(node).contains(&at_node) {
            format!("leave it out: `{late}` comes after `{at}`")
        } else {
            format!("let `{at}` need `{late}`, or leave it out")
        };
        Some((message, help))
    }
}
