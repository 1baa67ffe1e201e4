//! Quantities drawn from a few quantiles, as papers print them.

use crate::chance::Chance;

/// A quantity by some of its quantiles: `[[0, least], [0.5, median], …, [1, most]]`, the shares rising from 0 to 1. Between two of them its logarithm
/// is even.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(transparent)]
pub struct Quantiles(pub Vec<(f64, f64)>);

impl Quantiles {
    /// One value.
    #[must_use]
    pub fn draw(&self, chance: &mut Chance) -> f64 {
        self.at(share(chance))
    }

    /// The value at a share.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let to = self.0.iter().position(|(of, _)| *of >= share).unwrap_or(self.0.len() - 1).max(1);
        let ((low, from), (high, until)) = (self.0[to - 1], self.0[to]);
        let (from, until) = (from.max(1e-3).ln(), until.max(1e-3).ln());
        (from + (until - from) * (share - low) / (high - low).max(1e-9)).exp()
    }

    /// What is wrong with it.
    ///
    /// # Errors
    ///
    /// If there are fewer than two, they do not rise from 0 to 1, or a value is not finite or below zero.
    pub fn check(&self) -> Result<(), String> {
        let rises = self.0.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let whole =
            self.0.first().is_some_and(|first| first.0 == 0.0) && self.0.last().is_some_and(|last| last.0 == 1.0);
        let finite = self.0.iter().all(|(_, value)| value.is_finite() && *value >= 0.0);
        if rises && whole && finite && self.0.len() > 1 {
            Ok(())
        } else {
            Err(format!("quantiles must rise from 0 to 1, of finite values from 0 on: {:?}", self.0))
        }
    }
}

/// A number between 0 and 1, neither of them.
pub(crate) fn share(chance: &mut Chance) -> f64 {
    ((chance.number() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
