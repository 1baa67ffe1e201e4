//! The journal of a seed, with what it was made under: for whoever reads journals.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::Entry;
use agendum_types::{Graph, Hash, Limits, Policy, Pool, Target, Windows};

use super::{Faults, Planned, World};

/// What was decided, and under what.
#[derive(Clone, Debug)]
pub struct Journal {
    /// All records.
    pub entries: Vec<Entry>,
    /// All graphs that they name.
    pub graphs: BTreeMap<Hash, Arc<Graph>>,
    /// The table of targets at the beginning.
    pub targets: Vec<Target>,
    /// The pools at the beginning.
    pub pools: Vec<Pool>,
    /// The policy at the beginning.
    pub policy: Arc<Policy>,
    /// The limits.
    pub limits: Limits,
    /// What might be spent.
    pub windows: Windows,
}

/// Plays a seed, as [`super::play`] does, and gives its journal.
#[must_use]
pub fn journal(seed: u64, planned: &[Planned], faults: Faults) -> Journal {
    let mut world = World::new(seed, faults);
    let (targets, pools, policy) = (world.fleet.clone(), world.pools.clone(), Arc::clone(&world.policy));
    for planned in planned {
        world.submit(planned);
    }
    world.until_rest();
    let World { journal: entries, graphs, limits, windows, .. } = world;
    Journal { entries, graphs, targets, pools, policy, limits, windows }
}
