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
    let (mut after, mut seen) = (Seq(0), BTreeSet::<(Tenant, Hash)>::new());
    loop {
        let page = store.read_all(shard, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for row in &page {
            rows::entry(row)?;
            let (Some(tenant), Some(run)) = (&row.tenant, row.run) else { continue };
            for hash in rows::blobs(row)? {
                if seen.insert((tenant.clone(), hash)) {
                    named(store, blobs, tenant, run, hash).await?;
                }
            }
        }
    }
}

async fn named(store: &dyn Store, blobs: &dyn Blobs, tenant: &Tenant, run: RunId, hash: Hash) -> Result<(), ReadError> {
    let found = blobs.get(tenant, hash).await.map_err(|error| ReadError::Payload(error.to_string()))?;
    // A small one lies in a row.
    if found.is_some() || store.inline_payload(tenant, run, hash).await?.is_some() {
        return Ok(());
    }
    Err(ReadError::Payload(format!("run {run} names blob {hash}, which is missing")))
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
        };
        rows::row(&entry, opened.incarnation, None)
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let expected = opened.last.next();
    let batch =
        Append { shard, incarnation: opened.incarnation, expected, rows, runs: Vec::new(), settled: Vec::new() };
    match store.append(batch).await {
        Appended::Durable => Ok(runs.len()),
        Appended::Fenced(message) | Appended::Unknown(message) | Appended::Failed { message, .. } => {
            Err(StoreError::Io { doing: "pause its open runs", source: message.into() }.into())
        }
    }
}
