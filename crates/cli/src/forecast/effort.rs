//! Time and money of a task: of one attempt, of all attempts, of all rounds and items.

use agendum_types::graph::{Call, Foreach, Form, Group, Loop, NodeId, Race, Retry, Rung, Task, Work};
use agendum_types::{Duration, Graph, Limits, Money, Target};

use super::{History, Learned, Node, child, eligible, order, prompt};

/// Time and money of a task, of a section, of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effort {
    /// If all goes well.
    pub(crate) expected: Duration,
    /// At worst; `None` if nothing ends it.
    pub(crate) worst: Option<Duration>,
    /// If all goes well, output at its cap.
    pub(crate) cost: Money,
    /// At worst.
    pub(crate) cost_max: Money,
    /// If all goes well: those in the constant parts of prompts, and output at its cap.
    pub(crate) tokens: u64,
    /// At worst.
    pub(crate) tokens_max: u64,
}

/// Every task of the graph. A group stands before its tasks, so backwards every group finds its tasks done.
pub(super) fn nodes(graph: &Graph, table: &[Target], history: &History, limits: &Limits) -> Vec<Node> {
    let mut nodes = vec![Node::default(); graph.tasks.len()];
    for (index, task) in graph.tasks.iter().enumerate().rev() {
        let id = NodeId(u32::try_from(index).expect("limited by the document's checker"));
        let learned = history.of(graph, id);
        let mut node = match &task.work {
            Work::Call(call) if !call.capability.has_targets() => of_wait(graph, call),
            Work::Call(call) => match &call.child {
                Some(run) => child::node(task, run, (table, limits), learned),
                None => Called { graph, task, call, table, limits }.node(learned),
            },
            Work::Group(group) => Node { effort: of_group(graph, group, &nodes), ..Node::default() },
        };
        let instances = instances(graph, id, history);
        if let Some(repeat) = &task.repeat {
            let rounds =
                instances.filter(|_| wraps(graph, id) == 1).unwrap_or(1).clamp(1, u64::from(repeat.rounds_max));
            node.effort = of_rounds(node.effort, repeat, rounds);
        }
        if let Some(foreach) = &task.foreach {
            let known = constant_items(graph, foreach);
            node.items = known.or_else(|| instances.filter(|_| wraps(graph, id) == 1));
            node.items_learned = known.is_none() && node.items.is_some();
            let at_once = u64::from(foreach.parallel_max.min(concurrency(task, table)).max(1));
            node.effort = of_items(node.effort, node.items.unwrap_or(1), at_once);
        }
        node.effort = within_its_bounds(node.effort, task);
        nodes[index] = node;
    }
    nodes
}

/// Of a wait nobody knows how long it takes, unless it says so.
fn of_wait(graph: &Graph, call: &Call) -> Node {
    let with: serde_json::Value = serde_json::from_str(&graph.expr(call.input).source).unwrap_or_default();
    let after = with["after"].as_str().and_then(agendum_spec::span);
    let said = [&with["for"], &with["name"], &with["queue"]].map(|word| word.as_str().unwrap_or_default());
    let said = said.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let effort = Effort { expected: after.unwrap_or_default(), worst: after, ..Effort::default() };
    Node { effort, target: Some(said.into()), ..Node::default() }
}

/// A call with what bounds it.
struct Called<'a> {
    graph: &'a Graph,
    task: &'a Task,
    call: &'a Call,
    table: &'a [Target],
    limits: &'a Limits,
}

