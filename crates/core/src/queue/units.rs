//! Units of pools: what attempts hold of them, and which classes sleep until some come back.
//!
//! An attempt takes all that its task asks for when it is sent, or nothing: nobody holds units of one pool while it waits for another.
//! There is no rule that keeps units free for who asks for many: a class that lacks some holds no other back, so that those that ask for few may
//! pass it for as long as they come. A class sleeps on one pool that it lacks, under the number of units that it asks for; what comes back
//! wakes those that ask for no more than is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::snapshot::PoolLoad;
use agendum_types::{Need, Pool, Timestamp};

use super::{ClassId, Queue};

/// All pools that are published, held or waited for.
#[derive(Debug, Default)]
pub(crate) struct Units {
    /// How often they were published.
    version: u32,
    pools: BTreeMap<Arc<str>, Row>,
    /// Classes that sleep, by the pool that they lack and what they ask for of it.
    asleep: BTreeMap<Arc<str>, BTreeSet<(u32, ClassId)>>,
}

#[derive(Debug, Default)]
struct Row {
    units: u32,
    held: u64,
}

impl Units {
    /// Replaces the pools. What is held stays held, be it more than there is now.
    pub(super) fn publish(&mut self, pools: Vec<Pool>) {
        self.version += 1;
        self.pools.values_mut().for_each(|row| row.units = 0);
        for pool in pools {
            self.pools.entry(pool.name).or_default().units = pool.units;
        }
        self.pools.retain(|_, row| row.units > 0 || row.held > 0);
    }

    /// How often they were published.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// How many units a pool has, whoever holds them; none of one that there is not.
    pub(crate) fn of(&self, pool: &str) -> u64 {
        self.pools.get(pool).map_or(0, |row| row.units.into())
    }

    /// The first that has fewer units left than are asked for.
    pub(super) fn lacks<'n>(&self, needs: &'n [Need]) -> Option<&'n Need> {
        needs.iter().find(|need| self.left(&need.pool) < u64::from(need.units))
    }

    /// True if some pool has fewer units than are asked for, whoever holds them.
    pub(super) fn never_has(&self, needs: &[Need]) -> bool {
        needs.iter().any(|need| self.pools.get(&need.pool).is_none_or(|row| row.units < need.units))
    }

    fn left(&self, pool: &str) -> u64 {
        self.pools.get(pool).map_or(0, |row| u64::from(row.units).saturating_sub(row.held))
    }

    /// An attempt takes them. One of an earlier life does so whatever is left.
    pub(super) fn hold(&mut self, needs: &[Need]) {
        for need in needs {
            self.pools.entry(Arc::clone(&need.pool)).or_default().held += u64::from(need.units);
        }
    }

    /// It gives them back; returns the classes that may have enough of what they lacked.
    pub(super) fn free(&mut self, needs: &[Need]) -> Vec<ClassId> {
        let mut woken = Vec::new();
        for need in needs {
            let row = self.pools.get_mut(&need.pool).expect("what is held has a row");
            row.held = row.held.checked_sub(need.units.into()).expect("units are given back once");
            if row.units == 0 && row.held == 0 {
                self.pools.remove(&need.pool);
                continue;
            }
            let left = self.left(&need.pool);
            let asleep = self.asleep.get(&need.pool).into_iter().flatten();
            woken.extend(asleep.take_while(|(units, _)| u64::from(*units) <= left).map(|(_, class)| *class));
        }
        woken
    }

    /// A class sleeps until this pool has as many units left.
    pub(super) fn sleep(&mut self, need: &Need, class: ClassId) {
        self.asleep.entry(Arc::clone(&need.pool)).or_default().insert((need.units, class));
    }

    /// It does not any more.
    pub(super) fn wake(&mut self, need: &Need, class: ClassId) {
        let Some(asleep) = self.asleep.get_mut(&need.pool) else { return };
        asleep.remove(&(need.units, class));
        if asleep.is_empty() {
            self.asleep.remove(&need.pool);
        }
    }

    /// Every class that sleeps so.
    pub(super) fn sleeping(&self) -> Vec<ClassId> {
        self.asleep.values().flatten().map(|(_, class)| *class).collect()
    }

    fn loads(&self) -> Vec<PoolLoad> {
        let load =
            |(name, row): (&Arc<str>, &Row)| PoolLoad { name: Arc::clone(name), units: row.units, held: row.held };
        self.pools.iter().map(load).collect()
    }
}

impl Queue {
    /// What each attempt of a class holds of pools.
    pub(crate) fn needs(&self, class: ClassId) -> &Arc<[Need]> {
        &self.classes[class.0 as usize].needs
    }

    /// Other pools count from now on.
    pub(crate) fn publish(&mut self, pools: Vec<Pool>, now: Timestamp) {
        self.units.publish(pools);
        let sleeping = self.units.sleeping();
        self.may_have_units(sleeping, now);
    }

    /// True if the pools have what an attempt of this class holds.
    pub(crate) fn has_units(&self, class: ClassId) -> bool {
        self.units.lacks(self.needs(class)).is_none()
    }

    /// What there is too little of for an attempt of this class.
    pub(crate) fn lacks(&self, class: ClassId) -> Option<Need> {
        self.units.lacks(self.needs(class)).cloned()
    }

    /// True if they have not, even if nobody held anything.
    pub(crate) fn never_has_units(&self, class: ClassId) -> bool {
        self.units.never_has(self.needs(class))
    }

    /// An attempt was sent that holds this.
    pub(crate) fn hold(&mut self, needs: &[Need]) {
        self.units.hold(needs);
    }

    /// An attempt that held this has ended.
    pub(crate) fn free(&mut self, needs: &[Need], now: Timestamp) {
        let woken = self.units.free(needs);
        self.may_have_units(woken, now);
    }

    /// How the pools are used.
    pub(crate) fn pools(&self) -> Vec<PoolLoad> {
        self.units.loads()
    }

    fn may_have_units(&mut self, classes: Vec<ClassId>, now: Timestamp) {
        self.pockets.stir();
        for id in classes {
            let class = &mut self.classes[id.0 as usize];
            class.lacks.take().iter().for_each(|lacks| self.units.wake(lacks, id));
            class.wake(id, &mut self.heads, now);
        }
    }
}
