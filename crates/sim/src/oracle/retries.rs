//! What pays for attempts that follow on failures of a target.

use std::sync::Arc;

use agendum_core::Next;
use agendum_types::{Class, Failure, RunId, TaskPath, Timestamp};

use super::Reference;
use super::ladder::May;
use super::share::PutOff;

impl Reference {
    /// How long what one more attempt takes comes in, in nanoseconds.
    fn retry_unit(&self) -> u128 {
        1_000_000_000 / u128::from(self.policy.limits.retries_per_s)
    }

    /// A first attempt is sent there.
    pub(super) fn earns_retries(&mut self, target: usize) {
        let (earned, _) = self.accounts.retries.entry(target).or_default();
        *earned = (*earned + u64::from(self.policy.limits.retries)).min(5_000);
    }

    /// What may follow on an attempt that failed there; if that is another, it is paid for.
    pub(super) fn after_attempt(
        &mut self,
        id: RunId,
        path: &TaskPath,
        (target, failure, repeatable): (usize, &Failure, bool),
        next: &Next,
    ) -> Vec<May> {
        if (self.has_no_room || self.is_over_limit) && repeatable && self.may_go_back(id, path, failure) {
            return vec![May::Back(self.now)];
        }
        let budget = self.budget_of(id, path, target, failure);
        let from = budget.map_or(self.now, |(_, opens)| opens);
        let is_fault = matches!(failure.class, Class::Overloaded | Class::Timeout | Class::Unavailable);
        let is_held_back = is_fault && self.turns_away(target);
        let may = self.after_failure_from(id, path, failure, (repeatable, from, is_held_back));
        if let (Next::Retry { .. }, Some((payer, _))) = (next, budget) {
            self.pays_for_retry(payer);
        }
        if let Next::Retry { at } = next
            && self.outlasting(id, path, failure.class).is_some()
        {
            let opens = self.reopens(id, path, failure).max(from);
            let targets = self.eligible(id, path).unwrap_or_default();
            let targets = targets.into_iter().map(|target| Arc::clone(&self.targets[target].name)).collect();
            self.accounts.outlasting.insert((id, path.clone()), PutOff { until: *at, opens, targets });
        }
        may
    }

    /// Which target pays for another attempt after this one there, and from when on that is.
    fn budget_of(&self, id: RunId, path: &TaskPath, failed: usize, failure: &Failure) -> Option<(usize, Timestamp)> {
        let is_fault = matches!(failure.class, Class::Overloaded | Class::Timeout | Class::Unavailable);
        let is_model = self.targets[failed].capabilities.iter().any(|can| can.is_served_by_models());
        let opens = |target: usize| {
            let (earned, paid) = self.accounts.retries.get(&target).copied().unwrap_or_default();
            // What comes in within ten seconds is saved up.
            let at = Timestamp(paid.saturating_sub(10_000_000_000).div_ceil(1_000) as u64);
            if earned >= 100 { self.now } else { at.max(self.now) }
        };
        let mut all: Vec<_> = self.eligible(id, path)?.into_iter().map(|target| (target, opens(target))).collect();
        all.sort_by_key(|(target, opens)| (*opens, *target != failed));
        all.first().copied().filter(|_| is_fault && is_model)
    }

    /// It pays.
    fn pays_for_retry(&mut self, target: usize) {
        let (now, unit) = (u128::from(self.now.0) * 1_000, self.retry_unit());
        let (earned, paid) = self.accounts.retries.entry(target).or_default();
        match earned.checked_sub(100) {
            Some(left) => *earned = left,
            // For a minute at most.
            None => *paid = ((*paid).max(now) + unit).min(now + 70_000_000_000),
        }
    }
}
