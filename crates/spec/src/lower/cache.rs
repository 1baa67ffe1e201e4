//! `cache`: a result that is kept, and may be one that was.

use std::sync::Arc;

use agendum_types::graph::{Cache, CacheScope, NodeId};
use agendum_types::{Capability, Effect};

use crate::expr::{Text, classify};
use crate::lower::{Lower, words};
use crate::tree::Node;

/// Bytes of a tag at most.
const TAG_BYTES_MAX: usize = 64;

impl Lower<'_, '_> {
    pub(super) fn cache(&mut self, id: NodeId, node: &Node) {
        let Some(cache) = node.get("cache") else { return };
        let task = self.graph.task(id);
        let (effect, default) = (task.effect, if task.effect_declared { "" } else { " (by default)" });
        if self.is_group(id) {
            let message = "`cache` belongs to a task with `uses`";
            return self.diagnostics.error("call_only", &cache.span, message, "give it to the tasks inside");
        }
        if self.is_wait(id) {
            let message = "`cache` says nothing of a `wait`: what it waits for comes anew each time";
            return self.diagnostics.error("call_only", &cache.span, message, "leave it out");
        }
        if self.is_child(id) {
            let message = "`cache` says nothing of a child run: it is run each time";
            return self.diagnostics.error("call_only", &cache.span, message, "give it to the calls of that graph");
        }
        if node.get("uses").and_then(Node::text) == Some(Capability::Retrieve.word()) {
            let message = "what an index holds may change at any time, and looking costs nothing: it is not kept";
            return self.diagnostics.error("contradiction", &cache.span, message, "leave `cache` out");
        }
        if effect != Effect::None {
            let message =
                format!("a kept result would leave the effect out: that of this task is `{}`{default}", effect.word());
            let help = "write `effect: none` if it only reads, or leave `cache` out";
            return self.diagnostics.error("contradiction", &cache.span, message, help);
        }
        let tags = cache.get("tags").map(Node::items).unwrap_or_default();
        let tags = tags.iter().filter_map(|tag| self.tag(tag)).collect();
        // What is no span of time the schema has said.
        let Some(ttl) = words::span(cache.get("ttl")) else { return };
        let scope = cache.get("scope").and_then(Node::text).and_then(CacheScope::from_word).unwrap_or_default();
        self.graph.tasks[id.0 as usize].cache = Some(Cache { ttl, scope, tags });
    }

    fn tag(&mut self, tag: &Node) -> Option<Arc<str>> {
        let text = tag.text()?;
        if classify(text) != Text::Plain {
            let message = "a tag is a name, and holds no expression";
            self.diagnostics.error("no_expression", &tag.span, message, "write a plain name");
            return None;
        }
        if text.is_empty() || text.len() > TAG_BYTES_MAX {
            let message = format!("a tag has 1 to {TAG_BYTES_MAX} bytes, and this one {}", text.len());
            self.diagnostics.error("out_of_range", &tag.span, message, "write a name");
            return None;
        }
        Some(text.into())
    }

    /// A rung that takes what was kept: something must be, of this very call.
    pub(super) fn catches_cached(&mut self, node: &Node, entry: &Node) {
        let span = entry.get("use").map_or(&entry.span, |word| &word.span);
        if node.get("cache").is_none() {
            let help = "write `cache: { ttl: 1h }` beside `catch`, or give an `output`";
            self.diagnostics.error(
                "missing_key",
                span,
                "`use: cached` needs `cache`: nothing is kept without it",
                help,
            );
        } else if node.get("loop").is_some() {
            let message = "a loop keeps no result of its own, only those of its rounds";
            self.diagnostics.error("call_only", span, message, "catch with an `output`, or put the call into a group");
        }
    }
}
