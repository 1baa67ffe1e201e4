//! Payloads too large to travel inside a journal row, addressed per tenant.

use agendum_types::{Hash, Tenant};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Bytes by (tenant, keyed hash). No deduplication across tenants.
pub trait Blobs: Send + Sync {
    /// Keeps the bytes. When the future is done with `Ok`, they survive a power loss: written, synced, renamed, folder synced.
    /// Keeping what is already kept is cheap.
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>>;

    /// The bytes with this address; `None` if this tenant has none. The hash is checked on the way.
    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>>;

    /// Deletes the bytes with this address, if there are any: nothing names them, and nothing is about to.
    fn remove(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<(), BlobError>>;

    /// The key that addresses this tenant's payloads, inline ones included.
    fn key(&self, tenant: &Tenant) -> TenantKey;
}

/// Addresses the payloads of one tenant. Derived from a secret of the data directory, so that hashes of two tenants, or of two
/// installations, cannot be compared.
#[derive(Clone)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    /// The key of a tenant under the secret of a data directory.
    #[must_use]
    pub fn derive(secret: &[u8; 32], tenant: &Tenant) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(secret);
        hasher.update(b"agendum payload key v1\0");
        hasher.update(tenant.0.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The address of these bytes.
    #[must_use]
    pub fn address(&self, bytes: &[u8]) -> Hash {
        Hash(*blake3::keyed_hash(&self.0, bytes).as_bytes())
    }

    /// A hash of bytes that come after others, of which this is the hash: no address of anything.
    #[must_use]
    pub fn chain(&self, before: &[u8; 32], bytes: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"agendum input block v1\0").update(before).update(bytes);
        Hash(*hasher.finalize().as_bytes())
    }
}

impl std::fmt::Debug for TenantKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantKey(…)")
    }
}

/// Why bytes could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk is full; nothing was kept.
    #[error("the disk that holds the blobs is full")]
    DiskFull,
    /// What is on disk is not what was kept.
    #[error("blob {0} is corrupt: its content does not match its address")]
    Corrupt(Hash),
    /// Any other failure of the disk.
    #[error("the blob store failed to {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
