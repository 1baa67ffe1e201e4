//! Records about one task.

use std::sync::Arc;

use agendum_types::{
    AttemptNo, Booked, Capability, Class, Effect, Failure, Fate, Incarnation, Money, Outcome, PayloadRef, Segment, Seq,
    TaskPath, Timestamp, Wait, Waste,
};

use crate::action::RunFailure;
use crate::board::{Board, Todo};
use crate::breaker;
use crate::child;
use crate::effects::Stage;
use crate::event::Evaluation;
use crate::inst::{Body, Layer, Running, Settled, State, Waiting};
use crate::record::{Change, Dispatched, End, Ended, Finished, Next, NextRound};
use crate::run::{InstId, Phase, Slot};
use crate::timers::Timer;

impl Board {
    pub(super) fn change(&mut self, slot: Slot, path: &TaskPath, change: &Change, seq: Seq) {
        if let Change::Abandoned { attempt, incarnation, cost, tokens, fate, output, away: _ } = change {
            self.beside_no_more(slot, path, (*attempt, *incarnation));
            let run = self.run_mut(slot);
            let found = run.orphans.iter().position(|orphan| orphan.is(path, *attempt, *incarnation));
            let orphan = run.orphans.swap_remove(found.expect("an abandoned attempt is booked once"));
            let around = if self.plan(slot).has_loop_budget { self.find_around(slot, path) } else { InstId::TOP };
            // One of an earlier life: nobody told what became of it.
            let waste = if orphan.flight.is_none() {
                Waste::Lost
            } else if orphan.gave_way {
                Waste::Preempted
            } else if self.run(slot).failure.is_some() {
                Waste::Abandoned
            } else {
                Waste::Superseded
            };
            if let Some(reads) = orphan.undo {
                self.run_mut(slot).effects.note(orphan.path, *fate, reads, output.as_deref());
            }
            let hold = (orphan.hold, orphan.hold_tokens);
            let booked = booked((orphan.target, orphan.taken), hold.0, (*cost, *tokens), Some(waste));
            self.book(slot, around, hold, booked, seq);
            return self.take_back(slot);
        }
        if path.segments().is_empty() {
            let Change::Ended(ended) = change else { panic!("of the run itself only its end is recorded: {change:?}") };
            let Next::Fail(failure) = &ended.next else {
                panic!("a run that ends by a decision has failed: {ended:?}")
            };
            return self.fail_run(slot, RunFailure { task: None, failure: Failure::clone(failure) });
        }
        let id = self.find(slot, path).expect("a record names a live task");
        match change {
            Change::Entered(evaluation) => self.entered(slot, id, evaluation),
            Change::Dispatched(dispatched) => self.dispatched(slot, id, dispatched),
            Change::Waited(waited) => self.waited_for(slot, id, waited),
            Change::Reminded => self.remind(slot, id),
            Change::Referenced { reference } => {
                if let State::Running(running) = &mut self.run_mut(slot).inst_mut(id).state {
                    running.reference = Some(reference.clone());
                }
            }
            Change::Finished(finished) => self.finished(slot, id, finished, seq),
            Change::Judged { evaluation, next } => self.judged(slot, id, evaluation, next),
            Change::Caught { output, .. } => {
                self.set_output(slot, id, output.clone());
                // What a check is caught with says what it found, as its own output would.
                if self.run(slot).inst(id).layer == Layer::Check {
                    self.judge_or_settle(slot, id);
                } else {
                    self.settle(slot, id, Settled::Succeeded, None);
                }
            }
            Change::RoundJudged { evaluation, next } => self.round_judged(slot, id, evaluation, next),
            Change::Composed { output } => {
                self.set_output(slot, id, output.clone());
                self.judge_or_settle(slot, id);
            }
            Change::Reused { output, degraded, .. } => self.reused(slot, id, output.clone(), *degraded),
            Change::Cached(cached) => self.cached(slot, id, cached),
            Change::Ended(ended) => self.ended(slot, id, ended, seq),
            Change::Resolved(resolved) => self.resolved(slot, id, resolved),
            Change::Pleaded(plea) => self.pleaded(slot, id, plea, seq),
            Change::Abandoned { .. } => {}
        }
    }

