//! `uses: graph`: a call whose target is a run of its own.

use std::sync::Arc;

use agendum_types::Graph;
use agendum_types::graph::{Budget, COMPENSATE, Child, ExprId, Form, NodeId, Section, Work};
use serde_json::Value as Json;

use crate::children::GRAPH;
use crate::diagnostic::Diagnostics;
use crate::expr::{Text, classify};
use crate::hash_of;
use crate::json_schema::declared;
use crate::lower::reads::Place;
use crate::lower::{self, Lower, words};
use crate::tree::{Node, to_json};

/// A task that is taken back by itself, in a graph or in one inside it. As deep as graphs stand in graphs.
fn taken_back_in(graph: &Graph) -> Option<String> {
    graph.tasks.iter().find_map(|task| match &task.work {
        _ if task.compensate.is_some() => Some(task.name.to_string()),
        Work::Call(call) => call.child.as_ref().and_then(|child| taken_back_in(&child.graph)),
        Work::Group(_) => None,
    })
}

impl Lower<'_, '_> {
    /// What is evaluated of `with`: the inputs. The graph is none of this one's expressions.
    pub(super) fn child_inputs(&mut self, with: Option<&Node>, place: Place) -> ExprId {
        match with.and_then(|with| with.get("inputs")) {
            Some(inputs) => self.value(inputs, place),
            None => self.push(Form::Constant, "{}", Vec::new()),
        }
    }

    /// The graph of a child run; `None` where there is none, which was said.
    pub(super) fn child(&mut self, with: &Node) -> Option<Arc<Child>> {
        let (key, node) = with.entries().iter().find(|(key, _)| key.name == GRAPH)?;
        let document = to_json(node).to_string();
        let hash = hash_of(&document);
        let graph = if key.span.is_empty() {
            // It was accepted as a document of its own.
            lower::graph(node, hash, self.limits, &mut Diagnostics::new(&document))
        } else {
            lower::lowered(node, hash, self.limits, self.diagnostics).map(|lower| lower.graph)
        };
        let budget = words::budget(with.get("budget"));
        Some(Arc::new(Child { graph: Arc::new(graph?), document: document.into(), budget }))
    }

