//! What an expression reads, resolved to payloads: names were settled by the document's checker, here they find their values.

use std::sync::Arc;

use agendum_types::graph::{DataRef, ExprId, NodeId, Section};
use agendum_types::{Labels, PayloadRef};

use crate::action::{Bound, Purpose, RunFailure};
use crate::board::Board;
use crate::inst::{Body, Inst, Layer};
use crate::run::{InstId, Slot};

impl Board {
    /// One binding for everything that any of these expressions reads.
    pub(crate) fn bindings(&self, slot: Slot, id: InstId, exprs: &[(Purpose, ExprId)]) -> Vec<(DataRef, Bound)> {
        if id != InstId::TOP && self.run(slot).inst(id).layer == Layer::Compensation {
            return self.run(slot).effects.reads(id).to_vec();
        }
        let graph = &self.plan(slot).graph;
        let mut reads: Vec<DataRef> =
            exprs.iter().flat_map(|(_, expr)| graph.expr(*expr).reads.iter().copied()).collect();
        reads.sort_unstable();
        reads.dedup();
        reads.into_iter().map(|read| (read, self.bind(slot, id, read))).collect()
    }

    fn bind(&self, slot: Slot, id: InstId, read: DataRef) -> Bound {
        let run = self.run(slot);
        match read {
            DataRef::Inputs => Bound::Payload(run.inputs.clone()),
            DataRef::Output(node) => payload(self.output_of(slot, id, node)),
            DataRef::Previous(node) => payload(self.previous_of(slot, id, node)),
            DataRef::Round => match run
                .enclosing(id, |inst| matches!(inst.layer, Layer::Round(_)) || is_loop(inst))
                .map(|at| run.inst(at))
            {
                Some(Inst { layer: Layer::Round(round), .. }) => Bound::Number(u64::from(*round)),
                Some(inst) => Bound::Number(rounds(inst)),
                None => Bound::Undefined,
            },
            DataRef::Item => {
                self.item_of(slot, id).map_or(Bound::Undefined, |(items, index)| Bound::Item { items, index })
            }
            DataRef::ItemIndex => {
                self.item_of(slot, id).map_or(Bound::Undefined, |(_, index)| Bound::Number(u64::from(index)))
            }
            DataRef::Candidate => {
                payload(if id == InstId::TOP { None } else { run.inst(id).output.as_deref().cloned() })
            }
            DataRef::Key => {
                let of = run.enclosing(id, |inst| inst.layer != Layer::Check);
                let path = of.map(|of| run.path(of)).unwrap_or_default();
                Bound::Key { origin: run.key_origin(&path), path }
            }
            DataRef::RunId => Bound::Text(Arc::from(run.id.to_string())),
            DataRef::RunError => run.failure.clone().map_or(Bound::Undefined, Bound::Error),
            DataRef::PartialOutput => Bound::Outputs(self.outputs(slot)),
            DataRef::Caught => {
                let caught = if id == InstId::TOP { None } else { run.inst(id).failure.as_deref().cloned() };
                caught.map_or(Bound::Undefined, |failure| Bound::Error(Box::new(RunFailure { task: None, failure })))
            }
        }
    }

    /// The output of a task as seen from an instance: of a task beside it or beside one it stands in, of one inside its own loop or
    /// group, or of itself.
    fn output_of(&self, slot: Slot, id: InstId, node: NodeId) -> Option<PayloadRef> {
        let run = self.run(slot);
        let plan = self.plan(slot);
        let task = plan.task(node);
        let Some(group) = task.parent else {
            if id != InstId::TOP
                && run.enclosing(id, |inst| inst.parent == InstId::TOP).is_some_and(|top| run.inst(top).node == node)
            {
                return self.own_output(slot, id, node);
            }
            let scope = run.scope(task.section);
            return scope.get(plan.position(node)).and_then(|top| run.inst(top).result().cloned());
        };
        if id != InstId::TOP && run.enclosing(id, |inst| inst.node == node).is_some() {
            return self.own_output(slot, id, node);
        }
        let holder = run.enclosing(id, |inst| inst.node == group && inst.body.is_some())?;
        let holder = match run.inst(holder).body.as_deref() {
            Some(Body::Loop(repeat)) => match repeat.ended.iter().find(|(of, _)| *of == node) {
                Some((_, output)) => return Some(output.clone()),
                None => repeat.child?,
            },
            _ => holder,
        };
        match run.inst(holder).body.as_deref() {
            Some(Body::Group(group)) => run.inst(*group.children.get(plan.position(node))?).result().cloned(),
            _ => None,
        }
    }

    /// A task reads itself in `fail_if` (its result) and in the conditions of its loop (the round's).
    fn own_output(&self, slot: Slot, id: InstId, node: NodeId) -> Option<PayloadRef> {
        let run = self.run(slot);
        let own = run.enclosing(id, |inst| inst.node == node)?;
        match run.inst(own).body.as_deref() {
            Some(Body::Loop(repeat)) if repeat.child.is_some() => repeat.last.clone(),
            _ => run.inst(own).output.as_deref().cloned(),
        }
    }

    fn previous_of(&self, slot: Slot, id: InstId, node: NodeId) -> Option<PayloadRef> {
        let run = self.run(slot);
        let holder = run.enclosing(id, is_loop)?;
        match run.inst(holder).body.as_deref() {
            Some(Body::Loop(repeat)) => {
                repeat.previous.iter().find(|(of, _)| *of == node).map(|(_, output)| output.clone())
            }
            _ => None,
        }
    }

    fn item_of(&self, slot: Slot, id: InstId) -> Option<(PayloadRef, u32)> {
        let run = self.run(slot);
        let item = run.inst(run.enclosing(id, |inst| matches!(inst.layer, Layer::Item(_)))?);
        match (item.layer, run.inst(item.parent).body.as_deref()) {
            (Layer::Item(index), Some(Body::Each(each))) => Some((each.items.clone(), index)),
            _ => None,
        }
    }

    /// The outputs of the main tasks that succeeded, in the order of the document.
    pub(crate) fn outputs(&self, slot: Slot) -> Vec<(NodeId, PayloadRef)> {
        let run = self.run(slot);
        let tops = run.scope(Section::Main).iter().map(|id| run.inst(id));
        tops.filter_map(|inst| inst.result().map(|output| (inst.node, output.clone()))).collect()
    }

    /// The labels of what these bindings give.
    pub(crate) fn labels_of(&self, slot: Slot, bindings: &[(DataRef, Bound)]) -> Labels {
        bindings.iter().fold(self.run(slot).labels.clone(), |labels, (_, bound)| match bound {
            Bound::Payload(payload) | Bound::Item { items: payload, .. } => labels.join(&payload.labels),
            Bound::Outputs(outputs) => outputs.iter().fold(labels, |labels, (_, output)| labels.join(&output.labels)),
            Bound::Error(failed) => labels.join(&failed.failure.labels),
            Bound::Undefined | Bound::Number(_) | Bound::Text(_) | Bound::Key { .. } => labels,
        })
    }
}

fn payload(found: Option<PayloadRef>) -> Bound {
    found.map_or(Bound::Undefined, Bound::Payload)
}

fn is_loop(inst: &Inst) -> bool {
    matches!(inst.body.as_deref(), Some(Body::Loop(_)))
}

fn rounds(inst: &Inst) -> u64 {
    match inst.body.as_deref() {
        Some(Body::Loop(repeat)) => u64::from(repeat.round),
        _ => 0,
    }
}
