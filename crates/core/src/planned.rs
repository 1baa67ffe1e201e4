//! The plan in force: what the deliberative tier has otherwise than the policy, for a while.
//!
//! A plan brings whole rules, so that nothing else of the core knows of it: it chooses by those of the plan while that is in force, and by the
//! policy's before and after. What is over is over at the first event from that instant on, be it a wake-up or anything else. A plan that was made
//! for another policy than the one in force counts for nothing, and does again once its own is back.

use std::sync::Arc;

use agendum_types::{Plan, Policy, Timestamp};

use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// What was published, besides what it comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planned {
    /// The policy, whatever a plan has otherwise.
    policy: Arc<Policy>,
    /// The plan, and when it is over.
    plan: Option<(Arc<Plan>, Timestamp)>,
}

impl Planned {
    /// The plan, where it counts.
    fn in_force(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|(plan, _)| &**plan).filter(|plan| *plan.policy == *self.policy.version())
    }
}

impl Scheduler {
    pub(crate) fn on_policy(&mut self, policy: Arc<Policy>) {
        self.planned.policy = policy;
        self.go_by_what_was_published();
    }

    pub(crate) fn on_plan(&mut self, plan: Option<(Arc<Plan>, Timestamp)>) {
        let plan = plan.filter(|(_, until)| *until > self.now);
        if plan.is_none() && self.planned.plan.is_none() {
            return;
        }
        if let Some((_, until)) = self.planned.plan.take() {
            self.board.timers.clear(until, Timer::Plan);
        }
        self.planned.plan = plan;
        if let Some((_, until)) = self.planned.plan {
            self.board.timers.set(until, Timer::Plan);
        }
        self.go_by_what_was_published();
    }

    /// Before anything is made of an event.
    pub(crate) fn planned_is_over(&mut self) {
        if self.planned.plan.as_ref().is_some_and(|(_, until)| *until <= self.now) {
            self.on_plan(None);
        }
    }

    fn go_by_what_was_published(&mut self) {
        let (rules, version) = match self.planned.in_force() {
            Some(plan) => (Arc::clone(&plan.rules), plan.decides()),
            None => (Arc::clone(&self.planned.policy), self.planned.policy.version()),
        };
        self.go_by(rules, version);
    }
}
