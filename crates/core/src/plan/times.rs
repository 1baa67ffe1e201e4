//! What attempts of the tasks of a graph took, and what follows for the way to its end.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{Call, Kind, NodeId, Task, Work};
use agendum_types::policy::Admission;
use agendum_types::{Duration, Timestamp};

use super::ranked::Ranked;
use super::{NodePlan, Plan};
use crate::kinds::Kinds;
use crate::outlook::{Expected, OLD};
use crate::queue::Units;
use crate::share::{MEAN_OF, take_into};
use crate::sketch::{Sketch, quarter};
use crate::targets::Targets;

/// Histograms of a plan by the size of what attempts were given; beyond it those of whole tasks count.
const CELLS_MAX: usize = 256;

/// Observations after which a graph derives its expected times anew; of a large graph one for so many of its tasks. Before that it does so with the first,
/// second, fourth, eighth … task that has ended and of which only the target's word was known, and when enough was seen of a task to conclude from it.
const FRESH_MIN: u32 = 64;
const TASKS_PER_FRESH: u32 = 4;

/// What attempts of a task took.
#[derive(Clone, Debug, Default)]
pub(super) struct Sketches {
    all: Sketch,
    /// By the quarter of a doubling of the bytes that they were given.
    by_size: BTreeMap<u8, Sketch>,
}

/// How long an attempt took, or that it would have taken longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) node: NodeId,
    /// What it was given.
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// What it gave, if it has ended.
    pub(crate) tokens_out: Option<u64>,
}

impl NodePlan {
    /// True if enough attempts were seen.
    fn is_known(&self, samples: u32) -> bool {
        self.observed.0 >= samples.min(MEAN_OF)
    }

    /// How long an attempt stands in the queue; nothing before enough was seen.
    fn queued(&self, samples: u32) -> Duration {
        let (count, mean) = self.stood;
        if count < samples.min(MEAN_OF) { Duration::ZERO } else { Duration(mean) }
    }
}

