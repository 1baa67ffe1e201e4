//! A graph with what the scheduler derives from it once for all its runs.

use std::sync::Arc;

use agendum_types::graph::{Foreach, Form, NodeId, NotBefore, Section, Task, Work};
use agendum_types::{Capability, Duration, Graph, Hash, TargetId};

use crate::inst::Layer;
use crate::lookup::Lookup;
use crate::queue::ClassId;
use crate::targets::Targets;

/// The place of a plan in the shard's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlanId(pub(crate) u32);

/// A graph and what follows from it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) graph: Arc<Graph>,
    /// Live runs of this graph.
    pub(crate) runs: u32,
    /// True if some loop has a budget of its own.
    pub(crate) has_loop_budget: bool,
    nodes: Vec<NodePlan>,
    observed_since: u32,
    derived_version: u32,
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
    /// What an attempt took so far: count and mean.
    observed: (u32, u64),
    /// Expected time of this task alone.
    own: Duration,
    /// Expected time from the start of this task to the end of its section: the remaining critical path.
    tail: Duration,
    /// The eligibility class of its plain attempts, under a generation of classes.
    class: Option<(u32, ClassId)>,
}

impl Plan {
    fn new(graph: Arc<Graph>) -> Self {
        let mut nodes = vec![NodePlan::default(); graph.tasks.len()];
        let sections = [Section::Main, Section::After, Section::OnFailure, Section::Finally];
        let groups = graph.tasks.iter().filter_map(|task| match &task.work {
            Work::Group(group) => Some(group.tasks.as_slice()),
            Work::Call(_) => None,
        });
        for siblings in sections.iter().map(|section| graph.section(*section)).chain(groups) {
            for (position, node) in (0..).zip(siblings) {
                nodes[node.0 as usize].position = position;
            }
        }
        for (index, task) in (0..).zip(&graph.tasks) {
            for check in &task.publish_after {
                nodes[check.0 as usize].publishes.push(NodeId(index));
            }
            if let Some(agendum_types::graph::Exhausted::Escalate(node)) =
                task.repeat.as_ref().map(|repeat| &repeat.exhausted)
            {
                nodes[node.0 as usize].escalation = true;
            }
        }
        let has_budget = |task: &Task| task.repeat.as_ref().is_some_and(|repeat| repeat.budget.is_some());
        let has_loop_budget = graph.tasks.iter().any(has_budget);
        Self { graph, runs: 0, has_loop_budget, nodes, observed_since: 0, derived_version: u32::MAX }
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

    pub(crate) fn tail(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].tail
    }

    pub(crate) fn class(&self, node: NodeId, generation: u32) -> Option<ClassId> {
        self.nodes[node.0 as usize].class.filter(|(of, _)| *of == generation).map(|(_, class)| class)
    }

    pub(crate) fn remember_class(&mut self, node: NodeId, generation: u32, class: ClassId) {
        self.nodes[node.0 as usize].class = Some((generation, class));
    }

    /// Takes an observed attempt into the node's mean.
    pub(crate) fn observe(&mut self, node: NodeId, took: Duration) {
        let (count, mean) = &mut self.nodes[node.0 as usize].observed;
        *count = count.saturating_add(1);
        // A mean over about the last 32 attempts: follows a drift, forgets an outlier.
        let weight = u64::from((*count).min(32));
        *mean = (*mean * (weight - 1) + took.as_micros()) / weight;
        self.observed_since += 1;
    }

    /// Derives expected times anew if the targets changed or enough was observed since.
    pub(crate) fn refresh(&mut self, targets: &Targets) {
        if self.derived_version == targets.version() && self.observed_since < 64 {
            return;
        }
        self.derived_version = targets.version();
        self.observed_since = 0;
        // A group stands before its tasks, so backwards every group finds its tasks done.
        for index in (0..self.nodes.len()).rev() {
            self.nodes[index].own = self.own_time(index, targets);
        }
        for section in [Section::Main, Section::After, Section::OnFailure, Section::Finally] {
            let siblings = self.graph.section(section).to_vec();
            for node in self.later_first(&siblings) {
                let after =
                    self.graph.task(node).needed_by.iter().map(|next| self.tail(*next)).max().unwrap_or_default();
                self.nodes[node.0 as usize].tail = self.nodes[node.0 as usize].own.plus(after);
            }
        }
        // Inside a group the way to the end leads through what follows the group.
        for index in 0..self.nodes.len() {
            let Work::Group(group) = &self.graph.tasks[index].work else {
                continue;
            };
            let group_tail = self.nodes[index].tail.minus(self.nodes[index].own);
            for node in self.later_first(&group.tasks) {
                let after =
                    self.graph.task(node).needed_by.iter().map(|next| self.tail(*next)).max().unwrap_or(group_tail);
                self.nodes[node.0 as usize].tail = self.nodes[node.0 as usize].own.plus(after);
            }
        }
    }

    /// Siblings ordered so that whatever needs a task comes before it.
    fn later_first(&self, siblings: &[NodeId]) -> Vec<NodeId> {
        let mut waiting: Vec<usize> = siblings.iter().map(|node| self.graph.task(*node).needed_by.len()).collect();
        let mut order: Vec<NodeId> =
            siblings.iter().copied().filter(|node| waiting[self.position(*node)] == 0).collect();
        let mut done = 0;
        while let Some(node) = order.get(done).copied() {
            done += 1;
            for need in &self.graph.task(node).needs {
                let left = &mut waiting[self.position(*need)];
                *left -= 1;
                if *left == 0 {
                    order.push(*need);
                }
            }
        }
        order
    }

