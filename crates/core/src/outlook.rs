//! Whether a run can still be answered in time, by what attempts of its tasks have taken before.
//!
//! Nothing is concluded from little, nor from what is old. A run is given up only if it would be late even if what is before it were as quick as the
//! quickest tenth. One that has not begun stands behind the others if it would be late should it be as slow as the slowest twentieth, and its later calls
//! stand in the queue for twice as long as usual: what it would take is better spent on those that can make it. So a run is shed as a whole, before it
//! has cost anything, where that can be. As long as it has not begun, all of its tasks that are queued stand as the one that takes longest with all that
//! follows it: none of them is sent for a run that another of them will make late, unless nobody else wants its place. Once one is sent, those that wait
//! for the same stand as usual, and those that are in time by themselves.
//!
//! Of those that stand first, each may be in time alone and all together not: then the longest of them that has not begun stands behind, so that the others
//! can be in time (Moore and Hodgson's rule, over the first of the queue).

use agendum_types::graph::Section;
use agendum_types::{Class, Duration, Failure, RunStatus, Timestamp};
use smallvec::SmallVec;

use crate::inst::State;
use crate::queue::{ClassId, Rank, Ticket};
use crate::record::End;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// What was seen of a graph gives nobody up for longer than so, and twice what is to be done, after the last that was seen.
pub(crate) const OLD: Duration = Duration::secs(60);

/// So many of the queued tasks of a run are looked at for how it stands.
const BESIDE_MAX: usize = 64;

/// What is to be expected of a task and of all that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) quick: Duration,
    pub(crate) mean: Duration,
    pub(crate) slow: Duration,
    /// The task itself on average, with what follows it of the same kind, of which what waits for several is shared among them: what its targets will have to
    /// do for it.
    pub(crate) work: Duration,
    /// If the task itself is slow, and what follows takes as long as usual.
    pub(crate) slow_own: Duration,
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

impl Expected {
    /// Of two tasks of a run what takes longer on average, and if it is slow, each with all that follows it.
    fn or_longer(self, other: Self) -> Self {
        Self { mean: self.mean.max(other.mean), slow: self.slow.max(other.slow), ..self }
    }
}

impl Scheduler {
    /// How the run of this task stands, if that is sent now.
    pub(crate) fn outlook(&self, slot: Slot, id: InstId) -> Outlook {
        let own = self.prospects(slot, id);
        let Some((deadline, of_run)) = self.prospects_of_run(slot, id, own) else { return Outlook::InTime };
        let left = deadline.since(self.now);
        // Of what was given up nothing more is seen: where nobody has come through lately, one goes and sees.
        let plan = self.board.plan(slot);
        let is_old = |quick: Duration| self.now.since(plan.seen_at.max(plan.asked_at)) >= OLD.plus(quick).plus(quick);
        match own {
            Some((_, own)) if own.quick > left && !is_old(own.quick) => Outlook::Hopeless(own),
            _ if of_run.slow > left && self.may_stand_behind(slot) => Outlook::Risky(of_run),
            _ => Outlook::InTime,
        }
    }

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

    /// The same of its run: before that has begun, of whichever of its queued tasks takes longest, of the first of a large one. What may be dropped, or is on a
    /// rung of `catch`, speaks for itself alone.
    fn prospects_of_run(
        &self,
        slot: Slot,
        id: InstId,
        own: Option<(Timestamp, Expected)>,
    ) -> Option<(Timestamp, Expected)> {
        let run = self.board.run(slot);
        if run.deadline.is_none() || self.is_for_itself(slot, id) || !self.may_stand_behind(slot) {
            return own;
        }
        let beside = self.queued_of(slot).take(BESIDE_MAX);
        let beside = beside.filter(|other| *other != id && !self.is_for_itself(slot, *other));
        let all = own.into_iter().chain(beside.filter_map(|other| self.prospects(slot, other)));
        all.reduce(|(deadline, one), (_, other)| (deadline, one.or_longer(other)))
    }

    /// True of what may be dropped, or is on a rung of `catch`: the run does not hang on when it ends.
    fn is_for_itself(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.board.run(slot).inst(id);
        inst.rung > 0 || self.board.plan(slot).task(inst.node).optional
    }

    /// The tasks of a run that stand in the queue.
    fn queued_of(&self, slot: Slot) -> impl Iterator<Item = InstId> {
        self.all(slot).filter(move |id| matches!(self.board.run(slot).inst(*id).state, State::Queued(_)))
    }

    /// A task is sent: if it would be late by what was seen it shows how that is now, and others are given up meanwhile.
    pub(crate) fn asks_how_it_is(&mut self, slot: Slot, id: InstId) {
        let (now, plan) = (self.now, self.board.plan(slot));
        // Else nobody is sent who would be late.
        let is_old = now.since(plan.seen_at.max(plan.asked_at)) >= OLD;
        if is_old && self.prospects(slot, id).is_some_and(|(deadline, expected)| expected.quick > deadline.since(now)) {
            let plan = self.board.run(slot).plan;
            self.board.plans.get_mut(plan).asked_at = now;
        }
    }

    /// True of a run that has not begun: it is shed as a whole.
    pub(crate) fn may_stand_behind(&self, slot: Slot) -> bool {
        self.board.run(slot).status == RunStatus::Queued
    }

