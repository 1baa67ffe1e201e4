//! Who goes before the tenant that has had least, since a target has read more of how its input begins.

use std::collections::BTreeMap;

use agendum_types::{RunId, TaskPath, Tenant};

use super::Reference;
use super::state::Rank;

/// A task, and how much of it is known.
type Known = ((RunId, TaskPath), u64);

impl Reference {
    /// Those that go in the place of these, which are alike and would go by what their tenant has had.
    pub(super) fn nearest(&self, firsts: Vec<(RunId, TaskPath)>) -> Vec<(RunId, TaskPath)> {
        if self.policy.fairness.locality_quantum == 0 {
            return firsts;
        }
        firsts.into_iter().flat_map(|first| self.near(first)).collect()
    }

    fn near(&self, first: (RunId, TaskPath)) -> Vec<(RunId, TaskPath)> {
        let queued = self.queued();
        let Some((.., targets)) = queued.iter().find(|(id, path, ..)| (*id, *path) == (first.0, &first.1)) else {
            return vec![first];
        };
        let is_model = |place: &usize| self.targets[*place].capabilities.iter().any(|can| can.is_served_by_models());
        let mut models = (0..self.targets.len()).filter(is_model);
        if !models.any(|place| self.targets[place].remembers > 0) {
            return vec![first];
        }
        let free: Vec<usize> = targets.iter().copied().filter(|target| self.is_free(*target)).take(4).collect();
        let known = |id: RunId, path: &TaskPath| {
            let prefix = self.runs[&id].tasks[path].prefix.as_deref();
            let read = |target: &usize| self.accounts.read.get(&self.targets[*target].name);
            let of = |prefix| free.iter().filter_map(read).map(|read| read.knows(prefix, self.now)).max();
            prefix.and_then(of).unwrap_or_default()
        };
        let (band, needs) = (self.band(first.0, &first.1), self.resources(first.0, &first.1));
        let mut tenants: BTreeMap<&Tenant, (u64, Rank, Vec<Known>)> = BTreeMap::new();
        for (id, path, rank, of) in &queued {
            let is_of = of == targets && self.band(*id, path) == band && self.resources(*id, path) == needs;
            let tenant = &self.runs[id].tenant;
            let best = tenants.get(tenant).map(|(_, best, _)| *best);
            if !is_of || best.is_some_and(|best| best < **rank) {
                continue;
            }
            let entry = tenants.entry(tenant).or_insert_with(|| (self.had(*id, path), **rank, Vec::new()));
            if entry.1 != **rank {
                (entry.1, entry.2) = (**rank, Vec::new());
            }
            entry.2.push(((*id, (*path).clone()), known(*id, path)));
        }
        let own = known(first.0, &first.1);
        let mut others: Vec<_> = tenants.into_values().collect();
        others.sort_by_key(|(time, rank, _)| (*time, *rank));
        let most = self.after(band, others[0].0, self.policy.fairness.locality_quantum);
        others.retain(|(time, ..)| *time <= most);
        let others: Vec<Vec<Known>> = others.into_iter().skip(1).take(7).map(|(.., known)| known).collect();
        whom(first, own, &others)
    }
}

/// Of tasks that are alike only the core knows which it looked at: all that can have been the best.
fn whom(first: (RunId, TaskPath), own: u64, others: &[Vec<Known>]) -> Vec<(RunId, TaskPath)> {
    let least = |of: &Vec<Known>| of.iter().map(|(_, known)| *known).min().unwrap_or_default();
    let mut may: Vec<_> = others.iter().all(|of| least(of) <= own).then_some(first).into_iter().collect();
    for (place, of) in others.iter().enumerate() {
        let (before, behind) = (&others[..place], &others[place + 1..]);
        let is_best = |known: u64| {
            known > own && before.iter().all(|of| least(of) < known) && behind.iter().all(|of| least(of) <= known)
        };
        may.extend(of.iter().filter(|(_, known)| is_best(*known)).map(|(task, _)| task.clone()));
    }
    may
}
