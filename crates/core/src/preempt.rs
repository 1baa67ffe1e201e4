//! A running attempt that gives way: to a task of a more urgent priority whose deadline would pass if it waited for longer.
//!
//! That is looked at when the task has to be sent to be in time even should all take as long as the slowest do, and a few times more after that: not
//! before, since something may come free. Only what leaves no effect and shows nothing before it ends gives way, while it has had but a part of the time
//! that it was expected to take, a bounded number of times for each task, and for a small share of all attempts. Nothing is concluded from little: of
//! both tasks enough must have been seen.
//!
//! The attempt that gives way is told to stop, and its task is ready again at once, as old as it was: that was none of its tries. What it has cost is booked
//! as waste when it has ended. Then its place is free, and the task that it was stopped for is the next to be sent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use agendum_types::graph::Priority;
use agendum_types::{Duration, Effect, Seq, TargetId, Timestamp};
use rustc_hash::FxHashSet;

use crate::board::Board;
use crate::child;
use crate::hedge::may_run_twice;
use crate::inst::{Flight, Running, State};
use crate::queue::{ClassId, Ticket};
use crate::record::{Change, End, Ended, Next, Preempted};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::short::Next as GoesNext;
use crate::timers::Timer;

/// What it costs to have one stopped: each that is sent earns a share of it.
const COST: u64 = 100;
/// So much is saved up at most.
const SAVED_MAX: u64 = 10 * COST;
/// So often a task is looked at that has to be sent.
const LOOKS: u8 = 4;
/// Of the attempts of a priority on a target so many are looked at, those that were sent last: who has run for less loses less.
const LOOKED_AT: usize = 16;

/// What is saved up, and for whom a place has come free.
#[derive(Debug, Default)]
pub(crate) struct Preempting {
    saved: u64,
    /// Counted up with each attempt that was stopped.
    number: u64,
    /// An attempt that was stopped has ended in this event.
    freed: Option<Freed>,
}

/// The task for which an attempt was stopped. Its place may hold another by the time that the attempt has ended: the number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freed {
    slot: Slot,
    inst: InstId,
    number: u64,
}

/// What a queued task remembers of the attempt that was stopped for it.
#[derive(Clone, Debug)]
pub(crate) struct Stopped {
    number: u64,
    pub(crate) of: Preempted,
}

/// Where an attempt stands among those of its target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// The record that says that it was sent.
    seq: Seq,
    /// When it is expected to end.
    ends: Timestamp,
    /// Its priority, if it may give way.
    band: Option<Priority>,
}

/// Attempts that are out, awaited, and of which it was known how long they would take.
///
/// Every attempt comes and goes, and hardly ever somebody asks: what has gone stays in its lists until one is asked for, or half of it has gone.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Those that are out, by the records that say that they were sent.
    out: FxHashSet<Seq>,
    /// By target.
    on: Vec<OnTarget>,
    /// How many of those that may give way there are of each priority.
    counts: [u32; 3],
}

/// The attempts of a target.
#[derive(Debug, Default)]
struct OnTarget {
    /// When they are expected to end, the first first.
    ends: BinaryHeap<Reverse<(Timestamp, Seq)>>,
    /// How many of these are out.
    out: usize,
    /// Those of each priority that may give way.
    may: [MayGiveWay; 3],
}

/// Attempts that may give way, as they were sent.
#[derive(Debug, Default)]
struct MayGiveWay {
    sent: Vec<(Seq, (Slot, InstId))>,
    /// How many of these are out.
    out: usize,
}

/// A list is cleaned once it is longer than twice what it should be, and so many.
const SPARE: usize = 32;

