//! A graph with what the scheduler derives from it once for all its runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{Call, ExprId, Form, Kind, NodeId, NotBefore, Section, Task, Work};
use agendum_types::policy::Admission;
use agendum_types::{Capability, Duration, Graph, Hash};

use crate::inst::Layer;
use crate::kinds::Kinds;
use crate::lookup::Lookup;
use crate::order::{Served, Service};
use crate::outlook::Expected;
use crate::queue::ClassId;
use crate::share::{MEAN_OF, take_into};
use crate::sketch::{Sketch, quarter};
use crate::targets::Targets;

/// Plans without a live run that are kept: what was derived and observed serves the next run of the same graph.
const IDLE_MAX: usize = 1_024;

/// Histograms of a plan by the size of what attempts were given; beyond it those of whole tasks count.
const CELLS_MAX: usize = 256;

/// Observations after which a graph derives its expected times anew; of a large graph one for so many of its tasks.
const FRESH_MAX: u32 = 64;
const TASKS_PER_FRESH: u32 = 4;

/// How often it does so before, when a task has ended of which only the target's word was known. A graph has few kinds of calls.
const EARLY_MAX: u8 = 16;

/// What attempts of a task took.
#[derive(Clone, Debug, Default)]
struct Sketches {
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

/// The place of a plan in the shard's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlanId(pub(crate) u32);

/// A graph and what follows from it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) graph: Arc<Graph>,
    /// Live runs of this graph.
    runs: u32,
    /// Where it stands among the plans without runs.
    idle_since: u64,
    /// True if it has a loop: nobody knows before how many rounds there are.
    pub(crate) is_open: bool,
    /// What its answer is worth: the greatest value of the tasks before it, at least 1.
    pub(crate) value: u64,
    /// True if some loop has a budget of its own.
    pub(crate) has_loop_budget: bool,
    /// Compensations of one run that are under way at once at most.
    pub(crate) compensations_max: usize,
    nodes: Vec<NodePlan>,
    /// Every task after all that wait for it and all inside it.
    backwards: Vec<NodeId>,
    /// Histograms by size.
    cells: usize,
    observed_since: u32,
    derived_version: u32,
    /// A task has ended of which only the target's word was known, and others may be like it.
    is_surprised: bool,
    /// How often that was so.
    early: u8,
    /// What its runs have taken.
    pub(crate) service: Box<Service>,
}

/// What follows for one node.
#[derive(Clone, Debug, Default)]
struct NodePlan {
    /// Its place among its siblings.
    position: u32,
    /// Tasks whose text waits for this one.
    publishes: Vec<NodeId>,
    /// True if a loop names it as its `on_exhausted`.
    escalation: bool,
    /// True if another task judges it.
    judged: bool,
    /// What an attempt took so far: count and mean.
    observed: (u32, u64),
    /// Output tokens of an attempt: count and mean.
    made: (u32, u64),
    /// The same by how much it was given, and of all, in histograms.
    sketches: Option<Box<Sketches>>,
    /// Expected time from the end of this task to the end of its section, over tasks of which enough was seen.
    rest: Duration,
    /// How long its attempts stood in the queue: count and mean.
    stood: (u32, u64),
    /// The same of what follows it, as far as enough was seen: from the end of this task to the end of its section.
    rest_stood: Duration,
    /// Expected time of this task alone.
    own: Duration,
    /// True if that is the target's word: neither it nor one of its kind was seen.
    is_guess: bool,
    /// Expected time from the start of this task to the end of its section: the remaining critical path.
    tail: Duration,
    /// Of an optional task: expected time from its end to the answer.
    after: Duration,
    /// The eligibility class of its plain attempts, under a generation of classes.
    class: Option<(u32, ClassId)>,
}

impl NodePlan {
    /// How long an attempt stands in the queue; nothing before enough was seen.
    fn queued(&self, samples: u32) -> Duration {
        let (count, mean) = self.stood;
        if count < samples.min(MEAN_OF) { Duration::ZERO } else { Duration(mean) }
    }
}

