//! The store forgets: what reads goes to the reading thread, what writes to the writing one.

use agendum_ports::{BlobName, Forgotten, Retention, Row, StoreError};
use agendum_types::{Hash, RunId, Seq, ShardId, Tenant, Timestamp};
use futures_util::future::BoxFuture;

use crate::store::SqliteStore;
use crate::{forget, read};

impl Retention for SqliteStore {
    fn forget(
        &self,
        tenant: &Tenant,
        run: RunId,
        keyed_until: Timestamp,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        let tenant = tenant.clone();
        self.change("forget a run", move |db| forget::forget(db, &tenant, run, keyed_until))
    }

    fn has_forgotten(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.query("look for forgotten runs", forget::has_forgotten)
    }

    fn sweep(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("remove forgotten runs", move |db| forget::sweep(db, shard, count_max))
    }

    fn named_until(&self, shard: ShardId) -> BoxFuture<'_, Result<Seq, StoreError>> {
        self.query("look up which blobs are named", move |db| forget::named_until(db, shard))
    }

    fn read_all(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.query("read the journal", move |db| read::all_rows(db, shard, after, count_max))
    }

    fn name_blobs(&self, shard: ShardId, until: Seq, names: Vec<BlobName>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change("note which blobs are named", move |db| forget::name_blobs(db, shard, until, &names))
    }

    fn loose_blobs(
        &self,
        after: Option<(Tenant, Hash)>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(Tenant, Hash)>, StoreError>> {
        self.query("look for loose blobs", move |db| forget::loose_blobs(db, after, count_max))
    }

    fn drop_loose(&self, blobs: Vec<(Tenant, Hash)>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change("note which blobs are gone", move |db| forget::drop_loose(db, &blobs))
    }
}
