//! `[cache]`: how much is kept of what tasks gave, and for how long.

use std::fmt;

use agendum_engine::CacheLimits;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::Age;
use super::limits::{bytes, size};
use super::retention::days;

/// Less would be dropped as soon as it is kept, and tasks with `cache` would pay for keeping it.
const SIZE_MIN: u64 = 1 << 20;

/// `[cache]`.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheConfig {
    /// How long a result is kept; 30 days where absent.
    #[serde(default)]
    keep: Option<Age>,
    /// Bytes of all results together; 1 GiB where absent.
    #[serde(default)]
    size_max: Option<Size>,
}

impl CacheConfig {
    /// With what holds where nothing is said.
    pub(crate) fn limits(self) -> CacheLimits {
        let standard = CacheLimits::default();
        let age = self.keep.map_or(standard.age, |age| age.0);
        CacheLimits { age, bytes_max: self.size_max.map_or(standard.bytes_max, |size| size.0) }
    }

    /// As people read it.
    pub(crate) fn lines(self) -> [(&'static str, String); 2] {
        let CacheLimits { age, bytes_max } = self.limits();
        [("keep", days(age)), ("size_max", size(bytes_max))]
    }
}

/// A number of bytes, written as those of `[limits]`.
#[derive(Clone, Copy, Debug)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = from.deserialize_any(Written)?;
        if read >= SIZE_MIN { Ok(Self(read)) } else { Err(D::Error::custom("1MiB is the least")) }
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = u64;

    fn expecting(&self, said: &mut fmt::Formatter<'_>) -> fmt::Result {
        said.write_str("a size such as \"1GiB\", or a whole number of bytes")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        Ok(u64::try_from(number).unwrap_or(0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        bytes(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::CacheConfig;

    #[test]
    fn sizes_are_written_as_those_of_limits() {
        let texts = [
            "",
            "keep = '12h'\nsize_max = 1073741824",
            "size_max = '64MiB'",
            "size_max = '1500kB'",
            "size_max = 0",
            "size_max = -1",
            "size_max = '1KiB'",
            "size_max = 'much'",
            "size_max = 1.5",
        ];
        let said = texts.map(|text| match toml::from_str::<CacheConfig>(text) {
            Ok(cache) => cache.lines().map(|(name, value)| format!("{name} {value}")).join(", "),
            Err(error) => error.message().to_owned(),
        });
        insta::assert_snapshot!(said.join("\n"), @r#"
        keep 30d, size_max 1GiB
        keep 12h 00m, size_max 1GiB
        keep 30d, size_max 64MiB
        keep 30d, size_max 1500000B
        1MiB is the least
        1MiB is the least
        1MiB is the least
        invalid value: string "much", expected a size such as "1GiB", or a whole number of bytes
        invalid type: floating point `1.5`, expected a size such as "1GiB", or a whole number of bytes
        "#);
    }
}
