//! Where a task stands among those of its tenant, from everything that was seen of all runs.

use std::cmp::Reverse;

use agendum_types::graph::{Section, Task, Work};
use agendum_types::policy::Index;
use agendum_types::{Duration, Hash, Policy, RunId, TaskPath, Timestamp};

use super::Reference;
use super::state::{Phase, Rank, State};

/// The calls with which each step begins.
const STEPS: [u64; 17] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, u64::MAX];

/// Where the quarter of a doubling begins in which a number stands.
fn beginning(number: u64) -> u64 {
    let power = 1 << number.max(2).ilog2();
    if number < 2 { 0 } else { power + 4 * (number - power) / power * power / 4 }
}

/// What was seen in this life.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// Calls of models: of which graph, which call of its run, and how long it took.
    calls: Vec<(Hash, u64, u64)>,
    /// Runs that were answered: of which graph, after how many calls, and how many calls had been seen then.
    answered: Vec<(Hash, u64, usize)>,
    /// For each band, what a run that was always there would have been served, had all that were live been served alike.
    pub(super) alike: [u64; 3],
    /// Those of the last event, of which nothing is known yet.
    fresh: Vec<(Hash, u64, u64)>,
    /// Of the runs that were answered in this life: how many calls they had, and how long those took.
    took: Vec<(u64, u64)>,
}

impl Observed {
    /// What was seen, but for what the last event has shown.
    pub(super) fn to_remember(&self) -> Self {
        Self { calls: self.calls.clone(), answered: self.answered.clone(), ..Self::default() }
    }

    /// Runs of this graph that were answered.
    fn ended(&self, graph: Hash) -> usize {
        self.answered.iter().filter(|(hash, ..)| *hash == graph).count()
    }

    /// The number of calls varies by less than half of its mean, of runs of this graph; it is known by steps.
    fn is_alike(&self, graph: Hash) -> bool {
        let of = |calls: u64| {
            let step = (0..16).rfind(|step| STEPS[*step] <= calls).unwrap_or(0);
            let to = if step == 15 { STEPS[15] + 192 } else { STEPS[step + 1] };
            u128::from(STEPS[step] + to - 1)
        };
        let all = || self.answered.iter().filter(|(hash, ..)| *hash == graph).map(|(_, calls, _)| of(*calls));
        let (sum, squares) = (all().sum::<u128>(), all().map(|calls| calls * calls).sum::<u128>());
        4 * squares * all().count() as u128 <= 5 * sum * sum
    }

    /// Calls until an answer, in millionths, of runs of this graph that have had so many: the least for each that is answered over all ways to go
    /// on, and those until the end on average.
    fn to_come(&self, graph: Hash, calls: u64) -> (u128, u128) {
        let of = |step: usize, calls: &u64| (STEPS[step]..STEPS[step + 1]).contains(calls);
        // It is worked out when a run is answered: with each of the first 64, and then with every sixteenth.
        let mut answered: Vec<_> = self.answered.iter().filter(|(hash, ..)| *hash == graph).collect();
        while answered.len() > 64 && answered.len() % 16 != 0 {
            answered.pop();
        }
        let last = answered.last().map_or(0, |(.., seen)| *seen);
        let made = || self.calls[..last].iter().filter(|(of, ..)| *of == graph).map(|(_, number, _)| *number);
        let count = |step: usize, from: u64| made().filter(|number| of(step, &(number - from))).count() as u128;
        // A run comes to a step with the call that begins it; to the first with its first.
        let entered = |step: usize| made().filter(|number| *number == STEPS[step].max(1)).count() as u128;
        let ended = |step: usize| answered.iter().filter(|(_, calls, _)| of(step, calls)).count() as u128;
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
        (ways.min().unwrap_or_default(), sum / 1_000_000)
    }

    /// How long a run of this graph takes, as its calls have.
    fn whole(&self, graph: Hash) -> u64 {
        let took: Vec<u64> = self.calls.iter().filter(|(of, ..)| *of == graph).map(|(.., took)| *took).collect();
        let time = u128::from(took.iter().sum::<u64>()) * self.to_come(graph, 0).0 / 1_000_000;
        time as u64 / took.len().max(1) as u64
    }

