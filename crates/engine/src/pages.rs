//! The rows of a run, read page by page: no reader holds more of a journal than a page.

use agendum_ports::{Row, Store, StoreError};
use agendum_types::{RunId, Seq, Tenant};

/// Rows of a page; each may carry a small payload.
const PAGE: u32 = 512;

/// The rows after this one; none after the last.
pub(crate) async fn page(store: &dyn Store, tenant: &Tenant, run: RunId, after: Seq) -> Result<Vec<Row>, StoreError> {
    store.read_run(tenant, run, after, PAGE).await
}

/// Where in a run's journal a reader stands.
pub(crate) struct Pages<'a> {
    store: &'a dyn Store,
    tenant: &'a Tenant,
    run: RunId,
    after: Seq,
}

impl<'a> Pages<'a> {
    /// From the run's first row on.
    pub(crate) const fn new(store: &'a dyn Store, tenant: &'a Tenant, run: RunId) -> Self {
        Self { store, tenant, run, after: Seq(0) }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        let page = page(self.store, self.tenant, self.run, self.after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = last.seq;
        Ok(Some(page))
    }
}