impl Called<'_> {
    fn node(&self, learned: Option<&Learned>) -> Node {
        let targets = eligible(self.call, self.table);
        let first = targets.first().copied();
        let prompt = first.filter(|of| self.counts_tokens(of)).map(|_| prompt::tokens(self.graph, self.call));
        let tokens = prompt.map_or(0, |(tokens, _)| tokens);
        let expected = learned.map(|of| of.attempt).or_else(|| first.map(|of| of.expected)).unwrap_or_default();
        let expected = first.and_then(|of| self.longest(of)).map_or(expected, |longest| expected.min(longest));
        let used = |of: &Target| self.tokens(of, tokens);
        let expected_tokens = first.map(used).unwrap_or_default();
        let most = targets.iter().map(|of| used(of)).max().unwrap_or_default();
        let cost = learned.map(|of| of.cost).or_else(|| first.map(|of| self.cost(of, tokens))).unwrap_or_default();
        // Any of the targets may serve any of the attempts.
        let dearest = targets.iter().map(|of| self.cost(of, tokens)).max().unwrap_or_default();
        let slowest = targets.iter().map(|of| self.longest(of)).max_by_key(|span| span.unwrap_or(Duration::MAX));
        let slowest = slowest.unwrap_or(self.task.timeouts.attempt);
        // Each rung that names a target begins its attempts anew.
        let rungs = self.task.catch.iter().filter_map(|rung| match &rung.rung {
            Rung::Target(name) => Some(self.table.iter().find(|of| of.name == *name)),
            Rung::Output(_) | Rung::Cached => None,
        });
        let mut left = self.limits.attempts_max;
        let (mut worst, mut cost_max, mut tokens_max) = (Some(Duration::ZERO), Money::ZERO, 0_u64);
        let rungs = rungs.map(|of| match of {
            Some(of) => (self.longest(of), self.cost(of, tokens), used(of)),
            None => (self.task.timeouts.attempt, Money::ZERO, 0),
        });
        for (longest, cost, used) in std::iter::once((slowest, dearest, most)).chain(rungs) {
            let attempts = attempts(&self.task.retry).min(left);
            left -= attempts;
            worst = worst.zip(ladder(self.task, attempts, longest)).map(|(sum, more)| sum.plus(more));
            cost_max = cost_max.plus(cost.times(u64::from(attempts)));
            tokens_max = tokens_max.saturating_add(used.saturating_mul(u64::from(attempts)));
        }
        Node {
            effort: Effort { expected, worst, cost, cost_max, tokens: expected_tokens, tokens_max },
            target: first.map(|of| of.name.clone()),
            prompt,
            learned: learned.map_or(0, |of| of.runs),
            ..Node::default()
        }
    }

    /// The longest that an attempt may take there: to the graph's timeout or the target's; `None` if there is neither.
    fn longest(&self, target: &Target) -> Option<Duration> {
        [self.task.timeouts.attempt, target.attempt_max].into_iter().flatten().min()
    }

    fn cap(&self, target: &Target) -> u32 {
        self.call.output_cap.unwrap_or(target.output_cap)
    }

    fn counts_tokens(&self, target: &Target) -> bool {
        self.cap(target) > 0 || target.price.token_in > Money::ZERO
    }

    /// Tokens of an attempt there, its output at the cap.
    fn tokens(&self, target: &Target, tokens_in: u64) -> u64 {
        if self.counts_tokens(target) { tokens_in.saturating_add(u64::from(self.cap(target))) } else { 0 }
    }

    /// An attempt there, its output at the cap.
    fn cost(&self, target: &Target, tokens_in: u64) -> Money {
        let price = &target.price;
        price.call.plus(price.token_in.times(tokens_in)).plus(price.token_out.times(u64::from(self.cap(target))))
    }
}

/// Attempts one after the other, each as long as it may be, with the longest pauses between them.
pub(super) fn ladder(task: &Task, attempts: u32, attempt: Option<Duration>) -> Option<Duration> {
    Some(times(attempt?, u64::from(attempts)).plus(pauses(&task.retry, attempts)))
}

/// Attempts of a rung.
pub(super) fn attempts(retry: &Retry) -> u32 {
    if retry.on.iter().next().is_none() { 1 } else { retry.attempts_max.max(1) }
}

/// The longest pauses between so many attempts.
fn pauses(retry: &Retry, attempts: u32) -> Duration {
    let most = u128::from(retry.delay_max.as_micros());
    let mut pause = u128::from(retry.initial_delay.as_micros()).min(most);
    let mut sum = Duration::ZERO;
    for _ in 1..attempts {
        sum = sum.plus(Duration(u64::try_from(pause).unwrap_or(u64::MAX)));
        pause = (pause * u128::from(retry.backoff_percent) / 100).min(most);
    }
    sum
}

