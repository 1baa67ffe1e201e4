//! Notices, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::{Seq, ShardId, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::notices::{DUE_COUNTED_MAX, Due, EndpointRow, Noted, Notices, Sent};
use crate::store::StoreError;

/// What is due, and to whom.
#[derive(Debug, Default)]
pub(super) struct Kept {
    endpoints: BTreeMap<Arc<str>, (String, EndpointRow)>,
    due: BTreeMap<(Arc<str>, ShardId, Seq), Due>,
}

impl State {
    pub(super) fn note(&mut self, shard: ShardId, noted: Noted) {
        let Some(run) = self.runs.get(&(noted.tenant.clone(), noted.run)) else { return };
        if noted.graph.as_ref().is_some_and(|graph| *graph != run.graph) {
            return;
        }
        let due = Due {
            seq: noted.seq,
            id: noted.id,
            tenant: noted.tenant,
            run: noted.run,
            graph: Arc::clone(&run.graph),
            status: run.status,
            degraded: run.degraded,
            at: noted.at,
            kind: noted.kind,
            detail: noted.detail,
            attempts: 0,
            next: Timestamp(0),
        };
        self.notices.due.insert((noted.endpoint, shard, noted.seq), due);
    }
}

impl Kept {
    fn rows(&self) -> Vec<EndpointRow> {
        let row = |(name, (_, row)): (&Arc<str>, &(String, EndpointRow))| {
            let due = || self.due.iter().filter(|((endpoint, ..), _)| endpoint == name).map(|(_, due)| due);
            let count = due().take(DUE_COUNTED_MAX as usize).count() as u64;
            EndpointRow { due: count, oldest: due().next().map(|due| due.at), ..row.clone() }
        };
        self.endpoints.iter().map(row).collect()
    }

    fn set(&mut self, known: Vec<(Arc<str>, String)>, before: Timestamp) {
        let endpoints = &mut self.endpoints;
        let is_known = |name: &Arc<str>| known.iter().any(|(known, _)| known == name);
        self.due.retain(|(name, ..), due| {
            let disabled = endpoints.get(name).is_some_and(|(_, row)| row.disabled);
            !disabled && (due.at >= before || is_known(name))
        });
        let due = &self.due;
        endpoints.retain(|name, _| is_known(name) || due.keys().any(|(of, ..)| of == name));
        for (name, mark) in known {
            let row = EndpointRow { name: Arc::clone(&name), ..EndpointRow::default() };
            let (last, row) = endpoints.entry(name).or_insert_with(|| (mark.clone(), row));
            row.disabled &= *last == mark;
            *last = mark;
        }
    }

    fn of(&self, shard: ShardId, endpoint: &str, is_wanted: impl Fn(&Due) -> bool, count_max: u32) -> Vec<Due> {
        let of = self.due.iter().filter(|((name, of, _), due)| &**name == endpoint && *of == shard && is_wanted(due));
        of.take(count_max as usize).map(|(_, due)| due.clone()).collect()
    }

    fn sent(&mut self, shard: ShardId, endpoint: &str, at: Timestamp, sent: Vec<(Seq, Sent)>, error: Option<String>) {
        let Some((_, row)) = self.endpoints.get_mut(endpoint) else { return };
        for (seq, sent) in sent {
            let key = (Arc::clone(&row.name), shard, seq);
            match sent {
                Sent::Delivered => {
                    row.delivered += u64::from(self.due.remove(&key).is_some());
                    (row.delivered_at, row.error) = (Some(at), None);
                }
                Sent::GivenUp => row.given_up += u64::from(self.due.remove(&key).is_some()),
                Sent::Later { attempts, next } => {
                    if let Some(due) = self.due.get_mut(&key) {
                        (due.attempts, due.next) = (attempts, next);
                    }
                }
            }
        }
        if error.is_some() {
            (row.failed_at, row.error) = (Some(at), error);
        }
    }

    fn excess(&self, shard: ShardId, endpoint: &str, kept_max: u32) -> Option<Seq> {
        let all = self.of(shard, endpoint, |_| true, u32::MAX);
        let excess = all.len().saturating_sub(kept_max as usize);
        all[..excess].last().map(|due| due.seq)
    }

    fn expire(&mut self, shard: ShardId, endpoint: &str, before: Timestamp, until: Seq, count_max: u32) -> u32 {
        let gone = self.of(shard, endpoint, |due| due.seq <= until || due.at < before, count_max);
        let gone: Vec<Seq> = gone.into_iter().map(|due| due.seq).collect();
        let count = gone.len() as u32;
        self.due.retain(|(name, of, seq), _| &**name != endpoint || *of != shard || !gone.contains(seq));
        if let Some((_, row)) = self.endpoints.get_mut(endpoint) {
            row.given_up += u64::from(count);
        }
        count
    }

    fn disable(&mut self, endpoint: &str, at: Timestamp, error: &str) {
        if let Some((_, row)) = self.endpoints.get_mut(endpoint) {
            (row.disabled, row.failed_at, row.error) = (true, Some(at), Some(error.to_owned()));
        }
    }
}

impl Notices for MemoryStore {
    fn set_endpoints(
        &self,
        known: Vec<(Arc<str>, String)>,
        before: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>> {
        let mut state = self.state();
        state.notices.set(known, before);
        ready(Ok(state.notices.rows())).boxed()
    }

    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>> {
        ready(Ok(self.state().notices.rows())).boxed()
    }

    fn notices_fresh(
        &self,
        shard: ShardId,
        endpoint: &str,
        after: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        let is_fresh = |due: &Due| due.attempts == 0 && due.seq > after;
        ready(Ok(self.state().notices.of(shard, endpoint, is_fresh, count_max))).boxed()
    }

    fn notices_tried(
        &self,
        shard: ShardId,
        endpoint: &str,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        ready(Ok(self.state().notices.of(shard, endpoint, |due| due.attempts > 0, count_max))).boxed()
    }

    fn notices_sent(
        &self,
        shard: ShardId,
        endpoint: &str,
        at: Timestamp,
        sent: Vec<(Seq, Sent)>,
        error: Option<String>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().notices.sent(shard, endpoint, at, sent, error);
        ready(Ok(())).boxed()
    }

    fn notices_excess(
        &self,
        shard: ShardId,
        endpoint: &str,
        kept_max: u32,
    ) -> BoxFuture<'_, Result<Option<Seq>, StoreError>> {
        ready(Ok(self.state().notices.excess(shard, endpoint, kept_max))).boxed()
    }

    fn notices_expire(
        &self,
        shard: ShardId,
        endpoint: &str,
        before: Timestamp,
        until: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        ready(Ok(self.state().notices.expire(shard, endpoint, before, until, count_max))).boxed()
    }

    fn disable_endpoint(&self, endpoint: &str, at: Timestamp, error: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().notices.disable(endpoint, at, error);
        ready(Ok(())).boxed()
    }
}
