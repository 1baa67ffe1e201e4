//! How long the rest takes, as far as is known: the longest way through what follows, found by walking all of them.

use std::collections::BTreeMap;

use agendum_types::graph::{Kind, NodeId, Task, Work};
use agendum_types::policy::Admission;
use agendum_types::{Capability, Duration, Graph, Timestamp};

use super::place::candidates;
use super::{Reference, rank};

/// What is known of a graph's tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    /// For each task: attempts that succeeded and the mean of about the last 32, in microseconds.
    seen: Vec<(u32, u64)>,
    /// Attempts since the times below were last worked out.
    fresh: u32,
    /// The table of targets that they come from.
    version: u32,
    own: Vec<Duration>,
    tail: Vec<Duration>,
    /// Of tasks that are weighed against each other how each stands, by which table of pools; and whether more was seen of one that was guessed.
    weighed: BTreeMap<NodeId, Duration>,
    pools: u32,
    stale: bool,
    /// From the end of each task to that of its section, or of its group: over tasks of which enough was seen.
    rest: Vec<Duration>,
    /// The same over tasks that are sure to be run.
    rest_sure: Vec<Duration>,
    /// The same over tasks of its capability.
    rest_same: Vec<Duration>,
    /// How long attempts of each task stood in the queue: how many of about the last 32, and their mean.
    stood: BTreeMap<NodeId, (u64, u64)>,
    /// The same of what follows each task, over tasks of which enough was seen.
    rest_stood: Vec<Duration>,
    /// Of which tasks nothing but the target's word was known when the times were worked out.
    guessed: Vec<bool>,
    /// One of those has ended that others may be like; and how often that was so.
    surprised: bool,
    guesses: u32,
    /// Output tokens of an attempt of each task: of how many of about the last 32, and their mean.
    made: BTreeMap<NodeId, (u64, u64)>,
    /// When the last of those was.
    pub(super) seen_at: Timestamp,
    /// When one went that would be late by what was seen.
    pub(super) asked_at: Timestamp,
    /// How long each attempt took that succeeded: of which task, how much it was given.
    samples: Vec<(NodeId, u64, Duration)>,
}

/// Bytes that count alike have the same.
pub(super) fn size(bytes: u64) -> u64 {
    step(bytes.max(1) * 4, 4).0
}

/// The greatest of these that is not greater: powers of two, with a quarter, a half and three quarters of the way to the next.
fn step(number: u64, least: u64) -> (u64, u64) {
    let steps = (0..63).flat_map(|power| (0..4).map(move |part| (power, part)));
    let steps: Vec<u64> = steps.map(|(power, part)| ((1_u64 << power) / 4).saturating_mul(4 + part)).collect();
    let (mut from, mut to) = (0, least);
    for begin in steps.into_iter().filter(|begin| *begin > least) {
        if number < to {
            break;
        }
        (from, to) = (to, begin);
    }
    (from, to)
}

/// What a time is taken for.
fn middle(took: u64) -> u64 {
    let (from, to) = step(took, 320);
    u64::midpoint(from, to)
}

impl Estimate {
    /// From the start of this task to the end of its section.
    pub(super) fn tail(&self, node: NodeId) -> Duration {
        self.tail[node.0 as usize]
    }

    /// What orders it among those of its run.
    pub(super) fn order(&self, node: NodeId) -> Duration {
        self.weighed.get(&node).copied().unwrap_or_else(|| self.tail(node))
    }

    /// From the end of this task to the end of its section.
    pub(super) fn following(&self, node: NodeId) -> Duration {
        self.tail(node).minus(self.own[node.0 as usize])
    }

    /// An attempt of this task stood in the queue for so long.
    pub(super) fn stood(&mut self, node: NodeId, span: u64) {
        let seen = self.stood.entry(node).or_default();
        super::share::mean(seen, span);
    }

    /// Of an attempt with so much to do and of what follows: if it is quick, on average, and if it is slow; of it and what follows of its kind on average;
    /// and if it alone is slow.
    pub(super) fn expected(&self, node: NodeId, bytes: u64, rules: Admission) -> Option<[Duration; 5]> {
        let took = self.took(node, bytes, rules.samples)?;
        let nth = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
        let quantile = |percent: usize| middle(nth(percent));
        let (rest, mean) = (self.rest[node.0 as usize].0, took.iter().sum::<u64>() / took.len() as u64);
        Some(
            [
                step(nth(rules.quick.into()), 320).0 + self.rest_sure[node.0 as usize].0 / 100 * 70,
                mean + rest,
                quantile(rules.slow.into()) + rest / 100 * 120 + 2 * self.rest_stood[node.0 as usize].0,
                mean + self.rest_same[node.0 as usize].0,
                quantile(rules.slow.into()) + rest,
            ]
            .map(Duration),
        )
    }

