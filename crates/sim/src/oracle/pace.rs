//! What a provider lets through in a minute, target by target.

use std::sync::Arc;

use agendum_types::{Outcome, RunId, TaskPath, Timestamp};

use super::{Flight, Reference};

/// What was sent of requests, or of tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// In nanoseconds: when all that was sent has had its part of a minute.
    paid: u128,
    largest: u64,
}

/// How long one unit takes, and how many go at once.
fn unit(limit: u64, largest: u64) -> (u128, u128) {
    let at_once = (limit / 120).max(1);
    let left = limit.saturating_sub(at_once.max(largest)).saturating_sub(limit / 600);
    (60_000_000_000 / u128::from(left.max(limit / 2).max(1)), u128::from(at_once))
}

impl Bucket {
    fn opens(self, limit: u64) -> Timestamp {
        let (unit, at_once) = unit(limit, self.largest);
        let nanos = self.paid.saturating_sub(unit * (at_once - 1));
        Timestamp(nanos.div_ceil(1_000) as u64)
    }
}

impl Reference {
    /// The minute of its provider lets an attempt pass there now.
    pub(super) fn is_in_pace(&self, target: usize) -> bool {
        self.opens(target) <= self.now
    }

    /// When its minute lets the next attempt pass.
    pub(super) fn opens(&self, target: usize) -> Timestamp {
        let of = &self.targets[target];
        let [requests, tokens] = self.accounts.paces.get(&of.name).copied().unwrap_or_default();
        let opens = |bucket: Bucket, limit: Option<u64>| limit.map_or(Timestamp(0), |limit| bucket.opens(limit));
        opens(requests, of.rate.requests).max(opens(tokens, of.rate.tokens))
    }

    /// A life begins: where nobody knows, all may have been sent until now that the minute lets pass. None of it bars the way for longer than ten.
    pub(super) fn paces_stand(&mut self, target: usize, is_known: bool) {
        let (rate, now) = (self.targets[target].rate, u128::from(self.now.0) * 1_000);
        let paces = self.accounts.paces.entry(Arc::clone(&self.targets[target].name)).or_default();
        for (bucket, limit) in paces.iter_mut().zip([rate.requests, rate.tokens]) {
            bucket.paid = bucket.paid.min(now + 600_000_000_000);
            if let Some(limit) = limit {
                bucket.largest = bucket.largest.min(limit);
                if is_known {
                    continue;
                }
                let (unit, at_once) = unit(limit, bucket.largest);
                bucket.paid = bucket.paid.max(now + unit * (at_once - 1 + u128::from(bucket.largest.max(1))));
            }
        }
    }

    fn sharing(&self, target: usize) -> Vec<usize> {
        let group = &self.targets[target].quota_group;
        let shares = |other: &usize| *other == target || group.is_some() && self.targets[*other].quota_group == *group;
        (0..self.targets.len()).filter(shares).collect()
    }

    /// An attempt is sent there: the tokens that are set aside for it.
    pub(super) fn keeps_pace(&mut self, id: RunId, path: &TaskPath, target: usize, worst: u64) -> u64 {
        let of = &self.targets[target];
        if self.runs[&id].is_child(path) || of.rate.requests.is_none() && of.rate.tokens.is_none() {
            return 0;
        }
        let usual = self.accounts.tokens.get(&of.name).and_then(|came| came.to(self.bytes(id, path), 8));
        let tokens = usual.unwrap_or(worst);
        for other in self.sharing(target) {
            let of = self.targets[other].clone();
            let paces = self.accounts.paces.entry(of.name).or_default();
            for (bucket, limit, units) in [(0, of.rate.requests, 1), (1, of.rate.tokens, tokens)] {
                if let Some(limit) = limit {
                    let bucket = &mut paces[bucket];
                    bucket.largest = units.max(bucket.largest - bucket.largest / 32);
                    let from = bucket.paid.max(u128::from(self.now.0) * 1_000);
                    bucket.paid = from + unit(limit, bucket.largest).0 * u128::from(units);
                }
            }
        }
        tokens
    }

    /// It has ended.
    pub(super) fn settles_pace(&mut self, flight: &Flight, outcome: &Outcome) {
        let of = &self.targets[flight.target];
        if outcome.is_unreported() || of.rate.requests.is_none() && of.rate.tokens.is_none() {
            return;
        }
        let used = outcome.usage().tokens();
        self.accounts.tokens.entry(Arc::clone(&of.name)).or_default().takes(flight.bytes, used);
        for other in self.sharing(flight.target) {
            let of = self.targets[other].clone();
            let bucket = &mut self.accounts.paces.entry(of.name).or_default()[1];
            if let Some(limit) = of.rate.tokens {
                let unit = unit(limit, bucket.largest).0;
                let paid = bucket.paid + unit * u128::from(used);
                bucket.paid = paid.saturating_sub(unit * u128::from(flight.tokens));
            }
        }
    }
}
