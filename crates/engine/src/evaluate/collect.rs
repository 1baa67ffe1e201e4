//! The outputs of a `foreach`, read from the run's journal: memory holds a window of its items, the journal all of them.
//!
//! The list is put together as text, from the texts of the outputs: a hundred thousand parsed values would take ten times as much.

use agendum_core::{Change, Evaluate, Next, NextRound, Record};
use agendum_ports::{Payload, Row, Store, StoreError};
use agendum_types::{MediaType, PayloadRef, RunId, Segment, TaskPath, Tenant};
use agendum_wire::journal::{DecodeError, Kind};
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::pages::Pages;
use crate::payloads::{PayloadError, Payloads};
use crate::rows;

/// Records that tell of outputs.
const OF_OUTPUT: [Kind; 9] = [
    Kind::Finished,
    Kind::Judged,
    Kind::Caught,
    Kind::Composed,
    Kind::RoundJudged,
    Kind::Ended,
    Kind::Resolved,
    Kind::Waited,
    Kind::Cached,
];

/// Why outputs could not be collected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("the journal holds the outputs of {found} items, expected {expected}")]
    Incomplete { found: u32, expected: u32 },
}

/// The items of a `foreach` as far as its journal has been read.
pub(super) struct Items<'a> {
    tenant: &'a Tenant,
    run: RunId,
    foreach: &'a TaskPath,
    succeeded: u32,
    items: Vec<Item>,
}

/// How an item stands.
#[derive(Default)]
struct Item {
    /// The latest output inside it: its own, to be judged perhaps, or a round's.
    output: Option<Output>,
    /// True as long as nothing that follows its success says otherwise: a judgement may still fail what was composed.
    succeeded: bool,
}

/// An output: its text where the row that names it carries it.
enum Output {
    Text(Bytes),
    Elsewhere(Box<PayloadRef>),
}

impl<'a> Items<'a> {
    pub(super) fn new(asked: &'a Evaluate, count: u32, succeeded: u32) -> Self {
        let items = (0..count).map(|_| Item::default()).collect();
        let Evaluate { tenant, run, path, .. } = asked;
        Self { tenant, run: *run, foreach: path, succeeded, items }
    }

    /// The list of the outputs of the items that succeeded, by index.
    pub(super) async fn list(mut self, store: &dyn Store, payloads: &Payloads) -> Result<Payload, CollectError> {
        self.read(store).await?;
        let outputs = self.items.into_iter().filter(|item| item.succeeded).filter_map(|item| item.output);
        let outputs: Vec<Output> = outputs.collect();
        let found = outputs.len() as u32;
        if found != self.succeeded {
            return Err(CollectError::Incomplete { found, expected: self.succeeded });
        }
        let mut list = vec![b'['];
        for output in outputs {
            if list.len() > 1 {
                list.push(b',');
            }
            match output {
                Output::Text(text) => list.extend_from_slice(&text),
                Output::Elsewhere(reference) => {
                    let value = payloads.value(self.tenant, self.run, &reference).await?;
                    list.extend_from_slice(value.to_string().as_bytes());
                }
            }
            payloads.fits(list.len() as u64)?;
        }
        list.push(b']');
        Ok(Payload { media: MediaType::Json, bytes: list.into() })
    }

    async fn read(&mut self, store: &dyn Store) -> Result<(), CollectError> {
        let mut pages = Pages::new(store, self.tenant, self.run, &OF_OUTPUT);
        while let Some(page) = pages.next().await? {
            for row in &page {
                if let Record::Task { path, change, .. } = rows::entry(row)?.record {
                    self.learn(&path, &change, row);
                }
            }
        }
        Ok(())
    }

    fn learn(&mut self, path: &TaskPath, change: &Change, row: &Row) {
        let Some(inside) = path.segments().strip_prefix(self.foreach.segments()) else { return };
        let (item, is_round) = match inside {
            [Segment::Item(item)] => (*item, false),
            [Segment::Item(item), Segment::Round(_)] => (*item, true),
            _ => return,
        };
        let Some(item) = self.items.get_mut(item as usize) else { return };
        let succeeds = match change {
            Change::Finished(finished) => finished.next == Next::Succeed,
            Change::Judged { next, .. } => *next == Next::Succeed,
            Change::Resolved(resolved) => resolved.next == Next::Succeed,
            Change::RoundJudged { next, .. } => matches!(next, NextRound::Done | NextRound::Use { .. }),
            Change::Caught { .. } | Change::Composed { .. } | Change::Waited(_) | Change::Cached(_) => true,
            Change::Ended(_) => false,
            Change::Entered(_)
            | Change::Dispatched(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Reused { .. }
            | Change::Referenced { .. }
            | Change::Abandoned { .. } => return,
        };
        if let Some(output) = change.output() {
            item.output = Some(Output::of(output, row));
        }
        if !is_round {
            item.succeeded = succeeds;
        }
    }
}

impl Output {
    /// An adapter may call anything JSON; only what is can become a part of a list as it is.
    fn of(reference: &PayloadRef, row: &Row) -> Self {
        let carried = row.payload.as_ref().filter(|payload| payload.hash == reference.hash);
        let text = carried.filter(|_| reference.media == MediaType::Json).map(|payload| &payload.bytes);
        match text.filter(|text| serde_json::from_slice::<&RawValue>(text).is_ok()) {
            Some(text) => Self::Text(text.clone()),
            None => Self::Elsewhere(Box::new(reference.clone())),
        }
    }
}
