//! Feedback, in memory.

use std::collections::BTreeMap;

use agendum_types::{Hash, Tenant, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::MemoryStore;
use crate::feedback::{Feedback, FeedbackBy, Feedbacks, Judged};
use crate::store::StoreError;

impl Feedbacks for MemoryStore {
    fn keep_feedback(&self, feedback: Feedback, of_run_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        let kept = &mut self.state().feedback;
        let of_run = kept.iter().filter(|one| (&one.tenant, one.run) == (&feedback.tenant, feedback.run)).count();
        let has_room = of_run < of_run_max as usize;
        if has_room {
            kept.push(feedback);
        }
        ready(Ok(has_room)).boxed()
    }

    fn feedback(
        &self,
        tenant: &Tenant,
        graph: Option<&str>,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>> {
        let mut judged = BTreeMap::<(String, Option<Hash>), Judged>::new();
        let state = self.state();
        let is_wanted = |one: &&Feedback| one.tenant == *tenant && graph.is_none_or(|graph| *one.graph == *graph);
        for one in state.feedback.iter().filter(is_wanted) {
            let (name, version) = match by {
                FeedbackBy::Graph => (one.graph.to_string(), None),
                FeedbackBy::Version => (one.graph.to_string(), Some(one.graph_hash)),
                FeedbackBy::Target => (one.target.clone().unwrap_or_default(), None),
                FeedbackBy::Label => (one.label.clone().unwrap_or_default(), None),
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

    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut left = count_max;
        self.state().feedback.retain(|one| {
            let goes = left > 0 && one.at < before;
            left -= u32::from(goes);
            !goes
        });
        ready(Ok(left == 0)).boxed()
    }
}
