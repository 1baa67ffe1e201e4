//! Where a task stands among those of its tenant, from everything that was seen of all runs.

use std::cmp::Reverse;

use agendum_types::graph::{Section, Work};
use agendum_types::policy::Index;
use agendum_types::{Duration, Hash, Policy, RunId, TaskPath};

use super::Reference;
use super::state::{Phase, Rank, State};

/// The calls with which each step begins.
const STEPS: [u64; 17] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, u64::MAX];

/// What was seen in this life.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// Calls of models: of which graph, which call of its run, and how long it took.
    calls: Vec<(Hash, u64, u64)>,
    /// Runs that were answered: of which graph, after how many calls, and how many calls had been seen then.
    answered: Vec<(Hash, u64, usize)>,
    /// Those of the last event, of which nothing is known yet.
    fresh: Vec<(Hash, u64)>,
}

impl Observed {
    /// Calls until an answer, in millionths, of runs of this graph that have had so many.
    fn to_come(&self, graph: Hash, calls: u64) -> u128 {
        let of = |step: usize, calls: &u64| (STEPS[step]..STEPS[step + 1]).contains(calls);
        // It is worked out when a run is answered.
        let last = self.answered.iter().rev().find(|(hash, ..)| *hash == graph).map_or(0, |(.., seen)| *seen);
        let made = || self.calls[..last].iter().filter(|(of, ..)| *of == graph).map(|(_, number, _)| *number);
        let count = |step: usize, from: u64| made().filter(|number| of(step, &(number - from))).count() as u128;
        // A run comes to a step with the call that begins it; to the first with its first.
        let entered = |step: usize| made().filter(|number| *number == STEPS[step].max(1)).count() as u128;
        let ended = |step: usize| {
            self.answered.iter().filter(|(hash, calls, _)| *hash == graph && of(step, calls)).count() as u128
        };
        let shown: Vec<(u128, u128)> = (0..16)
            .map(|step| {
                let is_last = step == 15;
                let width = if is_last { 192 } else { u128::from(STEPS[step + 1] - STEPS[step]) };
                let risk = 1 + if is_last { entered(step) } else { ended(step) + entered(step + 1) };
                let ends = (ended(step) * 1_000_000 + 200_000) / risk;
                let ends = if is_last { ends.max(300_000) } else { ends }.min(1_000_000);
                (ends, (count(step, 1) * 1_000_000 + width * 900_000) / (entered(step) + 1))
            })
            .collect();
        let from = (0..16).rfind(|step| STEPS[*step] <= calls).unwrap_or(0);
        let (mut left, mut sum, mut answered) = (1_000_000_u128, 0, 0);
        let ways = shown[from..].iter().map(|(ends, takes)| {
            let end = left * ends / 1_000_000;
            (sum, answered, left) = (sum + left * takes, answered + end, left - end);
            sum / answered.max(1)
        });
        ways.min().unwrap_or_default()
    }

    fn call_of(&self, is_of: impl Fn(&Hash) -> bool, prior: u64, usual: u64) -> u64 {
        let calls: Vec<u64> = self.calls.iter().filter(|(hash, ..)| is_of(hash)).map(|(.., took)| *took).collect();
        (calls.iter().sum::<u64>() + usual * prior) / (calls.len() as u64 + prior)
    }
}

impl Reference {
    /// Where a task would stand if it were ready now.
    pub(super) fn rank(&self, id: RunId, path: &TaskPath) -> Rank {
        let run = &self.runs[&id];
        let rules = &self.policy.bands[self.band(id, path)];
        let due = match run.task(path).section {
            Section::Main => run.submitted.deadline.unwrap_or_else(|| run.at.after(rules.patience)),
            Section::After | Section::OnFailure | Section::Finally | Section::Compensation => {
                run.tasks[path].ready_at.after(rules.patience)
            }
        };
        let tail = self.estimates[&run.graph.hash].tail(run.tasks[path].node);
        let later = |micros: u64| run.at.after(Duration(micros.saturating_mul(rules.aging.into()))).0;
        let is_due = |index: Index| matches!(index, Index::Edf | Index::Slack);
        let has_deadline = run.submitted.deadline.is_some();
        let by = if has_deadline { rules.deadline_index } else { rules.index };
        let index = match by {
            Index::Fifo => run.at.0,
            Index::CallFifo => run.tasks[path].ready_at.0,
            Index::Edf => due.0,
            Index::Slack => due.before(self.estimates[&run.graph.hash].following(run.tasks[path].node)).0,
            Index::AttainedService => later(run.service.1.0.checked_next_power_of_two().unwrap_or(u64::MAX)),
            Index::Gittins if run.service.0 == 0 => run.at.0,
            Index::Gittins => {
                let of_all = self.observed.call_of(|_| true, 10, 4_000_000);
                let of_graph = self.observed.call_of(|hash| *hash == run.graph.hash, 10, of_all);
                let call = (run.service.1.0 + of_graph * 8) / (run.service.0 + 8);
                let calls = self.observed.to_come(run.graph.hash, run.service.0);
                later((u128::from(call) * calls / 1_000_000) as u64)
            }
        };
        let is_behind = !has_deadline && is_due(rules.deadline_index) && !is_due(by);
        let index = if is_behind { index.saturating_add(rules.patience.0) } else { index };
        (false, index, run.at, id, Reverse(tail))
    }

    /// An attempt of this task has ended that took so long.
    pub(super) fn serves(&mut self, id: RunId, path: &TaskPath, took: Duration) {
        let run = self.run(id);
        let Work::Call(call) = &run.task(path).work else { return };
        if run.phase != Phase::Main || !call.capability.is_served_by_models() {
            return;
        }
        run.service = (run.service.0 + 1, run.service.1.plus(took));
        let seen = (run.graph.hash, run.service.0, took.0);
        self.observed.calls.push(seen);
    }

    /// Something happens: what the last event has answered is known.
    pub(super) fn answers_are_known(&mut self) {
        let seen = self.observed.calls.len();
        let fresh = std::mem::take(&mut self.observed.fresh);
        self.observed.answered.extend(fresh.into_iter().map(|(hash, calls)| (hash, calls, seen)));
    }

    /// A run is answered.
    pub(super) fn served_whole(&mut self, id: RunId) {
        let run = &self.runs[&id];
        self.observed.fresh.push((run.graph.hash, run.service.0));
    }

    /// Other rules: all that waits is ranked anew.
    pub(super) fn policy_published(&mut self, policy: &Policy) {
        self.policy = policy.clone();
        let queued: Vec<_> = self.queued().into_iter().map(|(id, path, ..)| (id, path.clone())).collect();
        for (id, path) in &queued {
            self.run(*id).inst(path).state = State::Ready;
        }
        self.looked_at_anew(queued);
        let short = self.short_ones().into_iter().map(|(id, path, _)| (id, path)).collect();
        self.looked_at_anew(short);
    }
}
