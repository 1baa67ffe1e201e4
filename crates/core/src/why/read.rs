//! The reasons behind a run whose records are all at hand.

use agendum_types::{Graph, Hash};

use super::{Page, Reading, Reasons, Seen};
use crate::action::Entry;

/// Reads the records of one run, in order. `None` if they do not begin with its submission, or a graph that they name is not there.
#[must_use]
pub fn reasons<'g>(
    graph_of: impl Fn(Hash) -> Option<&'g Graph>,
    entries: &[Entry],
    seen: Seen<'_>,
    page: &Page,
) -> Option<Reasons> {
    let (mut reading, mut graph) = (Reading::default(), None);
    for entry in entries {
        if let Some((_, hash, _)) = entry.record.names_graph() {
            graph = graph_of(hash);
        }
        reading.take(graph?, entry);
    }
    reading.reasons(graph?, seen, page)
}
