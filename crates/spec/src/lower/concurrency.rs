//! `concurrency`: which runs are a group, and how they stand to each other.

use agendum_types::graph::DataRef;
use agendum_types::{Concurrency, OnNew, Turns};

use crate::expr;
use crate::lower::Lower;
use crate::lower::reads::Place;
use crate::lower::words::span;
use crate::tree::Node;

impl<'t> Lower<'t, '_> {
    pub(super) fn concurrency(&mut self, tree: &'t Node) {
        let Some(node) = tree.get("concurrency") else { return };
        let settle = span(node.get("settle")).unwrap_or_default();
        if settle > Turns::SETTLE_MAX {
            let at = node.get("settle").map_or_else(|| node.span.clone(), |settle| settle.span.clone());
            let message = format!("a run settles for {} at most", Turns::SETTLE_MAX);
            self.diagnostics.error("out_of_range", &at, message, "use `delay` or `not_before` of a task for more");
        }
        let Some(written) = node.get("key") else { return };
        let key = self.value(written, Place::of_run());
        let known = |read: &DataRef| matches!(read, DataRef::Inputs);
        if !self.graph.expr(key).reads.iter().all(known) {
            let message = "the key is needed before the run begins: it reads `inputs` and nothing else";
            self.diagnostics.error("not_yet_known", &written.span, message, "such as ${{ inputs.repository }}");
        }
        if let Some(text) = written.text().filter(|text| expr::classify(text) == expr::Text::Plain)
            && !(1..=Concurrency::KEY_CHARS_MAX).contains(&text.chars().count())
        {
            let message = format!("a key has 1 to {} characters", Concurrency::KEY_CHARS_MAX);
            self.diagnostics.error("out_of_range", &written.span, message, "such as ${{ inputs.repository }}");
        }
        let limit = node.get("limit").and_then(Node::whole).and_then(|limit| u32::try_from(limit).ok()).unwrap_or(1);
        let on_new = node.get("on_new").and_then(Node::text).and_then(OnNew::from_word).unwrap_or_default();
        self.graph.concurrency = Some((key, Turns { limit, on_new, settle }));
    }
}
