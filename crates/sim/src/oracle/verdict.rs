//! Verdicts: what is told of a task that judges another once it has succeeded, and of nothing else.

use agendum_core::Entry;
use agendum_types::graph::{Exhausted, Rung};
use agendum_types::{RunId, Segment, TaskPath, Verdict};

use super::records::Checked;
use super::state::{How, is_round, parent};
use super::{Reference, ensure};

impl Reference {
    /// This target gave what the task has: what a loop has is what its latest round gave.
    pub(super) fn served(&mut self, id: RunId, path: &TaskPath, target: &std::sync::Arc<str>) {
        let of = if is_round(path) { parent(path) } else { path.clone() };
        self.run(id).inst(&of).served = Some(std::sync::Arc::clone(target));
    }

    /// The task has succeeded: whom does it judge?
    pub(super) fn says(&mut self, id: RunId, path: &TaskPath) {
        let run = &self.runs[&id];
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let Some(judges) = &task.judges else { return };
        let is_reused = path.0.len() == 1 && run.reused.contains(&inst.node);
        if !run.is_judged(path) || run.is_check(path) || is_reused || self.is_stand_in(id, path) {
            return;
        }
        let mut judged = path.clone();
        while !matches!(judged.0.pop(), Some(Segment::Task(_)) | None) {}
        judged.0.push(Segment::Task(judges.task));
        let (Some(output), Some(of)) = (&inst.output, run.tasks.get(&judged)) else { return };
        if of.how() != Some(How::Succeeded) {
            return;
        }
        let repeat = run.graph.task(judges.task).repeat.as_ref();
        let is_best = repeat.is_some_and(|repeat| matches!(repeat.exhausted, Exhausted::UseBest(_)));
        let is_given = is_best || self.is_stand_in(id, &judged);
        let verdict = Verdict {
            judge: run.graph.path_text(path),
            task: run.graph.path_text(&judged),
            target: if is_given { None } else { of.served.clone() },
            by: run.submitted.principal.clone(),
            output: output.clone(),
            fields: judges.fields.clone(),
        };
        self.run(id).verdicts.push(verdict);
    }

    fn is_stand_in(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let rung = run.tasks[path].rung.checked_sub(1);
        rung.is_some_and(|rung| matches!(run.task(path).catch[rung].rung, Rung::Output(_)))
    }

    /// The record brings the verdict of the judge that it ends, and no other.
    pub(super) fn brings_verdict(&mut self, entry: &Entry) -> Checked {
        let run = entry.record.run().and_then(|run| self.runs.get_mut(&run));
        let due = run.map(|run| std::mem::take(&mut run.verdicts)).unwrap_or_default();
        let said: Vec<Verdict> = entry.verdict.as_deref().cloned().into_iter().collect();
        ensure(due == said, &format!("the verdicts are {due:?}, and not {said:?}"))
    }
}
