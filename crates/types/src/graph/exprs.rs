//! The expressions of a task.

use crate::graph::{Exhausted, ExprId, Graph, NodeId, NotBefore, OnUncertain, Rung, Task, Work};

impl Task {
    /// Every expression that is evaluated for it, but for those of the tasks inside it.
    pub fn exprs(&self) -> impl Iterator<Item = ExprId> + '_ {
        let not_before = if let Some(NotBefore::Expr(expr)) = self.not_before { Some(expr) } else { None };
        let repeat = self.repeat.iter().flat_map(|repeat| {
            let best = if let Exhausted::UseBest(expr) = repeat.exhausted { Some(expr) } else { None };
            [Some(repeat.until), repeat.stop_if_same, best]
        });
        let work = match &self.work {
            Work::Call(call) => [Some(call.input), None],
            Work::Group(group) => [group.output, group.race.and_then(|race| race.good_if)],
        };
        let found = if let OnUncertain::Check { found, .. } = self.on_uncertain { Some(found) } else { None };
        let own = [self.condition, self.foreach.map(|foreach| foreach.items), not_before, found];
        own.into_iter().chain(repeat).chain(work).flatten().chain(self.verdicts())
    }

    /// Those that decide whether a result counts, and what is given in its place.
    pub fn verdicts(&self) -> impl Iterator<Item = ExprId> + '_ {
        let caught = self.catch.iter().map(|rung| if let Rung::Output(expr) = rung.rung { Some(expr) } else { None });
        let judged = self.fail_if.map(|(expr, _)| expr);
        caught.chain([judged]).flatten()
    }
}

impl Graph {
    /// The task at the top in which a task stands, be it itself. A check and a compensation stand in the task that they are of.
    #[must_use]
    pub fn top_of(&self, node: NodeId) -> NodeId {
        let mut at = node;
        while let Some(parent) = self.task(at).parent {
            at = parent;
        }
        at
    }

    /// True if a `wait` stands in a task at the top.
    #[must_use]
    pub fn waits_in(&self, top: NodeId) -> bool {
        let waits = |work: &Work| matches!(work, Work::Call(call) if !call.capability.has_targets());
        let mut tasks = (0_u32..).map(NodeId).zip(&self.tasks);
        tasks.any(|(node, task)| waits(&task.work) && self.top_of(node) == top)
    }

    /// True if what is at the top makes no call by itself: a group, a `foreach`, a `loop`.
    #[must_use]
    pub fn holds_others(&self, node: NodeId) -> bool {
        let task = self.task(node);
        matches!(task.work, Work::Group(_)) || task.foreach.is_some() || task.repeat.is_some()
    }
}
