//! The plans of all graphs with live runs, and of some that were run before.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::Kind;
use agendum_types::policy::Admission;
use agendum_types::{Duration, Graph, Hash, Limits, Timestamp};

use super::times::Observed;
use super::{Plan, PlanId};
use crate::checkpoint::{GraphKept, HISTOGRAMS_MAX, Mean};
use crate::kinds::Kinds;
use crate::lookup::Lookup;
use crate::order::{Answered, Served};
use crate::queue::Units;
use crate::targets::Targets;

/// Plans without a live run that are kept: what was derived and observed serves the next run of the same graph.
const IDLE_MAX: usize = 1_024;

/// The plans of all graphs with live runs, and of some that were run before, interned by hash.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Option<Plan>>,
    free: Vec<PlanId>,
    by_hash: Lookup<Hash, PlanId>,
    /// Plans whose last run has ended, the longest idle first.
    idle: BTreeMap<u64, PlanId>,
    /// How often a plan became idle.
    rests: u64,
    /// What the runs of all of them were served in this life.
    pub(crate) served: Served,
    /// What those of them took that were answered.
    pub(crate) answered: Answered,
    /// What calls took, by kind.
    kinds: Kinds,
    /// What an earlier life has seen of graphs that have not come yet, and how they stood there.
    remembered: BTreeMap<Hash, (usize, GraphKept)>,
    /// Tasks of a graph that are ranked by the pools that they hold.
    ranked_max: u32,
}

impl Plans {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { ranked_max: limits.ranked_tasks_max, ..Self::default() }
    }

    pub(crate) fn get(&self, id: PlanId) -> &Plan {
        self.plans[id.0 as usize].as_ref().expect("a plan lives as long as its runs")
    }

    pub(crate) fn get_mut(&mut self, id: PlanId) -> &mut Plan {
        self.plans[id.0 as usize].as_mut().expect("a plan lives as long as its runs")
    }

    /// Derives the expected times of a plan anew if the targets changed or enough was observed since.
    pub(crate) fn refresh(&mut self, id: PlanId, targets: &Targets, units: &Units, rules: Admission) {
        let Self { plans, kinds, .. } = self;
        let plan = plans[id.0 as usize].as_mut().expect("a plan lives as long as its runs");
        plan.refresh(targets, units, kinds, rules);
    }

    /// Takes an attempt that has succeeded into what is known of its task and of its kind. What is queued later is ranked by it.
    pub(crate) fn learn(
        &mut self,
        id: PlanId,
        observed: Observed,
        (targets, units): (&Targets, &Units),
        (rules, now): (Admission, Timestamp),
    ) {
        let plan = self.get_mut(id);
        if plan.is_outdated(observed, rules, now) {
            plan.forget_times();
        }
        plan.seen_at = now;
        plan.observe(observed, rules.samples);
        let (kind, is_due) = (plan.kind(observed.node), plan.is_due());
        if let Some(kind) = kind {
            self.kinds.observe(kind, observed.took);
        }
        if is_due {
            self.refresh(id, targets, units, rules);
        }
    }

    pub(crate) fn find(&self, hash: Hash) -> Option<PlanId> {
        self.by_hash.get(&hash).copied()
    }

    /// The plan of this graph, made if it is new.
    pub(crate) fn intern(&mut self, graph: &Arc<Graph>) -> PlanId {
        if let Some(id) = self.find(graph.hash) {
            return id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.plans.push(None);
            PlanId(u32::try_from(self.plans.len() - 1).expect("one plan for each live run at most"))
        });
        let mut plan = Plan::new(Arc::clone(graph), self.ranked_max);
        if let Some((_, kept)) = self.remembered.remove(&graph.hash) {
            plan.remember(kept);
        }
        self.plans[id.0 as usize] = Some(plan);
        self.by_hash.insert(graph.hash, id);
        id
    }

    /// What was seen: of the graphs that have live runs, then of those that were idle last, as many as come to so many tasks and histograms; of calls by
    /// kind, and of all runs.
    pub(crate) fn kept(&self, most: usize) -> (Vec<GraphKept>, Vec<(Kind, Mean)>, Served) {
        // Of some no run has come yet.
        let live = self.plans.iter().flatten().filter(|plan| plan.runs > 0 || plan.idle_since == 0);
        let idle = self.idle.values().rev().map(|id| self.get(*id));
        let (mut left, mut kept) = (most, Vec::new());
        for plan in live.chain(idle) {
            if left == 0 {
                break;
            }
            if let Some((graph, count)) = plan.kept(left) {
                kept.push(graph);
                left -= count;
            }
        }
        let mut remembered: Vec<_> = self.remembered.values().collect();
        remembered.sort_unstable_by_key(|(place, _)| *place);
        for (_, graph) in remembered {
            let cells: usize = graph.tasks.iter().map(|task| task.by_size.len()).sum();
            let count = 1 + 2 * graph.tasks.len() + cells;
            if count <= left {
                kept.push(graph.clone());
                left -= count;
            }
        }
        (kept, self.kinds.kept(), self.served)
    }

    /// What an earlier life has seen. Told before the first graph.
    pub(crate) fn remember(&mut self, graphs: Vec<GraphKept>, kinds: Vec<(Kind, Mean)>, served: (u32, Duration)) {
        let placed = graphs.into_iter().take(HISTOGRAMS_MAX).enumerate();
        self.remembered = placed.map(|(place, kept)| (kept.graph, (place, kept))).collect();
        self.kinds.remember(kinds);
        self.served = Served::remembered(served);
    }

    pub(crate) fn take(&mut self, id: PlanId) {
        let plan = self.get_mut(id);
        plan.runs += 1;
        if plan.runs == 1 {
            let since = plan.idle_since;
            self.idle.remove(&since);
        }
    }

    /// Gives back one use. A few idle plans are kept: the same graph is often run again.
    pub(crate) fn release(&mut self, id: PlanId) {
        self.rests += 1;
        let now = self.rests;
        let plan = self.get_mut(id);
        plan.runs -= 1;
        if plan.runs > 0 {
            return;
        }
        plan.idle_since = now;
        self.idle.insert(now, id);
        if self.idle.len() > IDLE_MAX
            && let Some((_, oldest)) = self.idle.pop_first()
        {
            let hash = self.get(oldest).graph.hash;
            self.plans[oldest.0 as usize] = None;
            self.by_hash.remove(&hash);
            self.free.push(oldest);
        }
    }
}

#[cfg(test)]
mod tests;
