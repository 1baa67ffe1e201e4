//! In-memory stores: for tests, and as the simplest reading of the contract.

mod feedback;
mod notices;
mod plans;
mod results;
mod retention;
mod spending;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agendum_types::{Hash, Incarnation, Money, RunId, RunStatus, Seq, ShardId, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use crate::blobs::{BlobError, Blobs, TenantKey};
use crate::feedback::{Feedback, Unread};
use crate::plans::PlanRow;
use crate::results::KeptResult;
use crate::retention::BlobName;
use crate::store::{Append, Appended, Opened, Row, RunChange, RunFilter, RunRow, RunUpdate, Store, StoreError};

/// A store that forgets everything with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<ShardId, Shard>,
    runs: BTreeMap<(Tenant, RunId), RunRow>,
    keys: BTreeMap<(Tenant, Arc<str>), RunId>,
    failures: VecDeque<Appended>,
    room: Option<u64>,
    forgotten: BTreeSet<(Tenant, RunId)>,
    names: BTreeSet<BlobName>,
    loose: BTreeSet<(Tenant, Hash)>,
    settled: Vec<spending::Counted>,
    notices: notices::Kept,
    /// With the number of each.
    feedback: Vec<(u64, Feedback)>,
    unread: BTreeMap<(ShardId, Seq), Unread>,
    plans: Vec<PlanRow>,
    kept: BTreeMap<(Tenant, Hash), KeptResult>,
}

#[derive(Debug, Default)]
struct Shard {
    incarnation: Incarnation,
    rows: Vec<Row>,
    /// An append has failed: the rest of this incarnation fails too.
    poisoned: bool,
    /// Up to where the blobs of rows are named.
    named: Seq,
    learned: Option<Bytes>,
}

impl MemoryStore {
    /// The next append writes nothing and gives this answer. For tests of what follows.
    pub fn fail_next(&self, answer: Appended) {
        self.state().failures.push_back(answer);
    }

    /// So many bytes are left, as it says; it goes on writing. For tests of what follows.
    pub fn set_room(&self, left: Option<u64>) {
        self.state().room = left;
    }

    /// The first row of this run cannot be read any more. For tests of what follows.
    pub fn spoil(&self, run: RunId) {
        let mut state = self.state();
        let mut rows = state.shards.values_mut().flat_map(|shard| &mut shard.rows);
        if let Some(row) = rows.find(|row| row.run == Some(run)) {
            row.body = Bytes::new();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, batch: Append) -> Appended {
        let failure = self.failures.pop_front();
        let shard = self.shards.entry(batch.shard).or_default();
        if shard.poisoned || batch.incarnation != shard.incarnation {
            return Appended::Fenced(format!(
                "incarnation {} may not append: the journal is at {}",
                batch.incarnation, shard.incarnation
            ));
        }
        if let Some(failure) = failure {
            shard.poisoned = true;
            return failure;
        }
        let next = shard.rows.last().map_or(Seq(1), |row| row.seq.next());
        if batch.expected != next {
            shard.poisoned = true;
            return Appended::Fenced(format!("row {} was expected, the journal is at {next}", batch.expected));
        }
        shard.rows.extend(batch.rows);
        shard.learned = batch.learned.or_else(|| shard.learned.take());
        batch.runs.into_iter().for_each(|update| self.update(batch.shard, update));
        batch.settled.into_iter().for_each(|settled| self.settle(settled));
        batch.judged.into_iter().for_each(|judgement| self.judge(batch.shard, judgement));
        batch.noted.into_iter().for_each(|noted| self.note(batch.shard, noted));
        Appended::Durable
    }

    fn update(&mut self, shard: ShardId, update: RunUpdate) {
        let key = (update.tenant.clone(), update.run);
        match update.change {
            RunChange::Submitted { graph, graph_hash, key: submitted_under, parent, at } => {
                let keyed = submitted_under.is_some();
                if let Some(under) = submitted_under {
                    self.keys.entry((update.tenant.clone(), under)).or_insert(update.run);
                }
                let row = RunRow {
                    tenant: update.tenant,
                    run: update.run,
                    partition: update.run.partition(),
                    shard,
                    graph,
                    graph_hash,
                    status: RunStatus::Queued,
                    degraded: false,
                    submitted: at,
                    answered: None,
                    done: None,
                    spent: Money::ZERO,
                    over: Money::ZERO,
                    bound: None,
                    parent,
                    keyed,
                };
                self.runs.insert(key, row);
            }
            RunChange::Answered { status, degraded, at, spent, over, bound } => {
                if let Some(row) = self.runs.get_mut(&key) {
                    (row.status, row.degraded, row.answered) = (status, degraded, Some(at));
                    (row.spent, row.over, row.bound) = (spent, over, bound);
                }
            }
            RunChange::Done { at, spent, over, bound } => {
                if let Some(row) = self.runs.get_mut(&key) {
                    (row.done, row.spent, row.over, row.bound) = (Some(at), spent, over, bound);
                }
            }
        }
    }

    fn is_open(&self, row: &Row) -> bool {
        let (Some(tenant), Some(run)) = (&row.tenant, row.run) else { return false };
        self.runs.get(&(tenant.clone(), run)).is_some_and(|run| run.done.is_none())
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.shards.values().flat_map(|shard| &shard.rows)
    }
}

impl Store for MemoryStore {
    fn open(&self, shard: ShardId) -> BoxFuture<'_, Result<Opened, StoreError>> {
        let mut state = self.state();
        let shard = state.shards.entry(shard).or_default();
        shard.incarnation.0 += 1;
        shard.poisoned = false;
        let opened = Opened {
            incarnation: shard.incarnation,
            last: shard.rows.last().map_or(Seq(0), |row| row.seq),
            last_kind: shard.rows.last().map(|row| row.kind),
            high_water: shard.rows.iter().map(|row| row.at).max().unwrap_or(Timestamp(0)),
        };
        ready(Ok(opened)).boxed()
    }

