//! `[limits]`: the limits that a user may change, in the units people write, each with a floor and a ceiling.

use std::fmt;

use agendum_types::{Duration, Limits, Money};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// How a limit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A whole number.
    Count,
    /// `"64KiB"`, or a whole number of bytes.
    Bytes,
    /// `"5m"`.
    Span,
    /// A number of US dollars.
    Dollars,
}

/// A limit that a user may change. Its numbers are counts, bytes, microseconds or pico-dollars.
#[derive(Debug)]
struct Field {
    name: &'static str,
    unit: Unit,
    floor: u64,
    ceiling: u64,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// A row of the table: the field of [`Limits`] that it is, its unit, from where to where.
macro_rules! limit {
    ($field:ident$(.$number:tt)?, $unit:ident, $floor:expr, $ceiling:expr) => {
        Field {
            name: stringify!($field),
            unit: Unit::$unit,
            floor: $floor,
            ceiling: $ceiling,
            get: |of| of.$field$(.$number)? as u64,
            set: |of, to| of.$field$(.$number)? = to as _,
        }
    };
}

/// What is not here is no user's business, or may not change while there are open runs: which payloads lie inside the journal, and
/// defaults that a stored document was read with. No ceiling exceeds the type of its field.
const FIELDS: [Field; 17] = [
    limit!(document_bytes_max, Bytes, 1 << 10, 16 << 20),
    limit!(graph_tasks_max, Count, 1, 100_000),
    limit!(run_tasks_max, Count, 1, 100_000_000),
    limit!(needs_max, Count, 1, 10_000),
    limit!(depth_max, Count, 1, 10),
    limit!(foreach_items_max, Count, 1, 1_000_000),
    limit!(attempts_max, Count, 1, 1_000),
    limit!(crashes_max, Count, 1, 1_000),
    limit!(live_runs_max, Count, 1, 10_000_000),
    limit!(live_tasks_max, Count, 100, 100_000_000),
    limit!(attempt_credits, Count, 1, 65_536),
    limit!(evaluation_fuel, Count, 10_000, 1_000_000_000),
    limit!(evaluation_bytes_max, Bytes, 64 << 10, 256 << 20),
    limit!(payload_bytes_max, Bytes, 64 << 10, 4 << 30),
    limit!(disk_reserve, Bytes, 1 << 20, 1 << 40),
    limit!(clock_jump_max.0, Span, 1_000_000, 86_400_000_000),
    limit!(commit_above.0, Dollars, 0, 1_000 * Money::PER_DOLLAR),
];

/// The words, for errors.
const NAMES: [&str; FIELDS.len()] = {
    let mut names = [""; FIELDS.len()];
    let mut index = 0;
    while index < FIELDS.len() {
        names[index] = FIELDS[index].name;
        index += 1;
    }
    names
};

/// The limits of what is taken in from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intake(pub(crate) Limits);

impl Default for Intake {
    fn default() -> Self {
        Self(Limits::STANDARD)
    }
}

impl Intake {
    /// For reading what was accepted already, perhaps when the limits were wider: a document of an open run is never refused.
    pub(crate) fn stored(&self) -> Limits {
        let mut limits = self.0.clone();
        for field in &FIELDS {
            let of_document = ["document_bytes_max", "graph_tasks_max", "run_tasks_max", "needs_max", "depth_max"]
                .contains(&field.name);
            if of_document {
                (field.set)(&mut limits, field.ceiling);
            }
        }
        limits
    }

    /// Name, value, its bounds, and true if it is not what Agendum ships with.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String, String, bool)> {
        let line = |field: &Field| {
            let value = (field.get)(&self.0);
            let bounds = format!("{} to {}", field.unit.text(field.floor), field.unit.text(field.ceiling));
            (field.name, field.unit.text(value), bounds, value != (field.get)(&Limits::STANDARD))
        };
        FIELDS.iter().map(line).collect()
    }
}

impl<'de> serde::Deserialize<'de> for Intake {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Intake;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of limits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Intake, A::Error> {
        let mut intake = Intake::default();
        while let Some(field) = map.next_key_seed(Key)? {
            let value = map.next_value_seed(field)?;
            (field.set)(&mut intake.0, value);
        }
        Ok(intake)
    }
}

/// Refuses unknown words where they stand.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = &'static Field;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<&'static Field, D::Error> {
        let word = <String as serde::Deserialize>::deserialize(from)?;
        FIELDS.iter().find(|field| field.name == word).ok_or_else(|| D::Error::unknown_field(&word, &NAMES))
    }
}

impl<'de> DeserializeSeed<'de> for &'static Field {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<u64, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &'static Field {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.unit {
            Unit::Count => "a whole number",
            Unit::Bytes => "a size such as \"64KiB\", or a whole number of bytes",
            Unit::Span => "a span of time such as \"5m\"",
            Unit::Dollars => "a number of US dollars",
        })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        let whole = u64::try_from(value).map_err(|_| self.outside(&value))?;
        match self.unit {
            Unit::Count | Unit::Bytes => self.bounded(whole),
            Unit::Dollars => self.bounded(whole.saturating_mul(Money::PER_DOLLAR)),
            Unit::Span => Err(E::invalid_type(serde::de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<u64, E> {
        if self.unit != Unit::Dollars {
            return Err(E::invalid_type(serde::de::Unexpected::Float(value), &self));
        }
        if !(0.0..=1e6).contains(&value) {
            return Err(self.outside(&value));
        }
        self.bounded(Money::from_dollars(value).unwrap_or_default().0)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
        let read = match self.unit {
            Unit::Bytes => bytes(value),
            Unit::Span => agendum_spec::span(value).map(|span| span.0),
            Unit::Count | Unit::Dollars => None,
        };
        self.bounded(read.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(value), &self))?)
    }
}

impl Field {
    fn bounded<E: Error>(&self, value: u64) -> Result<u64, E> {
        if (self.floor..=self.ceiling).contains(&value) { Ok(value) } else { Err(self.outside(&self.unit.text(value))) }
    }

    fn outside<E: Error>(&self, value: &dyn fmt::Display) -> E {
        let (floor, ceiling) = (self.unit.text(self.floor), self.unit.text(self.ceiling));
        E::custom(format!("{} = {value} is out of bounds: from {floor} to {ceiling}", self.name))
    }
}

/// Suffixes of sizes, largest first.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = SIZES.iter().find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|rest| (rest, *unit)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// A number of bytes, as people write it.
pub(super) fn size(bytes: u64) -> String {
    Unit::Bytes.text(bytes)
}

impl Unit {
    fn text(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Bytes => {
                let whole = SIZES
                    .iter()
                    .find(|(suffix, unit)| suffix.ends_with("iB") && value > 0 && value.is_multiple_of(*unit));
                whole.map_or_else(|| format!("{value}B"), |(suffix, unit)| format!("{}{suffix}", value / unit))
            }
            Self::Span => Duration(value).to_string(),
            Self::Dollars => Money(value).to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
