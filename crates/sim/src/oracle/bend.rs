//! Who goes in the place of the first, since a target has read more of how its input begins.

use std::collections::BTreeMap;

use agendum_types::{RunId, TaskPath, Tenant};

use super::Reference;
use super::state::Rank;

/// A task, and how much of it is known.
type Known = ((RunId, TaskPath), u64);

/// Tasks that are alike, of which so many are looked at; which of them, only the core knows.
#[derive(Clone, Default)]
struct Alike {
    all: Vec<Known>,
    seen: usize,
}

impl Alike {
    /// What at least one of those that are looked at has known.
    fn least(&self) -> u64 {
        let mut known: Vec<u64> = self.all.iter().map(|(_, known)| *known).collect();
        known.sort_unstable();
        known.get(self.seen.wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// True if none of those that are looked at may have more known than this one.
    fn may_top(&self, most: u64) -> bool {
        self.all.iter().filter(|(_, known)| *known <= most).count() >= self.seen
    }
}

impl Reference {
    /// Those that go in the place of these, which are alike and would go by what their tenant has had.
    pub(super) fn nearest(&self, firsts: Vec<(RunId, TaskPath)>) -> Vec<(RunId, TaskPath)> {
        if self.policy.fairness.locality_quantum == 0 {
            return firsts;
        }
        firsts.into_iter().flat_map(|first| self.near(first)).collect()
    }

    /// True if this one may go in the place of another.
    pub(super) fn goes_for_another(&self, id: RunId, path: &TaskPath) -> bool {
        !self.passed_by(&(id, path.clone())).is_empty()
    }

    /// Those in whose place this one may go.
    fn passed_by(&self, goes: &(RunId, TaskPath)) -> Vec<(RunId, TaskPath)> {
        let passes = |first: &(RunId, TaskPath)| first != goes && self.near(first.clone()).contains(goes);
        self.first().into_iter().filter(passes).collect()
    }

    /// This one goes in the place of another, which has been passed once more.
    pub(super) fn passes_the_first(&mut self, id: RunId, path: &TaskPath) {
        let firsts = self.passed_by(&(id, path.clone()));
        let is_known = firsts.len() == 1;
        for (id, path) in firsts {
            let (least, most) = &mut self.run(id).inst(&path).passed;
            (*least, *most) = (*least + u32::from(is_known), *most + 1);
        }
    }

    fn near(&self, first: (RunId, TaskPath)) -> Vec<(RunId, TaskPath)> {
        let queued = self.queued();
        let Some((.., rank, targets)) = queued.iter().find(|(id, path, ..)| (*id, *path) == (first.0, &first.1)) else {
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
        let (own, all) = (
            known(first.0, &first.1),
            self.runs[&first.0].tasks[&first.1].prefix.as_ref().map_or(0, |all| all.0.len()),
        );
        if all > 0 && own == all as u64 {
            return vec![first];
        }
        let (band, needs) = (self.band(first.0, &first.1), self.resources(first.0, &first.1));
        let is_of = |(id, path, _, of): &&(RunId, &TaskPath, &Rank, &[usize])| {
            of == targets && self.band(*id, path) == band && self.resources(*id, path) == needs
        };
        let lane: Vec<(Rank, Known)> = queued
            .iter()
            .filter(is_of)
            .map(|(id, path, rank, _)| (**rank, ((*id, (*path).clone()), known(*id, path))))
            .collect();
        let others = self.of_others(band, &lane);
        let behind = self.behind((&first, **rank), &lane);
        let inst = &self.runs[&first.0].tasks[&first.1];
        // Whoever waited for one target, or has fewer than its own, may have been queued anew.
        let is_as_it_came = inst.best.is_none() && self.eligible(first.0, &first.1).as_deref() == Some(*targets);
        let (least, most) = (if is_as_it_came { inst.passed.0 } else { 0 }, inst.passed.1);
        let quantum = self.policy.fairness.locality_quantum;
        let mut may = Vec::new();
        if least < quantum {
            may.extend(whom(&first, own, &[behind, others.clone()].concat()));
        }
        if most >= quantum {
            may.extend(whom(&first, own, &others));
        }
        may
    }

    /// The first tasks of the other tenants that have had little more.
    fn of_others(&self, band: usize, lane: &[(Rank, Known)]) -> Vec<Alike> {
        let mut tenants: BTreeMap<&Tenant, (u64, Rank, Vec<Known>)> = BTreeMap::new();
        for (rank, task) in lane {
            let ((id, path), _) = task;
            let tenant = &self.runs[id].tenant;
            let entry = tenants.entry(tenant).or_insert_with(|| (self.had(*id, path), *rank, Vec::new()));
            if *rank < entry.1 {
                (entry.1, entry.2) = (*rank, Vec::new());
            }
            if *rank == entry.1 {
                entry.2.push(task.clone());
            }
        }
        let mut others: Vec<_> = tenants.into_values().collect();
        others.sort_by_key(|(time, rank, _)| (*time, *rank));
        let most = self.after(band, others[0].0, self.policy.fairness.locality_quantum);
        others.retain(|(time, ..)| *time <= most);
        others.into_iter().skip(1).take(7).map(|(.., all)| Alike { all, seen: 1 }).collect()
    }

    /// The next fifteen of its own tenant, where neither it nor they have a time by which they must be over, or may be late.
    fn behind(&self, (first, rank): (&(RunId, TaskPath), Rank), lane: &[(Rank, Known)]) -> Vec<Alike> {
        if self.latest_end(first.0, &first.1).is_some() || rank.0 {
            return Vec::new();
        }
        let tenant = &self.runs[&first.0].tenant;
        let mut by_rank: BTreeMap<Rank, Vec<Known>> = BTreeMap::new();
        let is_behind =
            |(rank, (task, _)): &&(Rank, Known)| !rank.0 && task != first && self.runs[&task.0].tenant == *tenant;
        for (rank, task) in lane.iter().filter(is_behind) {
            by_rank.entry(*rank).or_default().push(task.clone());
        }
        let mut left: usize = 15;
        let take = |all: Vec<Known>| {
            let seen = all.len().min(left);
            left -= seen;
            Alike { all, seen }
        };
        // Those that are alike are of one run.
        let has_time = |all: &Vec<Known>| all.iter().all(|((id, _), _)| self.runs[id].submitted.deadline.is_none());
        by_rank.into_values().take_while(has_time).map(take).filter(|alike| alike.seen > 0).collect()
    }
}

/// Of tasks that are alike only the core knows which it looked at: all that can have been the best.
fn whom(first: &(RunId, TaskPath), own: u64, others: &[Alike]) -> Vec<(RunId, TaskPath)> {
    let is_first = others.iter().all(|of| of.least() <= own);
    let mut may: Vec<_> = is_first.then(|| first.clone()).into_iter().collect();
    for (place, of) in others.iter().enumerate() {
        let (before, behind) = (&others[..place], &others[place + 1..]);
        let is_best = |known: u64| {
            known > own
                && of.may_top(known)
                && before.iter().all(|of| of.least() < known)
                && behind.iter().all(|of| of.least() <= known)
        };
        may.extend(of.all.iter().filter(|(_, known)| is_best(*known)).map(|(task, _)| task.clone()));
    }
    may
}
