//! From the queue to a target: which, for how much, and on what condition.

use std::sync::Arc;

use agendum_types::graph::{OnExceeded, Rung, Section, Task};
use agendum_types::target::Bound;
use agendum_types::{AttemptId, AttemptNo, Cause, Duration, Effect, Money, Need, TargetId, TaskPath, Timestamp};

use crate::action::{Deed, Dispatch};
use crate::afford::{Hold, Uncovered};
use crate::child;
use crate::inst::{Broke, Flight, Running, State};
use crate::purse::Payer;
use crate::queue::ClassId;
use crate::record::{Change, Dispatched, End, Next, Waits};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::score::Scores;
use crate::short::Next as GoesNext;

impl Scheduler {
    /// Sends ready tasks to free targets until there is no task, no target or no credit.
    pub(crate) fn pump(&mut self) {
        while !self.is_stopping && !self.gathers && self.attempts_out < self.board.limits.attempt_credits {
            self.bends = None;
            let Some(next) = self.freed_for().or_else(|| self.next()) else {
                return;
            };
            let (class, rank) = match next {
                GoesNext::Queued(class, rank) => (class, rank),
                GoesNext::Covered(rank) => {
                    self.bring_up(rank);
                    continue;
                }
            };
            match self.first_free(class) {
                Some(_) if self.steps_aside(rank.slot, rank.inst, class) => {}
                Some(target) => self.place(rank.slot, rank.inst, class, target),
                None => {
                    let cause = self.blocked_by(class);
                    self.board.queue.sleep(class, cause, self.now);
                }
            }
            if !self.board.todo.is_empty() {
                return;
            }
        }
    }

    fn blocked_by(&self, class: ClassId) -> Cause {
        let rows = || self.board.queue.candidates(class).iter().map(|target| self.targets.row(*target));
        if rows().next().is_none() || self.board.queue.never_has_units(class) {
            Cause::Capacity
        } else if !self.board.queue.has_units(class) {
            Cause::Limit
        } else if rows().all(|row| row.closed_until > self.now || !row.breaker.takes(self.now)) {
            // Where one is well and busy it is that which is waited for.
            Cause::Backoff
        } else {
            Cause::Limit
        }
    }

    fn place(&mut self, slot: Slot, id: InstId, class: ClassId, target: TargetId) {
        if let Some(failure) = self.unbounded(slot, id) {
            let next = self.rung_or_fail(slot, id, failure, false);
            return self.end(slot, id, End::Unaffordable, next);
        }
        if self.waits_for_best(slot, id) && self.afford_on(slot, id, target).is_err() {
            return self.spill(slot, id);
        }
        let scores = self.weighed(class, slot, id);
        let mut for_want_of_money = false;
        for (best, _) in &scores {
            if let Ok(hold) = self.afford_on(slot, id, *best) {
                return self.dispatch(slot, id, *best, hold, for_want_of_money, &scores);
            }
            for_want_of_money = true;
        }
        let turn = if self.has_turned(slot, id) { self.covered(slot, id, class) } else { None };
        let target = turn.unwrap_or(target);
        match self.afford_on(slot, id, target) {
            Ok(hold) => {
                let lower = self.is_passed_over(slot, id, class, target);
                self.dispatch(slot, id, target, hold, lower, &scores);
            }
            Err(uncovered) => self.place_poor(slot, id, class, &uncovered),
        }
    }

    /// The first free target of a class that the budget covers.
    fn covered(&self, slot: Slot, id: InstId, class: ClassId) -> Option<TargetId> {
        let mut free =
            self.board.queue.candidates(class).iter().copied().filter(|target| self.targets.is_free(*target, self.now));
        free.find(|target| self.afford_on(slot, id, *target).is_ok())
    }

