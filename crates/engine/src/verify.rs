//! A journal as a whole, without an engine: whether everything in it can be read, and its open runs paused.

use std::collections::BTreeSet;

use agendum_core::{Entry, Record};
use agendum_ports::{Append, Appended, Blobs, Store, StoreError};
use agendum_types::{Hash, RunId, Seq, ShardId, Tenant};

use crate::reader::ReadError;
use crate::rows;

const PAGE: u32 = 1_024;

/// Reads every row, and every blob that one names.
///
/// # Errors
///
/// With the first that is damaged or missing.
pub async fn verify(store: &dyn Store, blobs: &dyn Blobs, shard: ShardId) -> Result<(), ReadError> {
    let (mut after, mut seen) = (Seq(0), Seen::default());
    loop {
        let page = store.read_all(shard, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for row in &page {
            rows::entry(row)?;
            let (Some(tenant), Some(run)) = (&row.tenant, row.run) else { continue };
            for hash in rows::blobs(row)? {
                seen.look(store, blobs, (tenant, run), hash).await?;
            }
        }
    }
}

/// What was found. A row keeps a value for the run of the row alone: another run that names it has it from elsewhere.
#[derive(Default)]
struct Seen {
    blobs: BTreeSet<(Tenant, Hash)>,
    rows: BTreeSet<(RunId, Hash)>,
}

impl Seen {
    async fn look(
        &mut self,
        store: &dyn Store,
        blobs: &dyn Blobs,
        (tenant, run): (&Tenant, RunId),
        hash: Hash,
    ) -> Result<(), ReadError> {
        let (blob, row) = ((tenant.clone(), hash), (run, hash));
        if self.blobs.contains(&blob) || self.rows.contains(&row) {
            return Ok(());
        }
        if blobs.get(tenant, hash).await.map_err(|error| ReadError::Payload(error.to_string()))?.is_some() {
            self.blobs.insert(blob);
        } else if store.inline_payload(tenant, run, hash).await?.is_some() {
            self.rows.insert(row);
        } else {
            return Err(ReadError::Payload(format!("run {run} names blob {hash}, which is missing")));
        }
        Ok(())
    }
}

/// Pauses every open run of a journal that nobody has open, as its caller would; gives how many.
///
/// # Errors
///
/// If the journal cannot be read or written.
pub async fn pause_all(store: &dyn Store, shard: ShardId) -> Result<usize, ReadError> {
    let opened = store.open(shard).await?;
    let (mut after, mut runs) = (Seq(0), BTreeSet::new());
    loop {
        let page = store.read_open(shard, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        runs.extend(page.into_iter().filter_map(|row| Some((row.run?, row.tenant?))));
    }
    let mut seq = opened.last;
    let row = |(run, tenant): &(RunId, Tenant)| {
        seq = seq.next();
        let record = Record::Paused { run: *run };
        let entry = Entry {
            seq,
            at: opened.high_water,
            tenant: Some(tenant.clone()),
            record,
            unsent: Box::default(),
            booked: None,
            wasted: Box::default(),
            verdict: None,
        };
        rows::row(&entry, opened.incarnation, None)
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let expected = opened.last.next();
    let batch = Append {
        shard,
        incarnation: opened.incarnation,
        expected,
        rows,
        runs: Vec::new(),
        settled: Vec::new(),
        noted: Vec::new(),
        judged: Vec::new(),
        learned: None,
    };
    match store.append(batch).await {
        Appended::Durable => Ok(runs.len()),
        Appended::Fenced(message) | Appended::Unknown(message) | Appended::Failed { message, .. } => {
            Err(StoreError::Io { doing: "pause its open runs", source: message.into() }.into())
        }
    }
}
