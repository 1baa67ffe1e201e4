//! The barrier between what has left and what is durable: at each deed that leaves the process, everything behind the watermark is dropped,
//! and what is restored from the rest must be where that deed comes from.

use agendum_core::{Change, Deed, Entry, Record, Scheduler};
use agendum_types::{AttemptId, AttemptNo, RunId, TaskPath, TaskStatus};

use super::World;

impl World {
    /// A second attempt is recorded that was sent beside this one, and is durable.
    fn has_another_beside(&self, attempt: &AttemptId) -> bool {
        let is_it = |entry: &Entry| {
            let Record::Task { run, path, change: Change::Dispatched(sent) } = &entry.record else { return false };
            sent.beside
                && (*run, path) == (attempt.run, &attempt.path)
                && sent.attempt == AttemptNo(attempt.attempt.0 + 1)
        };
        self.journal.iter().take_while(|entry| entry.seq <= self.durable).any(is_it)
    }

    /// The process may die right after this. What it has told the outside must be what its journal says.
    pub(super) fn survives(&mut self, deed: &Deed) {
        if !deed.is_outside() {
            return;
        }
        let core = self.restored(self.durable, None);
        let broken = match deed {
            // That a durable record gave what is kept, the checker sees.
            Deed::Append(_) | Deed::Evaluate(_) | Deed::LookUp(_) | Deed::Keep(_) | Deed::CancelAttempt(_) => None,
            Deed::Dispatch(dispatch) => {
                let attempt = &dispatch.attempt;
                let stands = self.stands(&core, attempt.run, &attempt.path);
                // By then another may be recorded that was sent beside it.
                let number = attempt.attempt.0 + u32::from(self.has_another_beside(attempt));
                let is_out = stands == Some((TaskStatus::Running, number));
                (!is_out)
                    .then(|| format!("attempt {} of {} is out, and the task {stands:?}", attempt.attempt, attempt.run))
            }
            Deed::Publish { run, path } => {
                let Some(graph) = self.runs.get(run).cloned() else { return };
                let checks = path.node().map(|node| graph.task(node).publish_after.clone()).unwrap_or_default();
                let passed = |check: &agendum_types::graph::NodeId| {
                    let stands = self.stands(&core, *run, &TaskPath::top(*check));
                    stands.is_some_and(|(status, _)| status == TaskStatus::Succeeded)
                };
                // Of a run that is over by then only that is kept.
                let is_over = core.view(*run, self.now).is_none();
                (!is_over && !checks.iter().all(passed))
                    .then(|| format!("a text of {run} is shown before its checks have passed"))
            }
            Deed::Answer(answer) => {
                let status = core.view(answer.run, self.now).map(|view| view.status);
                let is_so = status.is_none_or(|status| status == answer.status);
                (!is_so).then(|| format!("{} is answered {}, and is {status:?}", answer.run, answer.status))
            }
            Deed::Close { run, .. } => {
                core.view(*run, self.now).is_some().then(|| format!("{run} is told to be done, and is not"))
            }
        };
        let durable = self.durable;
        self.checker.violations.extend(broken.map(|what| format!("cut at {durable}: {what}")));
    }

    /// How a task stands there, and how many attempts it has had.
    fn stands(&self, core: &Scheduler, run: RunId, path: &TaskPath) -> Option<(TaskStatus, u32)> {
        let name = self.runs.get(&run)?.path_text(path);
        let view = core.view_within(run, path, self.now)?;
        view.tasks.iter().find(|task| task.path == name).map(|task| (task.status, task.attempts))
    }
}
