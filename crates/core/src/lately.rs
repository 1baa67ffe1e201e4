//! What attempts on a target have come to lately: how long they took, their tokens, their cost, and how many failed; by how much they were given.
//!
//! Each is a histogram in quarters of doublings. Beside 256 attempts the earlier ones count half, of all together and of each size alone, so that a drift is
//! followed. It is for people: what the rules go by is learned of tasks ([`sketch`](crate::sketch)), of targets as means ([`usual`](crate::usual)) and of
//! their latest attempts ([`breaker`](crate::breaker)).

use std::collections::BTreeMap;

use agendum_types::snapshot::Lately;
use agendum_types::{Class, Duration, Money, Outcome};

use crate::sketch::{of_quarter, quarter};

/// Attempts after which all counts are halved.
const SEEN_MAX: u32 = 256;

/// What attempts came to: all, and by the quarter of a doubling of the bytes that they were given.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    all: Attempts,
    by_size: BTreeMap<u8, Attempts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Attempts {
    failed: u32,
    took: Spread,
    tokens: Spread,
    cost: Spread,
}

/// How numbers are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spread {
    /// By the quarter of a doubling.
    steps: BTreeMap<u8, u32>,
    seen: u32,
}

impl Spread {
    fn take(&mut self, number: u64) {
        *self.steps.entry(quarter(number)).or_default() += 1;
        self.seen += 1;
    }

    fn halve(&mut self) {
        self.steps.retain(|_, count| {
            *count /= 2;
            *count > 0
        });
        self.seen = self.steps.values().sum();
    }

    /// So many of a hundred are no greater: the end of a step, which may be a quarter more.
    fn quantile(&self, percent: u32) -> u64 {
        let rank = (u64::from(self.seen) * u64::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let step = self.steps.iter().find(|(_, count)| {
            below += u64::from(**count);
            below >= rank
        });
        step.map_or(0, |(step, _)| if *step == 0 { 0 } else { of_quarter(*step).1 })
    }

    fn told(&self) -> [u64; 2] {
        [50, 95].map(|percent| self.quantile(percent))
    }
}

impl Attempts {
    fn take(&mut self, outcome: &Outcome, took: Duration, cost: Money) {
        if self.seen() >= SEEN_MAX {
            self.failed /= 2;
            [&mut self.took, &mut self.tokens, &mut self.cost].into_iter().for_each(Spread::halve);
        }
        match outcome {
            Outcome::Succeeded(success) => {
                self.took.take(took.as_micros());
                self.tokens.take(success.usage.tokens());
                self.cost.take(cost.0);
            }
            Outcome::Failed(failure) => self.failed += u32::from(failure.class != Class::Cancelled),
        }
    }

    const fn seen(&self) -> u32 {
        self.failed + self.took.seen
    }

    fn told(&self, bytes: Option<(u64, u64)>) -> Lately {
        Lately {
            bytes,
            attempts: self.seen(),
            failed: self.failed,
            took: self.took.told().map(Duration),
            tokens: self.tokens.told(),
            cost: self.cost.told().map(Money),
        }
    }
}

impl Seen {
    /// An attempt that was given so many bytes has ended.
    pub(crate) fn take(&mut self, bytes: u64, outcome: &Outcome, took: Duration, cost: Money) {
        self.all.take(outcome, took, cost);
        self.by_size.entry(quarter(bytes)).or_default().take(outcome, took, cost);
    }

    /// Of all together, and then of each size; nothing where nothing was seen.
    pub(crate) fn told(&self) -> Vec<Lately> {
        let all = (self.all.seen() > 0).then(|| self.all.told(None));
        let sizes = self.by_size.iter().filter(|(_, of)| of.seen() > 0);
        all.into_iter().chain(sizes.map(|(size, of)| of.told(Some(of_quarter(*size))))).collect()
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::{
        Class, Duration, Failure, Hash, Labels, MediaType, Money, Outcome, PayloadRef, Success, Usage,
    };

    use super::Seen;

    fn ended(tokens_out: u64) -> Outcome {
        let usage = Usage { tokens_out, ..Usage::default() };
        let output = PayloadRef { hash: Hash::default(), size: 1, media: MediaType::Json, labels: Labels::NONE };
        Outcome::Succeeded(Success { output, usage, raw_usage: None })
    }

    #[test]
    fn what_is_long_ago_counts_little() {
        let mut seen = Seen::default();
        assert_eq!(seen.told(), []);
        let failed = Outcome::Failed(Failure::new(Class::Unavailable, "no luck"));
        for index in 1..=40 {
            seen.take(100, &ended(index), Duration::millis(index), Money(1_000));
            seen.take(5_000, &ended(1_000), Duration::secs(10), Money(9_000));
            if index % 4 == 0 {
                seen.take(100, &failed, Duration::millis(1), Money(0));
            }
        }
        let told = seen.told();
        assert_eq!(told.iter().map(|of| (of.attempts, of.failed)).collect::<Vec<_>>(), [(90, 10), (50, 10), (40, 0)]);
        assert_eq!((told[1].bytes, told[2].bytes), (Some((96, 111)), Some((4_096, 5_119))));
        let near =
            |number: u64, exact: u64| assert!(number >= exact && (number - exact) * 4 <= exact, "{number}, {exact}");
        near(told[1].took[0].as_micros(), 20_000);
        near(told[1].took[1].as_micros(), 38_000);
        near(told[0].tokens[1], 1_000);
        near(told[0].cost[0].0, 1_000);
        for _ in 0..600 {
            seen.take(100, &ended(5_000), Duration::secs(2), Money(0));
        }
        let told = &seen.told()[1];
        assert!(told.attempts <= 256 && told.failed <= 2, "{told:?}");
        near(told.tokens[0], 5_000);
    }
}
