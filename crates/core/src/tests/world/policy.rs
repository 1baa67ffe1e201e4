//! The rules of a scenario: `policy standard=gittins deadline=edf aging=5 weights=acme:2,other:3`. What is not said is as in the built-in one.

use std::sync::Arc;

use agendum_testkit::script;
use agendum_types::graph::Priority;
use agendum_types::policy::{Index, Preemption};
use agendum_types::{Plan, Policy};

use super::World;
use crate::Event;

impl World {
    /// They are told now, and at the start of each life from now on.
    pub(super) fn govern(&mut self, rest: &str) {
        let mut policy = Policy::default();
        rest.split_whitespace().for_each(|word| rule(&mut policy, word));
        self.policy = Some(Arc::new(policy));
        self.publish_policy();
    }

    pub(super) fn publish_policy(&mut self) {
        if let Some(policy) = self.policy.clone() {
            self.event(Event::PolicyPublished(policy));
        }
    }
}

impl World {
    /// Other parameters of the policy that was told last, for a while from now.
    pub(super) fn other_for_a_while(&mut self, rest: &str) {
        if rest == "withdrawn" {
            self.planned = None;
            self.event(Event::PlanWithdrawn);
            return;
        }
        let (span, words) = rest.split_once(' ').unwrap();
        let policy = self.policy.as_deref().cloned().unwrap_or_default();
        let (mut rules, mut of) = (policy.clone(), policy.version());
        for word in words.split_whitespace() {
            match word.strip_prefix("of=") {
                Some(other) => other.clone_into(&mut of),
                None => rule(&mut rules, word),
            }
        }
        let lasts = script::span(span);
        let plan = Plan::bare("plan", &of, Arc::new(rules), lasts);
        self.planned = Some((Arc::new(plan), self.now.after(lasts)));
        self.publish_plan();
    }

    pub(super) fn publish_plan(&mut self) {
        if let Some((plan, until)) = self.planned.clone() {
            self.event(Event::PlanPublished { plan, until });
        }
    }
}

fn rule(policy: &mut Policy, word: &str) {
    let (key, value) = word.split_once('=').unwrap();
    let index = || Index::from_word(value).unwrap();
    match key {
        // The index of those without a deadline, and of those with one whatever their priority.
        "interactive" | "standard" | "background" => {
            policy.bands[Priority::from_word(key).unwrap() as usize].index = index();
        }
        "deadline" => policy.bands.iter_mut().for_each(|band| band.deadline_index = index()),
        "aging" => policy.bands.iter_mut().for_each(|band| band.aging = value.parse().unwrap()),
        "patience" => policy.bands.iter_mut().for_each(|band| band.patience = script::span(value)),
        "weights" => {
            for one in value.split(',') {
                let (tenant, weight) = one.split_once(':').unwrap();
                policy.fairness.weights.insert(agendum_types::Tenant(tenant.into()), weight.parse().unwrap());
            }
        }
        "dollar" => policy.bands.iter_mut().for_each(|band| band.dollar = script::span(value)),
        "waiting" => policy.overload.waiting = value.parse().unwrap(),
        "stand" => policy.overload.stand = script::span(value),
        "interval" => policy.overload.interval = script::span(value),
        "hedge" => policy.hedging.after = value.parse().unwrap(),
        "failures" => policy.limits.failures = value.parse().unwrap(),
        "retries" => policy.limits.retries = value.parse().unwrap(),
        "retries_per_s" => policy.limits.retries_per_s = value.parse().unwrap(),
        "turned_away" => policy.limits.turned_away = value.parse().unwrap(),
        "gain" => policy.limits.gain = value.parse().unwrap(),
        "failing_for" => policy.limits.failing_for = script::span(value),
        "pause" => policy.limits.pause = script::span(value),
        "pause_max" => policy.limits.pause_max = script::span(value),
        "share" => policy.hedging.share = value.parse().unwrap(),
        "preempt" => {
            let mut parts = value.split(':').map(|part| part.parse().unwrap());
            let mut next = || parts.next().unwrap();
            policy.preemption = Preemption { spent: next(), times: next(), share: next() };
        }
        "crowd" => policy.placement.crowd = value.parse().unwrap(),
        "credit" => policy.fairness.credit = value.parse().unwrap(),
        "quantum" => policy.fairness.locality_quantum = value.parse().unwrap(),
        "samples" => policy.admission.samples = value.parse().unwrap(),
        "look" => policy.admission.look = value.parse().unwrap(),
        other => panic!("a policy knows no word {other:?}"),
    }
}