impl Plan {
    fn new(graph: Arc<Graph>) -> Self {
        let mut nodes = vec![NodePlan::default(); graph.tasks.len()];
        let groups = graph.tasks.iter().filter_map(|task| match &task.work {
            Work::Group(group) => Some(group.tasks.as_slice()),
            Work::Call(_) => None,
        });
        for siblings in Section::ALL.into_iter().map(|section| graph.section(section)).chain(groups) {
            for (position, node) in (0..).zip(siblings) {
                nodes[node.0 as usize].position = position;
            }
        }
        for (index, task) in (0..).zip(&graph.tasks) {
            for check in &task.publish_after {
                nodes[check.0 as usize].publishes.push(NodeId(index));
            }
            if let Some(judges) = &task.judges {
                nodes[judges.task.0 as usize].judged = true;
            }
            if let Some(agendum_types::graph::Exhausted::Escalate(node)) =
                task.repeat.as_ref().map(|repeat| &repeat.exhausted)
            {
                nodes[node.0 as usize].escalation = true;
            }
        }
        let has_budget = |task: &Task| task.repeat.as_ref().is_some_and(|repeat| repeat.budget.is_some());
        let has_loop_budget = graph.tasks.iter().any(has_budget);
        let is_open = graph.tasks.iter().any(|task| task.repeat.is_some());
        let before_answer = graph.tasks.iter().filter(|task| task.section == Section::Main);
        let value = before_answer.map(|task| u64::from(task.value)).max().unwrap_or_default().max(1);
        let backwards = graph.backwards();
        let undoing = graph.tasks.iter().zip(graph.instances_max()).filter(|(task, _)| task.is_compensation());
        let compensations_max = undoing.fold(0, |sum: u64, (_, most)| sum.saturating_add(most));
        Self {
            graph,
            runs: 0,
            idle_since: 0,
            is_open,
            value,
            has_loop_budget,
            compensations_max: usize::try_from(compensations_max).unwrap_or(usize::MAX),
            nodes,
            backwards,
            cells: 0,
            observed_since: 0,
            derived_version: u32::MAX,
            is_surprised: false,
            early: 0,
            service: Box::default(),
        }
    }

    pub(crate) fn task(&self, node: NodeId) -> &Task {
        self.graph.task(node)
    }

    pub(crate) fn position(&self, node: NodeId) -> usize {
        self.nodes[node.0 as usize].position as usize
    }

    pub(crate) fn publishes(&self, node: NodeId) -> &[NodeId] {
        &self.nodes[node.0 as usize].publishes
    }

