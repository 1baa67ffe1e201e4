//! Forgetting runs, and which blobs nothing names any more.
//!
//! A run is forgotten in one transaction, and nobody finds it from then on; its rows go afterwards, a few at a time. A store does not
//! read bodies: whoever can tells it which blobs the rows name, up to a place in the journal, and rows behind that place stay. The blobs
//! of a forgotten run become loose with its last row; a loose blob that no row names may be deleted by whoever knows that no
//! row is about to name it.

use agendum_types::{Hash, RunId, Seq, ShardId, Tenant, Timestamp};
use futures_util::future::BoxFuture;

use crate::store::{Row, StoreError};

/// A blob that a row of a run names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobName {
    /// Whose.
    pub tenant: Tenant,
    /// Its address.
    pub hash: Hash,
    /// Who names it.
    pub run: RunId,
}

/// What came of a wish to forget a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is gone.
    Yes,
    /// This tenant has no such run.
    NoRun,
    /// Something may still happen to it.
    NotDone,
    /// It ran for a task of this run, which is there: a retry of that asks what it did.
    Child(RunId),
    /// It was submitted under a key, at this time, and is kept for whoever sends it again.
    Keyed(Timestamp),
    /// It took over what this run did, which is there: without it, that could be taken over once more.
    Retries(RunId),
    /// It had child runs, and this one, which went on from it, is not done: it may ask what they did.
    WentOn(RunId),
}

/// The part of a store that forgets.
pub trait Retention: Send + Sync {
    /// Takes a run that is done out of the index, with its key; one that was submitted under a key later than `keyed_until` stays, and so
    /// do a retry as long as the run that it took over, a child as long as its parent, and whoever had children as long as a retry of it, or
    /// a retry of that, is not done. A child's own key keeps nothing.
    fn forget(
        &self,
        tenant: &Tenant,
        run: RunId,
        keyed_until: Timestamp,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>>;

    /// True if there are rows of forgotten runs, or loose blobs.
    fn has_forgotten(&self) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Removes up to so many rows and names of forgotten runs; true if there may be more to do. Rows whose blobs are not named yet stay,
    /// and so does the last row of the journal, which says where the next one goes.
    fn sweep(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Up to where the blobs of rows are named.
    fn named_until(&self, shard: ShardId) -> BoxFuture<'_, Result<Seq, StoreError>>;

    /// A page of a journal, in its order, after `after`: the rows of all runs, forgotten ones included.
    fn read_all(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// Notes which blobs the rows up to `until` name, as far as that was not known.
    fn name_blobs(&self, shard: ShardId, until: Seq, names: Vec<BlobName>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Up to so many loose blobs, after that one: no row names them, as far as names are known.
    fn loose_blobs(
        &self,
        after: Option<(Tenant, Hash)>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(Tenant, Hash)>, StoreError>>;

    /// These are loose no more: they were deleted.
    fn drop_loose(&self, blobs: Vec<(Tenant, Hash)>) -> BoxFuture<'_, Result<(), StoreError>>;
}
