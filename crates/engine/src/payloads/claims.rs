//! Claims on blobs: what is about to be named is not deleted, and what may be deleted is not claimed. The rule is in [`crate::collect`].

use std::sync::Arc;

use agendum_ports::BlobError;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Address, Payloads, Shared, locked};

/// A blob that a record is about to name: it is not deleted.
pub(crate) struct Claim {
    pub(super) address: Address,
    table: Shared,
}

impl Drop for Claim {
    fn drop(&mut self) {
        locked(&self.table).claims.let_go(&self.address);
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claim").field(&self.address.1).finish()
    }
}

/// Blobs that nobody may claim meanwhile, for they may be deleted.
pub(crate) struct Closed<'a> {
    pub(crate) blobs: Vec<Address>,
    payloads: &'a Payloads,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.payloads.table().claims.open(&self.blobs);
        self.payloads.opened.notify_waiters();
    }
}

/// Which blobs are spoken for.
#[derive(Default)]
pub(super) struct Claims {
    /// How many claim each.
    held: FxHashMap<Address, u32>,
    closed: FxHashSet<Address>,
    /// Blobs that are known to be kept. Some that are as well are not in here.
    pub(super) kept: FxHashSet<Address>,
}

impl Claims {
    fn take(&mut self, address: &Address) -> bool {
        if self.closed.contains(address) {
            return false;
        }
        *self.held.entry(address.clone()).or_default() += 1;
        true
    }

    fn let_go(&mut self, address: &Address) {
        let Some(count) = self.held.get_mut(address) else { return };
        *count -= 1;
        if *count == 0 {
            self.held.remove(address);
        }
    }

    fn close(&mut self, address: &Address) -> bool {
        !self.held.contains_key(address) && self.closed.insert(address.clone())
    }

    fn open(&mut self, blobs: &[Address]) {
        for address in blobs {
            self.closed.remove(address);
        }
    }
}

impl Payloads {
    /// Waits while the blob may be deleted.
    pub(super) async fn claim(&self, address: Address) -> Claim {
        loop {
            let opened = self.opened.notified();
            let mut opened = std::pin::pin!(opened);
            opened.as_mut().enable();
            if self.table().claims.take(&address) {
                return Claim { address, table: Arc::clone(&self.table) };
            }
            opened.await;
        }
    }

    /// Of these blobs, closes those that nobody claims.
    pub(crate) fn close(&self, mut blobs: Vec<Address>) -> Closed<'_> {
        let mut table = self.table();
        blobs.retain(|address| table.claims.close(address));
        drop(table);
        Closed { blobs, payloads: self }
    }

    /// Deletes a blob that was closed, and that nothing names.
    pub(crate) async fn delete(&self, (tenant, hash): &Address) -> Result<(), BlobError> {
        self.table().claims.kept.remove(&(tenant.clone(), *hash));
        self.blobs.remove(tenant, *hash).await
    }
}
