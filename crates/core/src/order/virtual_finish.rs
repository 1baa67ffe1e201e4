//! Fair completion order (as in Justitia, arXiv 2510.17015): first whoever would be answered first if all live runs of the band shared alike in what
//! is served, each given what it needs in that order.
//!
//! The virtual clock of a band counts the service that each of its runs would have had under such sharing: a call that took three seconds moves it by one
//! where three runs are live. A run is finished there when the clock, which stood somewhere when it came, has gone on by all the service that the run
//! takes: what it has had, and what runs of its graph still took on average where it stands. So a run that was passed over comes nearer to its finish,
//! and one that was served beyond its part does not.
//!
//! That is told as an instant, from the present on: what is left of the way to its finish, each second of it for `aging` seconds. Tasks that are
//! ranked together stand in the order of finishes; one that has waited goes before what comes later, so that nobody starves.

use agendum_types::Duration;

use super::{Rule, Seen};

/// The service of a band, as if all its runs shared alike. Soft: a new life begins with nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sharing {
    /// What a run that was there all along would have been served.
    clock: Duration,
    /// Runs that were accepted, and are not answered.
    live: u64,
}

impl Sharing {
    /// A run comes: where the clock stands.
    pub(crate) fn comes(&mut self) -> Duration {
        self.live += 1;
        self.clock
    }

    /// A run is answered.
    pub(crate) fn goes(&mut self) {
        self.live -= 1;
    }

    /// A run was served so much.
    pub(super) fn serves(&mut self, took: Duration) {
        self.clock = self.clock.plus(Duration(took.as_micros() / self.live.max(1)));
    }

    /// What each run would have been served since then.
    pub(super) fn since(self, from: Duration) -> Duration {
        self.clock.minus(from)
    }
}

pub(super) struct VirtualFinish;

impl Rule for VirtualFinish {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        let whole = seen.served.time.plus(seen.to_answer());
        let (left, over) = (whole.minus(seen.shared), seen.shared.minus(whole));
        seen.now.after(seen.aged(left)).before(seen.aged(over)).0
    }
}
