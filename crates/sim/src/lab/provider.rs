//! A provider with a quota, as providers count: requests and tokens of a minute, in a bucket that fills or in minutes whose beginning nobody knows.
//! What comes above it is answered with 429.

use agendum_types::Duration;
use agendum_types::target::Rate;
use serde::Deserialize;

use super::workload::Call;
use crate::chance::Chance;

/// The constants of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests of a minute.
    pub requests: u64,
    /// Tokens of a minute, in and out; counted when a request comes.
    pub tokens: Option<u64>,
    /// How it counts.
    pub counts: Counts,
    /// Milliseconds by which its clock is ahead of ours,
    pub skew_ms: u64,
    /// and up to so many that a request takes to come to it.
    pub jitter_ms: u64,
    /// Requests at once.
    pub slots: u32,
    /// Milliseconds that it takes for a request,
    pub base_ms: u64,
    /// with so many output tokens a second.
    pub tokens_out_per_s: u64,
}

impl Quota {
    /// What its provider lets through, as the one who uses it knows.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        Rate { requests: Some(self.requests), tokens: self.tokens }
    }

    /// How long a request takes.
    #[must_use]
    pub fn takes(&self, call: &Call) -> Duration {
        let tokens = u64::from(call.tokens_out) * 1_000_000 / self.tokens_out_per_s.max(1);
        Duration::millis(self.base_ms).plus(Duration(tokens))
    }
}

/// How a provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// A bucket that holds what a minute lets through, and fills evenly.
    Bucket,
    /// Minutes, one after the other; the first began at an instant that is drawn.
    Minutes,
}

/// A provider at work.
#[derive(Clone, Debug)]
pub struct Provider {
    quota: Quota,
    chance: Chance,
    phase: u64,
    /// Requests and tokens: what the bucket holds in millionths, or what was counted in the present minute.
    held: [u128; 2],
    /// When that was so.
    at: Duration,
    /// What was let through and what was refused, with when.
    pub let_through: Vec<(Duration, u64)>,
    /// When requests were refused.
    pub refused: Vec<Duration>,
}

const MINUTE: u64 = 60_000_000;
const MILLION: u128 = 1_000_000;

impl Provider {
    /// A full bucket, or the middle of some minute.
    #[must_use]
    pub fn new(quota: Quota, seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x71_756F_7461);
        let phase = chance.below(MINUTE);
        let held = match quota.counts {
            Counts::Bucket => {
                [u128::from(quota.requests), u128::from(quota.tokens.unwrap_or(0))].map(|of| of * MILLION)
            }
            Counts::Minutes => [0; 2],
        };
        Self { quota, chance, phase, held, at: Duration::ZERO, let_through: Vec::new(), refused: Vec::new() }
    }

    /// How long a request is on its way.
    pub fn way(&mut self) -> Duration {
        Duration(self.chance.below(1_000 * self.quota.jitter_ms + 1))
    }

    /// A request comes: true if it is let through.
    pub fn comes(&mut self, now: Duration, tokens: u64) -> bool {
        let now = now.plus(Duration::millis(self.quota.skew_ms));
        let limits = [self.quota.requests, self.quota.tokens.unwrap_or(u64::MAX)].map(u128::from);
        let asked = [1, u128::from(tokens)];
        let is_let = match self.quota.counts {
            Counts::Bucket => {
                let since = u128::from(now.minus(self.at).as_micros());
                for (held, limit) in self.held.iter_mut().zip(limits).filter(|(_, limit)| *limit < u128::from(u64::MAX))
                {
                    *held = (*held + since * limit * MILLION / u128::from(MINUTE)).min(limit * MILLION);
                }
                let is_let =
                    (0..2).all(|of| limits[of] == u128::from(u64::MAX) || self.held[of] >= asked[of] * MILLION);
                if is_let {
                    (0..2).for_each(|of| self.held[of] = self.held[of].saturating_sub(asked[of] * MILLION));
                }
                is_let
            }
            Counts::Minutes => {
                let minute = |at: Duration| (at.as_micros() + self.phase) / MINUTE;
                if minute(now) != minute(self.at) {
                    self.held = [0; 2];
                }
                let is_let = (0..2).all(|of| self.held[of] + asked[of] <= limits[of]);
                if is_let {
                    (0..2).for_each(|of| self.held[of] += asked[of]);
                }
                is_let
            }
        };
        self.at = now;
        if is_let {
            self.let_through.push((now, tokens));
        } else {
            self.refused.push(now);
        }
        is_let
    }

    /// Requests that it would have let through after the last one that came.
    #[must_use]
    pub fn left(&self) -> u64 {
        let held = u64::try_from(self.held[0]).unwrap_or(u64::MAX);
        match self.quota.counts {
            Counts::Bucket => held / 1_000_000,
            Counts::Minutes => self.quota.requests.saturating_sub(held),
        }
    }

    /// Of what it would have let through in the whole minutes but the first the part that came; requests that it refused, and those of them after the
    /// first minute.
    #[must_use]
    pub fn used(&self) -> (f64, usize, usize) {
        let first = Duration(MINUTE);
        let last = self.let_through.last().map_or(Duration::ZERO, |(at, _)| *at);
        let minutes = last.as_micros() / MINUTE;
        let inside = |at: Duration| at >= first && at.as_micros() < minutes * MINUTE;
        let through = self.let_through.iter().filter(|(at, _)| inside(*at));
        let (requests, tokens) = through.fold((0_u64, 0_u64), |sum, (_, tokens)| (sum.0 + 1, sum.1 + tokens));
        let part = |used: u64, limit: u64| used as f64 / (limit * minutes.saturating_sub(1).max(1)) as f64;
        let used = part(requests, self.quota.requests).max(self.quota.tokens.map_or(0.0, |limit| part(tokens, limit)));
        (used, self.refused.len(), self.refused.iter().filter(|at| **at >= first).count())
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::{Counts, Provider, Quota};

    #[test]
    fn a_minute_lets_through_what_it_lets_through() {
        for (counts, expected) in [(Counts::Bucket, 20), (Counts::Minutes, 20)] {
            let quota = Quota {
                requests: 10,
                tokens: None,
                counts,
                skew_ms: 50,
                jitter_ms: 0,
                slots: 1,
                base_ms: 1,
                tokens_out_per_s: 1,
            };
            let mut provider = Provider::new(quota, 3);
            // Two minutes of a request a second: the bucket is full at first, and fills once more.
            let through = (0..120).filter(|second| provider.comes(Duration::secs(*second), 1)).count();
            assert!(through.abs_diff(expected) <= 10, "{counts:?}: {through}");
            assert_eq!(provider.refused.len(), 120 - through);
        }
    }
}
