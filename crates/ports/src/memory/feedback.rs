//! Feedback, in memory.

use std::collections::BTreeMap;

use agendum_types::{Hash, Seq, ShardId, Tenant, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{MemoryStore, State};
use crate::feedback::{
    BUILT_IN_POLICY, Feedback, FeedbackBy, FeedbackFilter, FeedbackSource, Feedbacks, Judged, Judgement, Unread,
};
use crate::store::StoreError;

impl State {
    pub(super) fn judge(&mut self, shard: ShardId, judgement: Judgement) {
        let Judgement { seq, at, tenant, run, verdict } = judgement;
        let Some(row) = self.runs.get(&(tenant.clone(), run)) else { return };
        let feedback = Feedback {
            tenant,
            run,
            task: Some(verdict.task),
            graph: row.graph.clone(),
            graph_hash: row.graph_hash,
            target: verdict.target.as_deref().map(str::to_owned),
            policy: BUILT_IN_POLICY.to_owned(),
            principal: verdict.by,
            judge: Some(verdict.judge),
            at,
            score: 0,
            label: None,
            comment: None,
        };
        let unread = Unread { seq, feedback, output: verdict.output, fields: verdict.fields };
        self.unread.insert((shard, seq), unread);
    }

    fn keep(&mut self, feedback: Feedback) {
        let number = self.feedback.last().map_or(1, |(number, _)| number + 1);
        self.feedback.push((number, feedback));
    }

    fn of<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a FeedbackFilter,
    ) -> impl DoubleEndedIterator<Item = &'a (u64, Feedback)> {
        self.feedback.iter().filter(move |(_, one)| {
            one.tenant == *tenant
                && filter.graph.as_deref().is_none_or(|graph| *one.graph == *graph)
                && filter.run.is_none_or(|run| one.run == run)
                && filter.source.is_none_or(|source| one.source() == source)
        })
    }
}

impl Feedbacks for MemoryStore {
    fn keep_feedback(&self, feedback: Feedback, of_run_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut state = self.state();
        let of = FeedbackFilter {
            run: Some(feedback.run),
            source: Some(FeedbackSource::People),
            ..FeedbackFilter::default()
        };
        let has_room = state.of(&feedback.tenant, &of).count() < of_run_max as usize;
        if has_room {
            state.keep(feedback);
        }
        ready(Ok(has_room)).boxed()
    }

    fn feedback(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>> {
        let mut judged = BTreeMap::<(String, Option<Hash>), Judged>::new();
        let state = self.state();
        for (_, one) in state.of(tenant, of) {
            let (name, version) = match by {
                FeedbackBy::Graph => (one.graph.to_string(), None),
                FeedbackBy::Version => (one.graph.to_string(), Some(one.graph_hash)),
                FeedbackBy::Target => (one.target.clone().unwrap_or_default(), None),
                FeedbackBy::Label => (one.label.clone().unwrap_or_default(), None),
                FeedbackBy::Source => (one.source().word().to_owned(), None),
            };
            let none = || Judged { name: name.clone(), version, count: 0, sum: 0, min: u32::MAX, max: 0 };
            let line = judged.entry((name.clone(), version)).or_insert_with(none);
            (line.count, line.sum) = (line.count + 1, line.sum + u64::from(one.score));
            (line.min, line.max) = (line.min.min(one.score), line.max.max(one.score));
        }
        let mut judged: Vec<Judged> = judged.into_values().collect();
        judged.sort_by_key(|line| std::cmp::Reverse(line.count));
        judged.truncate(count_max as usize);
        ready(Ok(judged)).boxed()
    }

    fn opinions(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, Feedback)>, StoreError>> {
        let state = self.state();
        let is_earlier = |(number, _): &&(u64, Feedback)| of.before.is_none_or(|before| *number < before);
        let page = state.of(tenant, of).rev().filter(is_earlier).take(count_max as usize).cloned().collect();
        ready(Ok(page)).boxed()
    }

    fn unread(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<Vec<Unread>, StoreError>> {
        let state = self.state();
        let of_shard = state.unread.iter().filter(|((of, _), _)| *of == shard).map(|(_, unread)| unread);
        ready(Ok(of_shard.take(count_max as usize).cloned().collect())).boxed()
    }

    fn verdicts_read(
        &self,
        shard: ShardId,
        read: Vec<(Seq, Option<Feedback>)>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        for (seq, feedback) in read {
            let was_due = state.unread.remove(&(shard, seq)).is_some();
            let Some(feedback) = feedback.filter(|_| was_due) else { continue };
            let is_same = |(_, one): &(u64, Feedback)| {
                (&one.tenant, one.run, &one.judge) == (&feedback.tenant, feedback.run, &feedback.judge)
            };
            if !state.feedback.iter().any(is_same) {
                state.keep(feedback);
            }
        }
        ready(Ok(())).boxed()
    }

    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut left = count_max;
        self.state().feedback.retain(|(_, one)| {
            let goes = left > 0 && one.at < before;
            left -= u32::from(goes);
            !goes
        });
        ready(Ok(left == 0)).boxed()
    }
}
