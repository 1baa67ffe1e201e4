//! What asks for money, seen from outside: it is told once as long as nobody has answered and it needs the same, over restarts too, and
//! nothing asks that was not told.

use std::collections::BTreeMap;

use agendum_core::{Change, Entry, Record};
use agendum_types::{Graph, Plea, RunId, TaskPath, WaitView};

/// What asks, as the records say.
#[derive(Debug, Default)]
pub(super) struct Pleas(BTreeMap<(RunId, TaskPath), Plea>);

impl Pleas {
    pub(super) fn recorded(&mut self, entry: &Entry) -> Option<String> {
        match &entry.record {
            Record::Raised(raised) if raised.path.segments().is_empty() => {
                self.0.retain(|(run, _), _| *run != raised.run);
            }
            Record::Done { run } => self.0.retain(|(of, _), _| of != run),
            Record::Task { change: Change::Abandoned { .. }, .. } => {}
            Record::Task { run, path, change: Change::Pleaded(plea) } => {
                let before = self.0.insert((*run, path.clone()), **plea);
                let is_same =
                    before.is_some_and(|before| (before.needs, before.needs_tokens) == (plea.needs, plea.needs_tokens));
                let covers = plea.needs <= plea.left && plea.needs_tokens <= plea.left_tokens;
                let wrong = if is_same { "asks twice for the same" } else { "asks for what is there" };
                return (is_same || covers).then(|| format!("record {} of run {run} {wrong}", entry.seq));
            }
            Record::Task { run, path, .. } => drop(self.0.remove(&(*run, path.clone()))),
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::RunSubmitted(_)
            | Record::TasksAdded { .. }
            | Record::TasksAhead { .. }
            | Record::CancelRequested { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::SignalKept(_)
            | Record::Raised(_)
            | Record::Answered(_)
            | Record::Compensated(_)
            | Record::Begun { .. } => {}
        }
        None
    }

    pub(super) fn shown(&self, view: &WaitView, graph: &Graph) -> Option<String> {
        let needs = view.plea.map(|plea| (plea.needs, plea.needs_tokens));
        let path = graph.parse_path(&view.task)?;
        let told = self.0.get(&(view.run, path)).map(|plea| (plea.needs, plea.needs_tokens));
        (told != needs)
            .then(|| format!("{} of run {} asks for {needs:?}, and was told to for {told:?}", view.task, view.run))
    }
}