    /// What runs took that were answered in this life, if they are so many.
    fn usual_run(&self, samples: u32) -> Option<u64> {
        let runs: Vec<u64> = self.took.iter().copied().filter(|(calls, _)| *calls > 0).map(|(_, took)| took).collect();
        (runs.len() >= samples as usize).then(|| runs.iter().sum::<u64>() / runs.len().max(1) as u64)
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
        let estimate = &self.estimates[&run.graph.hash];
        let (order, following) = (estimate.order(run.tasks[path].node), estimate.following(run.tasks[path].node));
        let aged = |micros: u64| Duration(micros.saturating_mul(rules.aging.into()));
        let later = |micros: u64| run.at.after(aged(micros)).0;
        let has_deadline = run.submitted.deadline.is_some();
        let by = if has_deadline { rules.deadline_index } else { rules.index };
        let index = match by {
            Index::Fifo => run.at.0,
            Index::CallFifo => run.tasks[path].ready_at.0,
            Index::Edf => due.0,
            Index::Slack => due.before(following).0,
            Index::AttainedService => later(run.service.1.0.checked_next_power_of_two().unwrap_or(u64::MAX)),
            Index::Gittins => self.by_ends(id, rules.aging),
            Index::VirtualFinish => {
                // How far it is from what it takes in all to what it would have had by now, were all served alike.
                let alike = self.observed.alike[run.submitted.priority as usize] - run.alike;
                let left = i128::from(run.service.1.0 + self.to_come(id).1) - i128::from(alike);
                (i128::from(self.now.0) + left * i128::from(rules.aging)).max(0) as u64
            }
            Index::ValueDensity => self.by_value(id, path, due, rules.aging),
            Index::Risk => self.by_risk(id, path, due, rules.patience),
        };
        (false, index.saturating_add(self.beside_due(id, path)), run.at, id, Reverse(order))
    }

    /// So much later than its rule says a task stands that has to be compared with others by when they are due.
    pub(super) fn beside_due(&self, id: RunId, path: &TaskPath) -> u64 {
        let rules = &self.policy.bands[self.band(id, path)];
        let is_due = |index: Index| matches!(index, Index::Edf | Index::Slack | Index::Risk);
        let has_deadline = self.runs[&id].submitted.deadline.is_some();
        if !has_deadline && is_due(rules.deadline_index) && !is_due(rules.index) { rules.patience.0 } else { 0 }
    }

    fn by_ends(&self, id: RunId, aging: u32) -> u64 {
        let run = &self.runs[&id];
        if self.observed.ended(run.graph.hash) < self.policy.admission.samples as usize {
            return run.at.0;
        }
        let aged = |micros: u64| Duration(micros.saturating_mul(aging.into()));
        let is_call = |task: &Task| matches!(&task.work, Work::Call(call) if call.capability.is_served_by_models());
        let tasks = &run.graph.tasks;
        let is_alike = self.observed.is_alike(run.graph.hash);
        let is_known = tasks.iter().any(is_call) && (is_alike || tasks.iter().all(|task| task.repeat.is_none()));
        let takes = self.observed.whole(run.graph.hash);
        let usual = self.observed.usual_run(self.policy.admission.samples).filter(|_| is_known);
        let begins = match usual {
            Some(usual) if takes < usual / 2 || takes > 2 * usual => {
                run.at.after(aged(beginning(takes))).before(aged(beginning(usual))).0
            }
            _ => run.at.0,
        };
        let own = self.to_come_after(id, (0, Duration::ZERO)).0;
        match run.service.0 {
            0 => begins,
            _ if is_alike => begins.saturating_sub(aged(own.saturating_sub(self.to_come(id).0)).0),
            _ => run.at.after(aged(self.to_come(id).0)).0,
        }
    }

    /// The time that the calls of a run take until an answer: by the ways on which that is least, and on average until the end.
    fn to_come(&self, id: RunId) -> (u64, u64) {
        self.to_come_after(id, self.runs[&id].service)
    }

    /// The same for a run of its graph that has been served so much.
    fn to_come_after(&self, id: RunId, (made, took): (u64, Duration)) -> (u64, u64) {
        let run = &self.runs[&id];
        let of_all = self.observed.call_of(|_| true, 10, 4_000_000);
        let of_graph = self.observed.call_of(|hash| *hash == run.graph.hash, 10, of_all);
        let call = (took.0 + of_graph * 8) / (made + 8);
        let (least, mean) = self.observed.to_come(run.graph.hash, made);
        let time = |calls: u128| (u128::from(call) * calls / 1_000_000) as u64;
        (time(least), time(mean))
    }

