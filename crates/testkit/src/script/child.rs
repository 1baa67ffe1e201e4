//! A task of a script that is a run of its own.

use std::sync::Arc;

use agendum_types::Capability;
use agendum_types::graph::{Budget, Child, NodeId};

use super::{Builder, NO_BUDGET, cents, graph, with_call};

impl Builder {
    /// A run of its own, that may spend so much: `child`, `child=5c`, `child=50` in tokens.
    pub(super) fn child(&mut self, node: NodeId, value: &str) {
        let money = value.ends_with('c').then(|| cents(value));
        let tokens = value.parse().ok();
        let budget = (money.is_some() || tokens.is_some()).then_some(Budget { money, tokens, ..NO_BUDGET });
        let (graph, document) = (Arc::new(graph("inside")), Arc::from("{}"));
        let child = Some(Arc::new(Child { graph, document, budget }));
        let task = &mut self.graph.tasks[node.0 as usize];
        task.effect = Capability::Graph.default_effect();
        with_call(task, |call| (call.capability, call.child) = (Capability::Graph, child.clone()));
    }
}
