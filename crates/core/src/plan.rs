//! A graph with what the scheduler derives from it once for all its runs.

mod ranked;
mod table;
mod times;

use std::sync::Arc;

use agendum_types::graph::{ExprId, Form, NodeId, NotBefore, Section, Task, Work};
use agendum_types::{Capability, Duration, Graph, Timestamp};

use self::ranked::Ranked;
use self::times::Sketches;
use crate::inst::Layer;
use crate::order::Service;
use crate::queue::ClassId;

pub(crate) use self::table::Plans;
pub(crate) use self::times::Observed;

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
    /// True if some task of it is a call of a model.
    pub(crate) has_calls: bool,
    /// When an attempt of one of its runs was seen last.
    pub(crate) seen_at: Timestamp,
    /// When one was sent last that would be late by what was seen, to see how it is now.
    pub(crate) asked_at: Timestamp,
    /// What its answer is worth: the greatest value of the tasks before it, at least 1.
    pub(crate) value: u64,
    /// True if some loop has a budget of its own.
    pub(crate) has_loop_budget: bool,
    /// Compensations of one run that are under way at once at most.
    pub(crate) compensations_max: usize,
    nodes: Vec<NodePlan>,
    /// Every task after all that wait for it and all inside it.
    backwards: Vec<NodeId>,
    /// Tasks of which something was seen, in the order in which it was.
    seen: Vec<NodeId>,
    /// Histograms by size.
    cells: usize,
    observed_since: u32,
    derived_version: u32,
    /// So many tasks have ended of which only the target's word was known, and others may be like them.
    surprises: u32,
    /// Times are to be derived anew for that.
    is_surprised: bool,
    /// The ranks of its tasks, where they ask for units of pools.
    ranked: Option<Box<Ranked>>,
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
    /// True if an attempt of it was sent, or has ended.
    is_seen: bool,
    /// What an attempt took so far: count and mean.
    observed: (u32, u64),
    /// Output tokens of an attempt: count and mean.
    made: (u32, u64),
    /// The same by how much it was given, and of all, in histograms.
    sketches: Option<Box<Sketches>>,
    /// Expected time from the end of this task to the end of its section, over tasks of which enough was seen.
    rest: Duration,
    /// The same over tasks that are sure to be run.
    rest_sure: Duration,
    /// What follows it in all, of tasks of its capability: of what needs several tasks each has its part.
    rest_same: Duration,
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

impl Plan {
    fn new(graph: Arc<Graph>, ranked_max: u32) -> Self {
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
        let is_call = |task: &Task| matches!(&task.work, Work::Call(call) if call.capability.is_served_by_models());
        let has_calls = graph.tasks.iter().any(is_call);
        let before_answer = graph.tasks.iter().filter(|task| task.section == Section::Main);
        let value = before_answer.map(|task| u64::from(task.value)).max().unwrap_or_default().max(1);
        let backwards = graph.backwards();
        let undoing = graph.tasks.iter().zip(graph.instances_max()).filter(|(task, _)| task.is_compensation());
        let compensations_max = undoing.fold(0, |sum: u64, (_, most)| sum.saturating_add(most));
        Self {
            ranked: Ranked::of(&graph, ranked_max as usize),
            graph,
            runs: 0,
            idle_since: 0,
            is_open,
            has_calls,
            seen_at: Timestamp::default(),
            asked_at: Timestamp::default(),
            value,
            has_loop_budget,
            compensations_max: usize::try_from(compensations_max).unwrap_or(usize::MAX),
            nodes,
            backwards,
            seen: Vec::new(),
            cells: 0,
            observed_since: 0,
            derived_version: u32::MAX,
            surprises: 0,
            is_surprised: false,
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

    pub(crate) fn class(&self, node: NodeId, generation: u32) -> Option<ClassId> {
        self.nodes[node.0 as usize].class.filter(|(of, _)| *of == generation).map(|(_, class)| class)
    }

    pub(crate) fn remember_class(&mut self, node: NodeId, generation: u32, class: ClassId) {
        self.nodes[node.0 as usize].class = Some((generation, class));
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
