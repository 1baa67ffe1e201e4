//! The table of targets and how they are used now.

use std::sync::Arc;

use agendum_types::graph::Requirement;
use agendum_types::outcome::Price;
use agendum_types::snapshot::TargetLoad;
use agendum_types::target::Rate;
use agendum_types::{Capability, Duration, Labels, Policy, Target, TargetId, Timestamp, target};
use smallvec::SmallVec;

use crate::breaker::Breaker;
use crate::checkpoint::TargetKept;
use crate::knee::Knee;
use crate::lately::Seen;
use crate::learned::Learned;
use crate::locality::Remembered;
use crate::pace::Pace;
use crate::record::Passed;
use crate::retries::Retries;
use crate::room::{AT_WORK, Room};
use crate::speed::Speed;
use crate::usual::Usual;
use crate::warm::Warmth;

/// All targets of a shard.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    rows: Vec<TargetRow>,
    /// Every price that a target has had in this life: an attempt is booked at the price of its dispatch.
    prices: Vec<Price>,
    version: u32,
    /// Some remember what they have read, and there are others.
    remember: bool,
    /// Some remember what they have read.
    read: bool,
}

/// In microseconds.
pub(crate) const MILLION_SECONDS: u128 = 1_000_000_000_000;
const MINUTE: u128 = 60_000_000;

/// The place of a price in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceId(u32);

/// A target and its load.
#[derive(Debug)]
pub(crate) struct TargetRow {
    pub(crate) target: Target,
    pub(crate) price: PriceId,
    pub(crate) running: u32,
    /// It takes nothing before this instant.
    pub(crate) closed_until: Timestamp,
    /// Whether it is left alone because it fails.
    pub(crate) breaker: Breaker,
    /// How many it takes at once, as was seen.
    pub(crate) learned: Learned,
    /// How many it gets since it had no room for one more.
    pub(crate) room: Option<Room>,
    /// With how many at once it does most.
    pub(crate) knee: Knee,
    /// What may be sent once more after it has failed.
    pub(crate) retries: Retries,
    /// What was sent of what its provider lets through in a minute.
    pub(crate) pace: Pace,
    /// Tokens of attempts here.
    pub(crate) tokens: Usual,
    /// How long attempts here are out, in microseconds: how many, and a mean of the latest.
    pub(crate) out: (u32, u64),
    /// What attempts here have come to, in pico-dollars.
    pub(crate) counted: Usual,
    /// How long attempts here take in relation to what attempts of their tasks usually take.
    pub(crate) speed: Speed,
    /// What it has read lately.
    pub(crate) read: Remembered,
    /// What attempts here have come to, for people.
    pub(crate) lately: Seen,
    /// Whether it is warm.
    pub(crate) warmth: Warmth,
    /// When an attempt here succeeded last in this life.
    pub(crate) answered: Option<Timestamp>,
}

impl TargetRow {
    /// So many attempts at once: as configured, or fewer where it turns some away, or does no more with more.
    pub(crate) fn limit(&self) -> u32 {
        let learned = [self.turns_away_beyond(), self.knee.limit()].into_iter().flatten();
        learned.fold(self.target.concurrency_max, u32::min)
    }

    /// True if it has answered of late: what it refuses for its limit then is none of its faults.
    pub(crate) fn is_at_work(&self, now: Timestamp) -> bool {
        self.answered.is_some_and(|at| now.since(at) < AT_WORK)
    }

    /// True if it refuses for a limit, and has answered nobody of late.
    pub(crate) fn refuses_all(&self, now: Timestamp) -> bool {
        self.room.is_some_and(|room| room.is_for_limit()) && !self.is_at_work(now)
    }

    /// What comes above so many it turns away, as far as is known: where it has just said so, that counts.
    fn turns_away_beyond(&self) -> Option<u32> {
        self.room.as_ref().map(Room::limit).or_else(|| self.learned.limit())
    }

