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
    /// In nanoseconds: for how long nothing was owed, a quarter of a minute at most.
    saved: u128,
    /// What went before its time in the present span and in the one before, and when the present one began.
    early: (u64, u64, Timestamp),
    /// When the provider may be given something before its time again.
    calm: Timestamp,
}

impl Bucket {
    /// How long one unit takes, and how many go at once.
    fn unit(self, limit: u64) -> (u128, u128) {
        let at_once = (limit / 120).max(1);
        let off = at_once.max(self.largest).saturating_add(limit / 600 + self.early.0 + self.early.1);
        (60_000_000_000 / u128::from(limit.saturating_sub(off).max(limit / 2).max(1)), u128::from(at_once))
    }

    fn may_be_early(self, limit: u64) -> bool {
        let next = self.largest.max(1);
        self.early.0 + self.early.1 + next <= limit / 4 && self.unit(limit).0 * u128::from(next) <= self.saved
    }

    fn in_turn(self, limit: u64) -> Timestamp {
        let (unit, at_once) = self.unit(limit);
        Timestamp(self.paid.saturating_sub(unit * (at_once - 1)).div_ceil(1_000) as u64)
    }

    fn opens(self, limit: u64) -> Timestamp {
        if self.may_be_early(limit) { Timestamp(0) } else { self.in_turn(limit) }
    }

    fn takes(&mut self, limit: u64, units: u64, now: Timestamp) {
        match now.since(self.early.2).0 {
            _ if (self.early.0, self.early.1) == (0, 0) => self.early.2 = now,
            0..60_000_000 => {}
            60_000_000..120_000_000 => self.early = (0, self.early.0, now),
            120_000_000.. => self.early = (0, 0, now),
        }
        self.largest = units.max(self.largest - self.largest / 32);
        let (nanos, costs) = (u128::from(now.0) * 1_000, self.unit(limit).0 * u128::from(units));
        if self.in_turn(limit) <= now || !self.may_be_early(limit) {
            let idle_from = self.paid.max(u128::from(self.calm.0) * 1_000);
            let idle = if self.paid > 0 { nanos.saturating_sub(idle_from) } else { 0 };
            self.saved = (self.saved + idle).min(15_000_000_000);
            self.paid = self.paid.max(nanos) + costs;
        } else {
            self.early.0 += units;
            self.saved = self.saved.saturating_sub(costs);
        }
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
            let early = bucket.early.0.saturating_add(bucket.early.1);
            bucket.early = (early.min(limit.unwrap_or(0)), 0, self.now);
            (bucket.saved, bucket.calm) = (0, Timestamp(0));
            if let Some(limit) = limit {
                bucket.largest = bucket.largest.min(limit);
                if is_known {
                    continue;
                }
                bucket.early = (limit / 4, 0, self.now);
                let (unit, at_once) = bucket.unit(limit);
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
                    paces[bucket].takes(limit, units, self.now);
                }
            }
        }
        tokens
    }

    /// Its provider has refused one: nothing more goes there before its time for ten minutes.
    pub(super) fn is_refused_by_pace(&mut self, target: usize) {
        let of = &self.targets[target];
        if of.rate.requests.is_none() && of.rate.tokens.is_none() {
            return;
        }
        for other in self.sharing(target) {
            let name = Arc::clone(&self.targets[other].name);
            let calm = Timestamp(self.now.0 + 600_000_000);
            for bucket in self.accounts.paces.entry(name).or_default() {
                (bucket.saved, bucket.calm) = (0, calm);
            }
        }
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
                let unit = bucket.unit(limit).0;
                let paid = bucket.paid + unit * u128::from(used);
                bucket.paid = paid.saturating_sub(unit * u128::from(flight.tokens));
            }
        }
    }
}