    pub(crate) fn is_escalation(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].escalation
    }

    pub(crate) fn has_judge(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].judged
    }

    pub(crate) fn tail(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].tail
    }

    /// Expected time from the end of this task to the end of its section.
    pub(crate) fn following(&self, node: NodeId) -> Duration {
        let NodePlan { tail, own, .. } = self.nodes[node.0 as usize];
        tail.minus(own)
    }

    pub(crate) fn class(&self, node: NodeId, generation: u32) -> Option<ClassId> {
        self.nodes[node.0 as usize].class.filter(|(of, _)| *of == generation).map(|(_, class)| class)
    }

    pub(crate) fn remember_class(&mut self, node: NodeId, generation: u32, class: ClassId) {
        self.nodes[node.0 as usize].class = Some((generation, class));
    }

    /// Takes an observed attempt into the node's mean.
    fn observe(&mut self, Observed { node, bytes, took, tokens_out }: Observed) {
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
        let (count, mean) = &mut self.nodes[node.0 as usize].observed;
        *count = count.saturating_add(1);
        // A mean over about the last 32 attempts: follows a drift, forgets an outlier.
        let weight = u64::from((*count).min(32));
        *mean = (*mean * (weight - 1) + took.as_micros()) / weight;
        self.observed_since += 1;
        self.is_surprised |= self.nodes[node.0 as usize].is_guess && self.kind(node).is_some();
    }

    /// The kind of its call, if it makes one that others may be like.
    fn kind(&self, node: NodeId) -> Option<Kind> {
        match &self.task(node).work {
            Work::Call(call) => call.kind,
            Work::Group(_) => None,
        }
    }

    /// An attempt of this task was sent that had stood in the queue for so long.
    pub(crate) fn stood(&mut self, node: NodeId, span: Duration) {
        take_into(&mut self.nodes[node.0 as usize].stood, span.as_micros());
    }

    /// What is to be expected of an attempt of this task that is given so much, and of all that follows; `None` before enough was seen of it. Of what
    /// follows nothing is expected where nothing was seen.
    pub(crate) fn expected(&self, node: NodeId, bytes: u64, rules: Admission) -> Option<Expected> {
        let sketch = self.sketch(node, bytes, rules.samples)?;
        let NodePlan { rest, rest_stood, .. } = self.nodes[node.0 as usize];
        let part = |percent: u64| Duration(rest.as_micros() / 100 * percent);
        Some(Expected {
            quick: sketch.quantile(rules.quick).plus(part(70)),
            mean: sketch.mean().plus(rest),
            slow: sketch.quantile(rules.slow).plus(part(120)).plus(rest_stood).plus(rest_stood),
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
    fn is_due(&self) -> bool {
        let tasks = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.observed_since >= FRESH_MAX.max(tasks / TASKS_PER_FRESH) || self.is_surprised && self.early < EARLY_MAX
    }

    /// Derives expected times anew if the targets changed or enough was observed since.
    fn refresh(&mut self, targets: &Targets, kinds: &Kinds, rules: Admission) {
        if self.derived_version == targets.version() && !self.is_due() {
            return;
        }
        self.derived_version = targets.version();
        self.early += u8::from(self.is_surprised && self.early < EARLY_MAX);
        self.is_surprised = false;
        self.observed_since = 0;
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
        let seen = graph.ways(backwards, |node, inside| match &graph.task(node).work {
            Work::Call(_) if nodes[node.0 as usize].observed.0 < rules.samples => Duration::ZERO,
            Work::Call(_) => nodes[node.0 as usize].own,
            Work::Group(_) => inside,
        });
        for (index, way) in seen.into_iter().enumerate() {
            let own = if nodes[index].observed.0 < rules.samples { Duration::ZERO } else { nodes[index].own };
            nodes[index].rest = way.minus(own);
        }
        let queued = graph.ways(backwards, |node, inside| match &graph.task(node).work {
            Work::Call(_) => nodes[node.0 as usize].queued(rules.samples),
            Work::Group(_) => inside,
        });
        for (node, way) in nodes.iter_mut().zip(queued) {
            node.rest_stood = way.minus(node.queued(rules.samples));
        }
        for (index, way) in ways.into_iter().enumerate() {
            // Inside a group, which stands before its tasks, the way to the end leads through what follows the group.
            let outer = graph.tasks[index].parent.filter(|_| !graph.tasks[index].is_compensation());
            let group = outer.map(|group| &nodes[group.0 as usize]);
            nodes[index].tail = way.plus(group.map_or(Duration::ZERO, |group| group.tail.minus(group.own)));
        }
        for (node, after) in graph.times_after(backwards, |node| match graph.task(node).ahead {
            None => nodes[node.0 as usize].own,
            // Nothing is given up for what may yet be withdrawn.
            Some(_) => Duration::ZERO,
        }) {
            nodes[node.0 as usize].after = after;
        }
    }

    /// Expected time from the end of an optional task to the answer, over tasks that would not be dropped before it.
    pub(crate) fn after(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].after
    }

    /// True if entering this instance needs an evaluation.
    pub(crate) fn asks_to_enter(&self, node: NodeId, layer: Layer) -> bool {
        let task = self.task(node);
        let first = layer == Layer::Node;
        (first && (task.condition.is_some() || matches!(task.not_before, Some(NotBefore::Expr(_)))))
            || layer.items(task).is_some()
            || self.input(node, layer).is_some()
    }

    /// `with` of a call that this layer makes, if that must be evaluated.
    pub(crate) fn input(&self, node: NodeId, layer: Layer) -> Option<ExprId> {
        match &self.task(node).work {
            Work::Call(call) if layer.calls(self.task(node)) => {
                // Of a wait the core has to be told what it waits for.
                let is_read = |input: &ExprId| self.waits(node) || self.graph.expr(*input).form != Form::Constant;
                Some(call.input).filter(is_read)
            }
            Work::Call(_) | Work::Group(_) => None,
        }
    }

    /// True if no target serves it: it waits for a person, a signal or time.
    pub(crate) fn waits(&self, node: NodeId) -> bool {
        self.capability(node).is_some_and(|capability| !capability.has_targets())
    }

    pub(crate) fn capability(&self, node: NodeId) -> Option<Capability> {
        match &self.task(node).work {
            Work::Call(call) => Some(call.capability),
            Work::Group(_) => None,
        }
    }
}

/// What the first target that will do says of itself.
fn said(targets: &Targets, call: &Call) -> Duration {
    let candidates = targets.candidates(call.capability, &call.requirement);
    candidates.first().map_or(Duration::ZERO, |target| targets.expected(*target))
}

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
    /// What calls took, by kind.
    kinds: Kinds,
}

impl Plans {
    pub(crate) fn get(&self, id: PlanId) -> &Plan {
        self.plans[id.0 as usize].as_ref().expect("a plan lives as long as its runs")
    }

    pub(crate) fn get_mut(&mut self, id: PlanId) -> &mut Plan {
        self.plans[id.0 as usize].as_mut().expect("a plan lives as long as its runs")
    }

    /// Derives the expected times of a plan anew if the targets changed or enough was observed since.
    pub(crate) fn refresh(&mut self, id: PlanId, targets: &Targets, rules: Admission) {
        let Self { plans, kinds, .. } = self;
        let plan = plans[id.0 as usize].as_mut().expect("a plan lives as long as its runs");
        plan.refresh(targets, kinds, rules);
    }

    /// Takes an attempt that has succeeded into what is known of its task and of its kind. What is queued later is ranked by it.
    pub(crate) fn learn(&mut self, id: PlanId, observed: Observed, targets: &Targets, rules: Admission) {
        let plan = self.get_mut(id);
        plan.observe(observed);
        let (kind, is_due) = (plan.kind(observed.node), plan.is_due());
        if let Some(kind) = kind {
            self.kinds.observe(kind, observed.took);
        }
        if is_due {
            self.refresh(id, targets, rules);
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
        self.plans[id.0 as usize] = Some(Plan::new(Arc::clone(graph)));
        self.by_hash.insert(graph.hash, id);
        id
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
