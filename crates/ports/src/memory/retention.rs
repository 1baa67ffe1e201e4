//! Forgetting, in memory.

use std::ops::Bound;

use agendum_types::{Hash, RunId, Seq, ShardId, SubmissionKey, Tenant, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::retention::{BlobName, Forgotten, Retention};
use crate::store::{Row, RunRow, StoreError};

impl State {
    fn forget(&mut self, tenant: &Tenant, run: RunId, keyed_until: Timestamp) -> Forgotten {
        let key = (tenant.clone(), run);
        let Some(row) = self.runs.get(&key) else { return Forgotten::NoRun };
        if row.done.is_none() {
            return Forgotten::NotDone;
        }
        if let Some(parent) = row.parent.as_ref().map(|parent| parent.run)
            && self.runs.contains_key(&(tenant.clone(), parent))
        {
            return Forgotten::Child(parent);
        }
        let mut keys = self.keys.iter().filter(|((of, _), keyed)| of == tenant && **keyed == run);
        if let Some(((_, word), _)) = keys.next() {
            let before = SubmissionKey::retried(word);
            if let Some(before) = before.filter(|before| self.runs.contains_key(&(tenant.clone(), *before))) {
                return Forgotten::Retries(before);
            }
            if row.submitted > keyed_until && row.parent.is_none() {
                return Forgotten::Keyed(row.submitted);
            }
        }
        if let Some(other) = self.asks_for_children(tenant, run) {
            return Forgotten::WentOn(other);
        }
        self.runs.remove(&key);
        self.keys.retain(|_, keyed| *keyed != run);
        self.forgotten.insert(key);
        Forgotten::Yes
    }

    /// The retry of a run that had children, or a retry of that, if it is not done.
    fn asks_for_children(&self, tenant: &Tenant, run: RunId) -> Option<RunId> {
        let is_child = |row: &RunRow| row.parent.as_ref().is_some_and(|parent| parent.run == run);
        let mut next = run;
        loop {
            next = *self.keys.get(&(tenant.clone(), SubmissionKey::retry_of(next).key))?;
            if self.runs.get(&(tenant.clone(), next))?.done.is_none() {
                let mut of_tenant = self.runs.iter().filter(|((of, _), _)| of == tenant);
                return of_tenant.any(|(_, row)| is_child(row)).then_some(next);
            }
        }
    }

    fn sweep(&mut self, shard: ShardId, count_max: u32) -> bool {
        let Some(journal) = self.shards.get_mut(&shard) else { return false };
        let (last, named) = (journal.rows.last().map_or(Seq(0), |row| row.seq), journal.named);
        let forgotten = &self.forgotten;
        let of = |row: &Row| row.tenant.clone().zip(row.run);
        let mut left = count_max;
        journal.rows.retain(|row| {
            let goes =
                left > 0 && row.seq < last && row.seq <= named && of(row).is_some_and(|of| forgotten.contains(&of));
            left -= u32::from(goes);
            !goes
        });
        let rows = &journal.rows;
        let ended: Vec<_> =
            forgotten.iter().filter(|run| !rows.iter().any(|row| of(row).as_ref() == Some(run))).cloned().collect();
        for run in &ended {
            self.forgotten.remove(run);
            let gone: Vec<BlobName> =
                self.names.iter().filter(|name| (&name.tenant, name.run) == (&run.0, run.1)).cloned().collect();
            for name in gone {
                self.names.remove(&name);
                let is_named = self.names.iter().any(|other| (&other.tenant, other.hash) == (&name.tenant, name.hash));
                if !is_named && !self.is_kept(&name.tenant, name.hash) {
                    self.loose.insert((name.tenant, name.hash));
                }
            }
        }
        left < count_max || !ended.is_empty()
    }
}

impl Retention for MemoryStore {
    fn forget(
        &self,
        tenant: &Tenant,
        run: RunId,
        keyed_until: Timestamp,
    ) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        ready(Ok(self.state().forget(tenant, run, keyed_until))).boxed()
    }

    fn has_forgotten(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        let state = self.state();
        ready(Ok(!state.forgotten.is_empty() || !state.loose.is_empty())).boxed()
    }

    fn sweep(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        ready(Ok(self.state().sweep(shard, count_max))).boxed()
    }

    fn named_until(&self, shard: ShardId) -> BoxFuture<'_, Result<Seq, StoreError>> {
        ready(Ok(self.state().shards.get(&shard).map_or(Seq(0), |shard| shard.named))).boxed()
    }

    fn read_all(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let state = self.state();
        let rows = state.shards.get(&shard).map_or(&[][..], |shard| &shard.rows);
        let page = rows.iter().filter(|row| row.seq > after).take(count_max as usize);
        ready(Ok(page.cloned().collect())).boxed()
    }

    fn name_blobs(&self, shard: ShardId, until: Seq, names: Vec<BlobName>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        for name in names {
            state.loose.remove(&(name.tenant.clone(), name.hash));
            state.names.insert(name);
        }
        let journal = state.shards.entry(shard).or_default();
        journal.named = journal.named.max(until);
        ready(Ok(())).boxed()
    }

    fn loose_blobs(
        &self,
        after: Option<(Tenant, Hash)>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(Tenant, Hash)>, StoreError>> {
        let state = self.state();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let loose = state.loose.range((after, Bound::Unbounded));
        ready(Ok(loose.take(count_max as usize).cloned().collect())).boxed()
    }

    fn drop_loose(&self, blobs: Vec<(Tenant, Hash)>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        for blob in blobs {
            state.loose.remove(&blob);
        }
        ready(Ok(())).boxed()
    }
}