    fn own_time(&self, index: usize, targets: &Targets) -> Duration {
        let task = &self.graph.tasks[index];
        match &task.work {
            Work::Call(call) => match self.nodes[index].observed {
                (0, _) => targets
                    .candidates(call.capability, &call.requirement)
                    .first()
                    .map_or(Duration::ZERO, |target: &TargetId| targets.expected(*target)),
                (_, mean) => Duration(mean),
            },
            Work::Group(group) => {
                let mut finish = vec![Duration::ZERO; group.tasks.len()];
                let mut longest = Duration::ZERO;
                for node in self.later_first(&group.tasks) {
                    let after = self
                        .graph
                        .task(node)
                        .needed_by
                        .iter()
                        .map(|next| finish[self.position(*next)])
                        .max()
                        .unwrap_or_default();
                    finish[self.position(node)] = self.nodes[node.0 as usize].own.plus(after);
                    longest = longest.max(finish[self.position(node)]);
                }
                longest
            }
        }
    }

    /// Expected time from the end of this task to the answer, over tasks that would not be dropped before it. Inside a group the way
    /// goes on with what follows the group; further rounds and items may not be needed, and count nothing.
    pub(crate) fn tail_after(&self, node: NodeId) -> Duration {
        let value = self.task(node).value;
        let (mut tail, mut at) = (Duration::ZERO, Some(node));
        while let Some(node) = at {
            tail = tail.plus(self.tail_beside(node, value));
            at = self.task(node).parent;
        }
        tail
    }

    /// Expected time from the end of this task to the end of the last one beside it, without optional ones of less value.
    fn tail_beside(&self, node: NodeId, value: u8) -> Duration {
        let siblings = self.graph.siblings(self.task(node).parent, self.task(node).section);
        let mut tails = vec![Duration::ZERO; siblings.len()];
        for later in self.later_first(siblings) {
            let task = self.task(later);
            let after = task.needed_by.iter().map(|next| tails[self.position(*next)]).max().unwrap_or_default();
            if later == node {
                return after;
            }
            let dropped_before = task.optional && task.value < value;
            let own = if dropped_before { Duration::ZERO } else { self.nodes[later.0 as usize].own };
            tails[self.position(later)] = own.plus(after);
        }
        Duration::ZERO
    }

    /// True if entering this instance needs an evaluation.
    pub(crate) fn asks_to_enter(&self, node: NodeId, layer: Layer) -> bool {
        let task = self.task(node);
        let first = layer == Layer::Node;
        (first && (task.condition.is_some() || matches!(task.not_before, Some(NotBefore::Expr(_)))))
            || self.items(node, layer).is_some()
            || self.input_is_dynamic(node, layer)
    }

    /// `foreach`, if this is the layer that opens it.
    pub(crate) fn items(&self, node: NodeId, layer: Layer) -> Option<&Foreach> {
        self.task(node).foreach.as_ref().filter(|_| layer == Layer::Node)
    }

    /// True if this layer opens rounds.
    pub(crate) fn opens_rounds(&self, node: NodeId, layer: Layer) -> bool {
        self.task(node).repeat.is_some() && !matches!(layer, Layer::Round(_)) && self.items(node, layer).is_none()
    }

    /// True if this layer itself makes the call, or holds the group.
    pub(crate) fn is_bottom(&self, node: NodeId, layer: Layer) -> bool {
        self.items(node, layer).is_none() && !self.opens_rounds(node, layer)
    }

    /// True if `fail_if` and `catch` look at this layer: one for each item, none for a round.
    pub(crate) fn is_judged(&self, node: NodeId, layer: Layer) -> bool {
        !matches!(layer, Layer::Round(_)) && self.items(node, layer).is_none()
    }

    fn input_is_dynamic(&self, node: NodeId, layer: Layer) -> bool {
        let Work::Call(call) = &self.task(node).work else {
            return false;
        };
        self.is_bottom(node, layer) && self.graph.expr(call.input).form != Form::Constant
    }

    pub(crate) fn capability(&self, node: NodeId) -> Option<Capability> {
        match &self.task(node).work {
            Work::Call(call) => Some(call.capability),
            Work::Group(_) => None,
        }
    }
}

/// The plans of all graphs with live runs, interned by hash.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Option<Plan>>,
    free: Vec<PlanId>,
    by_hash: Lookup<Hash, PlanId>,
}

impl Plans {
    pub(crate) fn get(&self, id: PlanId) -> &Plan {
        self.plans[id.0 as usize].as_ref().expect("a plan lives as long as its runs")
    }

    pub(crate) fn get_mut(&mut self, id: PlanId) -> &mut Plan {
        self.plans[id.0 as usize].as_mut().expect("a plan lives as long as its runs")
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
        self.get_mut(id).runs += 1;
    }

    /// Gives back one use. A few idle plans are kept: the same graph is often run again.
    pub(crate) fn release(&mut self, id: PlanId) {
        let kept = self.plans.len() - self.free.len();
        let plan = self.get_mut(id);
        plan.runs -= 1;
        if plan.runs == 0 && kept > 1_024 {
            let hash = plan.graph.hash;
            self.plans[id.0 as usize] = None;
            self.by_hash.remove(&hash);
            self.free.push(id);
        }
    }
}
