//! The labels of what is said when something fails.
//!
//! A provider quotes the prompt, a program prints what it was given, an expression names the value that does not fit: who has seen data may
//! repeat it. So what an attempt fails with carries the labels of all that it was told, and what an evaluation fails with those of all that
//! it read, be that in a condition. They go wherever the words go: with the failure to a rung of `catch`, to the group, loop or run around,
//! into the words of another failure that quotes it, and from a child run to the task of its parent. The scheduler's own words (a limit of
//! time, a purse, no target) are made of the document and of numbers, and carry none.

use agendum_types::Labels;

use crate::action::{Purpose, RunFailure, Step};
use crate::inst::Body;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// The labels of what an attempt of this task is told.
    pub(crate) fn labels_told(&self, slot: Slot, id: InstId) -> Labels {
        self.board.joined(slot, self.board.run(slot).inst(id).input.as_deref().map(|input| &input.labels))
    }

    /// Of all that this step reads, whatever for: who evaluates it may quote any of that.
    pub(crate) fn labels_seen(&self, slot: Slot, id: InstId, step: Step) -> Labels {
        let exprs = self.step_exprs(slot, id, step);
        let read = self.board.labels_of(slot, &self.board.bindings(slot, id, &exprs));
        // A plan is read besides the expressions.
        let output = self.board.run(slot).inst(id).output.as_deref().map(|output| &output.labels);
        self.board.joined(slot, output.into_iter().chain([&read, &self.labels_made(slot, id, step)]))
    }

    /// Of all that goes into the payload that this step makes, and not of what a condition looked at.
    pub(crate) fn labels_made(&self, slot: Slot, id: InstId, step: Step) -> Labels {
        let run = self.board.run(slot);
        let mut into = self.step_exprs(slot, id, step);
        into.retain(|(purpose, _)| {
            matches!(purpose, Purpose::Items | Purpose::Input | Purpose::Wait | Purpose::Output)
        });
        let read = || self.board.labels_of(slot, &self.board.bindings(slot, id, &into));
        match run.inst(id).body.as_deref().filter(|_| step == Step::Compose) {
            Some(Body::Each(each)) => self.board.joined(slot, [&each.labels]),
            Some(Body::Group(group)) => {
                let given = group.children.iter().filter_map(|child| run.inst(*child).result());
                self.board.joined(slot, given.map(|output| &output.labels)).join(&read())
            }
            Some(Body::Loop(_) | Body::Check(_) | Body::Wait(_)) | None => read(),
        }
    }

    /// Why the run has no output, as its caller and its parent are told: with the labels that all of it has.
    pub(crate) fn failure_told(&self, slot: Slot) -> Option<RunFailure> {
        let run = self.board.run(slot);
        let RunFailure { task, failure } = run.failure.as_deref().cloned()?;
        Some(RunFailure { task, failure: failure.labelled(&run.labels) })
    }
}
