//! From a tree of right words to a checked graph: names become places, texts become expressions with what they read.

mod reads;
mod task;
mod words;

use std::ops::Range;

use agendum_types::graph::{Expr, ExprId, Form, NodeId, Priority, Section, Task, Work};
use agendum_types::{Graph, Hash, Labels, Limits};
use minijinja::Environment;

use crate::cycles;
use crate::diagnostic::Diagnostics;
use crate::expr;
use crate::tree::{Node, Value};

/// The sections of a document with the words for them.
const SECTIONS: [(&str, Section); 4] = [
    ("tasks", Section::Main),
    ("after", Section::After),
    ("on_failure", Section::OnFailure),
    ("finally", Section::Finally),
];

/// Makes the graph. `None` if there are errors.
pub(crate) fn graph(tree: &Node, hash: Hash, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Graph> {
    let mut lower = Lower {
        graph: empty(tree, hash),
        nodes: Vec::new(),
        names: Vec::new(),
        environment: expr::environment(),
        limits,
        diagnostics,
    };
    lower.collect(tree);
    if lower.diagnostics.has_errors() {
        return None;
    }
    lower.of_run(tree);
    for index in 0..lower.graph.tasks.len() {
        lower.task(NodeId(index as u32));
    }
    lower.finish();
    let graph = lower.graph;
    (!diagnostics.has_errors()).then_some(graph)
}

/// A document on its way to a graph.
struct Lower<'t, 'd> {
    graph: Graph,
    /// The text of each task, by node.
    nodes: Vec<&'t Node>,
    /// Where the name of each task stands.
    names: Vec<Range<usize>>,
    environment: Environment<'static>,
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
    }
}

fn labels(node: Option<&Node>) -> Labels {
    let entries = node.map(Node::entries).unwrap_or_default();
    Labels::new(entries.iter().map(|(key, value)| format!("{}={}", key.name, value.text().unwrap_or_default())))
}

impl<'t> Lower<'t, '_> {
    /// Gives every task its place. Additions to a live run come after everything the document had.
    fn collect(&mut self, tree: &'t Node) {
        for (word, section) in SECTIONS {
            if let Some(tasks) = tree.get(word) {
                self.collect_tasks(tasks, None, section, 1);
            }
        }
        for addition in tree.get("additions").map(Node::items).unwrap_or_default() {
            self.collect_tasks(addition, None, Section::Main, 1);
        }
    }

    fn collect_tasks(&mut self, tasks: &'t Node, parent: Option<NodeId>, section: Section, depth: u32) {
        if depth > self.limits.depth_max {
            let message = format!("groups are nested more than {} deep", self.limits.depth_max);
            return self.diagnostics.error("too_deep", &tasks.span, message, "");
        }
        for (key, node) in tasks.entries() {
            if self.graph.tasks.len() >= self.limits.graph_tasks_max as usize {
                let message = format!("the document has more than {} tasks", self.limits.graph_tasks_max);
                return self.diagnostics.error("too_many_tasks", &key.span, message, "use `foreach` over a list");
            }
            self.is_new_name(parent, &key.name, &key.span);
            let id = NodeId(self.graph.tasks.len() as u32);
            self.graph.tasks.push(words::blank(&key.name, parent, section, node.get("tasks").is_some()));
            self.nodes.push(node);
            self.names.push(key.span.clone());
            match parent {
                Some(parent) => {
                    if let Work::Group(group) = &mut self.graph.tasks[parent.0 as usize].work {
                        group.tasks.push(id);
                    }
                }
                None => self.section_mut(section).push(id),
            }
            if let Some(inner) = node.get("tasks") {
                self.collect_tasks(inner, Some(id), section, depth + 1);
            }
        }
    }

    fn section_mut(&mut self, section: Section) -> &mut Vec<NodeId> {
        match section {
            Section::Main => &mut self.graph.main,
            Section::After => &mut self.graph.after,
            Section::OnFailure => &mut self.graph.on_failure,
            Section::Finally => &mut self.graph.finally,
        }
    }

    /// A name stands once in its scope and shadows none further out.
    fn is_new_name(&mut self, parent: Option<NodeId>, name: &str, span: &Range<usize>) {
        let mut scope = parent;
        loop {
            if self.graph.find(scope, name).is_some() {
                let (message, help) = if scope == parent {
                    (format!("there is another task `{name}`"), "give one of them another name")
                } else {
                    (format!("task `{name}` shadows the one outside its group"), "give one of them another name")
                };
                return self.diagnostics.error("duplicate_task", span, message, help);
            }
            let Some(group) = scope else { return };
            scope = self.graph.task(group).parent;
        }
    }

    /// What the document says of the run.
    fn of_run(&mut self, tree: &'t Node) {
        self.graph.deadline = words::span(tree.get("deadline"));
        self.graph.budget = words::budget(tree.get("budget"));
        if let Some(budget) = tree.get("budget")
            && self.graph.budget.is_none()
            && budget.get("usd_per_minute").is_none()
        {
            self.diagnostics.error("empty", &budget.span, "the budget limits nothing", "write usd or tokens");
        }
        if let Some(output) = tree.get("output") {
            let expr = self.value(output, reads::Place::of_run());
            self.graph.output = Some(expr);
        }
    }

    /// What follows from all tasks together.
    fn finish(&mut self) {
        for index in 0..self.graph.tasks.len() {
            let count = self.graph.tasks[index].needs.len();
            if count > self.limits.needs_max as usize {
                let message = format!("the task needs {count} others; {} are allowed", self.limits.needs_max);
                self.diagnostics.error("too_many_needs", &self.names[index].clone(), message, "");
            }
        }
        for cycle in cycles::find(&self.graph.tasks) {
            let names: Vec<&str> = cycle.iter().map(|node| &*self.graph.task(*node).name).collect();
            let message = format!("the tasks need each other: {}", names.join(" → "));
            let help = "a cycle can only be written as a `loop`: put these tasks into one: `loop: {until, max_iterations, on_exhausted}` with `tasks` inside";
            let span = self.names[cycle[0].0 as usize].clone();
            self.diagnostics.error("cycle", &span, message, help);
        }
        for index in 0..self.graph.tasks.len() {
            for need in self.graph.tasks[index].needs.clone() {
                self.graph.tasks[need.0 as usize].needed_by.push(NodeId(index as u32));
            }
        }
        self.mark_used();
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
        let source = crate::tree::to_json(node).to_string();
        self.push(if dynamic { Form::Tree } else { Form::Constant }, &source, reads)
    }

    /// A text that must be an expression, or a plain truth value or number.
    fn condition(&mut self, node: &Node, place: reads::Place) -> ExprId {
        match &node.value {
            Value::Text(text) => match expr::classify(text) {
                expr::Text::Expression(source) => return self.expression(source, node, place),
                expr::Text::Plain | expr::Text::Template => {
                    let help = format!("write ${{{{ {} }}}}", text.trim());
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
        let reads = self.source_reads(Form::Expression, source, node, &place, &[]);
        self.push(Form::Expression, source, reads)
    }
}