impl Watched {
    fn add(&mut self, target: TargetId, watch: Watch, place: (Slot, InstId)) {
        let Watch { seq, ends, band } = watch;
        self.out.insert(seq);
        if self.on.len() <= target.0 as usize {
            self.on.resize_with(target.0 as usize + 1, OnTarget::default);
        }
        let (on, out) = (&mut self.on[target.0 as usize], &self.out);
        on.ends.push(Reverse((ends, seq)));
        on.out += 1;
        if on.ends.len() > 2 * on.out + SPARE {
            on.ends.retain(|Reverse((_, seq))| out.contains(seq));
        }
        let Some(band) = band else { return };
        let may = &mut on.may[band as usize];
        may.sent.push((seq, place));
        may.out += 1;
        if may.sent.len() > 2 * may.out + SPARE {
            may.sent.retain(|(seq, _)| out.contains(seq));
        }
        self.counts[band as usize] += 1;
    }

    fn remove(&mut self, target: TargetId, watch: Watch) {
        if !self.out.remove(&watch.seq) {
            return;
        }
        let on = &mut self.on[target.0 as usize];
        on.out -= 1;
        if let Some(band) = watch.band {
            on.may[band as usize].out -= 1;
            self.counts[band as usize] -= 1;
        }
    }

    /// True if something is out that may give way to a task of this priority.
    fn is_any_below(&self, band: Priority) -> bool {
        Priority::ALL.into_iter().any(|of| of > band && self.counts[of as usize] > 0)
    }

    /// Before somebody asks when something ends: what has gone is forgotten, and what is overdue, for that tells nothing.
    fn looks(&mut self, target: TargetId, now: Timestamp) {
        let Some(on) = self.on.get_mut(target.0 as usize) else { return };
        while on.ends.peek().is_some_and(|Reverse((ends, seq))| *ends <= now || !self.out.contains(seq)) {
            on.ends.pop();
        }
    }

    /// True if something is expected to end on this target until then; it was looked through just before.
    fn ends_within(&self, target: TargetId, until: Timestamp) -> bool {
        let first = self.on.get(target.0 as usize).and_then(|on| on.ends.peek());
        first.is_some_and(|Reverse((ends, _))| *ends <= until)
    }

    /// Those of a priority that were sent last.
    fn latest(&self, target: TargetId, band: Priority) -> impl Iterator<Item = (Seq, (Slot, InstId))> {
        let of = self.on.get(target.0 as usize).into_iter().flat_map(move |on| on.may[band as usize].sent.iter().rev());
        of.filter(|(seq, _)| self.out.contains(seq)).take(LOOKED_AT).copied()
    }
}

impl Board {
    /// An attempt is awaited no more, or has ended.
    pub(crate) fn forget_watch(&mut self, running: &Running) {
        if let Some(flight) = running.flight
            && let Some(watch) = flight.watch
        {
            self.watched.remove(flight.target, watch);
        }
    }

    /// Whoever leaves the queue need not be sent any more.
    pub(crate) fn forget_urgency(&mut self, slot: Slot, id: InstId, ticket: &Ticket) {
        if let Some(at) = ticket.urgent {
            self.timers.clear(at, Timer::Urgent(slot, id));
        }
    }

    /// An attempt gives way: what it costs is booked when it has ended, and it was no try.
    pub(crate) fn gives_way(&mut self, slot: Slot, id: InstId, next: &Next) {
        self.leave(slot, id);
        let run = self.run_mut(slot);
        if let Some(orphan) = run.orphans.last_mut() {
            orphan.gave_way = true;
        }
        let inst = run.inst_mut(id);
        inst.rung_attempts = inst.rung_attempts.saturating_sub(1);
        inst.gave_way = inst.gave_way.saturating_add(1);
        self.follow(slot, id, next);
        self.run_mut(slot).inst_mut(id).gives_way = true;
    }
}

