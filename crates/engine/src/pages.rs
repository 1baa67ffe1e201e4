//! The rows of a run, read page by page: no reader holds more of a journal than a page.

use agendum_ports::{Row, Store, StoreError};
use agendum_types::{RunId, Seq, Tenant};
use agendum_wire::journal::Kind;

/// Rows of a page; each may carry a small payload.
const PAGE: u32 = 512;

/// Where in a run's journal a reader stands.
pub(crate) struct Pages<'a> {
    store: &'a dyn Store,
    tenant: &'a Tenant,
    run: RunId,
    kinds: Vec<u16>,
    after: Seq,
}

impl<'a> Pages<'a> {
    /// From the run's first row on: the rows of these kinds, or all.
    pub(crate) fn new(store: &'a dyn Store, tenant: &'a Tenant, run: RunId, kinds: &[Kind]) -> Self {
        let kinds = kinds.iter().map(|kind| *kind as u16).collect();
        Self { store, tenant, run, kinds, after: Seq(0) }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        let page = self.store.read_run(self.tenant, self.run, self.after, &self.kinds, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = last.seq;
        Ok(Some(page))
    }
}
