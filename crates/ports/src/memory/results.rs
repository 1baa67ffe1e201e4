//! Kept results, in memory.

use agendum_types::{Hash, Tenant, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::results::{Dropped, KeptLine, KeptResult, Results, WhichKept};
use crate::store::StoreError;

impl WhichKept {
    fn is(&self, kept: &KeptResult) -> bool {
        match self {
            Self::All => true,
            Self::Tagged(tag) => kept.tags.contains(tag),
            Self::Key(key) => kept.key == *key,
        }
    }
}

fn sum<'k>(kept: impl Iterator<Item = &'k KeptResult>) -> Dropped {
    kept.fold(Dropped::default(), |sum, kept| Dropped {
        count: sum.count + 1,
        bytes: sum.bytes + kept.copy.output.size,
    })
}

impl State {
    /// True if a kept result is this blob.
    pub(super) fn is_kept(&self, tenant: &Tenant, hash: Hash) -> bool {
        self.kept.values().any(|kept| kept.bytes.is_none() && kept.tenant == *tenant && kept.copy.output.hash == hash)
    }

    fn drop_one(&mut self, key: &(Tenant, Hash)) {
        let Some(gone) = self.kept.remove(key).filter(|gone| gone.bytes.is_none()) else { return };
        let blob = (gone.tenant, gone.copy.output.hash);
        let is_named = self.names.iter().any(|name| (&name.tenant, name.hash) == (&blob.0, blob.1));
        if !is_named && !self.is_kept(&blob.0, blob.1) {
            self.loose.insert(blob);
        }
    }

    fn drop_all(&mut self, keys: &[(Tenant, Hash)]) -> Dropped {
        let dropped = sum(keys.iter().filter_map(|key| self.kept.get(key)));
        keys.iter().for_each(|key| self.drop_one(key));
        dropped
    }
}

impl Results for MemoryStore {
    fn look_up(&self, tenant: &Tenant, key: Hash) -> BoxFuture<'_, Result<Option<KeptResult>, StoreError>> {
        ready(Ok(self.state().kept.get(&(tenant.clone(), key)).cloned())).boxed()
    }

    fn keep(&self, results: Vec<KeptResult>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        for kept in results {
            let key = (kept.tenant.clone(), kept.key);
            state.drop_one(&key);
            if kept.bytes.is_none() {
                state.loose.remove(&(kept.tenant.clone(), kept.copy.output.hash));
            }
            state.kept.insert(key, kept);
        }
        ready(Ok(())).boxed()
    }

    fn keys_within(
        &self,
        tenant: &Tenant,
        (first, last): (Hash, Hash),
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>> {
        let state = self.state();
        let within = state.kept.range((tenant.clone(), first)..=(tenant.clone(), last));
        ready(Ok(within.map(|((_, key), _)| *key).take(count_max as usize).collect())).boxed()
    }

    fn drop_kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        let mut state = self.state();
        let of = state.kept.values().filter(|kept| kept.tenant == *tenant && which.is(kept)).take(count_max as usize);
        let keys: Vec<_> = of.map(|kept| (kept.tenant.clone(), kept.key)).collect();
        ready(Ok(state.drop_all(&keys))).boxed()
    }

    fn kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<(Vec<KeptLine>, Dropped), StoreError>> {
        let state = self.state();
        let all: Vec<&KeptResult> =
            state.kept.values().filter(|kept| kept.tenant == *tenant && which.is(kept)).collect();
        let whole = sum(all.iter().copied());
        let mut lines: Vec<KeptLine> = all.into_iter().map(KeptLine::of).collect();
        lines.sort_by_key(|line| (std::cmp::Reverse(line.at), line.key));
        lines.truncate(count_max as usize);
        ready(Ok((lines, whole))).boxed()
    }

    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        ready(Ok(sum(self.state().kept.values()).bytes)).boxed()
    }

    fn trim(&self, before: Timestamp, bytes_over: u64, count_max: u32) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        let mut state = self.state();
        let mut all: Vec<_> = state
            .kept
            .values()
            .map(|kept| (kept.copy.at, kept.tenant.clone(), kept.key, kept.copy.output.size))
            .collect();
        all.sort();
        let (mut bytes, mut keys) = (0, Vec::new());
        for (at, tenant, key, size) in all.into_iter().take(count_max as usize) {
            if at >= before && bytes >= bytes_over {
                break;
            }
            bytes += size;
            keys.push((tenant, key));
        }
        ready(Ok(state.drop_all(&keys))).boxed()
    }
}

impl KeptLine {
    fn of(kept: &KeptResult) -> Self {
        Self {
            key: kept.key,
            capability: kept.capability.clone(),
            target: kept.copy.target.clone(),
            run: kept.copy.run,
            at: kept.copy.at,
            cost: kept.copy.cost,
            size: kept.copy.output.size,
            tags: kept.tags.clone(),
        }
    }
}
