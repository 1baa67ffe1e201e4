//! How old something may get, as people write it: days too, which spans of time elsewhere have no use for.

use std::fmt;
use std::str::FromStr;

use agendum_types::Duration;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

const DAY: u64 = 24 * 3_600;

/// An age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
        let age = days.map(|days| Duration::secs(u64::from(days) * DAY)).or_else(|| agendum_spec::span(text));
        age.map(Self).ok_or_else(|| format!("{text:?} is no age: write it as 30d, or 12h"))
    }
}

/// An age as a file has it. A number of what is said to whoever wrote one.
struct Written;

impl Visitor<'_> for Written {
    type Value = String;

    fn expecting(&self, said: &mut fmt::Formatter<'_>) -> fmt::Result {
        said.write_str("an age such as \"30d\" or \"12h\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Err(E::custom(format!("{number} of what? Write it as \"{number}d\", or \"{number}h\"")))
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let age: Self = from.deserialize_any(Written)?.parse().map_err(D::Error::custom)?;
        // Whoever watches a run reads it after its end.
        if age.0 < Duration::secs(3_600) { Err(D::Error::custom("an age of an hour is the least")) } else { Ok(age) }
    }
}

#[cfg(test)]
mod tests {
    use super::Age;

    #[test]
    fn ages_are_written_in_days_or_as_spans() {
        let said = ["30d", "1 d", "12h", "90m", "d", "2 weeks", "-1d", ""].map(|text| match text.parse::<Age>() {
            Ok(age) => age.0.to_string(),
            Err(_) => "none".to_owned(),
        });
        insta::assert_snapshot!(said.join(", "), @"720h 00m, 24h 00m, 12h 00m, 1h 30m, none, none, none, none");
    }
}
