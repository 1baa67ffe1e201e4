//! `[budgets]`: what may be spent in an hour, a day, a month of the calendar (UTC), whatever the runs are.

use agendum_types::graph::OnExceeded;
use agendum_types::{Cap, Money, Windows};
use serde::{Deserialize, Deserializer};

/// `[budgets]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budgets {
    hour_usd: Option<Dollars>,
    day_usd: Option<Dollars>,
    month_usd: Option<Dollars>,
    hour_tokens: Option<u64>,
    day_tokens: Option<u64>,
    month_tokens: Option<u64>,
    on_exceeded: Choice,
}

/// A sum that may be spent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dollars(f64);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(from)?;
        if (0.0..=1e6).contains(&dollars) {
            Ok(Self(dollars))
        } else {
            Err(serde::de::Error::custom(format!(
                "{dollars} is no budget: it is a number of US dollars from 0 to 1000000"
            )))
        }
    }
}

/// `on_exceeded`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Choice(OnExceeded);

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        // Nobody raises a window.
        let known = OnExceeded::from_word(&word).filter(|choice| *choice != OnExceeded::Ask).map(Self);
        known.ok_or_else(|| serde::de::Error::unknown_variant(&word, &["wait", "degrade", "fail"]))
    }
}

impl Budgets {
    /// Those that are set: their key, and the sum.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let usd = |name, sum: Option<Dollars>| Some((name, format!("${}", sum?.0)));
        let tokens = |name, most: Option<u64>| Some((name, most?.to_string()));
        let lines = [
            usd("hour_usd", self.hour_usd),
            usd("day_usd", self.day_usd),
            usd("month_usd", self.month_usd),
            tokens("hour_tokens", self.hour_tokens),
            tokens("day_tokens", self.day_tokens),
            tokens("month_tokens", self.month_tokens),
        ];
        let mut lines: Vec<_> = lines.into_iter().flatten().collect();
        if !lines.is_empty() {
            lines.push(("on_exceeded", self.on_exceeded.0.word().to_owned()));
        }
        lines
    }

    /// As the core knows them.
    pub(crate) fn windows(&self) -> Windows {
        let money = |Dollars(of)| Money::from_dollars(of);
        let cap = |dollars: Option<Dollars>, tokens| Cap { money: dollars.and_then(money), tokens };
        Windows {
            caps: [
                cap(self.hour_usd, self.hour_tokens),
                cap(self.day_usd, self.day_tokens),
                cap(self.month_usd, self.month_tokens),
            ],
            on_exceeded: self.on_exceeded.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Budgets;

    #[test]
    fn nobody_is_asked_to_raise_a_window() {
        assert!(toml::from_str::<Budgets>("on_exceeded = \"degrade\"").is_ok());
        let refused = toml::from_str::<Budgets>("on_exceeded = \"ask\"").unwrap_err().to_string();
        assert!(refused.contains("unknown variant `ask`, expected one of `wait`, `degrade`, `fail`"), "{refused}");
    }
}
