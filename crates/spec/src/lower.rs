//! From a tree of right words to a checked graph: names become places, texts become expressions with what they read.

mod adds;
mod alike;
mod cache;
mod child;
mod compensate;
mod concurrency;
mod contrary;
mod doubt;
mod judges;
mod outputs;
mod places;
mod reads;
mod resources;
mod task;
mod wait;
mod warned;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use agendum_types::graph::{Expr, ExprId, Form, NodeId, Priority, Task, Work};
use agendum_types::{Graph, Hash, Labels, Limits};

use crate::cycles;
use crate::diagnostic::Diagnostics;
use crate::expr;
use crate::extend::ADDITIONS;
use crate::tree::{Node, Value, to_json};

/// Tasks of a cycle that its diagnostic names.
const PATH_MAX: usize = 40;

/// Help where a text holds more than an expression.
const ONE_EXPRESSION: &str = "write one expression, with nothing around it: ${{ … }}";

/// Makes the graph. `None` if there are errors.
pub(crate) fn graph(tree: &Node, hash: Hash, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Graph> {
    let graph = lowered(tree, hash, limits, diagnostics)?.graph;
    (!diagnostics.has_errors()).then_some(graph)
}

/// The same of further tasks for a live run: as far as it goes where there are errors, so that what else is wrong can be told too.
pub(crate) fn part(tree: &Node, hash: Hash, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Graph> {
    Some(lowered(tree, hash, limits, diagnostics)?.graph)
}

/// Tasks beside each other that need each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// The groups around them, from the top.
    pub(crate) groups: Vec<String>,
    /// Their names, in the order of the text.
    pub(crate) tasks: Vec<String>,
    /// What each needs of them, by its place in `tasks`.
    pub(crate) needs: Vec<Vec<usize>>,
}

/// The cycles of a document whose names are right.
pub(crate) fn cycles(tree: &Node, limits: &Limits, diagnostics: &mut Diagnostics) -> Vec<Cycle> {
    let Some(lower) = lowered(tree, Hash([0; 32]), limits, diagnostics) else { return Vec::new() };
    let mut components = cycles::components(&lower.all_needs());
    let alone = |node: &NodeId| !components.iter().any(|component| component.contains(node));
    let selves: Vec<_> = lower.selves.iter().copied().filter(alone).map(|node| vec![node]).collect();
    components.extend(selves);
    for component in &mut components {
        component.sort_unstable();
    }
    components.sort();
    components.iter().map(|component| lower.cycle(component)).collect()
}

fn lowered<'t, 'd>(
    tree: &'t Node,
    hash: Hash,
    limits: &'t Limits,
    diagnostics: &'d mut Diagnostics,
) -> Option<Lower<'t, 'd>> {
    let mut lower = Lower {
        graph: empty(tree, hash),
        nodes: Vec::new(),
        names: Vec::new(),
        places: BTreeMap::new(),
        pieces: BTreeSet::new(),
        selves: BTreeSet::new(),
        sights: Vec::new(),
        is_grown: tree.get(ADDITIONS).is_some(),
        limits,
        diagnostics,
    };
    lower.collect(tree);
    lower.no_shadows();
    // Over a limit the rest is not looked at; without tasks every name would be unknown. Other errors hide nothing.
    let has_tasks = tree.get("tasks").is_some_and(|tasks| !tasks.entries().is_empty());
    if !has_tasks || lower.diagnostics.has_any(&["too_deep", "too_many_tasks"]) {
        return None;
    }
    lower.of_run(tree);
    for index in 0..lower.graph.tasks.len() {
        lower.task(NodeId(index as u32));
    }
    lower.of_additions(tree);
    lower.finish();
    lower.judge(tree);
    Some(lower)
}

/// A document on its way to a graph.
pub(crate) struct Lower<'t, 'd> {
    pub(crate) graph: Graph,
    /// The text of each task, by node.
    nodes: Vec<&'t Node>,
    /// Where the name of each task stands.
    names: Vec<Range<usize>>,
    /// The tasks by scope and name: the graph's own search is linear.
    places: BTreeMap<(Option<NodeId>, &'t str), NodeId>,
    /// What an expression makes of names with `-`, which are no names for tasks and were refused as such.
    pieces: BTreeSet<&'t str>,
    /// Tasks that need themselves, which is said where they do and kept out of their needs.
    selves: BTreeSet<NodeId>,
    /// What expressions read of data whose fields may be known.
    sights: Vec<outputs::Sight>,
    /// There are additions: what is wrong is wrong with the last, which is no document that could be fixed.
    is_grown: bool,
    limits: &'t Limits,
    diagnostics: &'d mut Diagnostics,
}

fn empty(tree: &Node, hash: Hash) -> Graph {
    Graph {
        name: tree.get("name").and_then(Node::text).unwrap_or("graph").into(),
        hash,
        tasks: Vec::new(),
        exprs: Vec::new(),
        main: Vec::new(),
        after: Vec::new(),
        on_failure: Vec::new(),
        finally: Vec::new(),
        output: None,
        priority: tree.get("priority").and_then(Node::text).and_then(Priority::from_word).unwrap_or_default(),
        deadline: None,
        budget: None,
        labels: labels(tree.get("labels")),
        concurrency: None,
    }
}

pub(crate) fn labels(node: Option<&Node>) -> Labels {
    let entries = node.map(Node::entries).unwrap_or_default();
    Labels::new(entries.iter().map(|(key, value)| format!("{}={}", key.name, value.text().unwrap_or_default())))
}

impl<'t> Lower<'t, '_> {
    /// What the document says of the run.
    fn of_run(&mut self, tree: &'t Node) {
        self.graph.deadline = words::span(tree.get("deadline"));
        self.graph.budget = words::budget(tree.get("budget"));
        if let Some(budget) = tree.get("budget")
            && self.graph.budget.is_none()
            && budget.entries().iter().all(|(key, _)| key.name == "on_exceeded")
            && matches!(budget.value, Value::Map(_))
        {
            self.diagnostics.error("empty", &budget.span, "the budget limits nothing", "write usd or tokens");
        }
        self.concurrency(tree);
        if let Some(output) = tree.get("output") {
            let expr = self.value(output, reads::Place::of_run());
            self.graph.output = Some(expr);
        }
    }

    /// What follows from all tasks together.
    fn finish(&mut self) {
        for index in 0..self.graph.tasks.len() {
            if self.graph.tasks[index].needs.len() > self.limits.needs_max as usize {
                let message = format!("the task needs more than {} others", self.limits.needs_max);
                self.diagnostics.error("too_many_needs", &self.names[index].clone(), message, "");
            }
        }
        let mut live = 0_u64;
        for (index, count) in self.graph.instances_max().enumerate() {
            let (before, max) = (live, u64::from(self.limits.run_tasks_max));
            live = live.saturating_add(count);
            if before <= max && live > max {
                let message = format!("with this task, more than {max} could be alive at once in one run");
                let help = "lower `max_parallel` of it or of what it stands in: they multiply";
                self.diagnostics.error("too_many_tasks", &self.names[index].clone(), message, help);
            }
        }
        for cycle in cycles::find(&self.all_needs()) {
            let message = format!("the tasks need each other: {}", self.path(&cycle));
            let help = "a cycle can only be written as a `loop`: {until, max_iterations, on_exhausted}, with these tasks inside";
            let span = self.names[cycle[0].0 as usize].clone();
            self.cyclic(&span, message, help);
        }
        for index in 0..self.graph.tasks.len() {
            for need in self.graph.tasks[index].needs.clone() {
                self.graph.tasks[need.0 as usize].needed_by.push(NodeId(index as u32));
            }
        }
        self.judge_checks();
        self.judge_compensations();
        self.judge_judges();
        self.mark_used();
    }

    /// An error that a command can mend, where there is a document to mend.
    fn cyclic(&mut self, span: &Range<usize>, message: String, help: &str) {
        let command = if self.is_grown { "" } else { "; `agendum check --fix` writes this" };
        self.diagnostics.error("cycle", span, message, format!("{help}{command}"));
    }

    /// What each task needs, by its place.
    fn all_needs(&self) -> Vec<&[NodeId]> {
        self.graph.tasks.iter().map(|task| task.needs.as_slice()).collect()
    }

    fn cycle(&self, component: &[NodeId]) -> Cycle {
        let mut groups = Vec::new();
        let mut parent = self.graph.task(component[0]).parent;
        while let Some(group) = parent {
            groups.insert(0, self.graph.task(group).name.to_string());
            parent = self.graph.task(group).parent;
        }
        let needs = |node: &NodeId| {
            let own = self.selves.get(node);
            let of_cycle = |need: &NodeId| component.binary_search(need).ok();
            own.into_iter().chain(&self.graph.task(*node).needs).filter_map(of_cycle).collect()
        };
        let tasks = component.iter().map(|node| self.graph.task(*node).name.to_string()).collect();
        Cycle { groups, tasks, needs: component.iter().map(needs).collect() }
    }

    /// The names along a cycle; of a long one both ends.
    fn path(&self, cycle: &[NodeId]) -> String {
        let name = |node: &NodeId| self.graph.task(*node).name.to_string();
        if cycle.len() <= PATH_MAX {
            return cycle.iter().map(name).collect::<Vec<_>>().join(" → ");
        }
        let (begin, end) = (&cycle[..PATH_MAX / 2], &cycle[cycle.len() - PATH_MAX / 2..]);
        let left_out = format!("({} more)", cycle.len() - begin.len() - end.len());
        let names = begin.iter().map(name).chain([left_out]).chain(end.iter().map(name));
        names.collect::<Vec<_>>().join(" → ")
    }

    /// Marks the tasks whose output somebody reads.
    fn mark_used(&mut self) {
        use agendum_types::graph::DataRef;
        let reads: Vec<DataRef> = self.graph.exprs.iter().flat_map(|expr| expr.reads.iter().copied()).collect();
        let all_main = self.graph.output.is_none() || reads.contains(&DataRef::PartialOutput);
        for read in reads {
            if let DataRef::Output(node) | DataRef::Previous(node) = read {
                self.graph.tasks[node.0 as usize].output_used = true;
            }
        }
        if all_main {
            for node in self.graph.main.clone() {
                self.graph.tasks[node.0 as usize].output_used = true;
            }
        }
        for task in self.graph.tasks.iter_mut().filter(|task| task.judges.is_some()) {
            task.output_used = true;
        }
        // A group stands before its tasks: what it merges is used if it is.
        for index in 0..self.graph.tasks.len() {
            let Task { work: Work::Group(group), output_used, repeat, fail_if, .. } = &self.graph.tasks[index] else {
                continue;
            };
            if group.output.is_none() && (*output_used || repeat.is_some() || fail_if.is_some()) {
                for node in group.tasks.clone() {
                    self.graph.tasks[node.0 as usize].output_used = true;
                }
            }
        }
    }

    fn push(&mut self, form: Form, source: &str, reads: Vec<agendum_types::graph::DataRef>) -> ExprId {
        self.graph.exprs.push(Expr { form, source: source.into(), reads });
        ExprId(self.graph.exprs.len() as u32 - 1)
    }

    /// Any value: an expression if it is nothing else, a tree with templates, or a constant.
    fn value(&mut self, node: &Node, place: reads::Place) -> ExprId {
        if let Some(expr::Text::Expression(source)) = node.text().map(expr::classify) {
            return self.expression(source, node, place);
        }
        let mut reads = Vec::new();
        let dynamic = self.tree_reads(node, &place, &mut reads);
        reads.sort_unstable();
        reads.dedup();
        let source = to_json(node).to_string();
        self.push(if dynamic { Form::Tree } else { Form::Constant }, &source, reads)
    }

    /// A text that must be an expression, or a plain truth value or number.
    fn condition(&mut self, node: &Node, place: reads::Place) -> ExprId {
        match &node.value {
            Value::Text(text) => match expr::classify(text) {
                expr::Text::Expression(source) => return self.expression(source, node, place),
                text_of @ (expr::Text::Plain | expr::Text::Template) => {
                    let help = match text_of {
                        expr::Text::Template => ONE_EXPRESSION.to_owned(),
                        expr::Text::Plain | expr::Text::Expression(_) => format!("write ${{{{ {} }}}}", text.trim()),
                    };
                    self.diagnostics.error(
                        "no_expression",
                        &node.span,
                        "this is a text and not an expression: it would always be true",
                        help,
                    );
                }
            },
            Value::Bool(truth) => {
                return self.push(Form::Expression, if *truth { "true" } else { "false" }, Vec::new());
            }
            Value::Number(number) => return self.push(Form::Expression, &number.to_string(), Vec::new()),
            Value::Null | Value::List(_) | Value::Map(_) => {}
        }
        self.push(Form::Expression, "false", Vec::new())
    }

    fn expression(&mut self, source: &str, node: &Node, place: reads::Place) -> ExprId {
        let reads = self.source_reads(Form::Expression, source, node, &place, &mut reads::Locals::default());
        self.push(Form::Expression, source, reads)
    }
}