    /// Of a thousand attempts with so much to do, those that would take longer than that and what follows leave.
    pub(super) fn late(&self, node: NodeId, bytes: u64, left: Duration, rules: Admission) -> Option<u64> {
        let took = self.took(node, bytes, rules.samples)?;
        let rest = self.rest[node.0 as usize].plus(self.rest_stood[node.0 as usize]);
        let slower = took.iter().filter(|took| rest > left || middle(**took) > left.minus(rest).0);
        Some(slower.count() as u64 * 1_000 / took.len() as u64)
    }

    /// What an attempt with so much to do takes on average.
    pub(super) fn usual(&self, node: NodeId, bytes: u64, rules: Admission) -> Option<Duration> {
        let took = self.took(node, bytes, rules.samples)?;
        Some(Duration(took.iter().sum::<u64>() / took.len() as u64))
    }

    /// So many of a hundred attempts with so much to do take no longer.
    pub(super) fn slower_than(&self, node: NodeId, bytes: u64, samples: u32, percent: u8) -> Option<Duration> {
        let took = self.took(node, bytes, samples)?;
        let (_, to) = step(took[(took.len() * usize::from(percent)).div_ceil(100).max(1) - 1], 320);
        Some(Duration(to))
    }

    /// The output tokens of an attempt on average; `None` before enough was seen.
    pub(super) fn made(&self, node: NodeId, rules: Admission) -> Option<u64> {
        self.made.get(&node).filter(|(count, _)| *count >= u64::from(rules.samples.min(32))).map(|(_, mean)| *mean)
    }

    /// How long those took that had as much to do, or else all, the shortest first; `None` if these are not enough.
    fn took(&self, node: NodeId, bytes: u64, samples: u32) -> Option<Vec<u64>> {
        let enough = samples.min(128) as usize;
        let of_node: Vec<_> = self.samples.iter().filter(|(of, ..)| *of == node).collect();
        let alike: Vec<_> = of_node.iter().copied().filter(|(_, other, _)| size(*other) == size(bytes)).collect();
        let counted = if alike.len() >= enough { alike } else { of_node };
        let mut took: Vec<u64> = counted.iter().map(|(.., took)| took.0).collect();
        took.sort_unstable();
        (took.len() >= enough).then_some(took)
    }

    /// What was seen, and nothing that was worked out from it.
    pub(super) fn to_remember(&self) -> Self {
        let Self { seen, stood, made, samples, .. } = self.clone();
        Self { seen, stood, made, samples, ..Self::default() }
    }

    fn observe(
        &mut self,
        (node, bytes): (NodeId, u64),
        (took, tokens_out): (Duration, Option<u64>),
        (is_alike, samples): (bool, u32),
    ) {
        if let Some(tokens) = tokens_out {
            super::share::mean(self.made.entry(node).or_default(), tokens);
        }
        self.samples.push((node, bytes, took));
        let (count, mean) = &mut self.seen[node.0 as usize];
        *count += 1;
        let weight = u64::from((*count).min(32));
        *mean = (*mean * (weight - 1) + took.0) / weight;
        self.surprised |= u64::from(*count) == u64::from(samples.min(32));
        self.fresh += 1;
        self.stale |= self.guessed[node.0 as usize];
        if is_alike && self.guessed[node.0 as usize] {
            self.guesses += 1;
            self.surprised |= [1, 2, 4, 8, 16, 32, 64].contains(&self.guesses);
        }
    }

    /// True if much was seen since the times were worked out, or for the first time.
    fn is_due(&self) -> bool {
        self.fresh >= 64.max(self.own.len() as u32 / 4) || self.surprised
    }

    /// From the end of an optional task to the answer, without those that would be dropped before it.
    pub(super) fn after(&self, graph: &Graph, node: NodeId) -> Duration {
        let value = graph.task(node).value;
        let own = |task: NodeId| {
            let dropped = graph.task(task).optional && graph.task(task).value < value;
            // Nothing is dropped for what may yet be withdrawn.
            if dropped || graph.task(task).ahead.is_some() { Duration::ZERO } else { self.own[task.0 as usize] }
        };
        let way = std::iter::successors(Some(node), |node| graph.task(*node).parent);
        way.fold(Duration::ZERO, |sum, node| sum.plus(self.longest(graph, &graph.task(node).needed_by, &own)))
    }

