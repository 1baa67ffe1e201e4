//! From the journal back to a scheduler.

use agendum_core::{Record, Scheduler};
use agendum_ports::{Opened, StoreError};
use agendum_spec::{NormalDocument, Unloadable};
use agendum_types::{Hash, PayloadRef, RunId, Seq, Tenant};
use agendum_wire::journal::DecodeError;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Surroundings;
use crate::payloads::PayloadError;
use crate::rows;

const PAGE: u32 = 4_096;

/// Why a journal could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The store could not be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A graph's document is lost or cannot be read.
    #[error("the document of graph {graph}, which run {run} needs: {message}")]
    Document {
        /// The graph's hash.
        graph: Hash,
        /// The first run that names it.
        run: RunId,
        /// What is wrong.
        message: String,
    },
}

/// A scheduler where the journal left it.
pub(super) struct Restored {
    pub(super) scheduler: Scheduler,
    pub(super) opened: Opened,
    pub(super) tenants: FxHashMap<RunId, Tenant>,
}

/// Opens the journal and applies the records of all open runs.
pub(super) async fn open(surroundings: &Surroundings) -> Result<Restored, RestoreError> {
    let opened = surroundings.store.open(surroundings.shard).await?;
    let mut restored =
        Restored { scheduler: Scheduler::new(surroundings.limits.clone()), opened, tenants: FxHashMap::default() };
    let mut known: FxHashSet<Hash> = FxHashSet::default();
    let mut after = Seq(0);
    loop {
        let page = surroundings.store.read_open(surroundings.shard, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in &page {
            let entry = rows::entry(row)?;
            if let (Some((run, graph, document)), Some(tenant)) = (names_graph(&entry.record), &entry.tenant) {
                restored.tenants.insert(run, tenant.clone());
                if known.insert(graph) {
                    let loaded = load(surroundings, tenant, document).await;
                    let loaded =
                        loaded.map_err(|error| RestoreError::Document { graph, run, message: error.to_string() })?;
                    restored.scheduler.learn_graph(&loaded);
                }
            }
            restored.scheduler.apply(&entry);
        }
    }
    Ok(restored)
}

fn names_graph(record: &Record) -> Option<(RunId, Hash, &PayloadRef)> {
    match record {
        Record::RunSubmitted(submitted) => Some((submitted.run, submitted.graph, &submitted.document)),
        Record::TasksAdded { run, graph, document } => Some((*run, *graph, document)),
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::CancelRequested { .. }
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::Task { .. }
        | Record::Answered(_)
        | Record::Done { .. } => None,
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("it is no text")]
    NoText,
    #[error(transparent)]
    Unloadable(#[from] Unloadable),
}

async fn load(
    surroundings: &Surroundings,
    tenant: &Tenant,
    document: &PayloadRef,
) -> Result<std::sync::Arc<agendum_types::Graph>, LoadError> {
    let bytes = surroundings.payloads.blob(tenant, document).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| LoadError::NoText)?;
    Ok(agendum_spec::load(&NormalDocument(text.into()), &surroundings.limits)?)
}
