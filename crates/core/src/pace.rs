//! The pace of a target whose provider lets so many requests and tokens through in a minute.
//!
//! A provider counts in buckets that fill, or in minutes whose beginning nobody knows. Both let through what comes at an even pace (the generic cell
//! rate algorithm of ATM): each attempt moves the instant on from which the next may go, by its part of the minute. A burst of half a second is let
//! pass; that, the largest attempt so far and what the way may shift are taken off the limit, so that no minute holds more than the provider allows,
//! whenever it begins.
//!
//! Where less comes than that, time is saved up, a quarter of a minute at most, and what then comes at once may go at once for as much. It is lent: all that
//! comes in the minute after it goes at a pace that is slower by as much, so that no minute holds more for it, whatever came before. A provider that refuses
//! one counts in shorter spans, or lets others in too: then nothing is lent for ten minutes. A life that does not know what the one before it sent takes it
//! that all was lent.
//!
//! Tokens are set aside by what attempts there have used, before any has ended by the worst case, and corrected when they have.

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

/// The part of a minute, and of its limit, that may be saved up and lent, inverted.
const SAVES: u64 = 4;
/// What is lent counts for a minute at least, and for two at most.
const LENT: Duration = Duration::secs(60);
/// So long nothing is lent after the provider has refused one.
const CALM: Duration = Duration::secs(600);

/// Nothing that an earlier life sent keeps a target from being called for longer.
const AHEAD_MAX: Duration = Duration::secs(600);

/// What was sent, against a limit of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    /// When all that was sent has had its part of a minute, in nanoseconds.
    paid: u128,
    /// The most that one attempt has taken of late: each after it takes off a part.
    largest: u64,
    /// For how long nothing was owed, in nanoseconds.
    saved: u128,
    /// What was lent since then, and in the span before.
    lent: [u64; 2],
    lent_since: Timestamp,
    /// Nothing is lent until then.
    calm_until: Timestamp,
}

impl Bucket {
    /// How long one unit takes, and how far ahead of the clock the bucket may be, in nanoseconds.
    fn unit(&self, limit: u64) -> (u128, u128) {
        let burst = (limit / BURST).max(1);
        let margin = burst.max(self.largest).saturating_add(limit / SHIFT).saturating_add(self.lent_lately());
        let even = limit.saturating_sub(margin).max(limit / 2).max(1);
        let unit = MINUTE / u128::from(even);
        (unit, unit * u128::from(burst - 1))
    }

    const fn lent_lately(&self) -> u64 {
        self.lent[0].saturating_add(self.lent[1])
    }

    /// True if the next may go though it is not its time.
    fn lends(&self, limit: u64) -> bool {
        let next = self.largest.max(1);
        let is_there = self.saved >= self.unit(limit).0 * u128::from(next);
        is_there && self.lent_lately().saturating_add(next) <= limit / SAVES
    }

    /// When the next may go.
    fn opens(&self, limit: u64) -> Timestamp {
        if self.lends(limit) { Timestamp(0) } else { self.evenly(limit) }
    }

    /// The same where nothing is lent.
    fn evenly(&self, limit: u64) -> Timestamp {
        let at = self.paid.saturating_sub(self.unit(limit).1).div_ceil(1_000);
        Timestamp(u64::try_from(at).unwrap_or(u64::MAX))
    }

    fn take(&mut self, limit: u64, now: Timestamp, units: u64) {
        self.turn(now);
        self.largest = units.max(self.largest - self.largest / FORGETS);
        let takes = self.unit(limit).0 * u128::from(units);
        if self.evenly(limit) > now && self.lends(limit) {
            self.saved = self.saved.saturating_sub(takes);
            self.lent[0] = self.lent[0].saturating_add(units);
            return;
        }
        // Before the first nobody knows what others have sent.
        let since = if self.paid == 0 { nanos(now) } else { self.paid.max(nanos(self.calm_until)) };
        self.saved = (self.saved + nanos(now).saturating_sub(since)).min(MINUTE / u128::from(SAVES));
        self.paid = self.paid.max(nanos(now)) + takes;
    }

    /// What was lent long ago counts no more.
    fn turn(&mut self, now: Timestamp) {
        let since = now.since(self.lent_since);
        if since >= LENT || self.lent == [0, 0] {
            let before = if since < LENT.plus(LENT) { self.lent[0] } else { 0 };
            (self.lent, self.lent_since) = ([0, before], now);
        }
    }