    /// The longest way from any of these to where nothing follows.
    fn longest(&self, graph: &Graph, from: &[NodeId], own: &dyn Fn(NodeId) -> Duration) -> Duration {
        let way = |node: &NodeId| own(*node).plus(self.longest(graph, &graph.task(*node).needed_by, own));
        from.iter().map(way).max().unwrap_or_default()
    }
}

impl Reference {
    /// An attempt of this task has succeeded.
    pub(super) fn learns(
        &mut self,
        graph: &Graph,
        node: NodeId,
        bytes: u64,
        (took, tokens_out): (Duration, Option<u64>),
    ) {
        let (kind, now, rules) = (kind(&graph.task(node).work), self.now, self.policy.admission);
        let estimate = self.estimates.entry(graph.hash).or_default();
        let seen = estimate.took(node, bytes, rules.samples);
        let quick = seen.map(|took| took[(took.len() * usize::from(rules.quick)).div_ceil(100) - 1]);
        let is_old = now.since(estimate.seen_at).0 >= 60_000_000;
        let was_asked = estimate.asked_at > estimate.seen_at;
        let least = |quick| if was_asked { step(quick, 320).0 } else { middle(quick) / 4 * 3 };
        if is_old && tokens_out.is_some() && quick.is_some_and(|quick| took.0 < least(quick)) {
            // They are not what they were.
            estimate.samples.clear();
            estimate.seen.fill((0, 0));
            estimate.fresh = u32::MAX / 2;
        }
        estimate.observe((node, bytes), (took, tokens_out), (kind.is_some(), rules.samples));
        estimate.seen_at = now;
        let is_due = estimate.is_due();
        if let Some(kind) = kind {
            super::share::mean(self.kinds.entry(kind).or_default(), took.0);
        }
        if is_due {
            self.refresh(graph);
        }
    }

    /// Works the times out anew if the targets changed, or if much was seen since.
    pub(super) fn refresh(&mut self, graph: &Graph) {
        let mut estimate = self.estimates.remove(&graph.hash).unwrap_or_default();
        let is_weighed = rank::is_weighed(graph, self.limits.ranked_tasks_max);
        let is_stale = is_weighed && (estimate.stale || estimate.pools != self.pools.version);
        if estimate.version != self.version || estimate.is_due() || estimate.own.is_empty() || is_stale {
            estimate.seen.resize(graph.tasks.len(), (0, 0));
            estimate.version = self.version;
            (estimate.fresh, estimate.stale, estimate.pools) = (0, false, self.pools.version);
            estimate.surprised = false;
            let is_guess = |(seen, task): (&(u32, u64), &Task)| seen.0 == 0 && self.of_kind(&task.work).is_none();
            estimate.guessed = estimate.seen.iter().zip(&graph.tasks).map(is_guess).collect();
            estimate.own = vec![Duration::ZERO; graph.tasks.len()];
            // A group stands before its tasks.
            for index in (0..graph.tasks.len()).rev() {
                estimate.own[index] = self.own_time(&estimate, graph, index);
            }
            estimate.rest = self.ways(&estimate, graph, |_| true);
            let is_race = |of: &Task| matches!(&of.work, Work::Group(group) if group.race.is_some());
            let may_be_empty = |of: &Task| of.condition.is_some() || of.foreach.is_some() || of.cache.is_some();
            let is_sure = |of: &Task| !of.optional && !may_be_empty(of) && !is_race(of);
            estimate.rest_sure = self.ways(&estimate, graph, is_sure);
            let capability = |task: &Task| match &task.work {
                Work::Call(call) => Some(call.capability),
                Work::Group(_) => None,
            };
            let own = |node: NodeId, kind: Option<Capability>| {
                let index = node.0 as usize;
                let is_known = estimate.seen[index].0 >= self.policy.admission.samples.min(32);
                let counts = is_known && capability(&graph.tasks[index]) == kind;
                if counts { estimate.own[index].0 } else { 0 }
            };
            let part = |of: &Task| Duration(part_of(graph, of, &|node| own(node, capability(of))));
            estimate.rest_same = graph.tasks.iter().map(part).collect();
            let mut stands = vec![Duration::ZERO; graph.tasks.len()];
            for (index, task) in (0..).zip(&graph.tasks).collect::<Vec<_>>().into_iter().rev() {
                stands[index as usize] = match (&task.work, estimate.stood.get(&NodeId(index))) {
                    (Work::Call(_), Some((count, mean)))
                        if *count >= u64::from(self.policy.admission.samples.min(32)) =>
                    {
                        Duration(*mean)
                    }
                    (Work::Call(_), _) => Duration::ZERO,
                    (Work::Group(group), _) => estimate.longest(graph, &group.tasks, &|node| stands[node.0 as usize]),
                };
            }
            let after = |task: &Task| estimate.longest(graph, &task.needed_by, &|node| stands[node.0 as usize]);
            estimate.rest_stood = graph.tasks.iter().map(after).collect();
            let nodes = || (0..).zip(&graph.tasks).map(|(index, _)| NodeId(index));
            estimate.tail = nodes().map(|node| tail(&estimate, graph, node)).collect();
            if is_weighed {
                estimate.weighed = self.ranks(graph, |node| estimate.own[node.0 as usize]);
            }
        }
        self.estimates.insert(graph.hash, estimate);
    }

