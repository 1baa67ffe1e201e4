//! The pools of a replay: as configured, and without a bound where a task asks for more than there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::Pool;

use super::Past;

/// The pools, and the names of those that are not bounded: the present configuration does not have what was asked for.
pub(super) fn pools(past: &Past, configured: &[Pool]) -> (Vec<Pool>, Vec<Arc<str>>) {
    let mut most: BTreeMap<&Arc<str>, u32> = BTreeMap::new();
    let graphs = past.lives.values().flat_map(|life| life.graphs.values());
    for need in graphs.flat_map(|graph| &graph.tasks).flat_map(|task| task.resources.iter()) {
        let asked = most.entry(&need.pool).or_default();
        *asked = need.units.max(*asked);
    }
    let has = |name: &str, units: u32| configured.iter().any(|pool| *pool.name == *name && pool.units >= units);
    let lacking: Vec<Arc<str>> =
        most.into_iter().filter(|(name, units)| !has(name, *units)).map(|(name, _)| Arc::clone(name)).collect();
    let mut pools: Vec<Pool> = configured.iter().filter(|pool| !lacking.contains(&pool.name)).cloned().collect();
    pools.extend(lacking.iter().map(|name| Pool { name: Arc::clone(name), units: u32::MAX }));
    (pools, lacking)
}