impl Plan {
    pub(crate) fn tail(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].tail
    }

    /// What orders the tasks of one run, the greatest first: the way to the end, or a rank that counts what pools hold too, of which it is about four times.
    pub(crate) fn order(&self, node: NodeId) -> Duration {
        let rank = self.ranked.as_ref().and_then(|ranked| ranked.rank(node));
        rank.map_or_else(|| self.tail(node), Duration)
    }

    /// Expected time from the end of this task to the end of its section.
    pub(crate) fn following(&self, node: NodeId) -> Duration {
        let NodePlan { tail, own, .. } = self.nodes[node.0 as usize];
        tail.minus(own)
    }

    /// Takes an observed attempt into the node's mean. Something is concluded from so many.
    pub(super) fn observe(&mut self, Observed { node, bytes, took, tokens_out }: Observed, samples: u32) {
        self.shows(node);
        if let Some(tokens) = tokens_out {
            take_into(&mut self.nodes[node.0 as usize].made, tokens);
        }
        let is_full = self.cells >= CELLS_MAX;
        let sketches = self.nodes[node.0 as usize].sketches.get_or_insert_default();
        sketches.all.take(took);
        let cell = quarter(bytes);
        match sketches.by_size.get_mut(&cell) {
            Some(sketch) => sketch.take(took),
            None if is_full => {}
            None => {
                self.cells += 1;
                sketches.by_size.entry(cell).or_default().take(took);
            }
        }
        let was_known = self.nodes[node.0 as usize].is_known(samples);
        take_into(&mut self.nodes[node.0 as usize].observed, took.as_micros());
        // From now on it counts in what is before it.
        self.is_surprised |= !was_known && self.nodes[node.0 as usize].is_known(samples);
        self.observed_since += 1;
        if self.nodes[node.0 as usize].is_guess {
            self.ranked.iter_mut().for_each(|ranked| ranked.is_stale = true);
            if self.kind(node).is_some() {
                self.surprises += 1;
                self.is_surprised |= self.surprises.is_power_of_two();
            }
        }
    }

    /// True if attempts are not what they were: after a time with none this one took less than three quarters of what the quickest did; or less than that at
    /// all, where it was sent though by what was seen it would be late. One that goes on shows nothing.
    pub(super) fn is_outdated(&self, of: Observed, rules: Admission, now: Timestamp) -> bool {
        let is_old = of.tokens_out.is_some() && now.since(self.seen_at) >= OLD;
        let is_quicker = |sketch: &Sketch| match self.asked_at > self.seen_at {
            true => of.took < sketch.below(rules.quick),
            false => of.took.as_micros() < sketch.quantile(rules.quick).as_micros() / 4 * 3,
        };
        is_old && self.sketch(of.node, of.bytes, rules.samples).is_some_and(is_quicker)
    }

    /// What attempts took is learned anew.
    pub(super) fn forget_times(&mut self) {
        for node in &mut self.nodes {
            (node.sketches, node.observed) = (None, (0, 0));
        }
        (self.cells, self.observed_since) = (0, u32::MAX / 2);
    }

    /// The kind of its call, if it makes one that others may be like.
    pub(super) fn kind(&self, node: NodeId) -> Option<Kind> {
        match &self.task(node).work {
            Work::Call(call) => call.kind,
            Work::Group(_) => None,
        }
    }

    /// An attempt of this task was sent that had stood in the queue for so long.
    pub(crate) fn stood(&mut self, node: NodeId, span: Duration) {
        self.shows(node);
        take_into(&mut self.nodes[node.0 as usize].stood, span.as_micros());
    }

    /// What is to be expected of an attempt of this task that is given so much, and of all that follows; `None` before enough was seen of it. Of what
    /// follows nothing is expected where nothing was seen.
    pub(crate) fn expected(&self, node: NodeId, bytes: u64, rules: Admission) -> Option<Expected> {
        let sketch = self.sketch(node, bytes, rules.samples)?;
        let NodePlan { rest, rest_sure, rest_same, rest_stood, .. } = self.nodes[node.0 as usize];
        let part = |of: Duration, percent: u64| Duration(of.as_micros() / 100 * percent);
        let (own, slow) = (sketch.mean(), sketch.quantile(rules.slow));
        Some(Expected {
            quick: sketch.below(rules.quick).plus(part(rest_sure, 70)),
            mean: own.plus(rest),
            slow: slow.plus(part(rest, 120)).plus(rest_stood).plus(rest_stood),
            work: own.plus(rest_same),
            slow_own: slow.plus(rest),
        })
    }

    /// So many of a thousand attempts of this task that were given so much took longer than is left for it, if what follows takes as long as usual
    /// and stands in the queue as long; `None` before enough was seen.
    pub(crate) fn late(&self, node: NodeId, bytes: u64, left: Duration, rules: Admission) -> Option<u64> {
        let sketch = self.sketch(node, bytes, rules.samples)?;
        let NodePlan { rest, rest_stood, .. } = self.nodes[node.0 as usize];
        let rest = rest.plus(rest_stood);
        Some(if rest > left { 1_000 } else { sketch.slower(left.minus(rest)) })
    }

    /// How long attempts of this task take on average that are given so much; `None` before so many were seen.
    pub(crate) fn usual(&self, node: NodeId, bytes: u64, samples: u32) -> Option<Duration> {
        self.sketch(node, bytes, samples).map(Sketch::mean)
    }

    /// How many tokens attempts of this task give on average; `None` before so many were seen.
    pub(crate) fn made(&self, node: NodeId, samples: u32) -> Option<u64> {
        let (count, mean) = self.nodes[node.0 as usize].made;
        (count >= samples.min(MEAN_OF)).then_some(mean)
    }

    /// So many of a hundred attempts of this task that are given so much take no longer; `None` before so many were seen.
    pub(crate) fn slower_than(&self, node: NodeId, bytes: u64, samples: u32, percent: u8) -> Option<Duration> {
        self.sketch(node, bytes, samples).map(|sketch| sketch.above(percent))
    }

    /// What was seen of attempts that were given as much, or else of all.
    fn sketch(&self, node: NodeId, bytes: u64, samples: u32) -> Option<&Sketch> {
        let sketches = self.nodes[node.0 as usize].sketches.as_ref()?;
        let is_enough = |sketch: &&Sketch| sketch.has_seen(samples);
        sketches.by_size.get(&quarter(bytes)).filter(is_enough).or(Some(&sketches.all)).filter(is_enough)
    }

    /// True if enough was observed since expected times were derived, or something of which nothing was known.
    pub(super) fn is_due(&self) -> bool {
        let tasks = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.observed_since >= FRESH_MIN.max(tasks / TASKS_PER_FRESH) || self.is_surprised
    }

    /// Derives expected times anew if the targets changed or enough was observed since; of tasks that are weighed against each other also if the pools
    /// changed, or anything was learned of one of which nothing was known.
    pub(super) fn refresh(&mut self, targets: &Targets, units: &Units, kinds: &Kinds, rules: Admission) {
        let is_stale = |ranked: &Ranked| ranked.is_stale || ranked.version != units.version();
        let is_stale = self.ranked.as_deref().is_some_and(is_stale);
        if self.derived_version == targets.version() && !self.is_due() && !is_stale {
            return;
        }
        self.derive(targets, kinds, rules);
        let Self { graph, nodes, ranked, .. } = self;
        if let Some(ranked) = ranked {
            ranked.derive(graph, units, |node| nodes[node.0 as usize].own);
        }
    }

    fn derive(&mut self, targets: &Targets, kinds: &Kinds, rules: Admission) {
        self.derived_version = targets.version();
        self.is_surprised = false;
        self.observed_since = 0;
        self.derive_own(targets, kinds);
        self.derive_rest(rules);
        let Self { graph, nodes, backwards, .. } = self;
        for (node, after) in graph.times_after(backwards, |node| match graph.task(node).ahead {
            None => nodes[node.0 as usize].own,
            // Nothing is given up for what may yet be withdrawn.
            Some(_) => Duration::ZERO,
        }) {
            nodes[node.0 as usize].after = after;
        }
    }

    /// How long each task takes, and all from there to the end.
    fn derive_own(&mut self, targets: &Targets, kinds: &Kinds) {
        let Self { graph, nodes, backwards, .. } = self;
        let ways = graph.ways(backwards, |node, inside| {
            let (own, is_guess) = match &graph.task(node).work {
                Work::Call(call) => {
                    match (nodes[node.0 as usize].observed, call.kind.and_then(|kind| kinds.mean(kind))) {
                        ((0, _), None) => (said(targets, call), true),
                        ((0, _), Some(mean)) => (mean, false),
                        ((_, mean), _) => (Duration(mean), false),
                    }
                }
                Work::Group(_) => (inside, false),
            };
            (nodes[node.0 as usize].own, nodes[node.0 as usize].is_guess) = (own, is_guess);
            own
        });
        for (index, way) in ways.into_iter().enumerate() {
            // Inside a group, which stands before its tasks, the way to the end leads through what follows the group.
            let outer = graph.tasks[index].parent.filter(|_| !graph.tasks[index].is_compensation());
            let group = outer.map(|group| &nodes[group.0 as usize]);
            nodes[index].tail = way.plus(group.map_or(Duration::ZERO, |group| group.tail.minus(group.own)));
        }
    }

    /// What follows each task, over those of which enough was seen.
    fn derive_rest(&mut self, rules: Admission) {
        let Self { graph, nodes, backwards, .. } = self;
        let seen = |nodes: &[NodePlan], node: NodeId, inside| match &graph.task(node).work {
            Work::Call(_) if !nodes[node.0 as usize].is_known(rules.samples) => Duration::ZERO,
            Work::Call(_) => nodes[node.0 as usize].own,
            Work::Group(_) => inside,
        };
        let all = graph.ways(backwards, |node, inside| seen(nodes, node, inside));
        let sure = graph.ways(backwards, |node, inside| match is_sure(graph.task(node)) {
            true => seen(nodes, node, inside),
            false => Duration::ZERO,
        });
        for (index, (all, sure)) in all.into_iter().zip(sure).enumerate() {
            let own = if nodes[index].is_known(rules.samples) { nodes[index].own } else { Duration::ZERO };
            nodes[index].rest = all.minus(own);
            nodes[index].rest_sure = sure.minus(if is_sure(&graph.tasks[index]) { own } else { Duration::ZERO });
        }
        let capability = |node: NodeId| match &graph.task(node).work {
            Work::Call(call) => Some(call.capability),
            Work::Group(_) => None,
        };
        let all = (0..).map(NodeId).take(nodes.len());
        for kind in all.clone().filter_map(capability).collect::<BTreeSet<_>>() {
            let own = |node: NodeId| match capability(node) {
                Some(of) if of == kind => seen(nodes, node, Duration::ZERO),
                Some(_) | None => Duration::ZERO,
            };
            let follows = graph.shares(backwards, own);
            for node in all.clone().filter(|node| capability(*node) == Some(kind)) {
                nodes[node.0 as usize].rest_same = follows[node.0 as usize];
            }
        }
        let queued = graph.ways(backwards, |node, inside| match &graph.task(node).work {
            Work::Call(_) => nodes[node.0 as usize].queued(rules.samples),
            Work::Group(_) => inside,
        });
        for (node, way) in nodes.iter_mut().zip(queued) {
            node.rest_stood = way.minus(node.queued(rules.samples));
        }
    }

    /// Expected time from the end of an optional task to the answer, over tasks that would not be dropped before it.
    pub(crate) fn after(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].after
    }
}

/// False of a task that may be skipped, dropped or stopped, or have nothing to do: no run is given up for the time that it would take.
fn is_sure(task: &Task) -> bool {
    let is_race = matches!(&task.work, Work::Group(group) if group.race.is_some());
    task.condition.is_none() && task.foreach.is_none() && task.cache.is_none() && !task.optional && !is_race
}

/// What the first target that will do says of itself.
fn said(targets: &Targets, call: &Call) -> Duration {
    let candidates = targets.candidates(call.capability, &call.requirement);
    candidates.first().map_or(Duration::ZERO, |target| targets.expected(*target))
}
