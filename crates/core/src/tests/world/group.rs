//! Runs that wait for their turn: `submit r1 group=key,limit=2,replace,settle=200ms SCRIPT`.

use agendum_testkit::script;
use agendum_types::{Concurrency, OnNew, RunId, Turns};

use super::World;

/// The group that stands before a script, and the script.
pub(super) fn of(text: &str) -> (Option<Concurrency>, &str) {
    let Some((group, text)) = text.strip_prefix("group=").and_then(|text| text.split_once(' ')) else {
        return (None, text);
    };
    let mut words = group.split(',');
    let mut group = Concurrency { key: words.next().unwrap().into(), turns: Turns { limit: 1, ..Turns::default() } };
    for word in words {
        match word.split_once('=') {
            Some(("limit", limit)) => group.turns.limit = limit.parse().unwrap(),
            Some(("settle", span)) => group.turns.settle = script::span(span),
            _ => group.turns.on_new = OnNew::from_word(word).unwrap(),
        }
    }
    (Some(group), text)
}

impl World {
    /// What a run waits for whose turn has not come.
    pub(super) fn held(&mut self, run: RunId) {
        if let Some(held) = self.core.standing(run).and_then(|standing| standing.turn) {
            self.line(format!("  held: {} ahead, settles at {}", held.ahead, super::clock(held.settles)));
        }
    }
}
