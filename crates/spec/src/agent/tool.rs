//! A tool of an agent: what the model is told of it, and the task that its calls run.

use agendum_types::graph::COMPENSATE;
use serde_json::{Value as Json, json};

use crate::agent::scope::{Around, Scope};
use crate::agent::{Expansion, made, named};
use crate::json_schema;
use crate::tree::{Key, Node, Value, from_json, to_json};

/// Failures that go back to the model. It cannot mend what is uncertain, forbidden, too dear, too late or cancelled.
const TOLD: [&str; 7] =
    ["rate_limited", "overloaded", "timeout", "unavailable", "invalid_output", "content_blocked", "permanent"];

impl Expansion<'_> {
    /// What the model is told of a tool.
    pub(super) fn told(&mut self, key: &Key, tool: &Node) -> Node {
        let parameters = tool.get("parameters").cloned().unwrap_or_else(|| from_json(json!({ "type": "object" })));
        if json_schema::is_computed(&parameters) {
            let message =
                format!("`parameters` of `{}` hold an expression: they are told to the model as they stand", key.name);
            self.diagnostics.error("computed", &parameters.span, message, "write the schema out");
        }
        let description = tool.get("description").map(|text| self.moved(text, Scope::With));
        let function = vec![
            made("name", json!(key.name)),
            named("description", description.unwrap_or_else(|| from_json(json!("")))),
            named("parameters", parameters),
        ];
        self.map(vec![made("type", json!("function")), named("function", self.map(function))])
    }

    /// The task that runs when the tool is called. What it fails with goes back to the model, unless it may not fall back.
    pub(super) fn tool(&mut self, key: &Key, tool: &Node, names: &[&str]) -> Node {
        let mut task = vec![made("if", json!(format!("${{{{ item.name == \"{}\" and not item.error }}}}", key.name)))];
        let parameters = tool.get("parameters").map_or(Json::Null, to_json);
        let around = Around { names, is_each: self.is_each, parameters };
        let scope = Scope::Tool(&around);
        let mut rungs = Vec::new();
        for (word, value) in tool.entries() {
            match &*word.name {
                "parameters" => {}
                "catch" => rungs.extend(self.moved(value, scope).items().iter().cloned()),
                "with" => task.push((word.clone(), self.moved_with(value, scope))),
                "fail_if" | "on_uncertain" | COMPENSATE => {
                    task.push((word.clone(), self.moved(value, scope)));
                }
                _ => task.push((word.clone(), value.clone())),
            }
        }
        let falls_back = tool.get("no_fallback").and_then(Node::bool) != Some(true)
            && tool.get("risk").and_then(Node::text) != Some("high");
        if falls_back {
            rungs.push(from_json(
                json!({ "on": TOLD, "output": { "error": "${{ error.class }}: ${{ error.message }}" } }),
            ));
        }
        if !rungs.is_empty() {
            let span = tool.get("catch").map_or(0..0, |catch| catch.span.clone());
            task.push(named("catch", Node { value: Value::List(rungs), span }));
        }
        self.map(task)
    }
}
