//! How long to wait before an endpoint is tried again, and when to give up.

use agendum_types::{Duration, Timestamp};

/// Tries of a notice before it is given up, however old it is: who was away for days has had none.
const ATTEMPTS_MIN: u32 = 5;
/// A provider's wish is believed so far.
const AFTER_MAX: Duration = Duration::secs(3_600);

/// How often an endpoint is tried again, for how long, and with how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The pause behind the first failure; doubled from one to the next.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// A notice that happened longer ago is given up.
    pub give_up: Duration,
    /// So many notices are kept for it; of more the oldest are given up.
    pub kept_max: u32,
}

impl Default for Patience {
    fn default() -> Self {
        let (first, longest, give_up) = (Duration::secs(2), Duration::secs(3_600), Duration::secs(24 * 3_600));
        Self { first, longest, give_up, kept_max: 1_000_000 }
    }
}

impl Patience {
    /// The pause behind so many failures in a row: a half of it is chance, so that what failed together does not come back together.
    /// Not shorter than what the endpoint asks for.
    #[must_use]
    pub fn pause(&self, failures: u32, chance: u64, asked: Option<Duration>) -> Duration {
        let doubled = self.first.0.saturating_mul(1 << failures.saturating_sub(1).min(32));
        let half = doubled.min(self.longest.0) / 2;
        let pause = Duration(half + chance % (half + 1));
        asked.map_or(pause, |asked| asked.min(AFTER_MAX).max(pause))
    }

    /// True if a notice that was tried so often is not tried again.
    #[must_use]
    pub fn ends(&self, attempts: u32, happened: Timestamp, now: Timestamp) -> bool {
        attempts >= ATTEMPTS_MIN && now.since(happened) >= self.give_up
    }

    /// What happened before this is given up without another try, once an endpoint has failed so often in a row.
    #[must_use]
    pub fn expired(&self, failures: u32, now: Timestamp) -> Option<Timestamp> {
        (failures >= ATTEMPTS_MIN).then(|| now.before(self.give_up))
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::{Duration, Timestamp};

    use super::Patience;

    #[test]
    fn pauses_grow_to_an_hour_and_heed_the_endpoint() {
        let patience = Patience::default();
        let told =
            [(1, None), (2, None), (5, None), (12, None), (99, None), (1, Some(60)), (12, Some(1)), (1, Some(90_000))]
                .map(|(failures, asked)| {
                    let asked = asked.map(Duration::secs);
                    let [least, most] = [0, u64::MAX].map(|chance| patience.pause(failures, chance, asked));
                    assert!(least <= most && most <= Duration::secs(3_600));
                    least.to_string()
                });
        insta::assert_snapshot!(told.join(", "), @"1s, 2s, 16s, 30m 00s, 30m 00s, 1m 00s, 30m 00s, 1h 00m");
    }

    #[test]
    fn what_is_old_is_given_up_once_it_was_tried_often_enough() {
        let patience = Patience::default();
        let day = Timestamp(Duration::secs(24 * 3_600).0);
        assert!(!patience.ends(4, Timestamp(0), day) && patience.ends(5, Timestamp(0), day));
        assert!(!patience.ends(5, Timestamp(1), day));
        assert_eq!(patience.expired(4, day), None);
        assert_eq!(patience.expired(5, day), Some(Timestamp(0)));
    }
}
