//! Tasks that run before the plan that holds them is whole: its planner still writes.

use crate::effect::Effect;
use crate::graph::{NodeId, OnUncertain, Task, Work};
use crate::target::Capability;

/// Of a task that a planner gave while it still wrote, and whose plan is not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ahead {
    /// The task that gives the plan.
    pub planner: NodeId,
    /// The plan does not hold it as it was: it does not count, and others may have its name.
    pub withdrawn: bool,
}

impl Task {
    /// True if it may run before its plan is whole: one call of a model or a tool at the top without an effect, on which nothing hangs but
    /// its output. What its target says of effects is the scheduler's to look at.
    #[must_use]
    pub fn may_run_ahead(&self) -> bool {
        let Work::Call(call) = &self.work else { return false };
        let is_plain = self.parent.is_none() && self.foreach.is_none() && self.repeat.is_none();
        let is_quiet = !self.live && self.publish_after.is_empty() && self.judges.is_none() && self.adds.is_none();
        let is_clean = self.effect == Effect::None
            && self.compensate.is_none()
            && self.on_uncertain == OnUncertain::Fail
            && self.replaced.is_none();
        let runs = call.capability.has_targets() && call.capability != Capability::Graph;
        is_plain && is_quiet && is_clean && runs && !self.optional
    }
}