    /// So many more, or fewer, are out from now on.
    fn counts(&mut self, now: Timestamp, change: impl FnOnce(u32) -> u32) {
        self.learned.passes(self.running, now);
        self.knee.passes(self.running, now);
        self.running = change(self.running);
    }

    /// An attempt is out from now on.
    pub(crate) fn takes(&mut self, now: Timestamp) {
        if self.running == 0 {
            self.warmth.wakes(self.target.cold, now);
            self.speed.asks(now);
        }
        self.counts(now, |running| running + 1);
    }

    /// It has ended.
    pub(crate) fn frees(&mut self, now: Timestamp) {
        self.counts(now, |running| running - 1);
        if self.running == 0 {
            self.warmth.rests(now);
        }
    }

    /// So many attempts it does in a million seconds: as many at once as it takes, of the length of the latest, and no more than its provider lets through.
    pub(crate) fn does_in_a_million_seconds(&self) -> u128 {
        let each = if self.out.0 > 0 { self.out.1 } else { self.target.expected.as_micros() };
        let at_once = u128::from(self.limit()) * MILLION_SECONDS / u128::from(each.max(1));
        let in_minutes = |limit: u64| u128::from(limit) * MILLION_SECONDS / MINUTE;
        let requests = self.target.rate.requests.map(in_minutes);
        let tokens = self
            .target
            .rate
            .tokens
            .map(|tokens| in_minutes(tokens) / u128::from(self.tokens.of_all().unwrap_or(1).max(1)));
        [requests, tokens].into_iter().flatten().fold(at_once, u128::min)
    }

    /// How it stands; `None` if it was never used.
    pub(crate) fn kept(&self, now: Timestamp) -> Option<TargetKept> {
        let (limit, breaker) = (self.learned.kept(self.running, now), self.breaker.kept());
        let kept = TargetKept {
            name: Arc::clone(&self.target.name),
            closed_until: self.closed_until,
            paces: self.pace.kept(),
            breaker,
            limit,
            does_most_with: self.knee.kept(now),
            used: self.warmth.kept(self.running, now),
            retries: self.retries.kept(),
            tokens: self.tokens.kept(),
            counted: self.counted.kept(),
            speed: self.speed.kept(),
        };
        let is_idle = self.running == 0
            && self.learned == Learned::default()
            && self.pace == Pace::default()
            && self.knee.limit().is_none();
        (!is_idle || kept.closed_until > Timestamp(0)).then_some(kept)
    }

    /// How it stood in an earlier life, whose clock was so far ahead. What keeps it from being called is told elsewhere.
    pub(crate) fn remember(&mut self, kept: &TargetKept, policy: &Policy, (now, ahead): (Timestamp, Duration)) {
        self.learned = Learned::remembered(&kept.limit, policy.limits.turned_away, now);
        self.warmth = Warmth::remembered(kept.used, now);
        self.knee = Knee::remembered(kept.does_most_with, policy, now);
        self.retries = Retries::remembered(kept.retries, ahead, now);
        self.pace = Pace::remembered(kept.paces, self.target.rate, ahead, now);
        self.tokens = Usual::remembered(&kept.tokens, self.target.rate.tokens.unwrap_or(u64::MAX));
        self.counted = Usual::remembered(&kept.counted, u64::MAX);
        self.speed = Speed::remembered(kept.speed, now);
    }

    /// True if it is one service, whatever it is asked.
    pub(crate) fn serves_models(&self) -> bool {
        self.target.capabilities.iter().any(|capability| capability.is_served_by_models())
    }
}

