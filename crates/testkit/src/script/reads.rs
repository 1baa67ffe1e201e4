//! Tasks of a script that read more than what they need.

use agendum_types::graph::{DataRef, NodeId, Work};

use super::Builder;

impl Builder {
    /// The input of a call reads the run's inputs, or why the run has failed: `reads=inputs`, `reads=error`.
    pub(super) fn reads(&mut self, node: NodeId, value: &str) {
        self.dynamic_input(node);
        let Work::Call(call) = &self.graph.tasks[node.0 as usize].work else { panic!("a group has no input") };
        self.graph.exprs[call.input.0 as usize].reads.push(match value {
            "inputs" => DataRef::Inputs,
            "error" => DataRef::RunError,
            other => panic!("nobody reads {other:?}"),
        });
    }

    /// True if its input was said to read something.
    pub(super) fn reads_something(&self, node: NodeId) -> bool {
        match &self.graph.tasks[node.0 as usize].work {
            Work::Call(call) => !self.graph.exprs[call.input.0 as usize].reads.is_empty(),
            Work::Group(_) => false,
        }
    }
}
