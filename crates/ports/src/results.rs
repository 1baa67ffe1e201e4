//! Results that were paid for and are kept, beside the journal: each under the address of what was asked for, of one tenant.
//!
//! A copy is no truth: losing one costs an attempt. A small one is kept with its bytes; a larger one names a blob, which is not loose as
//! long as the copy stands.

use std::sync::Arc;

use agendum_types::{CachedCopy, Hash, Money, RunId, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// A result to be kept, or that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptResult {
    /// Whose.
    pub tenant: Tenant,
    /// The address of what was asked for, under the tenant's key.
    pub key: Hash,
    /// The word of the capability.
    pub capability: Arc<str>,
    /// What it gave.
    pub copy: CachedCopy,
    /// Its bytes; `None` if they are the blob with the output's hash.
    pub bytes: Option<Bytes>,
    /// What it can be forgotten by.
    pub tags: Vec<Arc<str>>,
}

/// A line of a list of kept results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// The address of what was asked for.
    pub key: Hash,
    /// The word of the capability.
    pub capability: Arc<str>,
    /// The target that gave it.
    pub target: Arc<str>,
    /// The run that paid for it.
    pub run: RunId,
    /// When it was kept.
    pub at: Timestamp,
    /// What it cost.
    pub cost: Money,
    /// Its bytes.
    pub size: u64,
    /// What it can be forgotten by.
    pub tags: Vec<Arc<str>>,
}

/// Which kept results of a tenant are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichKept {
    /// All of them.
    All,
    /// Those with this tag.
    Tagged(Arc<str>),
    /// The one with this key.
    Key(Hash),
}

/// What was kept and is not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many results.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The part of a store that keeps results.
pub trait Results: Send + Sync {
    /// What is kept under this key, whatever its age.
    fn look_up(&self, tenant: &Tenant, key: Hash) -> BoxFuture<'_, Result<Option<KeptResult>, StoreError>>;

    /// Up to so many keys of a tenant from the first to the last of these two, in their order.
    fn keys_within(
        &self,
        tenant: &Tenant,
        within: (Hash, Hash),
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>>;

    /// Keeps these, each instead of what was kept under its key. Blobs that they name are loose no more.
    fn keep(&self, results: Vec<KeptResult>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps up to so many of these of the tenant no longer: if there were fewer, that was all.
    fn drop_kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>>;

    /// What of that is kept for a tenant, the latest first, at most so many; and how much of it there is in all.
    fn kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<(Vec<KeptLine>, Dropped), StoreError>>;

    /// The bytes of all results, of all tenants.
    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Drops, of all tenants, up to so many, the oldest first: those that were kept before this instant, and more until so many bytes
    /// are gone. If there were fewer, that was all.
    fn trim(&self, before: Timestamp, bytes_over: u64, count_max: u32) -> BoxFuture<'_, Result<Dropped, StoreError>>;
}
