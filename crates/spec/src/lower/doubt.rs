//! `on_uncertain`: who finds out whether an attempt took effect.

use std::collections::BTreeSet;

use agendum_types::Effect;
use agendum_types::graph::{DataRef, Form, NodeId, OnUncertain};

use crate::lower::Lower;
use crate::lower::reads::Place;
use crate::tree::Node;

impl<'t> Lower<'t, '_> {
    pub(super) fn on_uncertain(&mut self, id: NodeId, node: &'t Node) {
        let Some(word) = node.get("on_uncertain") else { return };
        let found = match word.get("check") {
            Some(name) => self.beside(id, name).map(|task| {
                let found = match word.get("happened") {
                    Some(happened) => self.condition(happened, Place { judges: true, ..self.within(id) }),
                    None => self.push(Form::Expression, "output", vec![DataRef::Candidate]),
                };
                OnUncertain::Check { task, found }
            }),
            None => (word.text() == Some("ask")).then_some(OnUncertain::Ask),
        };
        self.graph.tasks[id.0 as usize].on_uncertain = found.unwrap_or_default();
    }

    /// Judges the checks of all tasks, once every task is known.
    pub(super) fn judge_checks(&mut self) {
        for index in 0..self.graph.tasks.len() {
            let task = &self.graph.tasks[index];
            if let OnUncertain::Check { task: check, .. } = task.on_uncertain
                && !self.names[index].is_empty()
                && let Some((message, help)) = self.no_check(NodeId(index as u32), check)
            {
                let word = self.nodes[index].get("on_uncertain").and_then(|word| word.get("check"));
                let span = word.map_or_else(|| self.names[index].clone(), |name| name.span.clone());
                self.diagnostics.error("no_check", &span, message, help);
            }
        }
    }

    /// Why this task cannot find out what another has done, and what to do about it.
    fn no_check(&self, id: NodeId, check: NodeId) -> Option<(String, String)> {
        let (task, of) = (self.graph.task(check), self.graph.task(id));
        let name = &task.name;
        if check == id || self.graph.holds_others(check) {
            let message = format!("`{name}` cannot find out what task `{}` has done", of.name);
            return Some((message, "name another task with `uses`, without `foreach` and `loop`".to_owned()));
        }
        if task.compensate.is_some() {
            let message = format!("`{name}` is taken back itself: what only looks leaves nothing to take back");
            return Some((message, format!("leave `compensate` out of `{name}`")));
        }
        if task.cache.is_some() {
            let message = format!("`{name}` takes what was kept: it would not look");
            return Some((message, format!("leave `cache` out of `{name}`")));
        }
        if task.effect == Effect::Once {
            let message = format!("`{name}` has the effect `once` itself: nobody would know whether it took that");
            return Some((message, format!("write `effect: none` at `{name}`, if it only looks")));
        }
        let settled = self.needs_of(id);
        let early = task.needs.iter().find(|need| !settled.contains(need))?;
        let early = &self.graph.task(*early).name;
        let message = format!("`{name}` needs `{early}`, which may not have settled when it is to find out");
        Some((message, format!("let `{}` need `{early}` too, or leave it out", of.name)))
    }

    /// All that a task needs, and all that these need.
    pub(super) fn needs_of(&self, id: NodeId) -> BTreeSet<NodeId> {
        let (mut all, mut open) = (BTreeSet::new(), self.graph.task(id).needs.clone());
        while let Some(need) = open.pop() {
            if all.insert(need) {
                open.extend(&self.graph.task(need).needs);
            }
        }
        all
    }
}
