//! Who is who: runs, attempts, tenants, shards, and the order of records.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::path::TaskPath;
use crate::time::Timestamp;

/// Partitions that every run id is hashed into; fixed for ever, because nodes own partitions.
pub const PARTITION_COUNT: u16 = 1_024;

/// One of the [`PARTITION_COUNT`] parts of all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

/// One execution of a graph. 128 bits: 48 of milliseconds, 10 of partition, 70 of chance. Sorts by time of submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u128);

/// The customer whose data it is. A part of every key and every port call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub Arc<str>);

/// The person or program that acts for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(pub Arc<str>);

/// A totally ordered journal and the core that writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

/// Counted up and committed each time a shard opens its journal; fences off what an earlier life of the shard started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// The place of a record in its shard's journal. The first record has sequence 1; 0 is "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Which try of a task, counted from 1 over all rungs and incarnations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNo(pub u32);

/// One try of a task on one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The run it belongs to.
    pub run: RunId,
    /// The task, by path.
    pub path: TaskPath,
    /// Which try.
    pub attempt: AttemptNo,
    /// The life of the shard that started it.
    pub incarnation: Incarnation,
}

impl RunId {
    /// Composes an id from its three parts; `chance` is cut to 70 bits.
    #[must_use]
    pub const fn compose(at: Timestamp, partition: Partition, chance: u128) -> Self {
        let millis = (at.0 / 1_000) as u128 & 0xffff_ffff_ffff;
        let partition = (partition.0 % PARTITION_COUNT) as u128;
        Self(millis << 80 | partition << 70 | chance & ((1 << 70) - 1))
    }

    /// The partition that owns this run.
    #[must_use]
    pub const fn partition(self) -> Partition {
        Partition((self.0 >> 70) as u16 & (PARTITION_COUNT - 1))
    }
}

impl Tenant {
    /// The tenant of the command line and of an embedded data directory.
    pub const DEFAULT: &'static str = "default";

    /// A tenant by name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

impl Principal {
    /// Whoever comes with the token of the data directory. In this release nobody else decides.
    pub const LOCAL: &'static str = "local";

    /// A principal by name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl Seq {
    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Crockford's base 32, without I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for RunId {
    /// 26 characters of Crockford's base 32, as a ULID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; 26];
        for (place, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(self.0 >> (5 * (25 - place)) & 31) as usize];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A text that is not a run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a run id: expected 26 characters such as 01K9ZZK3V5Q0T6M1F8A2B3C4D5")]
pub struct InvalidRunId(pub String);

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRunId(text.chars().take(64).collect());
        if text.len() != 26 {
            return Err(invalid());
        }
        let mut value: u128 = 0;
        for character in text.bytes() {
            let digit = DIGITS.iter().position(|known| *known == character.to_ascii_uppercase()).ok_or_else(invalid)?;
            value = value.checked_mul(32).and_then(|shifted| shifted.checked_add(digit as u128)).ok_or_else(invalid)?;
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! display_number {
    ($($name:ident),*) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        })*
    };
}

display_number!(Partition, ShardId, Incarnation, Seq, AttemptNo);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Partition, RunId};
    use crate::time::Timestamp;

    proptest! {
        #[test]
        fn run_ids_survive_their_text(value: u128) {
            let id = RunId(value);
            prop_assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
        }

        #[test]
        fn run_ids_keep_their_partition(millis in 0_u64..1 << 47, partition in 0_u16..1_024, chance: u128) {
            let id = RunId::compose(Timestamp(millis * 1_000), Partition(partition), chance);
            prop_assert_eq!(id.partition(), Partition(partition));
        }
    }

    #[test]
    fn what_is_no_run_id_is_refused() {
        for text in
            ["", "01K9", "01K9ZZK3V5Q0T6M1F8A2B3C4DU", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "é1K9ZZK3V5Q0T6M1F8A2B3C4D"]
        {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
