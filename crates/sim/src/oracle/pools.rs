//! Units of pools: added up anew for each question, over all attempts that are out.

use agendum_core::Scheduler;
use agendum_types::{Need, Pool, RunId, TaskPath};

use super::{Reference, ensure};

/// The pools that there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pools: Vec<Pool>,
    /// How often they were told.
    pub(super) version: u32,
}

impl Told {
    pub(super) fn are_told(&mut self, pools: &[Pool]) {
        *self = Self { pools: pools.to_vec(), version: self.version + 1 };
    }
}

impl Reference {
    pub(super) fn units(&self, pool: &str) -> u64 {
        // Of two of one name the last counts.
        self.pools.pools.iter().rev().find(|known| *known.name == *pool).map_or(0, |pool| pool.units.into())
    }

    fn held(&self, pool: &str) -> u64 {
        let all = self.flights.iter().flat_map(|flight| flight.needs.iter());
        all.filter(|need| *need.pool == *pool).map(|need| u64::from(need.units)).sum()
    }

    /// What an attempt of this task holds.
    pub(super) fn resources(&self, id: RunId, path: &TaskPath) -> &[Need] {
        let run = &self.runs[&id];
        // The task may be gone, and what it ran is still out.
        path.node().map_or(&[], |node| &run.graph.task(node).resources)
    }

    /// Each pool has as many units left as it asks for.
    pub(super) fn has_units(&self, id: RunId, path: &TaskPath) -> bool {
        let has = |need: &Need| self.held(&need.pool) + u64::from(need.units) <= self.units(&need.pool);
        self.resources(id, path).iter().all(has)
    }

    /// Each pool has as many units, whoever holds them.
    pub(super) fn could_have_units(&self, id: RunId, path: &TaskPath) -> bool {
        self.resources(id, path).iter().all(|need| u64::from(need.units) <= self.units(&need.pool))
    }

    /// It would go to this target now.
    pub(super) fn goes_to(&self, id: RunId, path: &TaskPath, target: usize) -> bool {
        self.is_free(target) && self.has_units(id, path)
    }

    /// The core shows every pool that there is, or of which something is held, and how much.
    pub(super) fn shows_pools(&self, core: &Scheduler) -> Result<(), String> {
        let shown = core.snapshot(self.now).pools;
        for load in &shown {
            let mine = (self.units(&load.name), self.held(&load.name));
            ensure(mine == (load.units.into(), load.held), &format!("of {} {mine:?}, and not {load:?}", load.name))?;
        }
        let held = self.flights.iter().flat_map(|flight| flight.needs.iter()).map(|need| &need.pool);
        let all = self.pools.pools.iter().map(|pool| &pool.name).chain(held);
        let missing = all.into_iter().find(|name| shown.iter().all(|load| load.name != **name));
        ensure(missing.is_none(), &format!("{missing:?} is not shown"))
    }
}
