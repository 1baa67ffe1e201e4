//! Steps from one set of rules to another: one parameter each, to values that somebody would try.
//!
//! What is people's to say is not touched: weights of tenants, shares of priorities, what a dollar is worth against time, when runs are refused. Neither
//! is what a replay cannot show: breakers, limits that are learned, what targets have read.

use std::sync::Arc;

use agendum_types::Policy;
use agendum_types::policy::{Band, Index};

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// What it does, as a document would say it.
    pub says: String,
    /// Where it leads.
    pub rules: Arc<Policy>,
}

/// Orders of runs without a deadline, and of those with one, that are worth trying.
const INDEXES: [Index; 4] = [Index::Gittins, Index::AttainedService, Index::VirtualFinish, Index::Fifo];
const DEADLINE_INDEXES: [Index; 4] = [Index::Slack, Index::Edf, Index::Risk, Index::ValueDensity];

/// Every step from these rules that leads to others.
#[must_use]
pub fn moves(from: &Policy) -> Vec<Move> {
    let mut found = Vec::new();
    let mut step = |says: String, change: &dyn Fn(&mut Policy)| {
        let mut rules = from.clone();
        change(&mut rules);
        if rules != *from {
            found.push(Move { says, rules: Arc::new(rules) });
        }
    };
    let bands = |rules: &mut Policy, change: &dyn Fn(&mut Band)| rules.bands.iter_mut().for_each(change);
    for index in INDEXES {
        step(format!("index: {}", index.word()), &|rules| bands(rules, &|band| band.index = index));
    }
    for index in DEADLINE_INDEXES {
        let change = |rules: &mut Policy| bands(rules, &|band| band.deadline_index = index);
        step(format!("deadline_index: {}", index.word()), &change);
    }
    for aging in [1, 2, 5, 10, 20] {
        step(format!("aging: {aging}"), &|rules| bands(rules, &|band| band.aging = aging));
    }
    for after in [0, 90, 95, 99] {
        step(format!("hedging.after: {after}"), &|rules| rules.hedging.after = after);
    }
    for share in [2, 5, 10] {
        step(format!("hedging.share: {share}"), &|rules| rules.hedging.share = share);
    }
    for crowd in [0, 10, 20, 50, 100] {
        step(format!("placement.crowd: {crowd}"), &|rules| rules.placement.crowd = crowd);
    }
    for look in [0, 32, 64, 128] {
        step(format!("admission.look: {look}"), &|rules| rules.admission.look = look);
    }
    for slow in [80, 90, 95, 99] {
        step(format!("admission.slow: {slow}"), &|rules| rules.admission.slow = slow);
    }
    for share in [0, 2, 5, 10] {
        step(format!("preemption.share: {share}"), &|rules| rules.preemption.share = share);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use agendum_types::Policy;

    use super::moves;

    #[test]
    fn every_step_leads_elsewhere_and_touches_nothing_of_peoples() {
        let balanced = Policy::default();
        let found = moves(&balanced);
        assert!(found.len() > 20, "{}", found.len());
        let names: BTreeSet<_> = found.iter().map(|step| &step.says).collect();
        assert_eq!(names.len(), found.len());
        for step in &found {
            let rules = &step.rules;
            assert_ne!(**rules, balanced, "{}", step.says);
            let peoples = (&rules.fairness, &rules.overload, &rules.limits);
            assert_eq!(peoples, (&balanced.fairness, &balanced.overload, &balanced.limits), "{}", step.says);
            let kept = |policy: &Policy| policy.bands.clone().map(|band| (band.share, band.dollar, band.patience));
            assert_eq!(kept(rules), kept(&balanced), "{}", step.says);
        }
    }
}
