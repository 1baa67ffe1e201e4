//! How a live run stands as a whole: what a list says of it, without a line for each task.

use agendum_types::target::Bound;
use agendum_types::{Cause, Money, RunId, RunStatus, Timestamp};

use crate::action::Step;
use crate::inst::{Inst, State};
use crate::scheduler::Scheduler;

/// How a live run stands. What it says may not be durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far it has come.
    pub status: RunStatus,
    /// True if a caller paused it, or it is in quarantine.
    pub paused: bool,
    /// True if it was at work in too many crashes in a row: nothing of it is begun until it is resumed.
    pub quarantined: bool,
    /// What it has spent.
    pub spent: Money,
    /// What running attempts may yet spend.
    pub held: Money,
    /// How much of that was billed above what had been set aside.
    pub over: Money,
    /// Of a run with a budget whether that surely holds, so far.
    pub bound: Option<Bound>,
    /// True if an attempt is out, or an evaluation that is not the first of its task.
    pub under_way: bool,
    /// True if all that it still waits for is a target: none that may serve it is in the table.
    pub waits_for_target: bool,
    /// True if all that it still waits for is a person, a signal or a webhook.
    pub waits_for_person: bool,
    /// Where all that it still waits for is money: when the next window of the tenant's budget begins in which it may go on.
    pub waits_for_window: Option<Timestamp>,
    /// Of a run that waits for its turn: what for.
    pub turn: Option<Held>,
    /// A child run that it waits for, at any depth, of which nothing more is begun.
    pub stopped: Option<Stopped>,
}

/// A run of which nothing more is begun until it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The run.
    pub run: RunId,
    /// True if it is in quarantine; else somebody paused it.
    pub quarantined: bool,
    /// True if whoever waits for it waits for nothing else but what stands so too.
    pub alone: bool,
}

/// What a run waits for whose turn has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Runs of its group that have begun and are not done, or wait before it.
    pub ahead: u32,
    /// It does not begin before.
    pub settles: Timestamp,
    /// True if it is next, and waits for that instant and for nobody.
    pub settling: bool,
}

impl Scheduler {
    /// How a live run stands. Cost: linear in its instances, until one of them is found under way.
    #[must_use]
    pub fn standing(&self, run: RunId) -> Option<Standing> {
        let slot = self.board.slot(run)?;
        let (run, turn) = (self.board.run(slot), self.board.held(slot));
        // It waits for what its children wait for.
        let children: Vec<Option<Standing>> =
            run.insts.iter().filter(|inst| inst.waits_for_child()).map(|inst| self.child_standing(inst)).collect();
        let under_way = run.orphans.iter().any(|orphan| orphan.flight.is_some())
            || run.insts.iter().any(|inst| inst.is_under_way() && !inst.waits_for_child())
            || children.iter().any(|child| child.is_none_or(|child| child.under_way));
        let is_idle = |inst: &Inst| {
            matches!(inst.state, State::Waiting | State::Open | State::Settled(_)) || inst.waits_for_child()
        };
        let children_wait = |how: fn(&Standing) -> bool| children.iter().flatten().all(how);
        let lacks_target = |inst: &Inst| matches!(&inst.state, State::Queued(ticket) if self.board.queue.candidates(ticket.class).is_empty());
        let waits_for_target = !under_way
            && (run.insts.iter().any(lacks_target) || !children.is_empty())
            && children_wait(|child| child.waits_for_target)
            && run.insts.iter().all(|inst| is_idle(inst) || lacks_target(inst));
        let asks = |inst: &Inst| {
            let heard = matches!(inst.state, State::Awaiting(_)) && inst.awaits() == Cause::Person;
            heard || inst.plea().is_some()
        };
        let waits_for_person = !under_way
            && (!run.awaiting.is_empty() || !children.is_empty())
            && children_wait(|child| child.waits_for_person)
            && run.insts.iter().all(|inst| is_idle(inst) || asks(inst));
        let next_window = |inst: &Inst| inst.waits_for_window(self.now).map(|(_, until)| until);
        let waits_for_window = Some(())
            .filter(|()| !under_way && children_wait(|child| child.waits_for_window.is_some()))
            .filter(|()| run.insts.iter().all(|inst| is_idle(inst) || next_window(inst).is_some()))
            .and_then(|()| {
                let of_children = children.iter().flatten().filter_map(|child| child.waits_for_window);
                run.insts.iter().filter_map(next_window).chain(of_children).min()
            });
        let mut waited_for = run.insts.iter().filter(|inst| inst.waits_for_child()).zip(&children);
        let stopped = waited_for.find_map(|(inst, child)| child.as_ref()?.stops(inst.child()?));
        let rests = |child: &Standing| child.paused || child.stopped.is_some_and(|of| of.alone);
        let alone = !under_way && children_wait(rests) && run.insts.iter().all(is_idle);
        let stopped = stopped.map(|of| Stopped { alone, ..of });
        let (status, paused, spent, quarantined) = (run.status, run.paused.is_some(), run.spent, run.quarantined);
        let (over, bound) = (run.over, run.bound());
        Some(Standing {
            status,
            paused,
            quarantined,
            spent,
            held: run.held,
            over,
            bound,
            under_way,
            waits_for_target,
            waits_for_person,
            waits_for_window,
            turn,
            stopped,
        })
    }
}

impl Inst {
    /// A group runs as long as what is inside it waits: it is not under way by itself.
    const fn is_under_way(&self) -> bool {
        match self.state {
            State::Running(_) => true,
            State::Asking(step) => !matches!(step, Step::Enter),
            State::Checked(_) | State::LookingUp(_) => true,
            State::Waiting
            | State::InLine { .. }
            | State::Ready
            | State::Parked(_)
            | State::Queued(_)
            | State::Paused(_)
            | State::Broke { .. }
            | State::Pleading(_)
            | State::BackingOff(_)
            | State::Awaiting(_)
            | State::Open
            | State::Settled(_) => false,
        }
    }
}