    /// The live instance at a path.
    pub(crate) fn find(&self, slot: Slot, path: &TaskPath) -> Option<InstId> {
        let run = self.run(slot);
        let plan = self.plan(slot);
        if let Some(of) = plan.graph.undone_by(path) {
            let Some(Stage::Out(id)) = run.effects.stage(&of) else { return None };
            return Some(*id).filter(|id| Some(run.inst(*id).node) == path.node());
        }
        let mut at = InstId::TOP;
        for segment in path.segments() {
            let body = if at == InstId::TOP { None } else { run.inst(at).body.as_deref() };
            at = match (segment, body) {
                (Segment::Task(node), None) if at == InstId::TOP => {
                    let task = plan.graph.tasks.get(node.0 as usize).filter(|task| task.parent.is_none())?;
                    run.scope(task.section).get(plan.position(*node))?
                }
                (Segment::Task(node), Some(Body::Group(group))) => {
                    *group.children.get(plan.position(*node)).filter(|child| run.inst(**child).node == *node)?
                }
                (Segment::Task(node), Some(Body::Check(check))) if run.inst(*check).node == *node => *check,
                (Segment::Item(index), Some(Body::Each(each))) => *each.children.get(index)?,
                (Segment::Round(round), Some(Body::Loop(repeat))) if repeat.round == *round => repeat.child?,
                _ => return None,
            };
        }
        (at != InstId::TOP).then_some(at)
    }

    /// What is left around a place that may be gone.
    fn find_around(&self, slot: Slot, path: &TaskPath) -> InstId {
        let mut path = path.clone();
        while !path.segments().is_empty() {
            if let Some(id) = self.find(slot, &path) {
                return id;
            }
            path.0.pop();
        }
        InstId::TOP
    }

    fn entered(&mut self, slot: Slot, id: InstId, evaluation: &Evaluation) {
        if evaluation.truth == Some(false) {
            return self.settle(slot, id, Settled::Skipped, None);
        }
        let at = self.at;
        let inst = self.run_mut(slot).inst_mut(id);
        // With a start in the future what was evaluated is kept, and a second record opens the instance then.
        if let Some(time) = evaluation.time {
            inst.start_at = inst.start_at.max(time);
        }
        if let Some(payload) = evaluation.payload.clone() {
            inst.input = Some(Box::new(payload));
            inst.count = evaluation.count;
        }
        if let Some(wait) = &evaluation.wait {
            inst.body = Some(Box::new(Body::Wait(Waiting { wait: Wait::clone(wait), wakes: Timestamp::MAX })));
        }
        inst.entered = true;
        if inst.start_at > at {
            inst.state = State::Ready;
            self.todo.push_back(Todo::Take(slot, id));
        } else {
            self.enter(slot, id);
        }
    }

    fn dispatched(&mut self, slot: Slot, id: InstId, dispatched: &Dispatched) {
        let at = self.at;
        let taken = if dispatched.reattached { self.pass_hold_on(slot, id) } else { None };
        // It leaves the queue, and keeps its turn.
        let sharing = self.run_mut(slot).inst_mut(id).sharing.take();
        let rival = if dispatched.beside { self.take_running(slot, id) } else { None };
        self.leave(slot, id);
        let hold = (dispatched.hold, dispatched.hold_tokens);
        if taken.is_none() && !child::is_target(&dispatched.target) {
            let tenant = self.run(slot).tenant.clone();
            self.ledger.hold(&tenant, at, hold);
        }
        self.hold_in_loops(slot, id, hold);
        let undo = self.undo_reads(slot, id);
        let is_since = self.is_since();
        let run = self.run_mut(slot);
        run.held = run.held.plus(hold.0);
        run.held_tokens = run.held_tokens.saturating_add(hold.1);
        run.estimated |= dispatched.estimated;
        run.start();
        let inst = run.inst_mut(id);
        inst.sharing = sharing;
        inst.attempts = inst.attempts.max(dispatched.attempt.0);
        inst.rung_attempts += u32::from(!dispatched.beside);
        inst.copied = false;
        inst.gives_way = false;
        inst.once = dispatched.effect == Effect::Once;
        inst.state = State::Running(Box::new(Running {
            attempt: dispatched.attempt,
            incarnation: dispatched.incarnation,
            target: dispatched.target.clone(),
            effect: dispatched.effect,
            hold: dispatched.hold,
            hold_tokens: dispatched.hold_tokens,
            taken: taken.unwrap_or(at),
            lower: dispatched.lower,
            since: at,
            reference: None,
            undo,
            is_since,
            flight: None,
            rival,
        }));
    }

    /// The attempt that is out, and stays so.
    fn take_running(&mut self, slot: Slot, id: InstId) -> Option<Box<Running>> {
        let inst = self.run_mut(slot).inst_mut(id);
        let State::Running(running) = std::mem::replace(&mut inst.state, State::Ready) else {
            panic!("one attempt is sent beside another")
        };
        Some(running)
    }