    /// Nothing is lent for a while.
    fn calm(&mut self, now: Timestamp) {
        (self.saved, self.calm_until) = (0, now.after(CALM));
    }

    /// So much was used of what had been set aside.
    fn settle(&mut self, limit: u64, set_aside: u64, used: u64) {
        let unit = self.unit(limit).0;
        self.paid = (self.paid + unit * u128::from(used)).saturating_sub(unit * u128::from(set_aside));
    }
}

impl Bucket {
    fn kept(&self) -> PaceKept {
        let paid = u64::try_from(self.paid).unwrap_or(u64::MAX);
        PaceKept { paid, largest: self.largest, lent: self.lent_lately() }
    }

    fn remembered(kept: PaceKept, limit: Option<u64>, ahead: Duration, now: Timestamp) -> Self {
        let paid = u128::from(kept.paid).saturating_sub(nanos(Timestamp(0).after(ahead)));
        let (paid, largest) = (paid.min(nanos(now.after(AHEAD_MAX))), kept.largest.min(limit.unwrap_or(u64::MAX)));
        let lent = [kept.lent.min(limit.unwrap_or(0)), 0];
        Self { paid, largest, lent, lent_since: now, ..Self::default() }
    }

    /// As if all had been lent just now that may be.
    const fn lends_all(&mut self, limit: u64, now: Timestamp) {
        (self.saved, self.lent, self.lent_since) = (0, [limit / SAVES, 0], now);
    }

    /// As if a burst had gone just now, and the largest attempt.
    fn fill(&mut self, limit: u64, now: Timestamp) {
        self.lends_all(limit, now);
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

    /// The provider has refused one.
    pub(crate) fn calm(&mut self, now: Timestamp) {
        self.requests.calm(now);
        self.tokens.calm(now);
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

    /// The same where traffic comes and goes, and what is saved up is lent.
    #[test]
    fn no_minute_holds_more_for_what_is_lent() {
        const LIMITS: [u64; 4] = [40, 120, 600, 3_000];
        let mut at_once = [0; LIMITS.len()];
        for seed in 0..200_u64 {
            let place = seed as usize % LIMITS.len();
            let limit = LIMITS[place];
            let rate = Rate { requests: Some(limit), tokens: None };
            let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut draw = |below: u64| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                dice % below
            };
            let (mut pace, mut now, mut sent) = (Pace::default(), Timestamp(1), VecDeque::new());
            let mut most = 0;
            while now < Timestamp(1_200_000_000) {
                // A span of nothing, and then more than may go, or a little.
                now = now.after(Duration::millis(draw(40_000)));
                let until = now.after(Duration::millis(1 + draw(50_000)));
                for _ in 0..1 + draw(2 * limit) {
                    let opens = pace.opens(rate);
                    if opens >= until {
                        break;
                    }
                    now = now.max(opens);
                    pace.take(rate, now, 0);
                    sent.push_back(now);
                    while sent.front().is_some_and(|first| now.since(*first) >= Duration::secs(60)) {
                        sent.pop_front();
                    }
                    most = most.max(sent.len() as u64);
                    at_once[place] = at_once[place].max(sent.iter().rev().take_while(|at| **at == now).count());
                }
            }
            assert!(most <= limit, "{most} of {limit} in a minute, seed {seed}");
        }
        assert!(LIMITS.iter().zip(at_once).all(|(limit, count)| count as u64 >= limit / 5), "{at_once:?} at once");
    }

    #[test]
    fn who_was_refused_lends_nothing() {
        let rate = Rate { requests: Some(120), tokens: None };
        let at_once = |refused: bool, later: u64| {
            let mut pace = Pace::default();
            pace.take(rate, Timestamp(0).after(Duration::secs(100)), 0);
            if refused {
                pace.calm(Timestamp(0).after(Duration::secs(101)));
            }
            let now = Timestamp(0).after(Duration::secs(101 + later));
            let mut count = 0;
            while pace.opens(rate) <= now {
                pace.take(rate, now, 0);
                count += 1;
            }
            count
        };
        assert_eq!([at_once(false, 60), at_once(true, 60), at_once(true, 660)], [27, 1, 27]);
    }
}