    fn append(&self, batch: Append) -> BoxFuture<'static, Appended> {
        ready(self.state().append(batch)).boxed()
    }

    fn read_open(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let state = self.state();
        let rows = state.shards.get(&shard).map_or(&[][..], |shard| &shard.rows);
        let page = rows.iter().filter(|row| row.seq > after && state.is_open(row)).take(count_max as usize);
        ready(Ok(page.cloned().collect())).boxed()
    }

    fn read_own(&self, shard: ShardId, kind: u16, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let state = self.state();
        let rows = state.shards.get(&shard).map_or(&[][..], |shard| &shard.rows);
        let latest = rows.iter().rev().filter(|row| row.run.is_none() && row.kind == kind).take(count_max as usize);
        let mut latest: Vec<Row> = latest.cloned().collect();
        latest.reverse();
        ready(Ok(latest)).boxed()
    }

    fn learned(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        ready(Ok(self.state().shards.get(&shard).and_then(|shard| shard.learned.clone()))).boxed()
    }

    fn last_at(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        let last = self.state().shards.get(&shard).and_then(|shard| shard.rows.last()).map(|row| row.at);
        ready(Ok(last)).boxed()
    }

    fn read_run(
        &self,
        tenant: &Tenant,
        run: RunId,
        after: Seq,
        kinds: &[u16],
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let state = self.state();
        let of_kind = |row: &Row| kinds.is_empty() || kinds.contains(&row.kind);
        let of_run = |row: &Row| row.run == Some(run) && row.tenant.as_ref() == Some(tenant);
        let wanted = |row: &&Row| row.seq > after && of_run(row) && of_kind(row);
        ready(Ok(state.rows().filter(wanted).take(count_max as usize).cloned().collect())).boxed()
    }

    fn inline_payload(
        &self,
        tenant: &Tenant,
        run: RunId,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let state = self.state();
        let found = state
            .rows()
            .filter(|row| row.run == Some(run) && row.tenant.as_ref() == Some(tenant))
            .filter_map(|row| row.payload.as_ref())
            .find(|payload| payload.hash == hash);
        ready(Ok(found.map(|payload| payload.bytes.clone()))).boxed()
    }

    fn run(&self, tenant: &Tenant, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        ready(Ok(self.state().runs.get(&(tenant.clone(), run)).cloned())).boxed()
    }

    fn run_of_key(&self, tenant: &Tenant, key: &str) -> BoxFuture<'_, Result<Option<RunId>, StoreError>> {
        ready(Ok(self.state().keys.get(&(tenant.clone(), Arc::from(key))).copied())).boxed()
    }

    fn room(&self) -> Option<u64> {
        self.state().room
    }

    fn runs(&self, tenant: &Tenant, filter: RunFilter) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        let state = self.state();
        let matches = |row: &&RunRow| {
            row.tenant == *tenant
                && filter.before.is_none_or(|before| row.run < before)
                && filter.status.is_none_or(|status| row.status == status)
                && (!filter.open || row.done.is_none())
                && (!filter.no_child || row.parent.is_none())
                && filter.done_before.is_none_or(|before| row.done.is_some_and(|done| done < before))
                && filter.graph.as_deref().is_none_or(|graph| *row.graph == *graph)
        };
        let page = state.runs.values().rev().filter(matches).take(filter.count_max as usize).cloned().collect();
        ready(Ok(page)).boxed()
    }
}

/// Blobs that are forgotten with the process.
#[derive(Debug)]
pub struct MemoryBlobs {
    secret: [u8; 32],
    kept: Mutex<HashMap<(Tenant, Hash), Bytes>>,
}

impl MemoryBlobs {
    /// An empty store under this secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret, kept: Mutex::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept().len()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(Tenant, Hash), Bytes>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>> {
        let hash = self.key(tenant).address(&bytes);
        self.kept().insert((tenant.clone(), hash), bytes);
        ready(Ok(hash)).boxed()
    }

    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>> {
        ready(Ok(self.kept().get(&(tenant.clone(), hash)).cloned())).boxed()
    }

    fn remove(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<(), BlobError>> {
        self.kept().remove(&(tenant.clone(), hash));
        ready(Ok(())).boxed()
    }

    fn key(&self, tenant: &Tenant) -> TenantKey {
        TenantKey::derive(&self.secret, tenant)
    }
}