    /// The preferred target is not covered by what is left of the budget of a loop, of the run's, or else of a window.
    fn place_poor(&mut self, slot: Slot, id: InstId, class: ClassId, uncovered: &Uncovered) {
        if let Some(of) = uncovered.run_out() {
            return self.unpaid_in(slot, id, of, uncovered);
        }
        let run = self.board.run(slot);
        let undoes = self.board.plan(slot).task(run.inst(id).node).is_compensation();
        let (choice, of) = if uncovered.is_of_run() {
            let in_flight = run.held > Money::ZERO || run.held_tokens > 0;
            let choice = run.budget.as_ref().map_or(OnExceeded::Fail, |budget| budget.on_exceeded);
            if choice == OnExceeded::Ask {
                return self.ask_for_money(slot, id, class, uncovered);
            }
            (choice, in_flight.then_some(Payer::Run))
        } else if let Some(of) = uncovered.short_loop() {
            return self.wait_for_money(slot, id, Payer::Loop(of));
        } else {
            // What is done is taken back, if not now then later.
            let choice = if undoes { OnExceeded::Wait } else { self.board.ledger.windows.on_exceeded };
            (choice, uncovered.last_window(self.now).map(Payer::Window))
        };
        if let Some(of) = of.filter(|_| choice == OnExceeded::Wait) {
            return self.wait_for_money(slot, id, of);
        }
        // Where no order was asked for, any target will do that is covered, be it busy now.
        let takes_cheaper = choice == OnExceeded::Degrade || !self.has_strict_order(slot, id);
        if takes_cheaper && self.place_cheaper(slot, id, class) {
            return;
        }
        let failure = self.unaffordable(slot, uncovered, None);
        let next = match self.rung_or_fail(slot, id, failure.clone(), false) {
            Next::Fail(_) if choice == OnExceeded::Degrade => {
                let failure = Box::new(failure);
                match self.any_output(slot, id) {
                    Some(rung) => Next::Rung { rung, failure: Some(failure) },
                    None => Next::Fail(failure),
                }
            }
            next @ (Next::Judge
            | Next::Succeed
            | Next::Retry { .. }
            | Next::Back { .. }
            | Next::Rung { .. }
            | Next::Doubt(_)
            | Next::Fail(_)) => next,
        };
        self.end(slot, id, End::Unaffordable, next);
    }

    /// Until others have settled, or until the window that is to pay is over.
    pub(crate) fn wait_for_money(&mut self, slot: Slot, id: InstId, of: Payer) {
        if let Payer::Window(window) = of {
            return self.put_in_pocket(slot, id, window);
        }
        self.unqueue(slot, id);
        // Others may have the money.
        self.board.let_go(slot, id, None);
        let broke = Broke { since: self.now, of, place: None, looked: None };
        self.board.run_mut(slot).inst_mut(id).state = State::Broke(Box::new(broke));
        match of {
            Payer::Loop(of) => self.board.waits_in(slot, id, of),
            Payer::Run | Payer::Window(_) => self.board.run_mut(slot).broke.push(id),
        }
    }

    /// Sends the task to the first target that the budget covers, or has it wait for one that is busy; false if it covers none.
    pub(crate) fn place_cheaper(&mut self, slot: Slot, id: InstId, class: ClassId) -> bool {
        let candidates = self.board.queue.candidates(class).iter();
        let covered = candidates.filter_map(|target| Some((*target, self.afford_on(slot, id, *target).ok()?)));
        let covered: Vec<_> = covered.collect();
        let free = covered.iter().copied().find(|(target, _)| self.targets.is_free(*target, self.now));
        if let Some((target, hold)) = free {
            self.dispatch(slot, id, target, hold, true, &Scores::new());
        } else if covered.is_empty() {
            return false;
        } else {
            let needs = Arc::clone(self.board.queue.needs(class));
            let class = self.board.queue.class(covered.into_iter().map(|(target, _)| target).collect(), &needs);
            self.requeue(slot, id, class, true);
            // With more money the others will do again.
            self.board.is_short(slot, id);
        }
        true
    }

    /// Moves a queued task to another class, without a moment in which its band could look idle.
    pub(crate) fn requeue(&mut self, slot: Slot, id: InstId, class: ClassId, lowered: bool) {
        let State::Queued(before) = &self.board.run(slot).inst(id).state else { panic!("only a queued task moves") };
        let mut before = before.clone();
        self.board.forget_hold(slot, id, &before);
        before.held = None;
        if before.class == class {
            // It stands where it would stand.
            before.lowered = lowered;
            self.board.run_mut(slot).inst_mut(id).state = State::Queued(before);
            return;
        }
        let mut ticket = self.board.queue.insert(class, (before.band, before.tenant), before.rank, self.now);
        ticket.lowered = lowered;
        (ticket.urgent, ticket.looks, ticket.stopped) = (before.urgent, before.looks, before.stopped.take());
        let waits = self.board.queue.leave(&before, self.now);
        let inst = self.board.run_mut(slot).inst_mut(id);
        waits.into_iter().for_each(|(cause, span)| inst.note(cause, span));
        inst.state = State::Queued(Box::new(ticket));
    }

    /// Takes a task out of its queue, for the moment; false if it stood in none.
    pub(crate) fn unqueue(&mut self, slot: Slot, id: InstId) -> bool {
        let inst = self.board.run_mut(slot).inst_mut(id);
        if !matches!(inst.state, State::Queued(_)) {
            return false;
        }
        if let State::Queued(ticket) = std::mem::replace(&mut inst.state, State::Ready) {
            self.board.forget_hold(slot, id, &ticket);
            self.board.forget_urgency(slot, id, &ticket);
            for (cause, span) in self.board.queue.leave(&ticket, self.now) {
                self.board.run_mut(slot).inst_mut(id).note(cause, span);
            }
        }
        true
    }