    /// By task: the longest way from its end, over those that count and of which enough was seen.
    fn ways(&self, estimate: &Estimate, graph: &Graph, counts: impl Fn(&Task) -> bool) -> Vec<Duration> {
        let mut seen = vec![Duration::ZERO; graph.tasks.len()];
        for index in (0..graph.tasks.len()).rev() {
            seen[index] = match &graph.tasks[index].work {
                _ if !counts(&graph.tasks[index]) => Duration::ZERO,
                Work::Call(_) if estimate.seen[index].0 < self.policy.admission.samples.min(32) => Duration::ZERO,
                Work::Call(_) => estimate.own[index],
                Work::Group(group) => estimate.longest(graph, &group.tasks, &|node| seen[node.0 as usize]),
            };
        }
        let rest = |task: &Task| estimate.longest(graph, &task.needed_by, &|node| seen[node.0 as usize]);
        graph.tasks.iter().map(rest).collect()
    }

    /// What calls took that are like this one, in all graphs: the mean of about the last 32.
    fn of_kind(&self, work: &Work) -> Option<Duration> {
        self.kinds.get(&kind(work)?).map(|(_, mean)| Duration(*mean))
    }

    fn own_time(&self, estimate: &Estimate, graph: &Graph, index: usize) -> Duration {
        match (&graph.tasks[index].work, estimate.seen[index]) {
            (work @ Work::Call(_), (0, _)) if self.of_kind(work).is_some() => self.of_kind(work).unwrap_or_default(),
            (Work::Call(call), (0, _)) => {
                let able: (Capability, _) = (call.capability, &call.requirement);
                let first = candidates(&self.targets, able.0, able.1).first().copied();
                first.map_or(Duration::ZERO, |target| self.targets[target].expected)
            }
            (Work::Call(_), (_, mean)) => Duration(mean),
            (Work::Group(group), _) => estimate.longest(graph, &group.tasks, &|node| estimate.own[node.0 as usize]),
        }
    }
}

/// What follows a task, of which what needs several is shared among them.
fn part_of(graph: &Graph, task: &Task, own: &dyn Fn(NodeId) -> u64) -> u64 {
    let part = |next: &NodeId| {
        let next_task = graph.task(*next);
        (whole_of(graph, *next, own) + part_of(graph, next_task, own)) / next_task.needs.len().max(1) as u64
    };
    task.needed_by.iter().map(part).sum()
}

/// A task, or all that is in a group.
fn whole_of(graph: &Graph, node: NodeId, own: &dyn Fn(NodeId) -> u64) -> u64 {
    match &graph.task(node).work {
        Work::Call(_) => own(node),
        Work::Group(group) => group.tasks.iter().map(|inside| whole_of(graph, *inside, own)).sum(),
    }
}

fn kind(work: &Work) -> Option<Kind> {
    match work {
        Work::Call(call) => call.kind,
        Work::Group(_) => None,
    }
}

/// The task and the longest way after it; inside a group that way goes on with what follows the group.
fn tail(estimate: &Estimate, graph: &Graph, node: NodeId) -> Duration {
    let task = graph.task(node);
    let own = estimate.own[node.0 as usize];
    let after = task.needed_by.iter().map(|next| tail(estimate, graph, *next)).max();
    let group = task.parent.filter(|_| !task.is_compensation());
    let beyond = || group.map(|group| tail(estimate, graph, group).minus(estimate.own[group.0 as usize]));
    own.plus(after.or_else(beyond).unwrap_or_default())
}
