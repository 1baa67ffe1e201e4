//! The pace of a target whose provider lets so many requests and tokens through in a minute.
//!
//! A provider counts in buckets that fill, or in minutes whose beginning nobody knows. Both let through what comes at an even pace (the generic cell
//! rate algorithm of ATM): each attempt moves the instant on from which the next may go, by its part of the minute. A burst of half a second is let
//! pass; that, the largest attempt so far and what the way may shift are taken off the limit, so that no minute holds more than the provider allows,
//! whenever it begins. Tokens are set aside by what attempts there have used, before any has ended by the worst case, and corrected when they have.

use agendum_types::target::Rate;
use agendum_types::{Duration, Timestamp};

use crate::checkpoint::PaceKept;

/// A minute, in nanoseconds: finer than the tokens of any provider.
const MINUTE: u128 = 60_000_000_000;
/// The part of a minute's limit that may go at once, inverted.
const BURST: u64 = 120;
/// The part by which what leaves evenly may be shifted on its way, inverted: 100 milliseconds.
const SHIFT: u64 = 600;
/// What each attempt takes off the largest before it, inverted. While it grows less the pace grows, and the two never come to more than the limit.
const FORGETS: u64 = 32;

/// Nothing that an earlier life sent keeps a target from being called for longer.
const AHEAD_MAX: Duration = Duration::secs(600);

/// What was sent, against a limit of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    /// When all that was sent has had its part of a minute, in nanoseconds.
    paid: u128,
    /// The most that one attempt has taken of late: each after it takes off a part.
    largest: u64,
}

impl Bucket {
    /// How long one unit takes, and how far ahead of the clock the bucket may be, in nanoseconds.
    fn unit(&self, limit: u64) -> (u128, u128) {
        let burst = (limit / BURST).max(1);
        let even = limit.saturating_sub(burst.max(self.largest) + limit / SHIFT).max(limit / 2).max(1);
        let unit = MINUTE / u128::from(even);
        (unit, unit * u128::from(burst - 1))
    }

    /// When the next may go.
    fn opens(&self, limit: u64) -> Timestamp {
        let at = self.paid.saturating_sub(self.unit(limit).1).div_ceil(1_000);
        Timestamp(u64::try_from(at).unwrap_or(u64::MAX))
    }

    fn take(&mut self, limit: u64, now: Timestamp, units: u64) {
        self.largest = units.max(self.largest - self.largest / FORGETS);
        self.paid = self.paid.max(nanos(now)) + self.unit(limit).0 * u128::from(units);
    }

    /// So much was used of what had been set aside.
    fn settle(&mut self, limit: u64, set_aside: u64, used: u64) {
        let unit = self.unit(limit).0;
        self.paid = (self.paid + unit * u128::from(used)).saturating_sub(unit * u128::from(set_aside));
    }
}

impl Bucket {
    fn kept(&self) -> PaceKept {
        PaceKept { paid: u64::try_from(self.paid).unwrap_or(u64::MAX), largest: self.largest }
    }

    fn remembered(kept: PaceKept, limit: Option<u64>, ahead: Duration, now: Timestamp) -> Self {
        let paid = u128::from(kept.paid).saturating_sub(nanos(Timestamp(0).after(ahead)));
        Self { paid: paid.min(nanos(now.after(AHEAD_MAX))), largest: kept.largest.min(limit.unwrap_or(u64::MAX)) }
    }

    /// As if a burst had gone just now, and the largest attempt.
    fn fill(&mut self, limit: u64, now: Timestamp) {
        let (unit, burst) = self.unit(limit);
        self.paid = self.paid.max(nanos(now) + burst + unit * u128::from(self.largest.max(1)));
    }
}

/// The pace of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    requests: Bucket,
    tokens: Bucket,
}

impl Pace {
    /// When the next attempt may go; the beginning of time where nothing limits it.
    pub(crate) fn opens(&self, rate: Rate) -> Timestamp {
        let requests = rate.requests.map(|limit| self.requests.opens(limit));
        let tokens = rate.tokens.map(|limit| self.tokens.opens(limit));
        requests.max(tokens).unwrap_or(Timestamp(0))
    }

    /// An attempt goes, for which so many tokens are set aside.
    pub(crate) fn take(&mut self, rate: Rate, now: Timestamp, tokens: u64) {
        if let Some(limit) = rate.requests {
            self.requests.take(limit, now, 1);
        }
        if let Some(limit) = rate.tokens {
            self.tokens.take(limit, now, tokens);
        }
    }

    pub(crate) fn kept(&self) -> [PaceKept; 2] {
        [self.requests.kept(), self.tokens.kept()]
    }

    /// That of an earlier life, whose clock was so far ahead.
    pub(crate) fn remembered(kept: [PaceKept; 2], rate: Rate, ahead: Duration, now: Timestamp) -> Self {
        let [requests, tokens] = [(kept[0], rate.requests), (kept[1], rate.tokens)]
            .map(|(kept, limit)| Bucket::remembered(kept, limit, ahead, now));
        Self { requests, tokens }
    }

    /// An earlier life may have sent until now all that is let through.
    pub(crate) fn fill(&mut self, rate: Rate, now: Timestamp) {
        rate.requests.into_iter().for_each(|limit| self.requests.fill(limit, now));
        rate.tokens.into_iter().for_each(|limit| self.tokens.fill(limit, now));
    }

    /// It has ended, and used so many.
    pub(crate) fn settle(&mut self, rate: Rate, set_aside: u64, used: u64) {
        if let Some(limit) = rate.tokens {
            self.tokens.settle(limit, set_aside, used);
        }
    }
}

fn nanos(at: Timestamp) -> u128 {
    u128::from(at.0) * 1_000
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use agendum_types::target::Rate;
    use agendum_types::{Duration, Timestamp};

    use super::Pace;

    /// Whatever minute is looked at, it holds no more than the limit, and almost that while there is enough to send.
    #[test]
    fn no_minute_holds_more_than_the_limit() {
        for (requests, tokens, each) in
            [(60, None, 0), (3_000, None, 0), (10, None, 0), (100_000, Some(1_000_000), 900)]
        {
            let rate = Rate { requests: Some(requests), tokens };
            let (mut pace, mut now, mut sent) = (Pace::default(), Timestamp(1), VecDeque::new());
            let (mut most, mut all) = (0_u64, 0_u64);
            while now < Timestamp(600_000_000) {
                pace.take(rate, now, each);
                sent.push_back(now);
                all += 1;
                while sent.front().is_some_and(|first| now.since(*first) >= Duration::secs(60)) {
                    sent.pop_front();
                }
                most = most.max(sent.len() as u64);
                now = now.max(pace.opens(rate));
            }
            let limit = tokens.map_or(requests, |tokens| tokens / each);
            assert!(most <= limit, "{most} of {limit} in a minute");
            let used = all * 100 / (limit * 10);
            assert!(used >= if limit < 60 { 90 } else { 98 }, "{used} % of {limit} used");
        }
    }
}