impl Scheduler {
    /// An attempt was sent, not beside another: it may be asked to give way, and others wait for its end.
    pub(crate) fn watch(&mut self, slot: Slot, id: InstId) {
        let rules = self.policy.preemption;
        if !rules.is_on() {
            return;
        }
        self.preempting.saved = (self.preempting.saved + u64::from(rules.share)).min(SAVED_MAX);
        let (seq, band) = (self.last, self.band_of(slot, id));
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let is_shown = !may_run_twice(task);
        let State::Running(running) = &mut self.board.run_mut(slot).inst_mut(id).state else { return };
        let may = band != Priority::Interactive
            && running.effect == Effect::None
            && !is_shown
            && !child::is_target(&running.target);
        let Some(flight) = running.flight.as_mut() else { return };
        let Some(foretold) = flight.foretold else { return };
        let watch = Watch { seq, ends: flight.sent.after(foretold.took()), band: may.then_some(band) };
        flight.watch = Some(watch);
        let target = flight.target;
        self.board.watched.add(target, watch, (slot, id));
    }

    /// When a task that is queued now has to be sent, to be in time even should all take as long as the slowest do; `None` if it need not, cannot be in
    /// time, or too little was seen, or nothing is out that may give way.
    pub(crate) fn urgent_from(&self, slot: Slot, id: InstId) -> Option<Timestamp> {
        if !self.policy.preemption.is_on() || !self.board.watched.is_any_below(self.band_of(slot, id)) {
            return None;
        }
        let (deadline, expected) = self.prospects(slot, id)?;
        let can = self.now.after(expected.mean) <= deadline;
        // To stop an attempt takes time too.
        let slow = expected.slow.max(Duration(expected.mean.0 / 4 * 5));
        can.then(|| deadline.before(slow).max(self.now))
    }

    /// A task has to be sent: another gives way if it must, else that is looked at some times more.
    pub(crate) fn is_urgent(&mut self, slot: Slot, id: InstId) {
        let gives_way = self.gives_way_to(slot, id);
        let now = self.now;
        let deadline = self.board.run(slot).deadline.unwrap_or(now);
        let State::Queued(ticket) = &mut self.board.run_mut(slot).inst_mut(id).state else { return };
        ticket.looks += 1;
        let again = Timestamp(now.0 + deadline.since(now).0 / 4);
        ticket.urgent = Some(again).filter(|at| !gives_way && ticket.looks < LOOKS && *at > now);
        if let Some(at) = ticket.urgent {
            self.board.timers.set(at, Timer::Urgent(slot, id));
        }
    }

    /// Stops an attempt for this task if it can be in time by that and not without; true if one was stopped for it.
    fn gives_way_to(&mut self, slot: Slot, id: InstId) -> bool {
        let Some((deadline, expected)) = self.prospects(slot, id) else { return false };
        let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { return false };
        if ticket.stopped.is_some() {
            return true;
        }
        let (band, class, is_held) = (ticket.band, ticket.class, ticket.held.is_some());
        let may = self.policy.preemption.is_on() && self.preempting.saved >= COST && !self.is_stopping;
        if !may || self.now.after(expected.mean) > deadline {
            return false;
        }
        let class = if is_held { self.class_of(slot, id) } else { Some(class) };
        let Some(class) = class.filter(|class| self.board.queue.has_units(*class)) else { return false };
        let latest = deadline.before(expected.mean);
        for target in self.board.queue.candidates(class) {
            self.board.watched.looks(*target, self.now);
        }
        let Some(victim) = self.who_gives_way((slot, id), (class, band), latest) else { return false };
        if is_held {
            // It waits for its best target no longer.
            self.requeue(slot, id, class, false);
        }
        self.stop_for(victim, (slot, id));
        true
    }

    /// The attempt that loses least, on the targets of a class which would all be free too late.
    fn who_gives_way(
        &self,
        (slot, id): (Slot, InstId),
        (class, band): (ClassId, Priority),
        latest: Timestamp,
    ) -> Option<(Slot, InstId)> {
        let candidates = self.board.queue.candidates(class);
        if candidates.iter().any(|target| self.targets.is_free(*target, self.now)) {
            return None;
        }
        let will_do = |target: &TargetId| {
            let row = self.targets.row(*target);
            // Where more are out than it gets by now, the end of one makes no room.
            let is_full = row.running == row.limit();
            is_full && self.targets.is_open(*target, self.now) && self.afford_on(slot, id, *target).is_ok()
        };
        let open = || candidates.iter().copied().filter(will_do);
        if open().any(|target| self.board.watched.ends_within(target, latest)) {
            return None;
        }
        let lower =
            |target: TargetId| Priority::ALL.into_iter().filter(move |of| *of > band).map(move |of| (target, of));
        let found = open().flat_map(lower).filter_map(|(target, of)| {
            let mut latest = self.board.watched.latest(target, of);
            latest.find(|(seq, place)| self.may_stop(*place, *seq))
        });
        found.max_by_key(|(seq, _)| *seq).map(|(_, place)| place)
    }

