//! What the core refuses to take.

use std::sync::Arc;

use agendum_core::RunSubmitted;
use agendum_types::graph::{Requirement, Rung, Task, Work};
use agendum_types::{Capability, Tenant};

use super::state::Run;
use super::{Heard, Reference, ensure, place};

impl Reference {
    /// Something was refused: was there a reason?
    pub(super) fn refuses(&mut self) -> Result<(), String> {
        match self.heard.take() {
            Some(Heard::Submitted(submitted, graph, tenant)) => {
                let full = self.runs.len() >= self.limits.live_runs_max as usize;
                let late = submitted.deadline == Some(self.now);
                let is_taken = self.is_taken(&submitted, &tenant);
                ensure(full || late || is_taken || !self.can_serve(&graph.tasks), "a run was refused without a reason")
            }
            Some(Heard::Added(run, graph)) => {
                let live = self.runs.get(&run).filter(|run| run.takes_tasks());
                ensure(!live.is_some_and(|run| self.fits(run, &graph)), "an addition was refused without a reason")
            }
            Some(Heard::Streamed(attempt, added)) => self.refuses_stream(&attempt, &added),
            Some(Heard::Signalled(signal)) => self.refuses_signal(&signal),
            Some(Heard::Raised(raise, _)) => self.refuses_raise(&raise),
            other => Err(format!("only submissions, additions and signals are refused, and not {other:?}")),
        }
    }

    /// True if a live run has the same key, or is there in its stead.
    pub(super) fn is_taken(&self, submitted: &RunSubmitted, tenant: &Tenant) -> bool {
        let same = |run: &Run| run.submitted.key == submitted.key && run.tenant == *tenant;
        let is_known = submitted.key.is_some() && self.runs.values().any(same);
        is_known || self.joins(submitted, tenant).is_some()
    }

    /// Every call has a target that could serve it, and so has every rung that names one.
    pub(super) fn can_serve(&self, tasks: &[Task]) -> bool {
        tasks.iter().all(|task| {
            let Work::Call(call) = &task.work else { return true };
            if call.capability == Capability::Wait {
                return true;
            }
            let can = |wanted: &Requirement| !place::candidates(&self.targets, call.capability, wanted).is_empty();
            let rungs = task.catch.iter().all(|rung| match &rung.rung {
                Rung::Target(name) => can(&Requirement { class: None, allow: vec![Arc::clone(name)] }),
                Rung::Output(_) | Rung::Cached => true,
            });
            let inside = call.child.as_ref().is_none_or(|child| self.can_serve(&child.graph.tasks));
            rungs && inside && can(&call.requirement)
        })
    }
}
