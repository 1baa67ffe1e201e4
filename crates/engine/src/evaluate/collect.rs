//! The outputs of a `foreach`, read from the run's journal: memory holds a window of its items, the journal all of them.

use agendum_core::{Change, Next, NextRound, Record};
use agendum_ports::{Store, StoreError};
use agendum_types::{Outcome, PayloadRef, RunId, Segment, Seq, TaskPath, Tenant};
use agendum_wire::journal::{DecodeError, Kind};
use rustc_hash::FxHashMap;

use crate::rows;

const PAGE: u32 = 4_096;

/// Why outputs could not be collected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("the journal holds the outputs of {found} items, expected {expected}")]
    Incomplete { found: u32, expected: u32 },
}

/// The outputs of the items that succeeded, by index.
pub(super) async fn outputs(
    store: &dyn Store,
    tenant: &Tenant,
    run: RunId,
    foreach: &TaskPath,
    count: u32,
    succeeded: u32,
) -> Result<Vec<PayloadRef>, CollectError> {
    let mut items = Items { foreach, settled: vec![None; count as usize], candidates: FxHashMap::default() };
    let mut after = Seq(0);
    loop {
        let page = store.read_run(tenant, run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in page.iter().filter(|row| Kind::from_number(row.kind).is_some_and(tells_of_output)) {
            if let Record::Task { path, change, .. } = rows::entry(row)?.record {
                items.learn(&path, change);
            }
        }
    }
    let outputs: Vec<PayloadRef> = items.settled.into_iter().flatten().collect();
    let found = outputs.len() as u32;
    if found == succeeded { Ok(outputs) } else { Err(CollectError::Incomplete { found, expected: succeeded }) }
}

const fn tells_of_output(kind: Kind) -> bool {
    matches!(kind, Kind::Finished | Kind::Judged | Kind::Caught | Kind::Composed | Kind::RoundJudged | Kind::Ended)
}

struct Items<'a> {
    foreach: &'a TaskPath,
    settled: Vec<Option<PayloadRef>>,
    /// The latest output inside an item that is not settled: to be judged, or of a round.
    candidates: FxHashMap<u32, PayloadRef>,
}

impl Items<'_> {
    fn learn(&mut self, path: &TaskPath, change: Change) {
        let Some(inside) = path.segments().strip_prefix(self.foreach.segments()) else { return };
        let (item, is_round) = match inside {
            [Segment::Item(item)] => (*item, false),
            [Segment::Item(item), Segment::Round(_)] => (*item, true),
            _ => return,
        };
        let settles = match change {
            Change::Finished(finished) => {
                let Outcome::Succeeded(success) = finished.outcome else { return };
                self.candidates.insert(item, success.output);
                finished.next == Next::Succeed
            }
            Change::Judged { next, .. } => next == Next::Succeed,
            Change::Caught { output } | Change::Composed { output } => {
                self.candidates.insert(item, *output);
                true
            }
            Change::RoundJudged { next: NextRound::Use { output }, .. } => {
                self.candidates.insert(item, *output);
                true
            }
            Change::RoundJudged { next, .. } => next == NextRound::Done,
            Change::Entered(_)
            | Change::Dispatched(_)
            | Change::Referenced { .. }
            | Change::Ended { .. }
            | Change::Abandoned { .. } => false,
        };
        if settles
            && !is_round
            && let Some(slot) = self.settled.get_mut(item as usize)
        {
            *slot = self.candidates.remove(&item);
        }
    }
}