    /// `degrade` takes the next output of `catch`, whatever classes it names.
    fn any_output(&self, slot: Slot, id: InstId) -> Option<u8> {
        let mut left = self.board.rungs_left(slot, id);
        left.find(|(_, rung)| matches!(rung.rung, Rung::Output(_))).map(|(index, _)| index)
    }

    fn dispatch(&mut self, slot: Slot, id: InstId, target: TargetId, hold: Hold, lower: bool, scores: &Scores) {
        let state = std::mem::replace(&mut self.board.run_mut(slot).inst_mut(id).state, State::Ready);
        let State::Queued(ticket) = state else { panic!("only a queued task is placed") };
        self.board.forget_hold(slot, id, &ticket);
        self.board.forget_urgency(slot, id, &ticket);
        self.passes_first(slot, id);
        self.asks_how_it_is(slot, id);
        let (choice, expected) = (self.choice(slot, id, &ticket, target, scores), self.usual(slot, id));
        let queued = self.board.queue.send(&ticket, self.now);
        let known = self.board.run_mut(slot).inst_mut(id).waited.take().map_or_else(Waits::new, |waited| *waited);
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let waits = self.board.waits(inst, known, queued, self.now);
        let (plan, node) = (run.plan, inst.node);
        let span = stood(&waits);
        self.board.plans.get_mut(plan).stood(node, span);
        self.has_stood(ticket.band, span);
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let row = &self.targets.row(target).target;
        let (begins, class) = (self.may_stand_behind(slot), ticket.class);
        let dispatched = Dispatched {
            attempt: AttemptNo(inst.attempts + 1),
            incarnation: self.incarnation,
            target: Arc::clone(&row.name),
            effect: effect(task, row.effect),
            hold: hold.money,
            hold_tokens: hold.tokens,
            output_cap: hold.cap,
            lower: lower || ticket.lowered,
            waits,
            reattached: false,
            beside: false,
            estimated: row.bound == Bound::Estimated,
            expected,
            choice,
            preempted: ticket.stopped.map(|stopped| Box::new(stopped.of)),
        };
        self.send(slot, id, target, dispatched, None);
        self.watch(slot, id);
        self.arm_hedge(slot, id);
        if begins {
            self.stands_as_usual(slot, class);
        }
    }

    /// Continues an attempt of an earlier life, if it left a reference and its target is known.
    pub(crate) fn reattach(&mut self, slot: Slot, id: InstId, running: &Running) -> bool {
        let Some(reference) = running.reference.clone().or_else(|| child::reference(&running.target)) else {
            return false;
        };
        let Some(target) = self.targets.find_id(&running.target) else {
            return false;
        };
        let inst = self.board.run(slot).inst(id);
        let dispatched = Dispatched {
            attempt: AttemptNo(inst.attempts + 1),
            incarnation: self.incarnation,
            target: Arc::clone(&running.target),
            effect: running.effect,
            hold: running.hold,
            hold_tokens: running.hold_tokens,
            output_cap: None,
            lower: running.lower,
            waits: Waits::new(),
            reattached: true,
            beside: false,
            estimated: false,
            expected: None,
            choice: None,
            preempted: None,
        };
        self.send(slot, id, target, dispatched, Some(reference));
        self.hold_turn(slot, id);
        true
    }