fn of_group(graph: &Graph, group: &Group, nodes: &[Node]) -> Effort {
    let whole = order::together(graph, &group.tasks, nodes);
    match group.race {
        // At worst nobody wins before the last has lost.
        Some(Race { first, .. }) => {
            let ends = order::ends(graph, &group.tasks, |node| nodes[node.0 as usize].effort.expected, Duration::plus);
            let mut ends: Vec<Duration> = ends.into_values().collect();
            ends.sort_unstable();
            let winner =
                ends.get(first.saturating_sub(1) as usize).or_else(|| ends.last()).copied().unwrap_or_default();
            Effort { expected: winner, ..whole }
        }
        None => whole,
    }
}

fn of_rounds(round: Effort, repeat: &Loop, expected: u64) -> Effort {
    let most = u64::from(repeat.rounds_max);
    let worst = round.worst.map(|worst| times(worst, most));
    let bound = |of: Duration| repeat.deadline.map_or(of, |deadline| of.min(deadline));
    let tokens = repeat.budget.and_then(|budget| budget.tokens).unwrap_or(u64::MAX);
    let money = repeat.budget.and_then(|budget| budget.money).unwrap_or(Money::MAX);
    Effort {
        expected: bound(times(round.expected, expected)),
        worst: worst.map(bound).or(repeat.deadline),
        cost: round.cost.times(expected).min(money),
        cost_max: round.cost_max.times(most).min(money),
        tokens: round.tokens.saturating_mul(expected).min(tokens),
        tokens_max: round.tokens_max.saturating_mul(most).min(tokens),
    }
}

fn of_items(item: Effort, items: u64, at_once: u64) -> Effort {
    let turns = items.div_ceil(at_once);
    Effort {
        expected: times(item.expected, turns),
        worst: item.worst.map(|worst| times(worst, turns)),
        cost: item.cost.times(items),
        cost_max: item.cost_max.times(items),
        tokens: item.tokens.saturating_mul(items),
        tokens_max: item.tokens_max.saturating_mul(items),
    }
}

/// `delay` comes before, `timeout.task` and `within` bound all of it.
fn within_its_bounds(effort: Effort, task: &Task) -> Effort {
    let delay = task.delay.unwrap_or_default();
    let bound = [task.timeouts.task, task.within].into_iter().flatten().min();
    let bounded = |span: Duration| bound.map_or(span, |bound| span.min(bound));
    Effort {
        expected: bounded(effort.expected.plus(delay)),
        worst: effort.worst.map(|worst| bounded(worst.plus(delay))).or(bound),
        ..effort
    }
}

const fn times(span: Duration, count: u64) -> Duration {
    Duration(span.as_micros().saturating_mul(count))
}

/// The length of a list that stands in the document.
fn constant_items(graph: &Graph, foreach: &Foreach) -> Option<u64> {
    let expr = graph.expr(foreach.items);
    if expr.form != Form::Constant {
        return None;
    }
    let list: serde_json::Value = serde_json::from_str(&expr.source).ok()?;
    Some(list.as_array()?.len() as u64)
}

/// Attempts at once on the target that is tried first.
fn concurrency(task: &Task, table: &[Target]) -> u32 {
    match &task.work {
        Work::Call(call) => eligible(call, table).first().map_or(u32::MAX, |target| target.concurrency_max),
        Work::Group(_) => u32::MAX,
    }
}

/// How often the calls in it ran in a run, in the mean: the most frequent of them.
fn instances(graph: &Graph, node: NodeId, history: &History) -> Option<u64> {
    let mut most = history.of(graph, node).map(Learned::instances_per_run);
    let mut inside: Vec<NodeId> = vec![node];
    while let Some(node) = inside.pop() {
        most = most.max(history.of(graph, node).map(Learned::instances_per_run));
        if let Work::Group(group) = &graph.task(node).work {
            // What repeats inside says nothing about how often this one does.
            let plain = |node: &&NodeId| graph.task(**node).foreach.is_none() && graph.task(**node).repeat.is_none();
            inside.extend(group.tasks.iter().filter(plain));
        }
    }
    most
}

/// How many of a task and the groups around it are repeated: what was learned can be ascribed to one.
fn wraps(graph: &Graph, node: NodeId) -> usize {
    let mut count = 0;
    let mut at = Some(node);
    while let Some(node) = at {
        let task = graph.task(node);
        count += usize::from(task.foreach.is_some()) + usize::from(task.repeat.is_some());
        at = task.parent;
    }
    count
}
