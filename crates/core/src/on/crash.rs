//! A crash of the process, of which a run may be the cause: whatever was at work in too many of them in a row is held.

use crate::child;
use crate::inst::State;
use crate::record::Record;
use crate::run::{Phase, Run, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Records for every run that was at work when the earlier life crashed that it was, and holds those that were so too often.
    pub(crate) fn count_crash(&mut self) {
        for slot in self.board.live_slots() {
            let run = self.board.run(slot);
            if !self.is_at_work(run) {
                continue;
            }
            let (before, count) = run.crashed;
            let follows = before.0 + 1 == self.incarnation.0;
            let in_row = if follows { count + 1 } else { 1 };
            let quarantined = in_row >= self.board.limits.crashes_max;
            let record = Record::Crashed { run: run.id, incarnation: self.incarnation, in_row, quarantined };
            self.record_of(slot, record);
        }
    }

    /// True if something of the run was out, was evaluated or was about to be, as far as its records say. What waits for its time, for a
    /// target or for a person ends no process.
    fn is_at_work(&self, run: &Run) -> bool {
        let works = run.insts.iter().any(|inst| match &inst.state {
            // A child run is counted itself.
            State::Running(running) => !child::is_target(&running.target),
            State::Asking(_) => true,
            State::Ready => !inst.entered && inst.start_at <= self.now,
            State::Waiting
            | State::Parked(_)
            | State::LookingUp(_)
            | State::InLine { .. }
            | State::Queued(_)
            | State::Paused(_)
            | State::Broke { .. }
            | State::Pleading(_)
            | State::BackingOff(_)
            | State::Awaiting(_)
            | State::Checked(_)
            | State::Open
            | State::Settled(_) => false,
        });
        !run.quarantined
            && (works || run.phase == Phase::Composing || run.orphans.iter().any(|of| !child::is_target(&of.target)))
    }

    /// True if nothing of the run may begin, be it an evaluation.
    pub(crate) fn is_held(&self, slot: Slot) -> bool {
        self.board.run(slot).quarantined
    }
}