    /// True if little is lost, nobody has to pay for that with more than there is, and its own deadline stands.
    fn may_stop(&self, (slot, id): (Slot, InstId), seq: Seq) -> bool {
        let (rules, run) = (self.policy.preemption, self.board.run(slot));
        let inst = run.inst(id);
        let Some(running) = inst.running() else { return false };
        let is_alone = running.rival.is_none() && running.reference.is_none();
        let Some(flight) = running.flight.filter(|of| is_alone && of.watch.is_some_and(|watch| watch.seq == seq))
        else {
            return false;
        };
        let took = flight.foretold.map_or(Duration::ZERO, |foretold| foretold.took());
        let had = u128::from(self.now.since(flight.sent).0) * 100;
        had < u128::from(took.0) * u128::from(rules.spent)
            && inst.gave_way < rules.times
            && run.paused.is_none()
            && !run.quarantined
            && !self.attempts_spent(slot, id)
            && self.now.after(took) <= self.latest_end(slot, id)
            && self.afford_on(slot, id, flight.target).is_ok()
    }

    fn stop_for(&mut self, (slot, id): (Slot, InstId), whom: (Slot, InstId)) {
        self.preempting.saved -= COST;
        self.preempting.number += 1;
        let number = self.preempting.number;
        let State::Running(running) = &mut self.board.run_mut(slot).inst_mut(id).state else { return };
        let Some(flight) = running.flight.as_mut() else { return };
        flight.freed = Some(Freed { slot: whom.0, inst: whom.1, number });
        let lost = self.now.since(flight.sent);
        let told = |of: (Slot, InstId)| {
            let run = self.board.run(of.0);
            let is_foreign = self.board.run(slot).tenant != self.board.run(whom.0).tenant;
            let task = Arc::from(self.board.plan(of.0).graph.path_text(&run.path(of.1)));
            Preempted { run: run.id, task, is_foreign, lost }
        };
        let (stopped, sent) = (told((slot, id)), told(whom));
        let (end, next) = (End::Preempted, Next::Retry { at: self.now });
        let ended = Ended { preempted: Some(Box::new(sent)), ..Ended::new(end, next) };
        self.record_task(slot, id, Change::Ended(Box::new(ended)));
        if let State::Queued(ticket) = &mut self.board.run_mut(whom.0).inst_mut(whom.1).state {
            ticket.stopped = Some(Box::new(Stopped { number, of: stopped }));
        }
    }

    /// An attempt has ended: if it was stopped, the task that it was stopped for goes next.
    pub(crate) fn frees_place(&mut self, flight: &Flight) {
        self.preempting.freed = flight.freed;
    }

    /// The event is over.
    pub(crate) fn forget_freed(&mut self) {
        self.preempting.freed = None;
    }

    /// The task for which a place has come free in this event, if it still waits, and a target is free.
    pub(crate) fn freed_for(&self) -> Option<GoesNext> {
        let freed = self.preempting.freed?;
        let inst = self.board.run_if_live(freed.slot)?.insts.get(freed.inst.0 as usize)?;
        let State::Queued(ticket) = &inst.state else { return None };
        ticket.stopped.as_ref().filter(|stopped| stopped.number == freed.number)?;
        self.first_free(ticket.class)?;
        Some(GoesNext::Queued(ticket.class, ticket.rank))
    }
}
