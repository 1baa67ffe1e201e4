//! What goes wrong, and when: outages, bursts of errors, cold starts, prices that change, and clients that come again. Seconds count from the
//! beginning. Where a backend is named it is by its number from 1 on, as in `model-1`; slots that are one fleet are one backend.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::outcome::Price;
use agendum_types::{AttemptId, Class, Duration, Money, Target, Usage, target};
use serde::Deserialize;

use super::fleet::Fleet;
use crate::chance::Chance;

/// What goes wrong. Nothing, where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Slots that are gone for a while.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// Attempts that fail by chance for a while.
    #[serde(default)]
    pub errors: Vec<Errors>,
    /// First attempts that take longer.
    #[serde(default)]
    pub cold: Option<Cold>,
    /// What calls cost, from an instant on. Before that they are free.
    #[serde(default)]
    pub prices: Vec<Priced>,
    /// Clients that submit again what was not answered.
    #[serde(default)]
    pub again: Option<Again>,
}

/// A run that fails, or is not answered within its deadline, is submitted again. The deadline counts anew each time, and how long it took from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// So many times at most,
    pub times: u32,
    /// after the time that it was told, or after so many milliseconds where it was told none.
    pub after_ms: u64,
}

/// Slots that are gone: the last of their backend. An attempt goes to any slot that is free, since nobody knows which are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// From when,
    pub from_s: u64,
    /// and for how long.
    pub secs: u64,
    /// Of which backend; of all where that is not said.
    pub backend: Option<u32>,
    /// How many of its slots, in hundredths.
    pub percent: u32,
    /// How an attempt fails that comes to such a slot, or is there when the outage begins,
    #[serde(rename = "as")]
    pub class: As,
    /// and after how long: soon where a connection is refused, late where nothing ever answers.
    pub after_ms: u64,
    /// True if the scheduler is told how many slots are left, as of workers that sign off. Then what it sends goes to those that are left.
    #[serde(default)]
    pub told: bool,
    /// True if an attempt goes to a slot that is left where one is free, as behind a balancer that knows which are gone.
    #[serde(default)]
    pub found: bool,
}

/// Attempts that fail by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// From when,
    pub from_s: u64,
    /// and for how long.
    pub secs: u64,
    /// Of which backend; of all where that is not said.
    pub backend: Option<u32>,
    /// So many of a thousand.
    pub per_mille: u32,
    /// How they fail,
    #[serde(rename = "as")]
    pub class: As,
    /// and after how long.
    pub after_ms: u64,
}

/// How an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum As {
    /// The connection is refused or lost.
    Unavailable,
    /// It has too much to do.
    Overloaded,
    /// Nothing came for as long as whoever called would wait.
    Timeout,
}

impl As {
    const fn class(self) -> Class {
        match self {
            Self::Unavailable => Class::Unavailable,
            Self::Overloaded => Class::Overloaded,
            Self::Timeout => Class::Timeout,
        }
    }
}

/// A backend that has to load its model first. Attempts that come meanwhile wait for it; those that are out go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cold {
    /// After it had nothing to do for so many seconds, and at first,
    pub idle_s: u64,
    /// it takes so many milliseconds.
    pub ms: u64,
    /// True if each kind of call has a model of its own, of which a backend holds the one that was asked last.
    #[serde(default)]
    pub by_kind: bool,
    /// True if the scheduler is told, as by a target's `cold`.
    #[serde(default)]
    pub told: bool,
}

/// What calls cost from an instant on, in pico-dollars a token (a dollar for a million tokens is 1,000,000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priced {
    /// From when.
    pub from_s: u64,
    /// At which backend; at all where that is not said.
    pub backend: Option<u32>,
    /// An input token.
    pub token_in: u64,
    /// An output token.
    pub token_out: u64,
}

impl Priced {
    const fn price(&self) -> Price {
        Price { token_in: Money(self.token_in), token_out: Money(self.token_out), ..Price::FREE }
    }
}

const fn is_within(from_s: u64, secs: u64, now: Duration) -> bool {
    Duration::secs(from_s).0 <= now.0 && now.0 < Duration::secs(from_s + secs).0
}

/// True if what is said of this backend (from 0) is said of that one (from 1), or of all.
fn is_of(said: Option<u32>, backend: usize) -> bool {
    said.is_none_or(|said| said as usize == backend + 1)
}