    /// One of two attempts has come to nothing: it is abandoned, and the other runs on.
    fn beside_no_more(&mut self, slot: Slot, path: &TaskPath, (attempt, incarnation): (AttemptNo, Incarnation)) {
        let Some(id) = self.find(slot, path) else { return };
        if let Some(gone) = self.leave_other(slot, id, attempt, incarnation) {
            self.orphan(slot, id, gone);
        }
    }

    /// An attempt of an earlier life goes on under a new id: its hold passes on, with the instant at which it was taken.
    fn pass_hold_on(&mut self, slot: Slot, id: InstId) -> Option<Timestamp> {
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.rung_attempts = inst.rung_attempts.saturating_sub(1);
        let State::Running(mut running) = std::mem::replace(&mut inst.state, State::Ready) else { return None };
        if let Some(rival) = running.rival.take() {
            self.abandon(slot, id, *rival);
        }
        let run = self.run_mut(slot);
        run.held = run.held.minus(running.hold);
        run.held_tokens = run.held_tokens.saturating_sub(running.hold_tokens);
        self.release_in_loops(slot, id, (running.hold, running.hold_tokens));
        Some(running.taken)
    }

    /// Of the windows: some task that waits for it may be covered now.
    pub(crate) fn money_came_free(&mut self) {
        self.queue.pockets.stir();
        if !self.ledger.short.is_empty() {
            self.todo.push_back(Todo::AffordAll);
        }
    }

    /// Money and tokens of an attempt leave the hold and are spent for what they cost.
    fn book(&mut self, slot: Slot, id: InstId, hold: (Money, u64), booked: Booked, seq: Seq) {
        let (cost, tokens) = (booked.cost, booked.tokens);
        self.book_in_loops(slot, id, hold, (cost, tokens));
        self.spent_since(slot, &booked);
        let tenant = self.run(slot).tenant.clone();
        // What a child run spends, its own attempts have booked there.
        let in_windows = !child::is_target(&booked.target);
        if in_windows {
            self.ledger.settle(&tenant, booked.taken, hold, (cost, tokens));
        }
        let commit_above = self.limits.commit_above;
        let run = self.run_mut(slot);
        run.held = run.held.minus(hold.0);
        run.held_tokens = run.held_tokens.saturating_sub(hold.1);
        run.spent = run.spent.plus(cost);
        run.tokens = run.tokens.saturating_add(tokens);
        run.over = run.over.plus(booked.over);
        if cost > commit_above {
            run.floor = seq;
        }
        // A bill of all that was held leaves the windows as they were. Of its own run it may have been the last that was out.
        if in_windows && self.ledger.frees((hold.0.minus(cost), hold.1.saturating_sub(tokens))) {
            self.money_came_free();
        }
        if !self.run(slot).broke.is_empty() {
            self.todo.push_back(Todo::Afford(slot));
        }
        if run_is_closing(self, slot) {
            self.todo.push_back(Todo::Close(slot));
        }
        self.booked = Some(booked).filter(|booked| booked.cost > Money::ZERO || booked.tokens > 0);
    }

    fn finished(&mut self, slot: Slot, id: InstId, finished: &Finished, seq: Seq) {
        let at = self.at;
        let inst = self.run_mut(slot).inst_mut(id);
        let State::Running(mut running) = std::mem::replace(&mut inst.state, State::Ready) else {
            panic!("an attempt finishes while it runs")
        };
        let mut other = running.rival.take();
        if let Some(of) = other.as_deref_mut().filter(|of| of.attempt == finished.attempt) {
            std::mem::swap(&mut *running, of);
        }
        self.forget_hedge(slot, id, &running);
        self.forget_watch(&running);
        if let Some(other) = other {
            self.is_beaten(slot, id, *other);
        }
        let inst = self.run_mut(slot).inst_mut(id);
        assert!(running.attempt == finished.attempt, "the attempt that runs is the one that finishes");
        if (running.lower || finished.degraded) && matches!(finished.outcome, Outcome::Succeeded(_)) {
            inst.degraded = true;
        }
        let served = at.since(running.since);
        let told = finished.outcome.usage().tokens();
        let tokens = if finished.unreported { running.hold_tokens } else { told };
        let (hold, bill) = ((running.hold, running.hold_tokens), (finished.cost, tokens));
        let waste = matches!(finished.outcome, Outcome::Failed(_)).then_some(Waste::Failed);
        if waste.is_none() {
            self.note_served(slot, id, &running.target);
        }
        let is_retried = matches!(finished.next, Next::Retry { .. });
        if is_retried && running.effect == Effect::None && breaker::fault(&finished.outcome) == Some(true) {
            let failed_on = &mut self.run_mut(slot).inst_mut(id).trouble_mut().failed_on;
            failed_on.retain(|target| *target != running.target);
            failed_on.push(Arc::clone(&running.target));
        }
        if self.counts_as_service(slot, id, &finished.outcome) {
            self.run_mut(slot).service.takes(served);
        }
        self.book(slot, id, hold, booked((running.target, running.taken), hold.0, bill, waste), seq);
        self.note_spent_ahead(slot, id);
        let mut output = None;
        if let Outcome::Succeeded(success) = &finished.outcome {
            self.set_output(slot, id, Box::new(success.output.clone()));
            output = Some(&success.output);
        }
        let fate = Fate::of(running.effect, Some(&finished.outcome));
        self.note_effect(slot, id, fate, running.undo, output);
        self.tell_of_outcome(slot, id, finished);
        self.follow(slot, id, &finished.next);
    }

