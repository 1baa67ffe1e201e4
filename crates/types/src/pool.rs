//! Pools: units of something scarce that attempts hold while they run, beside their target (sandboxes, licences, seats).

use std::sync::Arc;

/// How many different pools a task may ask for at once.
pub const POOLS_PER_TASK_MAX: usize = 8;

/// How many units of a pool there may be, and a task may ask for.
pub const UNITS_MAX: u32 = 1_000_000;

/// A pool, as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// How many units there are, 1 to [`UNITS_MAX`].
    pub units: u32,
}

/// What an attempt of a task needs of a pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// The name of the pool.
    pub pool: Arc<str>,
    /// How many units, 1 to [`UNITS_MAX`].
    pub units: u32,
}