    /// Something is concluded of the task from what others took: it is before the answer, and on no rung.
    pub(super) fn is_known(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        run.task(path).section == Section::Main && !run.is_answered() && run.tasks[path].rung == 0
    }

    fn is_timed(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        run.task(path).section == Section::Main && !run.is_answered() && run.submitted.deadline.is_some()
    }

    fn by_value(&self, id: RunId, path: &TaskPath, due: Timestamp, aging: u32) -> u64 {
        let (run, node) = (&self.runs[&id], self.runs[&id].tasks[path].node);
        let (estimate, rules) = (&self.estimates[&run.graph.hash], self.policy.admission);
        let whole = estimate.expected(node, self.bytes(id, path), rules).filter(|_| self.is_known(id, path));
        let (left, is_sure) = if run.graph.tasks.iter().any(|task| task.repeat.is_some()) {
            (self.to_come(id).1, self.observed.ended(run.graph.hash) >= rules.samples as usize)
        } else {
            (whole.map_or_else(|| estimate.tail(node), |[_, mean, ..]| mean).0, whole.is_some())
        };
        let mains = run.graph.tasks.iter().filter(|task| task.section == Section::Main);
        let value = mains.map(|task| u64::from(task.value)).max().unwrap_or(0).max(1);
        let is_late = is_sure && self.is_timed(id, path) && self.now.0 + left > due.0;
        let from = if is_late { due } else { run.at };
        from.after(Duration((left * 50 / value).saturating_mul(aging.into()))).0
    }

    fn by_risk(&self, id: RunId, path: &TaskPath, due: Timestamp, patience: Duration) -> u64 {
        let (run, node) = (&self.runs[&id], self.runs[&id].tasks[path].node);
        let (estimate, rules) = (&self.estimates[&run.graph.hash], self.policy.admission);
        let (slack, left) = (due.before(estimate.following(node)), due.since(self.now));
        if !self.is_known(id, path) || !self.is_timed(id, path) {
            return slack.0;
        }
        let bytes = self.bytes(id, path);
        match (estimate.expected(node, bytes, rules), estimate.late(node, bytes, left, rules)) {
            (Some([quick, ..]), _) if quick > left => slack.after(patience).0,
            (_, Some(late)) => slack.before(Duration(patience.0 / 1_000 * late)).0,
            _ => slack.0,
        }
    }

    /// An attempt of this task has ended that took so long.
    pub(super) fn serves(&mut self, id: RunId, path: &TaskPath, took: Duration) {
        let run = self.run(id);
        let Work::Call(call) = &run.task(path).work else { return };
        if run.phase != Phase::Main || !call.capability.is_served_by_models() {
            return;
        }
        run.service = (run.service.0 + 1, run.service.1.plus(took));
        let (seen, band) = ((run.graph.hash, run.service.0, took.0), run.submitted.priority);
        let beside = self.runs.values().filter(|run| run.submitted.priority == band && !run.is_answered());
        self.observed.alike[band as usize] += took.0 / beside.count() as u64;
        self.observed.calls.push(seen);
    }

    /// Something happens: what the last event has answered is known.
    pub(super) fn answers_are_known(&mut self) {
        let seen = self.observed.calls.len();
        let fresh = std::mem::take(&mut self.observed.fresh);
        for (hash, calls, took) in fresh {
            self.observed.answered.push((hash, calls, seen));
            self.observed.took.push((calls, took));
        }
    }

    /// A run is answered.
    pub(super) fn served_whole(&mut self, id: RunId) {
        let run = &self.runs[&id];
        self.observed.fresh.push((run.graph.hash, run.service.0, run.service.1.0));
    }

    /// Other rules: all that waits is ranked anew.
    pub(super) fn goes_by(&mut self, policy: Policy) {
        let is_same = policy.has_the_rules_of(&self.policy);
        self.policy = policy;
        if is_same {
            return;
        }
        self.may_mend();
        self.may_lift();
        self.may_forget_knees();
        let queued: Vec<_> = self.queued().into_iter().map(|(id, path, ..)| (id, path.clone())).collect();
        for (id, path) in &queued {
            self.run(*id).inst(path).state = State::Ready;
        }
        self.looked_at_anew(queued);
        let short = self.short_ones().into_iter().map(|(id, path, _)| (id, path)).collect();
        self.looked_at_anew(short);
    }
}