    /// The first task of a class, which could be sent now, stands elsewhere if its run may be late, or is given up; true if it does.
    pub(crate) fn steps_aside(&mut self, slot: Slot, id: InstId, class: ClassId) -> bool {
        let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { panic!("only a queued task is sent") };
        match self.outlook(slot, id) {
            Outlook::Risky(_) if ticket.rank.risky || ticket.stopped.is_some() => false,
            Outlook::InTime => match self.in_the_way(slot, ticket) {
                Some((slot, id, takes)) => {
                    let of_run = self.prospects_of_run(slot, id, self.prospects(slot, id));
                    self.stands_behind(slot, id, of_run.map_or(takes, |(_, expected)| expected.mean))
                }
                None => false,
            },
            Outlook::Risky(expected) => self.stands_behind(slot, id, expected.mean),
            Outlook::Hopeless(expected) => {
                let failure = self.too_late(slot, class, expected);
                let next = self.rung_or_fail(slot, id, failure, false);
                self.end(slot, id, End::Hopeless, next);
                true
            }
        }
    }

    /// True if another attempt was stopped for this task, which waits for its place.
    fn stopped_for(&self, slot: Slot, id: InstId) -> bool {
        matches!(&self.board.run(slot).inst(id).state, State::Queued(ticket) if ticket.stopped.is_some())
    }

    /// What is queued of a run stands behind, but for that for which another attempt was stopped; what speaks for itself alone does so alone.
    fn stands_behind(&mut self, slot: Slot, id: InstId, mean: Duration) -> bool {
        let is_alone = self.is_for_itself(slot, id);
        for id in self.queued_of(slot).filter(|of| !is_alone || *of == id).collect::<SmallVec<[InstId; 4]>>() {
            let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { continue };
            if !ticket.rank.risky && ticket.stopped.is_none() {
                let rank = Rank { risky: true, index: mean.as_micros(), ..ticket.rank };
                self.stands_at(slot, id, rank);
            }
        }
        true
    }

    /// The run of a task that was sent from this class has begun with it: what else it has there stands behind no more, nor what is in time by itself.
    pub(crate) fn stands_as_usual(&mut self, slot: Slot, class: ClassId) {
        for id in self.queued_of(slot).collect::<SmallVec<[InstId; 4]>>() {
            let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { continue };
            let is_slow = |(deadline, of): (Timestamp, Expected)| of.slow > deadline.since(self.now);
            let stays = ticket.class != class && self.prospects(slot, id).is_some_and(is_slow);
            if ticket.rank.risky && !stays {
                let rank = self.rank(slot, id);
                self.stands_at(slot, id, rank);
            }
        }
    }

    fn stands_at(&mut self, slot: Slot, id: InstId, rank: Rank) {
        let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { panic!("only a queued task moves") };
        let mut ticket = ticket.clone();
        self.board.queue.moves(&mut ticket, rank);
        self.board.run_mut(slot).inst_mut(id).state = State::Queued(ticket);
    }

    /// How long a task that is queued now takes with what follows it for the same targets, and when it has to be sent at the latest to be in time though it
    /// is slow, if what follows takes as long as usual; nothing and never where it has no deadline, or not enough was seen.
    pub(crate) fn must_go(&self, slot: Slot, id: InstId) -> (Duration, Timestamp) {
        let of = |(deadline, expected): (Timestamp, Expected)| (expected.work, deadline.before(expected.slow_own));
        self.prospects(slot, id).map_or((Duration::ZERO, Timestamp::MAX), of)
    }

    /// The longest of those that stand before one that would be late for them, itself included, if all slots of their targets were theirs; with how long it
    /// takes. Only the first of the queue are looked at, when the first of all could be sent.
    fn in_the_way(&self, slot: Slot, first: &Ticket) -> Option<(Slot, InstId, Duration)> {
        if first.rank.risky || self.board.run(slot).deadline.is_none() {
            return None;
        }
        let candidates = self.board.queue.candidates(first.class).iter();
        let slots: u64 = candidates.map(|target| u64::from(self.targets.row(*target).limit())).sum();
        let (mut before, mut longest) = (Duration::ZERO, None::<&Rank>);
        for rank in self.board.queue.in_time(first).take(self.policy.admission.look as usize) {
            let is_longer = rank.latest < Timestamp::MAX && longest.is_none_or(|most| rank.takes > most.takes);
            // What was stopped for it was so in order that it goes now.
            if is_longer && self.may_stand_behind(rank.slot) && !self.stopped_for(rank.slot, rank.inst) {
                longest = Some(rank);
            }
            if self.now.after(Duration(before.as_micros() / slots.max(1))) > rank.latest {
                return longest.map(|rank| (rank.slot, rank.inst, rank.takes));
            }
            before = before.plus(rank.takes);
        }
        None
    }

    /// Says why, and when it may be worth trying again: when all that waits for the same targets has gone.
    fn too_late(&self, slot: Slot, class: ClassId, expected: Expected) -> Failure {
        let run = self.board.run(slot);
        let left = run.deadline.unwrap_or(self.now).since(self.now);
        let at_once = self.board.queue.candidates(class).iter().map(|target| self.targets.row(*target));
        let at_once: u64 = at_once.map(|row| u64::from(row.target.concurrency_max)).sum();
        let waits = self.board.queue.len_of(class).saturating_mul(expected.mean.as_micros()) / at_once.max(1);
        let again = Duration(waits.max(1_000_000));
        let message = format!(
            "no time is left to answer within the deadline: what is to be done takes {} if it is quick, and {left} is left; it may be worth trying again in \
             {again}",
            expected.quick
        );
        let failure = Failure::new(Class::DeadlineExceeded, &message).without_effect();
        Failure { retry_after: Some(again), ..failure }
    }
}