    /// Records a dispatch and asks for it; what touches the outside or costs money waits until that is durable.
    pub(crate) fn send(
        &mut self,
        slot: Slot,
        id: InstId,
        target: TargetId,
        dispatched: Dispatched,
        reattach: Option<Arc<str>>,
    ) {
        let run = self.board.run(slot);
        let attempt = AttemptId {
            run: run.id,
            path: run.path(id),
            attempt: dispatched.attempt,
            incarnation: dispatched.incarnation,
        };
        let (effect, output_cap, hold) = (dispatched.effect, dispatched.output_cap, dispatched.hold);
        let hold_tokens = dispatched.hold_tokens;
        if reattach.is_none() {
            self.earn_retries(target, dispatched.attempt);
        }
        let foretold = if reattach.is_none() { self.foretold(slot, id) } else { None };
        let (ask, bytes) = self.ask_of(slot, id);
        let whole = reattach.is_none() && output_cap == ask.cap_on(&self.targets.row(target).target);
        let barrier = self.barrier(slot);
        self.record_task(slot, id, Change::Dispatched(Box::new(dispatched)));
        let row = self.targets.row_mut(target);
        let start = if reattach.is_none() { row.start(bytes, self.now) } else { Duration::ZERO };
        let is_cold = row.loads(self.now) > Duration::ZERO;
        row.takes(self.now);
        if let Some(prefix) = self.board.run(slot).inst(id).prefix.as_deref() {
            row.read.takes(prefix, row.target.remembers, self.now);
        }
        let turn = self.tries_target(target);
        self.hold_units(slot, &attempt.path);
        self.board.queue.pockets.stir();
        let row = self.targets.row(target);
        let (price, digest, is_free) = (row.price, row.target.digest, row.target.price.is_free());
        let charged = self.charge((slot, id), target, hold, bytes);
        let tokens = if reattach.is_none() { self.keep_pace(target, hold_tokens, bytes) } else { 0 };
        let area = if reattach.is_none() { Some(self.targets.row(target).knee.area()) } else { None };
        let sent = self.now;
        let (hedge_at, watch, freed) = (None, None, None);
        let flight = Flight {
            target,
            price,
            digest,
            bytes,
            whole,
            sent,
            turn,
            tokens,
            foretold,
            hedge_at,
            charged,
            start,
            is_cold,
            area,
            watch,
            freed,
        };
        self.attempts_out += u32::from(!self.is_child(slot, &attempt.path));
        let run = self.board.run_mut(slot);
        if let State::Running(running) = &mut run.inst_mut(id).state {
            running.flight = Some(flight);
        }
        let outside = effect != Effect::None || !is_free || hold > Money::ZERO || run.strict;
        let after = if outside { Some(self.last) } else { barrier };
        let dispatch = self.dispatch_of(slot, id, attempt, target, effect, output_cap, reattach);
        self.act(after, Deed::Dispatch(Box::new(dispatch)));
    }

    /// What an attempt of this task holds of pools.
    fn needs_of(&self, slot: Slot, path: &TaskPath) -> Option<Arc<[Need]>> {
        let needs = &self.board.plan(slot).task(path.node()?).resources;
        (!needs.is_empty()).then(|| Arc::clone(needs))
    }

    /// An attempt of this task is out from now on, be it one of an earlier life.
    pub(crate) fn hold_units(&mut self, slot: Slot, path: &TaskPath) {
        if let Some(needs) = self.needs_of(slot, path) {
            self.board.queue.hold(&needs);
        }
    }

    /// It has ended, awaited or not.
    pub(crate) fn free_units(&mut self, slot: Slot, path: &TaskPath) {
        if let Some(needs) = self.needs_of(slot, path) {
            self.board.queue.free(&needs, self.now);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and every argument is a field of the result")]
    fn dispatch_of(
        &self,
        slot: Slot,
        id: InstId,
        attempt: AttemptId,
        target: TargetId,
        effect: Effect,
        output_cap: Option<u32>,
        reattach: Option<Arc<str>>,
    ) -> Dispatch {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let plan = self.board.plan(slot);
        let task = plan.task(inst.node);
        let in_time = run.deadline.filter(|_| task.section == Section::Main).unwrap_or(Timestamp::MAX);
        let expires = in_time.min(inst.expires);
        let key_origin = run.key_origin(&attempt.path);
        Dispatch {
            attempt,
            tenant: run.tenant.clone(),
            principal: run.principal.clone(),
            graph: Arc::clone(&plan.graph),
            node: inst.node,
            target,
            input: inst.input.as_deref().cloned(),
            effect,
            is_paid: !self.targets.row(target).target.price.is_free(),
            key_origin,
            output_cap,
            timeouts: task.timeouts,
            expires: Some(expires).filter(|at| *at < Timestamp::MAX),
            labels: self.board.joined(slot, inst.input.as_deref().map(|input| &input.labels)),
            live: task.live,
            held_back: !task.publish_after.is_empty() && !self.is_released(slot, inst.node),
            refused: inst.refused.clone(),
            reattach,
            child: self.inherited(slot, id),
        }
    }
}

/// How long others, or a target that was full, kept it waiting.
fn stood(waits: &Waits) -> Duration {
    let stands = |cause| matches!(cause, Cause::Order | Cause::Limit | Cause::Capacity);
    waits.iter().filter(|(cause, _)| stands(*cause)).fold(Duration::ZERO, |sum, (_, span)| sum.plus(*span))
}

/// The document's word counts, then the target's, then the capability's default.
pub(crate) fn effect(task: &Task, target: Option<Effect>) -> Effect {
    if task.effect_declared { task.effect } else { target.unwrap_or(task.effect) }
}
