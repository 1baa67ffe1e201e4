//! What runs, but not as meant: texts that look like expressions, arguments that nobody reads, filters that are not there.

use std::ops::Range;

use crate::expr;
use crate::lower::Lower;
use crate::lower::reads::Locals;
use crate::names::Call;
use crate::schema;
use crate::tree::Node;

/// Names that begin an expression; `{{ name }}` in a prompt about templates does not.
const ROOTS: [&str; 7] = ["inputs", "tasks", "outer", "item", "loop", "run", "task"];

/// Bytes behind `{{` in which its end is looked for: a text of nothing else would be searched through again and again.
const NEAR: usize = 200;

impl Lower<'_, '_> {
    /// `{{ inputs.x }}` without its `$` is a text as it stands.
    pub(super) fn dollars(&mut self, text: &str, node: &Node) {
        if node.span.is_empty() || !text.contains("{{") {
            return;
        }
        for (at, _) in text.match_indices("{{").filter(|(at, _)| *at == 0 || !text[..*at].ends_with(['$', '{'])) {
            let near = &text[at + 2..];
            let near = &near[..near.floor_char_boundary(NEAR.min(near.len()))];
            let Some((inner, _)) = near.split_once("}}") else { continue };
            let root = inner.trim().split(['.', '[', ' ', '|']).next().unwrap_or_default();
            if ROOTS.contains(&root) && inner.contains('.') {
                let written = &text[at..at + inner.len() + 4];
                let message = format!("`{written}` is sent as it stands: it lacks its `$`");
                let span = self.diagnostics.parts(node).place(&(at..at + written.len()));
                if !self.diagnostics.warning("missing_dollar", &span, message, format!("write ${written}")) {
                    return;
                }
            }
        }
    }

    /// Arguments that neither the capability nor its prompt knows.
    pub(super) fn unread(&mut self, uses: &Node, with: &Node, arguments: &Locals<'_>) {
        let Some(takes) = uses.text().and_then(schema::arguments) else { return };
        if takes["x-variables"] != true || with.get("prompt").or_else(|| with.get("messages")).is_none() {
            return;
        }
        let known: Vec<&str> = takes["properties"].as_object().into_iter().flatten().map(|(key, _)| &**key).collect();
        for (key, _) in with.entries() {
            let is_used = known.contains(&key.name.as_str()) || arguments.read.contains(&key.name);
            if !is_used && !key.span.is_empty() {
                let message = format!("nothing reads `{}`: the prompt does not name it", key.name);
                let help = match schema::is_of_tasks(&key.name) {
                    true => format!("`{}` stands beside `with`, and not in it", key.name),
                    false => self.diagnostics.suggestion(&key.name, &known, "arguments"),
                };
                self.diagnostics.warning("unread", &key.span, message, help);
            }
        }
    }

    /// A filter, a test or a function must be there. A document that was accepted before has no places, and is not judged again.
    pub(super) fn known_call(&mut self, call: Call, name: &str, span: &Range<usize>) {
        if span.is_empty() || self.diagnostics.is_full() {
            return;
        }
        let Some(known) = expr::unknown(call, name) else { return };
        let (code, kind, kinds) = match call {
            Call::Filter => ("unknown_filter", "filter", "filters"),
            Call::Test => ("unknown_test", "test", "tests"),
            Call::Function => ("unknown_function", "function", "functions"),
        };
        let help = self.diagnostics.suggestion(name, known, kinds);
        self.diagnostics.error(code, span, format!("there is no {kind} `{name}`"), help);
    }
}