    pub(super) fn is_child(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].get("uses").and_then(Node::text) == Some(GRAPH)
    }

    /// Judges a call for a child run that nobody has accepted yet.
    pub(super) fn judge_child(&mut self, id: NodeId, node: &Node) {
        if !self.is_child(id) {
            return;
        }
        for word in ["model", "live", "effect", "on_uncertain"] {
            let Some(extra) = node.get(word) else { continue };
            let message = format!("`{word}` says nothing of a child run");
            self.diagnostics.error("call_only", &extra.span, message, "give it to the calls of that graph");
        }
        for word in ["first_output", "idle"] {
            let Some(extra) = node.get("timeout").and_then(|timeout| timeout.get(word)) else { continue };
            let message = format!("`{word}` says nothing of a child run: it gives its output at once");
            self.diagnostics.error("call_only", &extra.span, message, "write `attempt`, or `task`");
        }
        for target in
            node.get("catch").map(Node::items).unwrap_or_default().iter().filter_map(|rung| rung.get("target"))
        {
            let message = "a child run has no target to change";
            self.diagnostics.error("call_only", &target.span, message, "give an `output`");
        }
        let Work::Call(call) = &self.graph.task(id).work else { return };
        let Some((child, with)) = call.child.clone().zip(node.get("with")) else { return };
        self.turns_of_child(&child, with);
        self.taken_back_with_child(id, &child, node);
        self.inputs_of_child(with);
        self.budget_of_child(id, &child, node);
    }

    /// A run that waits for its turn behind others would hold up, or replace, what its parent has promised.
    fn turns_of_child(&mut self, child: &Child, with: &Node) {
        if child.graph.concurrency.is_some() {
            let message = format!("graph `{}` has a `concurrency`, which a child run cannot keep", child.graph.name);
            let help = "leave it out there, and write it in the outermost document";
            self.diagnostics.error("child_concurrency", &with.span, message, help);
        }
    }

    /// A child that has succeeded takes nothing back any more: who fails later has to do that.
    fn taken_back_with_child(&mut self, id: NodeId, child: &Child, node: &Node) {
        if self.graph.task(id).section != Section::Main || node.get(COMPENSATE).is_some() {
            return;
        }
        let Some(task) = taken_back_in(&child.graph) else { return };
        let name = &child.graph.name;
        let message = format!(
            "graph `{name}` takes back what `{task}` did if it fails itself, and not if this one fails after it has succeeded"
        );
        let help = "write a `compensate` beside `uses`, which takes back all that the child run has done";
        let span = node.get("uses").map_or(0..0, |uses| uses.span.clone());
        self.diagnostics.warning("not_taken_back", &span, message, help);
    }

    /// What is given and not declared, and what is declared and not given, where that can be seen.
    fn inputs_of_child(&mut self, with: &Node) {
        let schema = with.get(GRAPH).and_then(|graph| graph.get("inputs")).map_or(Json::Null, to_json);
        let inputs = with.get("inputs");
        if inputs.is_some_and(|inputs| inputs.text().is_some_and(|text| classify(text) != Text::Plain)) {
            return;
        }
        let given = inputs.map(Node::entries).unwrap_or_default();
        if let Some(known) = declared(&schema) {
            let words: Vec<&str> = known.keys().map(String::as_str).collect();
            for (key, _) in given.iter().filter(|(key, _)| !known.contains_key(&key.name)) {
                let help = match words.as_slice() {
                    [] => "leave it out: that graph takes none".to_owned(),
                    words => self.diagnostics.suggestion(&key.name, words, "its inputs"),
                };
                let message = format!("the graph has no input `{}`", key.name);
                self.diagnostics.error("unknown_input", &key.span, message, help);
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let is_given = |name: &str| given.iter().any(|(key, _)| key.name == name);
        let missing = required.filter(|name| !is_given(name) && schema["properties"][name].get("default").is_none());
        for name in missing.map(str::to_owned).collect::<Vec<_>>() {
            let span = inputs.map_or_else(|| with.span.start..with.span.start + 1, |inputs| inputs.span.clone());
            let message = format!("the graph needs the input `{name}`");
            self.diagnostics.error("missing_key", &span, message, format!("write `inputs: {{ {name}: … }}`"));
        }
    }

    /// What limits this run limits its children: each must say how much is to be set aside for it.
    fn budget_of_child(&mut self, id: NodeId, child: &Child, node: &Node) {
        if self.graph.task(id).section != Section::Main {
            return;
        }
        let own = child.budget();
        let of_run = self.graph.budget.map(|budget| ("the run".to_owned(), budget));
        let limits: Vec<(String, Budget)> = of_run.into_iter().chain(self.loop_budgets(id)).collect();
        for (of, limit) in limits {
            let lacks_money = limit.money.is_some() && own.is_none_or(|own| own.money.is_none());
            let lacks_tokens = limit.tokens.is_some() && own.is_none_or(|own| own.tokens.is_none());
            let Some(word) = lacks_money.then_some("usd").or_else(|| lacks_tokens.then_some("tokens")) else {
                continue;
            };
            let message = format!(
                "{of} has a budget in {word}, and graph `{}` says not how much of it is its own",
                child.graph.name
            );
            let help = format!("write `budget: {{ {word}: … }}` in `with`, or in the document of that graph");
            let span = node.get("uses").map_or(0..0, |uses| uses.span.clone());
            return self.diagnostics.error("no_budget", &span, message, help);
        }
    }

    /// The budgets of the loops around a task, and of its own.
    fn loop_budgets(&self, id: NodeId) -> Vec<(String, Budget)> {
        let mut found = Vec::new();
        let mut at = Some(id);
        while let Some(node) = at {
            let task = self.graph.task(node);
            let budget = task.repeat.as_ref().and_then(|repeat| repeat.budget);
            found.extend(budget.map(|budget| (format!("the loop `{}`", task.name), budget)));
            at = task.parent;
        }
        found
    }
}
