//! The time in which nothing more of a child run is begun: it is paused, or in quarantine. That is no time of the try. Else the task
//! would be tried again by a new child, of which nobody knows any more that its work was held.

use agendum_core::Record;
use agendum_types::{Duration, RunId, Timestamp};
use agendum_wire::journal::Kind;
use tokio::time::Instant;

use super::{Launch, PAUSE, Unknown};
use crate::pages::Pages;
use crate::rows;

/// Records that hold a run, and those that let it go on.
const HOLDING: [Kind; 4] = [Kind::Paused, Kind::Resumed, Kind::Crashed, Kind::CancelRequested];

/// How long a run was held, as far as its journal was read.
#[derive(Default)]
struct Held {
    before: Duration,
    since: Option<Timestamp>,
    quarantined: bool,
}

/// Reads its journal on from look to look.
pub(super) struct Holding<'a> {
    pages: Pages<'a>,
    held: Held,
}

impl Held {
    fn hear(&mut self, record: &Record, at: Timestamp) {
        if matches!(record, Record::Paused { .. } | Record::Crashed { quarantined: true, .. }) {
            self.since.get_or_insert(at);
            self.quarantined |= matches!(record, Record::Crashed { .. });
        }
        // Who cancels a run wants it to end, be it paused.
        let goes_on = matches!(record, Record::Resumed { .. })
            || matches!(record, Record::CancelRequested { .. }) && !self.quarantined;
        if goes_on {
            let held = self.since.map_or(Duration::ZERO, |since| at.since(since));
            *self = Self { before: self.before.plus(held), since: None, quarantined: false };
        }
    }
}

impl Launch {
    pub(super) fn holding(&self, run: RunId) -> Holding<'_> {
        let pages = Pages::new(&*self.around.store, &self.dispatch.tenant, run, &HOLDING);
        Holding { pages, held: Held::default() }
    }

    /// The time of the try is over, but for that in which the run was held: when to look again, if there is more.
    pub(super) async fn more_time(
        &self,
        Holding { pages, held }: &mut Holding<'_>,
    ) -> Result<Option<Instant>, Unknown> {
        while let Some(page) = pages.next().await.map_err(Unknown::from)? {
            for row in &page {
                held.hear(&rows::entry(row).map_err(Unknown::from)?.record, row.at);
            }
        }
        if held.since.is_some() {
            return Ok(Some(Instant::now() + PAUSE));
        }
        let limit = self.limit.map(|limit| limit + held.before.minus(self.overdue).to_std());
        Ok(limit.filter(|limit| *limit > Instant::now()))
    }
}
