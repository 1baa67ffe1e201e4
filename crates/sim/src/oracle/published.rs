//! By which rules the core has to choose: the policy, or a plan for it while that lasts.

use agendum_types::{Plan, Policy, Timestamp};

use super::Reference;

/// What was published last.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    policy: Policy,
    plan: Option<(Plan, Timestamp)>,
}

impl Published {
    /// The plan, if it is for this policy.
    fn in_force(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|(plan, _)| plan).filter(|plan| *plan.policy == self.policy.version())
    }

    /// When a plan is over, whichever policy it is for.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.plan.as_ref().map(|(_, until)| *until)
    }

    /// What decisions say that they were taken by.
    pub(super) fn version(&self) -> String {
        self.in_force().map_or_else(|| self.policy.version(), |plan| format!("{}+{}", plan.policy, plan.version()))
    }
}

impl Reference {
    pub(super) fn policy_published(&mut self, policy: &Policy) {
        self.published.policy = policy.clone();
        self.rules_count();
    }

    pub(super) fn plan_published(&mut self, plan: &Plan, until: Timestamp) {
        let had = self.published.plan.take();
        if until > self.now {
            self.published.plan = Some((plan.clone(), until));
        }
        if had.is_some() || self.published.plan.is_some() {
            self.rules_count();
        }
    }

    pub(super) fn plan_withdrawn(&mut self) {
        if self.published.plan.take().is_some() {
            self.rules_count();
        }
    }

    /// With whatever comes first then.
    pub(super) fn plan_is_over(&mut self) {
        if matches!(self.published.plan, Some((_, until)) if until <= self.now) {
            self.plan_withdrawn();
        }
    }

    fn rules_count(&mut self) {
        let rules = self.published.in_force().map_or(&self.published.policy, |plan| &plan.rules).clone();
        self.goes_by(rules);
    }
}
