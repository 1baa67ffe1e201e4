//! Whether a run can still be answered in time, by what attempts of its tasks have taken before.
//!
//! Nothing is concluded from little. A run is given up only if it would be late even if what is before it were as quick as the quickest tenth. One that
//! has not begun stands behind the others if it would be late should it be as slow as the slowest twentieth, and its later calls stand in the queue for
//! twice as long as usual: what it would take is better spent on those that can make it. So a run is shed as a whole, before it has cost anything,
//! where that can be.

use agendum_types::graph::Section;
use agendum_types::{Class, Duration, Failure, RunStatus, Timestamp};

use crate::inst::State;
use crate::queue::ClassId;
use crate::record::End;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// What is to be expected of a task and of all that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) quick: Duration,
    pub(crate) mean: Duration,
    pub(crate) slow: Duration,
}

/// How a run with a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    InTime,
    /// It may be late.
    Risky(Expected),
    /// It will be late.
    Hopeless(Expected),
}

impl Scheduler {
    /// The deadline of this task's run, and what is to be expected of the task and of all that follows; `None` without a deadline, and before enough was seen.
    pub(crate) fn prospects(&self, slot: Slot, id: InstId) -> Option<(Timestamp, Expected)> {
        let run = self.board.run(slot);
        let (inst, plan) = (run.inst(id), self.board.plan(slot));
        // Of a rung of `catch` nothing is known: its target may be quicker.
        let counts = inst.rung == 0 && plan.task(inst.node).section == Section::Main && !run.is_answered();
        let deadline = run.deadline.filter(|_| counts)?;
        let expected = plan.expected(inst.node, self.ask_of(slot, id).1, self.policy.admission)?;
        Some((deadline, expected))
    }

    /// How the run of this task stands, if that is sent now.
    pub(crate) fn outlook(&self, slot: Slot, id: InstId) -> Outlook {
        let Some((deadline, expected)) = self.prospects(slot, id) else { return Outlook::InTime };
        let run = self.board.run(slot);
        let left = deadline.since(self.now);
        if expected.quick > left {
            Outlook::Hopeless(expected)
        } else if expected.slow > left && run.status == RunStatus::Queued {
            Outlook::Risky(expected)
        } else {
            Outlook::InTime
        }
    }

    /// The first task of a class, which could be sent now, stands elsewhere if its run may be late, or is given up; true if it does.
    pub(crate) fn steps_aside(&mut self, slot: Slot, id: InstId, class: ClassId) -> bool {
        let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { panic!("only a queued task is sent") };
        match self.outlook(slot, id) {
            Outlook::InTime => false,
            Outlook::Risky(_) if ticket.rank.risky || ticket.stopped.is_some() => false,
            Outlook::Risky(expected) => {
                let mut ticket = ticket.clone();
                self.board.queue.risk(&mut ticket, expected.mean);
                self.board.run_mut(slot).inst_mut(id).state = State::Queued(ticket);
                true
            }
            Outlook::Hopeless(expected) => {
                let failure = self.too_late(slot, class, expected);
                let next = self.rung_or_fail(slot, id, failure, false);
                self.end(slot, id, End::Hopeless, next);
                true
            }
        }
    }

    /// Says why, and when it may be worth trying again: when all that waits for the same targets has gone.
    fn too_late(&self, slot: Slot, class: ClassId, expected: Expected) -> Failure {
        let run = self.board.run(slot);
        let left = run.deadline.unwrap_or(self.now).since(self.now);
        let message = format!(
            "no time is left to answer within the deadline: what is to be done takes {} if it is quick, and {left} is left",
            expected.quick
        );
        let at_once = self.board.queue.candidates(class).iter().map(|target| self.targets.row(*target));
        let at_once: u64 = at_once.map(|row| u64::from(row.target.concurrency_max)).sum();
        let waits = self.board.queue.len_of(class).saturating_mul(expected.mean.as_micros()) / at_once.max(1);
        let failure = Failure::new(Class::DeadlineExceeded, &message).without_effect();
        Failure { retry_after: Some(Duration(waits.max(1_000_000))), ..failure }
    }
}