impl Faults {
    /// True if nothing goes wrong.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it for such a fleet.
    ///
    /// # Errors
    ///
    /// If the fleet has none, or a backend that is named is not there.
    pub fn check(&self, fleet: &Fleet) -> Result<(), String> {
        if self.is_none() {
            return Ok(());
        }
        let Some(count) = fleet.plain().map(|_| 1).or_else(|| fleet.backends().map(|spec| spec.count)) else {
            return Err("`faults` are of slots and of backends".into());
        };
        let named = self.outages.iter().map(|outage| outage.backend);
        let named = named.chain(self.errors.iter().map(|errors| errors.backend));
        let mut named = named.chain(self.prices.iter().map(|priced| priced.backend)).flatten();
        match named.find(|number| *number == 0 || *number > count) {
            Some(number) => Err(format!("`faults` name backend {number}, and there are {count}")),
            None => Ok(()),
        }
    }

    /// When something begins or ends, so that who is concerned has to be told.
    #[must_use]
    pub fn instants(&self) -> BTreeSet<Duration> {
        let outages = self.outages.iter().flat_map(|of| [of.from_s, of.from_s + of.secs]);
        outages.chain(self.prices.iter().map(|of| of.from_s)).map(Duration::secs).collect()
    }

    /// True if the scheduler is told of something that begins or ends at this instant.
    #[must_use]
    pub fn is_told_at(&self, now: Duration) -> bool {
        let outages = self.outages.iter().filter(|of| of.told).flat_map(|of| [of.from_s, of.from_s + of.secs]);
        outages.chain(self.prices.iter().map(|of| of.from_s)).any(|at| Duration::secs(at) == now)
    }

    /// The outage that has taken this slot, if one has.
    fn gone(&self, backend: usize, (slot, slots): (usize, usize), now: Duration) -> Option<&Outage> {
        let mut outages = self.outages.iter().filter(|of| is_of(of.backend, backend));
        outages
            .find(|of| is_within(of.from_s, of.secs, now) && slots - slot <= slots * of.percent.min(100) as usize / 100)
    }

    fn price(&self, backend: usize, now: Duration) -> Option<Price> {
        let since = self.prices.iter().filter(|of| is_of(of.backend, backend) && Duration::secs(of.from_s) <= now);
        since.max_by_key(|of| of.from_s).map(Priced::price)
    }
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug)]
struct Place {
    backend: usize,
    slot: usize,
    /// When it is over, if it goes well.
    until: Duration,
    /// It will fail.
    is_broken: bool,
    price: Price,
}

/// How a backend is.
#[derive(Clone, Debug, Default)]
struct Room {
    slots: Vec<bool>,
    out: usize,
    /// Since when it has had nothing to do; `None` if it never had anything.
    idle: Option<Duration>,
    /// Of which kind its model is, and when that is loaded.
    kind: u32,
    ready: Duration,
}

/// What came of the faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harmed {
    /// Attempts that failed, or would have had they not been told to stop before; where there are outages or errors.
    pub failed: Option<u64>,
    /// Models that were loaded, where that takes time.
    pub loads: Option<u64>,
    /// What calls cost, where they have a price.
    pub spent: Option<Money>,
    /// True if clients come again.
    pub has_again: bool,
}

/// Faults at work.
#[derive(Clone, Debug)]
pub struct Harm {
    spec: Faults,
    rooms: Vec<Room>,
    places: BTreeMap<AttemptId, Place>,
    chance: Chance,
    harmed: Harmed,
}

impl Harm {
    /// Before anything came; none where nothing goes wrong.
    #[must_use]
    pub fn new(spec: &Faults, fleet: &Fleet, seed: u64) -> Option<Self> {
        let (count, slots) = fleet.backends().map_or_else(|| (1, fleet.slots()), |spec| (spec.count, spec.slots));
        let room = Room { slots: vec![false; slots as usize], ..Room::default() };
        let harmed = Harmed {
            failed: (!spec.outages.is_empty() || !spec.errors.is_empty()).then_some(0),
            loads: spec.cold.map(|_| 0),
            spent: (!spec.prices.is_empty()).then_some(Money::ZERO),
            has_again: spec.again.is_some(),
        };
        let (rooms, chance) = (vec![room; count as usize], Chance::new(seed ^ 0x6661_756C_7473));
        (!spec.is_none()).then(|| Self { spec: spec.clone(), rooms, places: BTreeMap::new(), chance, harmed })
    }

