//! What came of an attempt.

use std::sync::Arc;

use crate::class::Class;
use crate::money::Money;
use crate::payload::{Labels, PayloadRef};
use crate::time::Duration;

/// What an attempt used, in one normal form over all providers. The buckets do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Input tokens that have nothing to do with the provider's cache.
    pub tokens_in: u64,
    /// Input tokens read from the provider's cache.
    pub tokens_cached: u64,
    /// Input tokens written into the provider's cache.
    pub tokens_written: u64,
    /// Output tokens, without reasoning.
    pub tokens_out: u64,
    /// Output tokens spent on reasoning.
    pub tokens_reasoning: u64,
    /// Calls, for targets priced per call.
    pub calls: u32,
    /// Bytes of request bodies, for targets at the end of a line that charges for them.
    pub egress_bytes: u64,
    /// True if the provider said nothing and the numbers are ours.
    pub estimated: bool,
}

impl Usage {
    /// All tokens, whatever they cost.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.tokens_in
            .saturating_add(self.tokens_cached)
            .saturating_add(self.tokens_written)
            .saturating_add(self.tokens_out)
            .saturating_add(self.tokens_reasoning)
    }
}

/// An attempt that gave a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Success {
    /// The result.
    pub output: PayloadRef,
    /// What it used.
    pub usage: Usage,
    /// What the provider said about that, as it said it: JSON, a few kilobytes at most.
    pub raw_usage: Option<Arc<str>>,
}

/// An attempt, a task or a run that gave none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The one class that decides what happens next.
    pub class: Class,
    /// For people: what failed, in a line; at most [`Failure::MESSAGE_BYTES_MAX`] bytes. Never holds a secret or a payload.
    pub message: Arc<str>,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Duration>,
    /// True if the adapter certifies that the attempt had no effect (connection refused, 429, never started).
    pub no_effect: bool,
    /// What had arrived before it failed.
    pub partial: Option<PayloadRef>,
    /// What it used all the same.
    pub usage: Usage,
    /// What the provider said about that, as it said it.
    pub raw_usage: Option<Arc<str>>,
    /// Of the data that the message may quote: a provider repeats the prompt, a program prints what it was given. Words that are the
    /// scheduler's own carry none.
    pub labels: Labels,
}

impl Failure {
    /// Longer messages are cut.
    pub const MESSAGE_BYTES_MAX: usize = 1_024;
    /// What a model is told of a result that was refused is cut here.
    pub const REFUSAL_BYTES_MAX: usize = 2 << 10;

    /// A failure without provider's delay, partial data or usage.
    #[must_use]
    pub fn new(class: Class, message: &str) -> Self {
        let end = message.floor_char_boundary(Self::MESSAGE_BYTES_MAX.min(message.len()));
        Self {
            class,
            message: Arc::from(&message[..end]),
            retry_after: None,
            no_effect: false,
            partial: None,
            usage: Usage::default(),
            raw_usage: None,
            labels: Labels::NONE,
        }
    }

    /// The same failure, which may quote data with these labels too.
    #[must_use]
    pub fn labelled(mut self, labels: &Labels) -> Self {
        self.labels = self.labels.join(labels);
        if let Some(partial) = &mut self.partial {
            partial.labels = partial.labels.join(labels);
        }
        self
    }

    /// The same failure, certified to have had no effect.
    #[must_use]
    pub fn without_effect(mut self) -> Self {
        self.no_effect = true;
        self
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It gave a result.
    Succeeded(Success),
    /// It gave none.
    Failed(Failure),
}

impl Outcome {
    /// True if the attempt may have left and nobody told what it used. Of one that failed, what we saw of it is no bound: a provider
    /// may go on working, and charges for what never arrived.
    #[must_use]
    pub fn is_unreported(&self) -> bool {
        match self {
            Self::Succeeded(success) => success.usage == Usage::default(),
            Self::Failed(failure) => {
                !failure.no_effect && (failure.usage.estimated || failure.usage == Usage::default())
            }
        }
    }

    /// What it used.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        match self {
            Self::Succeeded(success) => &success.usage,
            Self::Failed(failure) => &failure.usage,
        }
    }
}

/// What a target asks for; money in pico-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Price {
    /// Per input token.
    pub token_in: Money,
    /// Per input token read from the provider's cache.
    pub token_cached: Money,
    /// Per input token written into the provider's cache.
    pub token_written: Money,
    /// Per output token, reasoning included.
    pub token_out: Money,
    /// Per call.
    pub call: Money,
    /// Per GiB of request bodies.
    pub egress_gib: Money,
}

impl Price {
    /// Nothing is charged.
    pub const FREE: Self = Self {
        token_in: Money::ZERO,
        token_cached: Money::ZERO,
        token_written: Money::ZERO,
        token_out: Money::ZERO,
        call: Money::ZERO,
        egress_gib: Money::ZERO,
    };

    /// The cost of a usage at this price: a pure function.
    #[must_use]
    pub const fn cost(&self, usage: &Usage) -> Money {
        self.token_in
            .times(usage.tokens_in)
            .plus(self.token_cached.times(usage.tokens_cached))
            .plus(self.token_written.times(usage.tokens_written))
            .plus(self.token_out.times(usage.tokens_out.saturating_add(usage.tokens_reasoning)))
            .plus(self.call.times(usage.calls as u64))
            .plus(self.egress(usage.egress_bytes))
    }

    /// The most that an input token costs, whatever the provider's cache does with it.
    #[must_use]
    pub fn token_in_max(&self) -> Money {
        self.token_in.max(self.token_cached).max(self.token_written)
    }

    /// The cost of request bodies of so many bytes, rounded up, saturating.
    #[must_use]
    pub const fn egress(&self, bytes: u64) -> Money {
        let cost = (self.egress_gib.0 as u128 * bytes as u128).div_ceil(1 << 30);
        Money(if cost > u64::MAX as u128 { u64::MAX } else { cost as u64 })
    }

    /// True if nothing is charged.
    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self::FREE
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Price, Usage};
    use crate::class::Class;
    use crate::money::Money;

    #[test]
    fn cost_is_the_sum_of_the_buckets() {
        let price = Price {
            token_in: Money(300_000),
            token_cached: Money(6_000),
            token_written: Money(375_000),
            token_out: Money(1_200_000),
            call: Money(5),
            egress_gib: Money(3 << 30),
        };
        let usage = Usage {
            tokens_in: 10,
            tokens_cached: 100,
            tokens_written: 20,
            tokens_out: 3,
            tokens_reasoning: 1,
            calls: 1,
            egress_bytes: 7,
            estimated: false,
        };
        assert_eq!(price.cost(&usage), Money(10 * 300_000 + 100 * 6_000 + 20 * 375_000 + 4 * 1_200_000 + 5 + 3 * 7));
    }

    /// Nine cents for a GiB, as clouds ask.
    #[test]
    fn what_is_sent_is_rounded_up_and_never_overflows() {
        let price = Price { egress_gib: Money(Money::PER_DOLLAR / 100 * 9), ..Price::FREE };
        let of = |bytes| price.egress(bytes).0;
        assert_eq!([0, 1, 2, 1 << 20, 1 << 30].map(of), [0, 84, 168, 87_890_625, 90_000_000_000]);
        assert_eq!(Price { egress_gib: Money::MAX, ..Price::FREE }.egress(u64::MAX), Money::MAX);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let failure = Failure::new(Class::Permanent, &"é".repeat(1_000));
        assert_eq!(failure.message.len(), 1_024);
    }
}
