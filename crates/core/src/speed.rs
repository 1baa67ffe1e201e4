//! How quick a target is beside others: how long its latest attempts took in relation to what attempts of their tasks usually take.
//!
//! Who is slow gets little, and so nobody would find out that it is well again. What says that a target is slow gets old therefore: where nothing has ended
//! there for a minute and nothing is out, the next attempt goes there as if it were as quick as others, and counts as much as all before it. It takes twice as
//! long until the one after that, an hour at most, unless the first shows that the target is well: it may be slow too, or never come back.

use agendum_types::{Duration, Timestamp};

/// The speed of a target that takes as long as others.
pub(crate) const USUAL: u64 = 1 << 20;
/// The speed of a target is that of about so many of its latest attempts.
const SAMPLES: u64 = 128;
/// A target that has not shown its speed counts as if it had shown the usual one so many times.
const PRIOR: u64 = 16;
/// So much more or less is chance: calls of one task differ by more than targets do.
const NOISE: u64 = USUAL / 4;
/// No target counts as more than so many times slower or faster than others.
pub(crate) const MAX: u64 = 16;
/// For so long what is slow is left at that, at first,
const OLD: Duration = Duration::secs(60);
/// and at most.
const OLD_MAX: Duration = Duration::secs(3_600);

/// How long the latest attempts on a target took, all together, and how long they would usually have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed {
    took: u64,
    usual: u64,
    /// When that was last seen,
    seen_at: Timestamp,
    /// and how long it is not asked anew after that.
    old_after: Duration,
    /// It was asked anew, and what came of that is not known.
    is_asked: bool,
}

impl Default for Speed {
    fn default() -> Self {
        Self::remembered((0, 0), Timestamp(0))
    }
}

impl Speed {
    /// An attempt is sent there, where nothing is out.
    pub(crate) fn asks(&mut self, now: Timestamp) {
        if self.is_old(now) && self.ratio() > USUAL {
            self.old_after = Duration(self.old_after.as_micros().saturating_mul(2)).min(OLD_MAX);
            (self.seen_at, self.is_asked) = (now, true);
        }
    }

    /// An attempt took so long, and would usually have taken so long.
    pub(crate) fn takes(&mut self, took: u64, usual: u64, now: Timestamp) {
        if self.usual == 0 {
            (self.took, self.usual) = (usual.saturating_mul(PRIOR), usual.saturating_mul(PRIOR));
        }
        if std::mem::take(&mut self.is_asked) {
            let before = u128::from(self.took) * u128::from(usual) / u128::from(self.usual.max(1));
            (self.took, self.usual) = (u64::try_from(before).unwrap_or(u64::MAX), usual);
        }
        for (sum, more) in [(&mut self.took, took), (&mut self.usual, usual)] {
            *sum = (*sum - *sum / SAMPLES).saturating_add(more);
        }
        if self.ratio() <= USUAL {
            self.old_after = OLD;
        }
        self.seen_at = now;
    }

    pub(crate) const fn kept(self) -> (u64, u64) {
        (self.took, self.usual)
    }

    pub(crate) const fn remembered((took, usual): (u64, u64), now: Timestamp) -> Self {
        Self { took, usual, seen_at: now, old_after: OLD, is_asked: false }
    }

    /// By how much an attempt takes longer that is sent now, in parts of [`USUAL`].
    pub(crate) fn of_next(self, is_idle: bool, now: Timestamp) -> u64 {
        if is_idle && self.is_old(now) { self.ratio().min(USUAL) } else { self.ratio() }
    }

    fn is_old(self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= self.old_after
    }

    /// In parts of [`USUAL`]: greater is slower.
    fn ratio(self) -> u64 {
        let ratio = u128::from(self.took) * u128::from(USUAL) / u128::from(self.usual.max(1));
        let ratio = if self.usual == 0 { USUAL } else { u64::try_from(ratio).unwrap_or(u64::MAX) };
        if ratio.abs_diff(USUAL) <= NOISE { USUAL } else { ratio }
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::Timestamp;

    use super::{Speed, USUAL};

    /// What the next is thought to take, in percent of the usual, after attempts at these seconds that took so much of it.
    fn after(attempts: &[(u64, u64)], is_idle: bool, second: u64) -> u64 {
        let mut speed = Speed::default();
        for (second, percent) in attempts {
            let now = Timestamp(second * 1_000_000);
            speed.asks(now);
            speed.takes(percent * 10, 1_000, now);
        }
        speed.of_next(is_idle, Timestamp(second * 1_000_000)) * 100 / USUAL
    }

    #[test]
    fn what_is_slow_is_asked_anew_after_a_minute_and_later_each_time() {
        let slow: Vec<(u64, u64)> = (0..200).map(|_| (0, 300)).collect();
        let then = |more: &[(u64, u64)]| [slow.as_slice(), more].concat();
        assert!(after(&slow, true, 59) > 240);
        assert_eq!(after(&slow, true, 60), 100);
        assert!(after(&slow, false, 60) > 240, "one at a time");
        // Still slow: two minutes until the next, then four.
        assert!(after(&then(&[(60, 300)]), true, 179) > 240);
        assert_eq!(after(&then(&[(60, 300)]), true, 180), 100);
        assert!(after(&then(&[(60, 300), (180, 300)]), true, 419) > 240);
        // Well again: that is believed after some more.
        assert!(after(&then(&[(60, 100)]), true, 61) > 150);
        assert_eq!(after(&then(&[(60, 100), (180, 100), (420, 100)]), true, 421), 100);
    }

    #[test]
    fn what_is_as_quick_as_others_or_quicker_does_not_get_old() {
        let quick: Vec<(u64, u64)> = (0..200).map(|_| (0, 50)).collect();
        assert_eq!(after(&quick, true, 7_200), after(&quick, true, 1));
        let usual: Vec<(u64, u64)> = (0..20).map(|_| (0, 100)).collect();
        assert_eq!(after(&[usual.as_slice(), &[(7_200, 300)]].concat(), true, 7_201), 100, "one alone is chance");
    }
}