    /// An attempt comes to a backend. How it will fail, and after how long, if it will.
    pub fn meets(&mut self, attempt: &AttemptId, backend: usize, now: Duration) -> Option<(Class, Duration)> {
        let room = &self.rooms[backend];
        let slots = room.slots.len();
        let is_free = |slot: &usize| !room.slots[*slot];
        // Whoever knows which are gone goes to none of them as long as there is another.
        let is_left = |slot: &usize| {
            self.spec.gone(backend, (*slot, slots), now).is_none_or(|outage| !outage.told && !outage.found)
        };
        let mut free: Vec<usize> = (0..slots).filter(is_free).filter(is_left).collect();
        if free.is_empty() {
            free = (0..slots).filter(is_free).collect();
        }
        let slot = self.chance.of(&free);
        let gone = self.spec.gone(backend, (slot, slots), now).map(|outage| (outage.class, outage.after_ms));
        let fails = gone.or_else(|| {
            let of = |errors: &&Errors| is_of(errors.backend, backend) && is_within(errors.from_s, errors.secs, now);
            let errors = self.spec.errors.iter().find(of)?;
            (self.chance.below(1_000) < u64::from(errors.per_mille)).then_some((errors.class, errors.after_ms))
        });
        let fails = fails.map(|(class, after_ms)| (class.class(), Duration::millis(after_ms)));
        let price = self.spec.price(backend, now).unwrap_or(Price::FREE);
        let place = Place { backend, slot, until: now, is_broken: fails.is_some(), price };
        self.rooms[backend].slots[slot] = true;
        self.rooms[backend].out += 1;
        self.harmed.failed.iter_mut().for_each(|count| *count += u64::from(place.is_broken));
        self.places.insert(attempt.clone(), place);
        fails
    }

    /// How much longer an attempt takes that goes well, because its model has to be loaded.
    pub fn loads(&mut self, backend: usize, kind: u32, now: Duration) -> Duration {
        let Some(cold) = self.spec.cold else { return Duration::ZERO };
        let room = &mut self.rooms[backend];
        // It counts as out already.
        let was_idle = room.out == 1
            && room.idle.is_none_or(|since| now.minus(since) >= Duration::secs(cold.idle_s))
            && room.ready <= now;
        if was_idle || (cold.by_kind && room.kind != kind) {
            room.ready = now.max(room.ready).plus(Duration::millis(cold.ms));
            self.harmed.loads.iter_mut().for_each(|count| *count += 1);
        }
        room.kind = kind;
        room.ready.minus(now)
    }

    /// An attempt goes well, until then.
    pub fn goes_on(&mut self, attempt: &AttemptId, until: Duration) {
        if let Some(place) = self.places.get_mut(attempt) {
            place.until = until;
        }
    }

    /// An attempt is over, or told to stop, and its slot is free. False if it was before, or will fail.
    pub fn ends(&mut self, attempt: &AttemptId, usage: &Usage, now: Duration) -> bool {
        let Some(place) = self.places.get(attempt).copied().filter(|place| !place.is_broken) else { return false };
        if let Some(spent) = &mut self.harmed.spent {
            *spent = spent.plus(place.price.cost(usage));
        }
        self.leaves(attempt, now);
        true
    }

    /// An attempt is told to stop, fails, or is over. False if it was over before.
    pub fn leaves(&mut self, attempt: &AttemptId, now: Duration) -> bool {
        let Some(place) = self.places.remove(attempt) else { return false };
        let room = &mut self.rooms[place.backend];
        room.slots[place.slot] = false;
        room.out -= 1;
        room.idle = Some(now);
        true
    }

    /// Something begins or ends: those that will fail by it, how, after how long, and how much of their time is spared.
    pub fn turns(&mut self, now: Duration) -> Vec<(AttemptId, Class, Duration, Duration)> {
        let mut broken = Vec::new();
        for (attempt, place) in self.places.iter_mut().filter(|(_, place)| !place.is_broken) {
            let slots = self.rooms[place.backend].slots.len();
            if let Some(outage) = self.spec.gone(place.backend, (place.slot, slots), now) {
                place.is_broken = true;
                let after = Duration::millis(outage.after_ms);
                broken.push((attempt.clone(), outage.class.class(), after, place.until.minus(now)));
            }
        }
        self.harmed.failed.iter_mut().for_each(|count| *count += broken.len() as u64);
        broken
    }

    /// What the scheduler is told of the backends, which stand first in the table: what is left of their slots, one at least, their price, and how they
    /// go cold.
    pub fn tells(&self, targets: &mut [Target], now: Duration) {
        let said = self.spec.cold.filter(|cold| cold.told);
        let cold =
            said.map(|cold| target::Cold { after: Duration::secs(cold.idle_s), start: Duration::millis(cold.ms) });
        for (backend, (target, room)) in targets.iter_mut().zip(&self.rooms).enumerate() {
            let slots = room.slots.len();
            let is_told = |slot: &usize| self.spec.gone(backend, (*slot, slots), now).is_some_and(|outage| outage.told);
            let gone = (0..slots).filter(is_told).count();
            target.concurrency_max = u32::try_from(slots - gone).unwrap_or(u32::MAX).max(1);
            target.price = self.spec.price(backend, now).unwrap_or(target.price);
            target.cold = cold;
        }
    }

    /// What came of them.
    #[must_use]
    pub const fn harmed(&self) -> Harmed {
        self.harmed
    }
}