    /// True if the time of an attempt of this task is what its run is served: calls of models, until it is answered. One that the provider
    /// turned away was none.
    pub(crate) fn counts_as_service(&self, slot: Slot, id: InstId, outcome: &Outcome) -> bool {
        let run = self.run(slot);
        let capability = self.plan(slot).capability(run.inst(id).node);
        let is_turned_away = matches!(outcome, Outcome::Failed(failure) if matches!(failure.class, Class::RateLimited | Class::Overloaded));
        run.phase == Phase::Main && capability.is_some_and(Capability::is_served_by_models) && !is_turned_away
    }

    fn judged(&mut self, slot: Slot, id: InstId, evaluation: &Evaluation, next: &Next) {
        let settled = if evaluation.good == Some(false) { Settled::Skipped } else { Settled::Succeeded };
        if *next == Next::Succeed {
            return self.settle(slot, id, settled, None);
        }
        self.tell_of_verdict(slot, id, evaluation, next);
        self.follow(slot, id, next);
    }

    /// Does what was decided upon a result, a verdict or an end.
    pub(crate) fn follow(&mut self, slot: Slot, id: InstId, next: &Next) {
        match next {
            Next::Judge => self.ask(slot, id, crate::action::Step::Judge),
            Next::Succeed => self.settle(slot, id, Settled::Succeeded, None),
            Next::Retry { at } | Next::Back { at } => {
                self.let_go(slot, id, None);
                let inst = self.run_mut(slot).inst_mut(id);
                inst.rung_attempts -= u32::from(matches!(next, Next::Back { .. }) && inst.rung_attempts > 0);
                inst.output = None;
                inst.free_from(*at);
                inst.state = State::BackingOff(*at);
                self.timers.set(*at, Timer::Start(slot, id));
            }
            Next::Rung { rung, failure } => self.take_rung(slot, id, *rung, failure.as_deref()),
            Next::Doubt(failure) => {
                self.let_go(slot, id, None);
                self.doubt(slot, id, failure);
            }
            Next::Fail(failure) => self.fail_for_good(slot, id, failure),
        }
    }

    /// Fails without looking for a rung: that was decided. A round's failure goes to its loop, which may be caught.
    fn fail_for_good(&mut self, slot: Slot, id: InstId, failure: &Failure) {
        self.settle(slot, id, Settled::Failed, Some(failure.clone()));
    }

    fn round_judged(&mut self, slot: Slot, id: InstId, evaluation: &Evaluation, next: &NextRound) {
        let inst = self.run_mut(slot).inst_mut(id);
        inst.state = State::Open;
        let mut child = None;
        let mut last = None;
        if let Some(Body::Loop(repeat)) = inst.body.as_deref_mut() {
            child = repeat.child.take();
            last.clone_from(&repeat.last);
            repeat.previous = std::mem::take(&mut repeat.ended);
            repeat.same = evaluation.same;
            repeat.unpaid = None;
            if let (Some(score), Some(output)) = (evaluation.score, &repeat.last)
                && repeat.best.as_ref().is_none_or(|(best, _)| score > *best)
            {
                repeat.best = Some((score, output.clone()));
            }
        }
        match next {
            NextRound::Again => {
                self.free_child(slot, child);
                self.open_round(slot, id);
            }
            NextRound::Done => {
                self.end_rounds(slot, id, child);
                if let Some(output) = last {
                    self.set_output(slot, id, Box::new(output));
                }
                self.judge_or_settle(slot, id);
            }
            NextRound::Use { output, .. } => {
                self.end_rounds(slot, id, child);
                self.set_output(slot, id, output.clone());
                self.run_mut(slot).inst_mut(id).degraded = true;
                self.judge_or_settle(slot, id);
            }
            NextRound::Fail(Next::Fail(failure)) => {
                let node = self.run(slot).inst(id).node;
                self.ran_out = Some((slot, node)).filter(|_| self.run(slot).failure.is_none());
                self.free_child(slot, child);
                self.fail_for_good(slot, id, failure);
            }
            NextRound::Fail(next) => {
                self.free_child(slot, child);
                self.follow(slot, id, next);
            }
        }
    }