impl Targets {
    /// Replaces the table. A target that keeps its name keeps its load; one that is gone takes nothing more but keeps its place, so
    /// that attempts in flight find it.
    pub(crate) fn publish(&mut self, targets: Vec<Target>) {
        self.version += 1;
        for row in &mut self.rows {
            row.target.capabilities.clear();
        }
        for target in targets {
            let price = self.intern(target.price);
            match self.rows.iter_mut().find(|row| row.target.name == target.name) {
                Some(row) => (row.target, row.price) = (target, price),
                None => self.rows.push(TargetRow {
                    target,
                    price,
                    running: 0,
                    closed_until: Timestamp(0),
                    breaker: Breaker::default(),
                    learned: Learned::default(),
                    room: None,
                    knee: Knee::default(),
                    retries: Retries::default(),
                    pace: Pace::default(),
                    tokens: Usual::default(),
                    out: (0, 0),
                    counted: Usual::default(),
                    speed: Speed::default(),
                    read: Remembered::default(),
                    lately: Seen::default(),
                    warmth: Warmth::default(),
                    answered: None,
                }),
            }
        }
        let models = || self.rows.iter().filter(|row| row.serves_models()).map(|row| row.target.remembers);
        self.read = models().any(|remembers| remembers > 0);
        self.remember = self.read && models().count() > 1;
        assert!(self.rows.len() < usize::from(u16::MAX), "a shard knows fewer targets");
    }

    /// True if models are chosen among by what they have read.
    pub(crate) const fn remember(&self) -> bool {
        self.remember
    }

    /// True if some model remembers what it has read.
    pub(crate) const fn reads(&self) -> bool {
        self.read
    }

    fn intern(&mut self, price: Price) -> PriceId {
        let known = self.prices.iter().position(|known| *known == price);
        let place = known.unwrap_or_else(|| {
            self.prices.push(price);
            self.prices.len() - 1
        });
        PriceId(u32::try_from(place).expect("prices change some times a day"))
    }

    pub(crate) fn price(&self, id: PriceId) -> &Price {
        &self.prices[id.0 as usize]
    }

