//! `[pools]`: of what attempts may hold units beside their target.

use std::collections::BTreeMap;

use agendum_types::Pool;
use agendum_types::pool::UNITS_MAX;
use serde::de::{Deserialize, Deserializer, Error};

/// `[pools]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Pools(BTreeMap<Name, Units>);

/// A name as graphs write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Units(u32);

impl Pools {
    /// As the core knows them.
    pub(crate) fn all(&self) -> Vec<Pool> {
        self.0.iter().map(|(name, units)| Pool { name: name.0.as_str().into(), units: units.0 }).collect()
    }

    /// Their names, and how many units there are.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, units)| (name.0.as_str(), units.0))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(fits) && !name.as_bytes()[0].is_ascii_digit();
        let refused = || {
            format!("{name:?} is no name of a pool: letters, digits and `_`, at most 64, not beginning with a digit")
        };
        if is_name { Ok(Self(name)) } else { Err(D::Error::custom(refused())) }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let units = i64::deserialize(from)?;
        let found = u32::try_from(units).ok().filter(|units| (1..=UNITS_MAX).contains(units));
        found.map(Self).ok_or_else(|| D::Error::custom(format!("{units} units: a pool has 1 to {UNITS_MAX}")))
    }
}