    /// A loop that ran out may ask for one task of `on_failure`, if that has failed the run: one that the run survives asks for nothing.
    pub(super) fn escalate(&mut self) {
        let Some((slot, node)) = self.ran_out.take().filter(|(slot, _)| self.run(*slot).failure.is_some()) else {
            return;
        };
        let exhausted = self.plan(slot).task(node).repeat.as_ref().map(|repeat| repeat.exhausted.clone());
        if let Some(agendum_types::graph::Exhausted::Escalate(task)) = exhausted {
            self.run_mut(slot).escalation = Some(task);
        }
    }

    /// No further round comes: the loop's deadline is kept, whatever still judges its result.
    fn end_rounds(&mut self, slot: Slot, id: InstId, child: Option<InstId>) {
        self.free_child(slot, child);
        if let Some(Body::Loop(repeat)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut()
            && let Some(deadline) = repeat.deadline.take()
        {
            self.timers.clear(deadline, Timer::Loop(slot, id));
        }
    }

    fn free_child(&mut self, slot: Slot, child: Option<InstId>) {
        let Some(child) = child else { return };
        // A deadline may end a loop in the middle of a round.
        self.drop_instance(slot, child, Settled::Cancelled);
        self.free_tree(slot, child);
    }

    fn ended(&mut self, slot: Slot, id: InstId, ended: &Ended, seq: Seq) {
        let Ended { end, next, .. } = ended;
        self.short = ended.short.as_ref().and_then(|path| Some((slot, self.find(slot, path)?)));
        if matches!(end, End::Lost | End::Uncertain) {
            // The process that ran the attempt is gone: what it held counts as spent, for nobody can prove otherwise.
            let inst = self.run_mut(slot).inst_mut(id);
            let State::Running(running) = std::mem::replace(&mut inst.state, State::Ready) else {
                panic!("only an attempt that was out can be lost")
            };
            if let Some(rival) = running.rival {
                self.abandon(slot, id, *rival);
            }
            let inst = self.run_mut(slot).inst_mut(id);
            // What is lost without an effect costs no try.
            inst.rung_attempts -= u32::from(*end == End::Lost && inst.rung_attempts > 0);
            let hold = (running.hold, running.hold_tokens);
            let booked = booked((running.target, running.taken), hold.0, hold, Some(Waste::Lost));
            self.book(slot, id, hold, booked, seq);
            self.note_effect(slot, id, Fate::of(running.effect, None), running.undo, None);
            return self.follow(slot, id, next);
        }
        match (end, next) {
            (End::Pruned, _) => self.settle(slot, id, Settled::Pruned, None),
            (End::Preempted, next) => self.gives_way(slot, id, next),
            (_, Next::Fail(failure)) => self.fail_for_good(slot, id, failure),
            (_, next) => {
                self.leave(slot, id);
                self.follow(slot, id, next);
            }
        }
    }

    pub(super) fn set_output(&mut self, slot: Slot, id: InstId, output: Box<PayloadRef>) {
        self.run_mut(slot).inst_mut(id).output = Some(output);
    }
}

fn run_is_closing(board: &Board, slot: Slot) -> bool {
    let run = board.run(slot);
    run.phase == Phase::Closing && run.orphans.is_empty()
}

/// What an attempt on a target cost, whose money was set aside at that instant.
fn booked(
    (target, taken): (Arc<str>, Timestamp),
    hold: Money,
    (cost, tokens): (Money, u64),
    waste: Option<Waste>,
) -> Booked {
    let over = if child::is_target(&target) && hold == Money::ZERO { Money::ZERO } else { cost.minus(hold) };
    Booked { target, taken, cost, tokens, over, waste }
}