    /// Counted up with every table.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = TargetId> + use<> {
        (0..u16::try_from(self.rows.len()).expect("checked when published")).map(TargetId)
    }

    pub(crate) fn find_id(&self, name: &str) -> Option<TargetId> {
        self.find(|row| &*row.target.name == name && !row.target.capabilities.is_empty()).first().copied()
    }

    pub(crate) fn row(&self, id: TargetId) -> &TargetRow {
        &self.rows[usize::from(id.0)]
    }

    pub(crate) fn row_mut(&mut self, id: TargetId) -> &mut TargetRow {
        &mut self.rows[usize::from(id.0)]
    }

    pub(crate) fn expected(&self, id: TargetId) -> Duration {
        self.row(id).target.expected
    }

    /// The targets that will do, best first: the order of `allow`, else of the table.
    pub(crate) fn candidates(&self, capability: Capability, requirement: &Requirement) -> Vec<TargetId> {
        let table = (0..).map(TargetId).zip(self.rows.iter().map(|row| &row.target));
        target::candidates(table, capability, requirement)
    }

    /// True if some will do.
    pub(crate) fn can_serve(&self, capability: Capability, requirement: &Requirement) -> bool {
        self.rows.iter().any(|row| row.target.serves(capability, requirement))
    }

    /// The one target of this name, if it can do this.
    pub(crate) fn named(&self, capability: Capability, name: &str) -> Vec<TargetId> {
        self.find(|row| row.target.can(capability) && &*row.target.name == name)
    }

    fn find(&self, fits: impl Fn(&TargetRow) -> bool) -> Vec<TargetId> {
        (0..).zip(&self.rows).filter(|(_, row)| fits(row)).map(|(index, _)| TargetId(index)).collect()
    }

    pub(crate) fn cleared(&self, id: TargetId, labels: &Labels) -> bool {
        self.row(id).target.may_see(labels)
    }

    /// True if the target takes an attempt now.
    pub(crate) fn is_free(&self, id: TargetId, now: Timestamp) -> bool {
        !self.is_full(id) && self.is_open(id, now)
    }

    /// True if as many attempts are out as it takes at once, be it as was learned.
    pub(crate) fn is_full(&self, id: TargetId) -> bool {
        let row = self.row(id);
        row.running >= row.limit()
    }

    /// True if it takes attempts now, should it not be full.
    pub(crate) fn is_open(&self, id: TargetId, now: Timestamp) -> bool {
        let row = self.row(id);
        row.closed_until <= now && row.breaker.takes(now) && row.pace.opens(row.target.rate) <= now
    }

    /// Why a target that was passed over takes no attempt now; if it would, its price is the reason.
    pub(crate) fn shut(&self, id: TargetId, now: Timestamp) -> Passed {
        let row = self.row(id);
        if row.closed_until > now {
            Passed::Closed
        } else if !row.breaker.takes(now) {
            Passed::Broken
        } else if row.running >= row.target.concurrency_max {
            Passed::Full
        } else if row.turns_away_beyond().is_some_and(|limit| row.running >= limit) {
            Passed::Limited
        } else if row.running >= row.limit() {
            Passed::Crowded
        } else if row.pace.opens(row.target.rate) > now {
            Passed::Paced
        } else {
            Passed::Dear
        }
    }

    /// When what its provider lets through in a minute allows the next attempt.
    pub(crate) fn opens(&self, id: TargetId) -> Timestamp {
        let row = self.row(id);
        row.pace.opens(row.target.rate)
    }

    /// The targets that share a provider's limit with this one, itself included.
    fn sharing(&self, id: TargetId) -> impl Iterator<Item = TargetId> + use<> {
        let group = self.row(id).target.quota_group.clone();
        let shares =
            |(index, row): (u16, &TargetRow)| index == id.0 || (group.is_some() && row.target.quota_group == group);
        let sharing: Vec<_> =
            (0..).zip(&self.rows).filter(|of| shares(*of)).map(|(index, _)| TargetId(index)).collect();
        sharing.into_iter()
    }

    /// Changes the pace of a target, and of all that share its provider's limit; returns those whose next attempt may go at another time, with
    /// the time before and after.
    pub(crate) fn pace(
        &mut self,
        id: TargetId,
        change: impl Fn(&mut Pace, Rate),
    ) -> SmallVec<[(TargetId, Timestamp, Timestamp); 2]> {
        let mut moved = SmallVec::new();
        for id in self.sharing(id) {
            let row = self.row_mut(id);
            let (rate, before) = (row.target.rate, row.pace.opens(row.target.rate));
            change(&mut row.pace, rate);
            let after = row.pace.opens(rate);
            if before != after {
                moved.push((id, before, after));
            }
        }
        moved
    }

    /// Closes a target and all that share its provider's limit; returns those whose reopening moved.
    pub(crate) fn close(&mut self, id: TargetId, until: Timestamp) -> Vec<(TargetId, Timestamp)> {
        let mut moved = Vec::new();
        for id in self.sharing(id) {
            let row = self.row_mut(id);
            if row.closed_until < until {
                moved.push((id, row.closed_until));
                row.closed_until = until;
            }
        }
        moved
    }

    pub(crate) fn loads(&self, now: Timestamp) -> Vec<TargetLoad> {
        let load = |row: &TargetRow| TargetLoad {
            name: Arc::clone(&row.target.name),
            running: row.running,
            concurrency_max: row.target.concurrency_max,
            closed_until: Some(row.closed_until).filter(|until| *until > now),
            learned: row.turns_away_beyond().filter(|limit| *limit < row.target.concurrency_max),
            does_most_with: row.knee.limit().filter(|limit| *limit < row.target.concurrency_max),
            broken_until: row.breaker.until(),
            rate: row.target.rate,
            stated: Rate::default(),
            paced_until: Some(row.pace.opens(row.target.rate)).filter(|until| *until > now),
            expected: row.target.expected,
            lately: row.lately.told(),
        };
        self.rows.iter().filter(|row| !row.target.capabilities.is_empty()).map(load).collect()
    }
}
