//! What a run takes over of a run before it: told again by the rules of the submission alone.

use agendum_core::{Change, Given, Next, Reuse};
use agendum_types::graph::NodeId;
use agendum_types::{Class, Fate, RunId, TaskPath};

use super::records::Checked;
use super::state::{How, State};
use super::{Reference, ensure};

impl Reference {
    fn given(&self, id: RunId, path: &TaskPath) -> Option<&Given> {
        let run = self.runs.get(&id)?;
        let mut given = run.submitted.origin.iter().flat_map(|origin| &origin.given);
        given.find(|given| *path == TaskPath::top(given.task))
    }

    /// What was given counts, if it is `Some(true)`; if it is `Some(false)` it stands in the way.
    fn counts(&self, id: RunId, path: &TaskPath) -> Option<bool> {
        let given = self.given(id, path)?;
        let run = &self.runs[&id];
        let inst = &run.tasks[path];
        let needs = run.task(path).needs.iter().all(|need| run.reused.contains(need));
        // A group, items and rounds are kept whole, before anything of them begins.
        let is_whole = !run.is_call(path);
        let gives = |need: &NodeId| {
            let inst = run.tasks.get(&TaskPath::top(*need)).filter(|inst| inst.how() == Some(How::Succeeded))?;
            inst.output.as_ref().map(|output| output.hash)
        };
        let same = if is_whole {
            run.task(path).needs.iter().map(gives).collect::<Vec<_>>() == given.needs
        } else {
            inst.input.as_ref().map(|input| input.hash) == given.input
        };
        let first = inst.attempts == 0 && inst.rung == 0 && inst.entered != is_whole;
        match given.reuse {
            Reuse::Always => Some(true),
            Reuse::Done => first.then_some(same),
            Reuse::Tried => (first && !same).then_some(false),
            Reuse::Same => (first && same && needs).then_some(true),
        }
    }

    /// True if it never begins, for it gives at once what it gave.
    pub(super) fn is_given(&self, id: RunId, path: &TaskPath) -> bool {
        self.given(id, path).is_some_and(|given| given.reuse == Reuse::Always)
    }

    /// True if what holds others does not begin, in quarantine neither: what it gave counts, or stands in the way.
    pub(super) fn is_given_whole(&self, id: RunId, path: &TaskPath) -> bool {
        !self.runs[&id].is_call(path) && self.counts(id, path).is_some()
    }

    /// True if a task that is ready ends with what was given, and with nothing else.
    pub(super) fn is_given_now(&self, id: RunId, path: &TaskPath) -> bool {
        !self.runs[&id].quarantined
            && self.runs[&id].tasks[path].state == State::Ready
            && self.counts(id, path).is_some()
    }

    /// Nothing runs that was given, and nothing that took effect before.
    pub(super) fn may_run(&self, id: RunId, path: &TaskPath, change: &Change) -> Checked {
        if self.runs[&id].graph.undoes(path) {
            return Ok(());
        }
        let top = TaskPath(path.0.iter().take(1).cloned().collect());
        let given = self.given(id, &top).map(|given| given.reuse);
        if matches!(change, Change::Entered(_)) {
            let is_done = given == Some(Reuse::Done) && !self.runs[&id].is_call(&top);
            return ensure(given != Some(Reuse::Always) && !is_done, "it was given, and begins");
        }
        let is_sent = matches!(change, Change::Dispatched(_));
        ensure(!is_sent || !matches!(given, Some(Reuse::Always | Reuse::Done)), "what took effect before is done again")
    }

    pub(super) fn reused(&mut self, id: RunId, path: &TaskPath, change: &Change) -> Checked {
        let Change::Reused { from, output, degraded } = change else { return Err("it was not given".to_owned()) };
        let (output, degraded) = (output.as_deref(), *degraded);
        ensure(self.is_given_now(id, path) && self.counts(id, path) == Some(true), "nothing is given now")?;
        let given = self.given(id, path).ok_or("nothing was given")?;
        let (left, output_given) = (given.left, given.output.clone());
        let (node, said) = (given.task, (given.output.as_ref(), given.degraded) == (output, degraded));
        ensure(said, "something else was given")?;
        ensure(
            self.runs[&id].submitted.origin.as_ref().is_some_and(|origin| origin.run == *from),
            "another run gave it",
        )?;
        if left {
            self.took(id, path, Fate::Taken, output_given);
        }
        let run = self.run(id);
        run.started = true;
        run.reused.insert(node);
        let inst = run.inst(path);
        inst.output = output.cloned();
        inst.degraded |= degraded;
        self.settle(id, path, How::Succeeded, None);
        Ok(())
    }

    /// It took effect in the run before, and would now be asked for something else.
    pub(super) fn was_done(&mut self, id: RunId, path: &TaskPath, next: &Next) -> Checked {
        ensure(self.counts(id, path) == Some(false), "it may run, or was given")?;
        let Next::Fail(failure) = next else { return Err("what was done before is not caught".to_owned()) };
        ensure(failure.class == Class::Permanent, "another class")?;
        self.settle(id, path, How::Failed, Some((**failure).clone()));
        Ok(())
    }
}
