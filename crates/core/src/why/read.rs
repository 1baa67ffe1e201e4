//! The reasons behind a run whose records are all at hand.

use agendum_types::{Graph, Hash};

use super::{Page, Reading, Reasons, Seen};
use crate::action::Entry;
use crate::record::Record;

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
        match &entry.record {
            Record::RunSubmitted(submitted) => graph = graph_of(submitted.graph),
            Record::TasksAdded { graph: hash, .. } => graph = graph_of(*hash),
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::CancelRequested { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_)
            | Record::Task { .. }
            | Record::Answered(_)
            | Record::Compensated(_)
            | Record::Done { .. } => {}
        }
        reading.take(graph?, entry);
    }
    reading.reasons(graph?, seen, page)
}
