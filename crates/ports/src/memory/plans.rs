//! Plans, in memory.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::MemoryStore;
use crate::plans::{PAGE_BYTES, PLANS_MAX, PlanRow, Plans, Withdrawal};
use crate::store::StoreError;

impl Plans for MemoryStore {
    fn keep_plan(&self, plan: PlanRow) -> BoxFuture<'_, Result<u64, StoreError>> {
        let plans = &mut self.state().plans;
        let number = plans.last().map_or(1, |last| last.number + 1);
        plans.push(PlanRow { number, ..plan });
        plans.retain(|plan| plan.number + PLANS_MAX > number);
        ready(Ok(number)).boxed()
    }

    fn withdraw_plan(&self, number: u64, withdrawal: Withdrawal) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut state = self.state();
        let found = state.plans.iter_mut().find(|plan| plan.number == number && plan.withdrawn.is_none());
        let is_found = found.is_some();
        if let Some(plan) = found {
            plan.withdrawn = Some(withdrawal);
        }
        ready(Ok(is_found)).boxed()
    }

    fn plans(&self, before: Option<u64>, count_max: u32) -> BoxFuture<'_, Result<Vec<PlanRow>, StoreError>> {
        let state = self.state();
        let earlier = state.plans.iter().rev().filter(|plan| before.is_none_or(|before| plan.number < before));
        let mut bytes = 0;
        let fits = |plan: &&PlanRow| {
            let before = bytes;
            bytes += plan.document.len();
            before < PAGE_BYTES
        };
        ready(Ok(earlier.take(count_max as usize).take_while(fits).cloned().collect())).boxed()
    }
}
