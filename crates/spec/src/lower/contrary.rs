//! Words of a task that work against each other, or against what they are for.

use agendum_types::graph::NodeId;
use agendum_types::{Capability, Effect};

use crate::lower::Lower;
use crate::tree::Node;

impl Lower<'_, '_> {
    /// Judges a task that nobody has accepted yet.
    pub(super) fn contrary(&mut self, id: NodeId, node: &Node) {
        self.risk(id, node);
        self.retries(id, node);
        self.shown(id, node);
        self.in_doubt(id, node);
        self.waits(node);
        self.judge_child(id, node);
        for name in node.get("publish_after").map(Node::items).unwrap_or_default() {
            self.released_by(id, name);
        }
    }

    /// `risk: high` says the same as `no_fallback: true`.
    fn risk(&mut self, id: NodeId, node: &Node) {
        let is_high = node.get("risk").and_then(Node::text) == Some("high");
        let is_told = node.get("no_fallback").and_then(Node::bool) == Some(true);
        if let Some(catch) = node.get("catch").filter(|_| is_high && !is_told)
            && !self.graph.task(id).catch.is_empty()
        {
            self.no_catch("risk: high", catch);
        }
    }

    pub(super) fn no_catch(&mut self, word: &str, catch: &Node) {
        let message = format!("`{word}` forbids `catch`");
        self.diagnostics.error("contradiction", &catch.span, message, "leave one of them out");
    }

    /// Nobody runs again what may have taken effect, nor anything more often than is allowed here.
    pub(super) fn retries(&mut self, id: NodeId, node: &Node) {
        let (asked, most) = (node.get("retry").and_then(|retry| retry.get("max_attempts")), self.limits.attempts_max);
        if let Some(asked) = asked.filter(|asked| asked.whole().is_some_and(|count| count > u64::from(most))) {
            let message = format!("a task is tried {most} times at most here, on all rungs together");
            self.diagnostics.error("too_many", &asked.span, message, "lower it, or raise `limits.attempts_max`");
        }
        let on = node.get("retry").and_then(|retry| retry.get("on")).map(Node::items).unwrap_or_default();
        let task = self.graph.task(id);
        if let Some(word) = on.iter().find(|class| class.text() == Some("uncertain"))
            && task.effect == Effect::Once
        {
            let default = if task.effect_declared { "" } else { " (by default)" };
            let message = format!(
                "a task whose effect is `once`{default} is never run again when nobody knows whether it took effect"
            );
            let help =
                "leave `uncertain` out, or write `effect: idempotent` if what it calls keeps the key that it is sent";
            self.diagnostics.error("contradiction", &word.span, message, help);
        }
    }

    /// Only what lasts, and bears no repetition, is ever in doubt.
    fn in_doubt(&mut self, id: NodeId, node: &Node) {
        let Some(word) = node.get("on_uncertain") else { return };
        let help = if self.is_group(id) {
            "give it to the tasks inside"
        } else if self.graph.task(id).effect != Effect::Once {
            "write `effect: once` beside it, or leave it out"
        } else {
            return;
        };
        let message = "`on_uncertain` means nothing here: only a task whose effect is `once` is ever in doubt";
        self.diagnostics.warning("never_in_doubt", &word.span, message, help);
    }

    /// Only a live text can be held back.
    fn shown(&mut self, id: NodeId, node: &Node) {
        let Some(text) = node.get("publish_after") else { return };
        let help = if self.is_group(id) {
            "leave `publish_after` out: a group shows no text"
        } else if node.get("live").and_then(Node::bool) != Some(true) {
            "write `live: true` beside it, or leave `publish_after` out"
        } else {
            return;
        };
        let message = "nothing is held back: only a task with `live: true` shows its text while it runs";
        self.diagnostics.warning("not_live", &text.span, message, help);
    }

    /// What must succeed before a text is shown: not the text itself, and nothing that succeeds whatever it finds.
    fn released_by(&mut self, id: NodeId, name: &Node) {
        let Some(check) = name.text().and_then(|name| self.find(self.graph.task(id).parent, name)) else { return };
        let task = &self.graph.task(check).name;
        if check == id {
            let message = format!("`publish_after` of task `{task}` names itself");
            let help = "name the task that checks its text, or leave `publish_after` out";
            return self.diagnostics.error("contradiction", &name.span, message, help);
        }
        let node = self.nodes[check.0 as usize];
        let is_moderation = node.get("uses").and_then(Node::text) == Some(Capability::Moderate.word());
        if is_moderation && node.get("fail_if").is_none() {
            let message = format!("`{task}` succeeds and releases the text even when it says `allowed: false`");
            let help = format!("write `fail_if: ${{{{ not output.allowed }}}}` at `{task}`");
            self.diagnostics.warning("unguarded", &name.span, message, help);
        }
    }
}
