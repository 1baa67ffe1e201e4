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
        let refused = || format!("{name:?} is no name of a pool: {}", Pool::NAMES);
        if Pool::is_name(&name) { Ok(Self(name)) } else { Err(D::Error::custom(refused())) }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let units = i64::deserialize(from)?;
        let found = u32::try_from(units).ok().filter(|units| (1..=UNITS_MAX).contains(units));
        found.map(Self).ok_or_else(|| D::Error::custom(format!("{units} units: a pool has 1 to {UNITS_MAX}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Config::read("agendum.toml", text, variables).map_err(|failure| failure.text())
    }

    #[test]
    fn pools_have_names_and_units() {
        let config = read("[pools]\ngpu = 4\nsandbox = 1\n", &[("AGENDUM_POOLS__SANDBOX", "20")]).unwrap();
        let pools: Vec<_> = config.pools.lines().collect();
        assert_eq!(pools, [("gpu", 4), ("sandbox", 20)]);
        let mut seen = String::new();
        for text in ["gpu = 0", "gpu = 1000001", "gpu = \"4\"", "gpu-a = 1", "[pools.gpu]\nunits = 4"] {
            seen.push_str(&format!("{}\n\n", read(&format!("[pools]\n{text}\n"), &[]).unwrap_err().trim_end()));
        }
        insta::assert_snapshot!(seen, @r#"
        agendum.toml: TOML parse error at line 2, column 7
          |
        2 | gpu = 0
          |       ^
        0 units: a pool has 1 to 1000000

        hint: docs/configuration.md lists every key

        agendum.toml: TOML parse error at line 2, column 7
          |
        2 | gpu = 1000001
          |       ^^^^^^^
        1000001 units: a pool has 1 to 1000000

        hint: docs/configuration.md lists every key

        agendum.toml: TOML parse error at line 2, column 7
          |
        2 | gpu = "4"
          |       ^^^
        invalid type: string "4", expected i64

        hint: docs/configuration.md lists every key

        agendum.toml: TOML parse error at line 2, column 1
          |
        2 | gpu-a = 1
          | ^^^^^
        "gpu-a" is no name of a pool: letters, digits and `_`, at most 64, not beginning with a digit

        hint: docs/configuration.md lists every key

        agendum.toml: TOML parse error at line 2, column 1
          |
        2 | [pools.gpu]
          | ^^^^^^^^^^^
        invalid type: map, expected i64

        hint: docs/configuration.md lists every key
        "#);
    }
}
