//! Calendar windows in UTC, what a tenant may spend in each, and what became of money that bought nothing.

use std::sync::Arc;

use crate::graph::OnExceeded;
use crate::money::Money;
use crate::time::{Duration, Timestamp};

/// A stretch of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to that of the next.
    Month,
}

impl Window {
    /// All of them, the shortest first: each hour lies in one day, and each day in one month.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the window that holds this instant began.
    #[must_use]
    pub const fn start(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Hour => Timestamp(at.0 - at.0 % 3_600_000_000),
            Self::Day => Timestamp(at.0 - at.0 % DAY.0),
            Self::Month => {
                let midnight = Self::Day.start(at);
                Timestamp(midnight.0 - (midnight.day_of_month() - 1) * DAY.0)
            }
        }
    }

    /// When the next one begins.
    #[must_use]
    pub const fn end(self, at: Timestamp) -> Timestamp {
        let start = self.start(at);
        match self {
            Self::Hour => start.after(Duration::secs(3_600)),
            Self::Day => start.after(DAY),
            Self::Month => Self::Month.start(start.after(Duration(31 * DAY.0))),
        }
    }
}

const DAY: Duration = Duration::secs(86_400);

/// What may be spent in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cap {
    /// Money at most.
    pub money: Option<Money>,
    /// Tokens at most, in and out.
    pub tokens: Option<u64>,
}

/// What each tenant may spend, whatever its runs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Windows {
    /// In each window, in the order of [`Window::ALL`].
    pub caps: [Cap; 3],
    /// What happens to an attempt that the rest of one does not cover.
    pub on_exceeded: OnExceeded,
}

impl Windows {
    /// True if nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.caps == [Cap::default(); 3]
    }

    /// The cap of a window.
    #[must_use]
    pub const fn cap(&self, window: Window) -> Cap {
        self.caps[window as usize]
    }
}

/// What a tenant has spent and holds in a limited window of the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowView {
    /// Which.
    pub window: Window,
    /// When the next one begins.
    pub ends: Timestamp,
    /// What may be spent in it.
    pub cap: Cap,
    /// What was spent: money and tokens.
    pub spent: (Money, u64),
    /// What attempts that are out may yet cost; `None` where nobody knows, because no process works on the runs.
    pub held: Option<(Money, u64)>,
}

/// Why money bought nothing that a run used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waste {
    /// The attempt failed.
    Failed,
    /// Its run went on without it: a race was decided, a limit of time passed, another took its place.
    Superseded,
    /// It was stopped for more urgent work.
    Preempted,
    /// Its run had failed or was cancelled.
    Abandoned,
    /// The process ended while it was out.
    Lost,
}

impl Waste {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Superseded, Self::Preempted, Self::Abandoned, Self::Lost];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Preempted => "preempted",
            Self::Abandoned => "abandoned",
            Self::Lost => "lost",
        }
    }

    /// The waste with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|waste| waste.word() == word)
    }
}

/// What an attempt has cost, in the moment in which that is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The name of its target.
    pub target: Arc<str>,
    /// When its money was set aside: it counts in the windows of that instant.
    pub taken: Timestamp,
    /// What it cost.
    pub cost: Money,
    /// What it used in tokens.
    pub tokens: u64,
    /// How much of the cost was billed above what had been set aside.
    pub over: Money,
    /// Why it was of no use; `None` if its result was taken.
    pub waste: Option<Waste>,
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, Window};

    #[test]
    fn an_instant_lies_in_its_windows() {
        for hours in (0..200_000).step_by(37) {
            let at = Timestamp(hours * 3_600_000_000 + 1_234_567);
            for window in Window::ALL {
                assert!(window.start(at) <= at && at < window.end(at), "{at} {window:?}");
                assert_eq!(window.start(window.end(at)), window.end(at), "{at} {window:?}");
                assert_eq!(window.end(window.start(at)), window.end(at), "{at} {window:?}");
            }
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let told: Vec<String> = [1_709_164_800_u64, 1_704_067_199, 0, 1_795_867_200]
            .into_iter()
            .map(|secs| Timestamp(secs * 1_000_000))
            .map(|at| format!("{} {}", Window::Month.start(at), Window::Month.end(at)))
            .collect();
        let expected = [
            "2024-02-01T00:00:00.000000Z 2024-03-01T00:00:00.000000Z",
            "2023-12-01T00:00:00.000000Z 2024-01-01T00:00:00.000000Z",
            "1970-01-01T00:00:00.000000Z 1970-02-01T00:00:00.000000Z",
            "2026-11-01T00:00:00.000000Z 2026-12-01T00:00:00.000000Z",
        ];
        assert_eq!(told, expected);
    }
}
