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

impl Pool {
    /// How a name of a pool is made, in words.
    pub const NAMES: &'static str = "letters, digits and `_`, at most 64, not beginning with a digit";

    /// True if a pool may have this name: the same that a task may have.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=64).contains(&name.len()) && name.bytes().all(fits) && !name.as_bytes()[0].is_ascii_digit()
    }
}

/// What an attempt of a task needs of a pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// The name of the pool.
    pub pool: Arc<str>,
    /// How many units, 1 to [`UNITS_MAX`].
    pub units: u32,
}
