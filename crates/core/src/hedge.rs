//! A second attempt beside one that is slow: whichever succeeds first counts, the other is told to stop and booked.
//!
//! Only for what may be repeated and shows nobody anything before it ends, once an attempt has taken longer than all but the slowest of its kind; only
//! while nothing waits for the target that would take it and a quarter of that is free; and only for a small share of all attempts. Under load there is
//! none: what is slow then is slow for want of room.
//!
//! What is idempotent is repeated under one key, and a key says something to whom it was given before: its second attempt goes to the same target, and
//! nowhere else. Like any attempt with an effect it leaves when its start is durable. The fate of the one that comes second is awaited before anything is
//! taken back, and both are one effect.

use std::sync::Arc;

use agendum_types::graph::Task;
use agendum_types::target::Bound;
use agendum_types::{AttemptId, AttemptNo, Duration, Effect, Incarnation, TargetId, Timestamp};

use crate::board::{Board, Todo};
use crate::child;
use crate::inst::{Flight, Running, State};
use crate::place::effect;
use crate::record::{Dispatched, Waits};
use crate::run::{InstId, Orphan, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// What a second attempt costs. Each first one earns its share of it, less where second attempts are seldom first.
const COST: u64 = 10_000;
/// So many second attempts are worth it if one of them is first.
const WORTH: u64 = 4;
/// Second attempts after which what was seen of them counts half.
const SENT_MAX: u64 = 64;
/// So much is saved up at most.
const SAVED_MAX: u64 = 10 * COST;

/// What is saved up for second attempts, and how those of late went.
#[derive(Debug, Default)]
pub(crate) struct Hedges {
    saved: u64,
    sent: u64,
    /// Those of them that were first.
    won: u64,
}

impl Hedges {
    /// A first attempt was sent that may have a second beside it.
    fn earn(&mut self, share: u8) {
        // One that is first saves much more than one that is not costs.
        let worth = (WORTH * (self.won + 1)).min(self.sent + 1);
        self.saved = (self.saved + u64::from(share) * (COST / 100) * worth / (self.sent + 1)).min(SAVED_MAX);
    }

    const fn has_one(&self) -> bool {
        self.saved >= COST
    }

    fn send(&mut self) {
        self.saved -= COST;
        if self.sent >= SENT_MAX {
            (self.sent, self.won) = (self.sent / 2, self.won / 2);
        }
        self.sent += 1;
    }

    /// A second attempt was first.
    pub(crate) fn win(&mut self) {
        self.won += 1;
    }
}

impl Scheduler {
    /// A first attempt was sent: comes back when it is slow.
    pub(crate) fn arm_hedge(&mut self, slot: Slot, id: InstId) {
        let rules = self.policy.hedging;
        let inst = self.board.run(slot).inst(id);
        let plan = self.board.plan(slot);
        let Some(running) = inst.running().filter(|running| may_repeat(plan.task(inst.node), running.effect)) else {
            return;
        };
        if rules.after == 0
            || inst.rung > 0
            || !may_run_twice(plan.task(inst.node))
            || child::is_target(&running.target)
        {
            return;
        }
        let samples = self.policy.admission.samples;
        let slow = plan.slower_than(inst.node, self.ask_of(slot, id).1, samples, rules.after);
        if let Some(slow) = slow {
            self.hedges.earn(rules.share);
            let start = self.flight_mut(slot, id).map_or(Duration::ZERO, |flight| flight.start);
            self.look_at(slot, id, self.now.after(start).after(slow));
        }
    }

    /// Comes back then, if the attempt is still out.
    fn look_at(&mut self, slot: Slot, id: InstId, at: Timestamp) {
        self.board.timers.set(at, Timer::Hedge(slot, id));
        if let Some(flight) = self.flight_mut(slot, id) {
            flight.hedge_at = Some(at);
        }
    }

    fn flight_mut(&mut self, slot: Slot, id: InstId) -> Option<&mut Flight> {
        let state = &mut self.board.run_mut(slot).inst_mut(id).state;
        if let State::Running(running) = state { running.flight.as_mut() } else { None }
    }

    /// An attempt is slow: another is sent beside it if there is room, else that is looked at again once it has taken half as long again.
    pub(crate) fn hedge(&mut self, slot: Slot, id: InstId) {
        let Some(flight) = self.flight_mut(slot, id) else { return };
        let (sent, target) = (flight.sent, flight.target);
        flight.hedge_at = None;
        if self.policy.hedging.after > 0 && !self.hedges_now(slot, id, target) {
            let took = self.now.since(sent);
            self.look_at(slot, id, self.now.after(Duration(took.as_micros() / 2)));
        }
    }

    /// Sends another beside it, if nothing speaks against that.
    fn hedges_now(&mut self, slot: Slot, id: InstId, target: TargetId) -> bool {
        let has_room =
            self.hedges.has_one() && self.attempts_out < self.board.limits.attempt_credits && !self.is_stopping;
        let run = self.board.run(slot);
        let is_resumable = run.inst(id).running().is_some_and(|running| running.reference.is_some());
        if !has_room || is_resumable || run.paused.is_some() {
            return false;
        }
        self.second_target(slot, id, target).is_some_and(|(other, lower)| self.send_beside(slot, id, other, lower))
    }

    /// True if this target does what a second attempt may do: nothing to the outside, or what the first does, under a key that it knows.
    fn may_go_to(&self, slot: Slot, id: InstId, target: TargetId) -> bool {
        let inst = self.board.run(slot).inst(id);
        let Some((running, flight)) = inst.running().and_then(|running| Some((running, running.flight?))) else {
            return false;
        };
        let row = &self.targets.row(target).target;
        let knows_key = (flight.target, flight.digest) == (target, row.digest);
        let does = effect(self.board.plan(slot).task(inst.node), row.effect);
        does == running.effect && (does == Effect::None || knows_key)
    }

    /// Where a second attempt would go: another target that has room and would not have to read much anew, or, where no other has room, the same; true
    /// if that is a lower one.
    fn second_target(&mut self, slot: Slot, id: InstId, first: TargetId) -> Option<(TargetId, bool)> {
        let class = self.class_of(slot, id).filter(|class| self.board.queue.has_units(*class))?;
        let has_room = |target: &TargetId| {
            let row = self.targets.row(*target);
            let is_idle = u64::from(row.running) * 4 < u64::from(row.limit()) * 3;
            let is_free = is_idle && self.targets.is_free(*target, self.now);
            is_free && !self.board.queue.is_wanted(*target) && self.may_go_to(slot, id, *target)
        };
        let candidates = self.board.queue.candidates(class).iter().copied().filter(has_room);
        let is_last = |target: TargetId| self.targets.row(target).target.last_resort;
        let (same, others): (Vec<TargetId>, Vec<TargetId>) =
            candidates.filter(|target| is_last(first) || !is_last(*target)).partition(|target| *target == first);
        let near: Vec<TargetId> = others.iter().copied().filter(|target| self.is_near(slot, id, *target)).collect();
        if near.is_empty() && !others.is_empty() {
            return None;
        }
        let best = self.scores(slot, id, &near).first().map(|(target, _)| *target);
        let target = best.or_else(|| same.first().copied())?;
        let was_lowered =
            !self.is_ordered(slot, id) && self.board.run(slot).inst(id).running().is_some_and(|of| of.lower);
        Some((target, was_lowered || self.is_passed_over(slot, id, class, target)))
    }

    /// False if nobody pays for it.
    fn send_beside(&mut self, slot: Slot, id: InstId, target: TargetId, lower: bool) -> bool {
        let Ok(hold) = self.afford_on(slot, id, target) else { return false };
        self.hedges.send();
        let expected = self.usual(slot, id);
        let inst = self.board.run(slot).inst(id);
        let does = inst.running().map_or(Effect::None, |first| first.effect);
        let row = &self.targets.row(target).target;
        let dispatched = Dispatched {
            attempt: AttemptNo(inst.attempts + 1),
            incarnation: self.incarnation,
            target: Arc::clone(&row.name),
            effect: does,
            hold: hold.money,
            hold_tokens: hold.tokens,
            output_cap: hold.cap,
            lower,
            waits: Waits::new(),
            reattached: false,
            beside: true,
            estimated: row.bound == Bound::Estimated,
            expected,
            choice: None,
            preempted: None,
        };
        self.send(slot, id, target, dispatched, None);
        true
    }
}

/// True if nobody sees anything of an attempt before it has ended, and nothing hangs on which one it is.
pub(crate) fn may_run_twice(task: &Task) -> bool {
    !task.live && task.publish_after.is_empty() && task.adds.is_none()
}

/// True if it is harmless that an attempt of this effect is made twice, and that nobody knows which comes first. What takes an effect back comes one after
/// the other.
pub(crate) fn may_repeat(task: &Task, effect: Effect) -> bool {
    match effect {
        Effect::None => true,
        Effect::Idempotent => !task.is_compensation(),
        Effect::Once => false,
    }
}

impl Board {
    /// Nobody waits for it to be slow any more.
    pub(crate) fn forget_hedge(&mut self, slot: Slot, id: InstId, running: &Running) {
        if let Some(at) = running.flight.and_then(|flight| flight.hedge_at) {
            self.timers.clear(at, Timer::Hedge(slot, id));
        }
    }

    /// An attempt is not awaited any more, and told to stop. What it costs is booked when it has ended.
    pub(crate) fn abandon(&mut self, slot: Slot, id: InstId, mut running: Running) {
        let rival = running.rival.take();
        let attempt = self.orphan(slot, id, running);
        self.todo.push_back(Todo::Stop(attempt));
        if let Some(rival) = rival {
            self.abandon(slot, id, *rival);
        }
    }

    /// Another attempt of the same task has succeeded before this one: what that gave counts, be this one's effect the same.
    pub(crate) fn is_beaten(&mut self, slot: Slot, id: InstId, running: Running) {
        self.abandon(slot, id, running);
        if let Some(orphan) = self.run_mut(slot).orphans.last_mut() {
            orphan.is_beaten = true;
        }
    }

    /// An attempt is not awaited any more.
    pub(crate) fn orphan(&mut self, slot: Slot, id: InstId, running: Running) -> AttemptId {
        self.forget_hedge(slot, id, &running);
        self.forget_watch(&running);
        let run = self.run_mut(slot);
        let (path, number) = (run.path(id), run.inst(id).rung_attempts);
        let Running { attempt, incarnation, hold, hold_tokens, taken, target, effect, undo, is_since, flight, .. } =
            running;
        let orphan = Orphan {
            path,
            attempt,
            incarnation,
            hold,
            hold_tokens,
            taken,
            target,
            effect,
            undo,
            is_since,
            number,
            flight,
            gave_way: false,
            is_beaten: false,
        };
        let attempt = orphan.id(run.id);
        run.orphans.push(orphan);
        attempt
    }

    /// Takes one of the two attempts of a task out, if it runs beside another, which runs on alone.
    pub(crate) fn leave_other(
        &mut self,
        slot: Slot,
        id: InstId,
        attempt: AttemptNo,
        life: Incarnation,
    ) -> Option<Running> {
        let State::Running(running) = &mut self.run_mut(slot).inst_mut(id).state else { return None };
        let is_running = running.is(attempt, life);
        let rival = running.rival.take_if(|rival| is_running || rival.is(attempt, life))?;
        Some(if is_running { std::mem::replace(&mut **running, *rival) } else { *rival })
    }
}
