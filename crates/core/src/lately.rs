//! What attempts on a target have come to lately: how long they took, their tokens, their cost, and how many failed; by how much they were given.
//!
//! Each is a histogram in quarters of doublings, so that two of them add up to one: what is told of a target is the sum of what is known of each size.
//! Beside 256 of a size the earlier ones count half, so that a drift is followed. It is for people: what the rules go by is learned of tasks
//! ([`sketch`](crate::sketch)), of targets as means ([`usual`](crate::usual)) and of their latest attempts ([`breaker`](crate::breaker)).

use std::collections::BTreeMap;

use agendum_types::snapshot::Lately;
use agendum_types::{Class, Duration, Money, Outcome};

use crate::sketch::{of_quarter, quarter};

/// Samples of a size after which all counts are halved.
const SEEN_MAX: u32 = 256;

/// What attempts came to, by the quarter of a doubling of the bytes that they were given.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    by_size: BTreeMap<u8, OfSize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfSize {
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

    fn add(&mut self, other: &Self) {
        for (step, count) in &other.steps {
            *self.steps.entry(*step).or_default() += count;
        }
        self.seen += other.seen;
    }

    /// So many of a hundred are no greater, but for an eighth: the middle of a step.
    fn quantile(&self, percent: u32) -> u64 {
        let rank = (u64::from(self.seen) * u64::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let step = self.steps.iter().find(|(_, count)| {
            below += u64::from(**count);
            below >= rank
        });
        let middle = |(from, to): (u64, u64)| from.midpoint(to);
        step.map_or(0, |(step, _)| middle(of_quarter(*step)))
    }

    fn told(&self) -> [u64; 2] {
        [50, 95].map(|percent| self.quantile(percent))
    }
}

impl OfSize {
    fn add(&mut self, other: &Self) {
        self.failed += other.failed;
        for (of, more) in
            [(&mut self.took, &other.took), (&mut self.tokens, &other.tokens), (&mut self.cost, &other.cost)]
        {
            of.add(more);
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
        let of = self.by_size.entry(quarter(bytes)).or_default();
        if of.seen() >= SEEN_MAX {
            of.failed /= 2;
            [&mut of.took, &mut of.tokens, &mut of.cost].into_iter().for_each(Spread::halve);
        }
        match outcome {
            Outcome::Succeeded(success) => {
                of.took.take(took.as_micros());
                of.tokens.take(success.usage.tokens());
                of.cost.take(cost.0);
            }
            Outcome::Failed(failure) => of.failed += u32::from(failure.class != Class::Cancelled),
        }
    }

    /// Of all together, and then of each size; nothing where nothing was seen.
    pub(crate) fn told(&self) -> Vec<Lately> {
        let mut all = OfSize::default();
        self.by_size.values().for_each(|of| all.add(of));
        let sizes = self.by_size.iter().map(|(size, of)| of.told(Some(of_quarter(*size))));
        let all = (all.seen() > 0).then(|| all.told(None));
        all.into_iter().chain(sizes).collect()
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
    fn sizes_add_up_and_what_is_long_ago_counts_little() {
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
        let near = |number: u64, exact: u64| assert!(number.abs_diff(exact) * 8 <= exact, "{number}, {exact}");
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
