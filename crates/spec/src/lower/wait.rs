//! A `wait`: no target serves it and no attempt is made, so it knows other words than other tasks.

use agendum_types::graph::NodeId;
use agendum_types::{Capability, Principal, WaitFor};

use crate::expr::{Text, classify};
use crate::lower::Lower;
use crate::lower::task::misspelt;
use crate::tree::{Node, Value, to_json};
use crate::wait;

impl Lower<'_, '_> {
    /// Judges a wait that nobody has accepted yet.
    pub(super) fn waits(&mut self, node: &Node) {
        if node.get("uses").and_then(Node::text) != Some(Capability::Wait.word()) {
            return;
        }
        self.no_attempts(node);
        let with = node.get("with");
        let of = with.and_then(|with| with.get("for")).and_then(Node::text).and_then(WaitFor::from_word);
        if let Some((with, of)) = with.zip(of) {
            self.arguments_of(with, of);
        }
    }

    /// True for a task that no target serves.
    pub(super) fn is_wait(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].get("uses").and_then(Node::text) == Some(Capability::Wait.word())
    }

    /// What speaks of attempts says nothing here.
    fn no_attempts(&mut self, node: &Node) {
        for word in ["retry", "model", "effect", "on_uncertain", "compensate", "live", "timeout"] {
            let Some(extra) = node.get(word) else { continue };
            let bounds_task = extra.get("task").is_some() && extra.entries().len() == 1;
            if word == "timeout" && bounds_task {
                continue;
            }
            let help = if word == "timeout" { "write `timeout: {task: …}`, or `within`" } else { "leave it out" };
            let message = format!("`{word}` says nothing of a `wait`: it makes no attempt");
            self.diagnostics.error("call_only", &extra.span, message, help);
        }
    }

    /// Nobody of those who are named can ever decide.
    fn nobody_decides(&mut self, who: &Node) {
        let (names, local) = (who.items(), Principal::LOCAL);
        if names.is_empty() || names.iter().any(|name| is_computed(name) || name.text() == Some(local)) {
            return;
        }
        let message = format!("`who` names nobody who can decide: in this release everybody who may is `{local}`");
        let help = format!("write `who: [{local}]`, or leave it out");
        self.diagnostics.warning("nobody_decides", &who.span, message, help);
    }

    fn arguments_of(&mut self, with: &Node, of: WaitFor) {
        for (key, value) in with.entries().iter().filter(|(key, _)| key.name != "for") {
            let owner = WaitFor::ALL.into_iter().find(|other| wait::arguments(*other).contains(&&*key.name));
            if let Some(owner) = owner.filter(|_| !wait::arguments(of).contains(&&*key.name)) {
                let message = format!("`{}` belongs to `for: {owner}`", key.name);
                let help = format!("`for: {of}` takes {}", wait::arguments(of).join(", "));
                self.diagnostics.error("contradiction", &key.span, message, help);
            } else if !is_computed(value)
                && !matches!(&value.value, Value::List(items) if items.is_empty())
                && let Some(wrong) = wait::wrong(&key.name, &to_json(value))
            {
                self.diagnostics.error("bad_wait", &value.span, wrong, "");
            } else if key.name == "who" {
                self.nobody_decides(value);
            }
        }
        let given = |key: &&&str| with.get(key).is_some();
        let (needed, help) = match of {
            WaitFor::Approval | WaitFor::Effect | WaitFor::Money => return,
            WaitFor::Signal | WaitFor::Webhook => (&["name"] as &[&str], "write `name: …`: what it is sent to"),
            WaitFor::Time => (&["until", "after"] as &[&str], "write `until: 2026-12-01T09:00:00Z`, or `after: 2h`"),
        };
        match needed.iter().filter(given).count() {
            // What is misspelt is not missing as well.
            0 if with.entries().iter().any(|(key, _)| misspelt(&key.name, needed)) => {}
            0 => {
                let message = format!("`for: {of}` lacks `{}`", needed.join("` or `"));
                self.diagnostics.error("missing_key", &(with.span.start..with.span.start + 1), message, help);
            }
            1 => {}
            _ => {
                self.diagnostics.error("both", &with.span, "`until` and `after` say the same", "leave one of them out")
            }
        }
    }
}

/// True if its value is known to a run only.
fn is_computed(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => classify(text) != Text::Plain,
        Value::List(items) => items.iter().any(is_computed),
        Value::Map(entries) => entries.iter().any(|(_, value)| is_computed(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
