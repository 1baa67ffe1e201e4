//! Reading what the store holds, with an engine or without one.

use std::sync::Arc;

use agendum_core::Entry;
use agendum_ports::{Blobs, RunFilter, RunRow, Store, StoreError};
use agendum_spec::NormalDocument;
use agendum_types::{Graph, Limits, PayloadRef, RunId, Tenant};
use bytes::Bytes;

use crate::payloads::Payloads;
use crate::watch::{self, ReadError};

/// A run as the store has it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its line in the index.
    pub row: RunRow,
    /// Its graph, with all additions so far.
    pub graph: Arc<Graph>,
    /// Its document, with all additions so far.
    pub document: NormalDocument,
    /// Its records, in order.
    pub entries: Vec<Entry>,
}

/// Reads runs of a store that some process owns, or none.
pub struct Reader {
    store: Arc<dyn Store>,
    payloads: Payloads,
    limits: Limits,
}

impl Reader {
    /// A reader over these.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, limits: Limits) -> Self {
        let payloads = Payloads::new(Arc::clone(&store), blobs, &limits);
        Self { store, payloads, limits }
    }

    /// A page of the index of runs.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.store.runs(tenant, filter).await
    }

    /// A run with its graph and its records, live or not; `None` if this tenant has no such run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or what it holds is damaged.
    pub async fn stored(&self, tenant: &Tenant, run: RunId) -> Result<Option<Stored>, ReadError> {
        watch::stored(&self.payloads, &*self.store, &self.limits, tenant, run).await
    }

    /// The bytes of a payload that a record of this run names.
    ///
    /// # Errors
    ///
    /// If the tenant has no such payload or it cannot be read.
    pub async fn payload(&self, tenant: &Tenant, run: RunId, reference: &PayloadRef) -> Result<Bytes, ReadError> {
        self.payloads.bytes(tenant, run, reference).await.map_err(ReadError::payload)
    }
}
