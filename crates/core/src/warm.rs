//! How long it takes until a target works on an attempt: where it has gone cold it loads its model first, and what it is given has to reach it.
//!
//! Both are said in its definition ([`Cold`], [`Target::bytes_per_s`](agendum_types::Target::bytes_per_s)), and count where targets are weighed. One that was
//! never used counts as cold: nobody knows better; one that has answered has loaded what it needs. What they add to an attempt says nothing of how quick the
//! target is, and does not make the attempt a slow one.

use agendum_types::target::Cold;
use agendum_types::{Duration, Timestamp};

use crate::targets::TargetRow;

/// Since when a target has nothing to do, or until when it loads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Warmth {
    idle_since: Option<Timestamp>,
    loads_until: Timestamp,
}

impl Warmth {
    /// The first attempt comes after a time with none.
    pub(crate) fn wakes(&mut self, cold: Option<Cold>, now: Timestamp) {
        let loads = self.loading(cold, true, now);
        self.loads_until = now.after(loads);
    }

    /// The last attempt has ended.
    pub(crate) const fn rests(&mut self, now: Timestamp) {
        self.idle_since = Some(now);
    }

    /// It has answered: it has loaded what it needs.
    pub(crate) fn answers(&mut self, now: Timestamp) {
        self.loads_until = self.loads_until.min(now);
    }

    /// When it was used last, while so many are out.
    pub(crate) fn kept(&self, running: u32, now: Timestamp) -> Option<Timestamp> {
        if running > 0 { Some(now) } else { self.idle_since }
    }

    /// It was used last then, in an earlier life.
    pub(crate) fn remembered(used: Option<Timestamp>, now: Timestamp) -> Self {
        Self { idle_since: used.map(|at| at.min(now)), ..Self::default() }
    }

    /// How long it loads yet, or would if it were asked now.
    fn loading(&self, cold: Option<Cold>, is_idle: bool, now: Timestamp) -> Duration {
        let Some(cold) = cold else { return Duration::ZERO };
        let has_gone = self.idle_since.is_none_or(|since| now.since(since) >= cold.after);
        let loads = self.loads_until.since(now);
        if is_idle && has_gone && loads == Duration::ZERO { cold.start } else { loads }
    }
}

impl TargetRow {
    /// How long it would load for an attempt that comes now.
    pub(crate) fn loads(&self, now: Timestamp) -> Duration {
        self.warmth.loading(self.target.cold, self.running == 0, now)
    }

    /// How long it takes until it works on an attempt that comes now with so many bytes.
    pub(crate) fn start(&self, bytes: u64, now: Timestamp) -> Duration {
        let loads = self.loads(now);
        let moves = self.target.bytes_per_s.map_or(0, |rate| u128::from(bytes) * 1_000_000 / u128::from(rate.max(1)));
        loads.plus(Duration(u64::try_from(moves).unwrap_or(u64::MAX)))
    }
}
