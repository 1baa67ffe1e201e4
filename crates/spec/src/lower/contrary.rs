//! Words of a task that work against each other, or against what they are for.
//!
//! A document that was accepted before has no places, and is not judged again.

use agendum_types::graph::NodeId;
use agendum_types::{Capability, Effect};
use url::Url;

use crate::expr::{self, Text};
use crate::lower::Lower;
use crate::tree::Node;

impl Lower<'_, '_> {
    /// `risk: high` says the same as `no_fallback: true`.
    pub(super) fn no_fallback(&mut self, node: &Node, catch: &Node) {
        let word = if node.get("no_fallback").and_then(Node::bool) == Some(true) {
            "no_fallback: true"
        } else if node.get("risk").and_then(Node::text) == Some("high") && !catch.span.is_empty() {
            "risk: high"
        } else {
            return;
        };
        let message = format!("`{word}` forbids `catch`");
        self.diagnostics.error("contradiction", &catch.span, message, "leave one of them out");
    }

    /// Nobody runs again what may have taken effect.
    pub(super) fn retries(&mut self, id: NodeId, node: &Node) {
        let on = node.get("retry").and_then(|retry| retry.get("on")).map(Node::items).unwrap_or_default();
        let Some(word) = on.iter().find(|class| class.text() == Some("uncertain") && !class.span.is_empty()) else {
            return;
        };
        if self.graph.task(id).effect == Effect::Once {
            let message = "a task with `effect: once` is never run again when nobody knows whether it took effect";
            let help =
                "leave `uncertain` out, or write `effect: idempotent` if what it calls keeps the key that it is sent";
            self.diagnostics.error("contradiction", &word.span, message, help);
        }
    }

    /// What must succeed before a text is shown: not the text itself, and nothing that succeeds whatever it finds.
    pub(super) fn released_by(&mut self, id: NodeId, check: NodeId, name: &Node) {
        let task = &self.graph.task(check).name;
        if name.span.is_empty() {
            return;
        }
        if check == id {
            let message = format!("`publish_after` of task `{task}` names itself");
            let help = "name the task that checks its text, or leave `publish_after` out";
            self.diagnostics.error("contradiction", &name.span, message, help);
        } else {
            let node = self.nodes[check.0 as usize];
            let is_moderation = node.get("uses").and_then(Node::text) == Some(Capability::Moderate.word());
            if is_moderation && node.get("fail_if").is_none() {
                let message = format!("`{task}` succeeds and releases the text even when it says `allowed: false`");
                let help = format!("write `fail_if: ${{{{ not output.allowed }}}}` at `{task}`");
                self.diagnostics.warning("unguarded", &name.span, message, help);
            }
        }
    }

    /// Only a live text can be held back.
    pub(super) fn shown(&mut self, node: &Node) {
        if let Some(text) = node.get("publish_after").filter(|text| !text.span.is_empty())
            && node.get("live").and_then(Node::bool) != Some(true)
        {
            let message = "nothing is held back: only a task with `live: true` shows its text while it runs";
            let help = "write `live: true` beside it, or leave `publish_after` out";
            self.diagnostics.warning("not_live", &text.span, message, help);
        }
    }

    /// A `url` that no request can be made from.
    pub(super) fn url(&mut self, url: &Node) {
        let Some(text) = url.text().filter(|text| !url.span.is_empty() && expr::classify(text) == Text::Plain) else {
            return;
        };
        if Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return;
        }
        let help = match Url::parse(&format!("https://{}", text.trim())) {
            Ok(url) if !text.contains(':') => format!("write {url}"),
            Ok(_) | Err(_) => "write https://HOST/PATH".to_owned(),
        };
        self.diagnostics.error("no_url", &url.span, format!("`url` is {text:?}, which is no http or https URL"), help);
    }
}
