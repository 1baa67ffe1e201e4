//! Attempts that ended, or gave a reference.

use std::sync::Arc;

use agendum_types::{AttemptId, Class, Duration, Effect, Failure, Fate, Money, Outcome, Success, TargetId, Timestamp};

use crate::child::{self, Spent};
use crate::inst::Flight;
use crate::plan::Observed;
use crate::record::{Change, Finished, Next, Record};
use crate::run::{InstId, Orphan, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// How long a provider that is at its limit, and does not say for how long, is left alone.
const RATE_LIMIT_PAUSE: Duration = Duration::secs(1);

/// What an attempt that has ended came to, beside its outcome.
struct Told {
    cost: Money,
    unreported: bool,
    degraded: bool,
    /// It was turned away by a target that is at work, and had no room for it.
    is_no_try: bool,
}

impl Scheduler {
    pub(crate) fn on_finished(&mut self, attempt: AttemptId, outcome: Outcome, child: Option<Spent>) {
        let Some(slot) = self.board.slot(attempt.run) else {
            return;
        };
        let awaited = self.board.find(slot, &attempt.path).filter(|id| self.awaits(slot, *id, &attempt));
        let out = match awaited {
            Some(id) => {
                let of = self.board.run(slot).inst(id).out(attempt.attempt, attempt.incarnation);
                of.and_then(|of| Some((of.flight?, of.hold, of.hold_tokens, of.effect)))
            }
            None => self.orphan(&attempt).and_then(|of| Some((of.flight?, of.hold, of.hold_tokens, of.effect))),
        };
        // An attempt of an earlier life, or one that was answered already: fenced off.
        let Some((flight, hold, hold_tokens, effect)) = out else {
            return;
        };
        self.frees_place(&flight);
        let is_child = self.is_child(slot, &attempt.path);
        self.attempts_out -= u32::from(!is_child);
        self.targets.row_mut(flight.target).frees(self.now);
        self.pause_target(flight, &outcome);
        let turned_away = self.learn_limit(flight, &outcome);
        let tries = awaited.map_or(0, |id| self.board.run(slot).inst(id).attempts);
        let has_no_room = self.makes_room(flight.target, &outcome, (turned_away, tries));
        let is_no_try = has_no_room || !is_child && self.meets_limit(flight, &outcome);
        if !has_no_room {
            self.judge_target(flight, &outcome);
        }
        self.learn_knee((slot, &attempt.path), flight, &outcome);
        self.board.queue.wake(flight.target, self.now);
        self.free_units(slot, &attempt.path);
        // What is not told is booked as the worst case: a budget that silence could evade would be none.
        let unreported = child.is_none() && outcome.is_unreported() && (hold > Money::ZERO || hold_tokens > 0);
        let (cost, tokens) = if let Some(child) = child {
            (child.spent, outcome.usage().tokens())
        } else if unreported {
            (hold, hold_tokens)
        } else {
            (self.targets.price(flight.price).cost(outcome.usage()), outcome.usage().tokens())
        };
        let took = self.now.since(flight.sent);
        let used = outcome.usage().tokens();
        self.settle_pace(flight, Some(used).filter(|_| !outcome.is_unreported()));
        self.correct(flight, (is_child, has_no_room), took, cost);
        // Of one that another has beaten that was learned when the other had succeeded.
        if awaited.is_some() || !self.orphan(&attempt).is_some_and(|orphan| orphan.is_beaten) {
            self.learn_speed(flight, took, &outcome);
        }
        if matches!(outcome, Outcome::Succeeded(_)) {
            let (now, row) = (self.now, self.targets.row_mut(flight.target));
            row.warmth.answers(now);
            row.answered = Some(now);
        }
        if flight.area.is_some() && !is_child && !has_no_room {
            self.targets.row_mut(flight.target).lately.take(flight.bytes, &outcome, took, cost);
        }
        let is_beside = |id: &InstId| self.board.run(slot).inst(*id).running().is_some_and(|of| of.rival.is_some());
        // The other may still succeed.
        let runs_on = matches!(outcome, Outcome::Failed(_)) && awaited.as_ref().is_some_and(is_beside);
        match awaited.filter(|_| !runs_on) {
            Some(id) => {
                if is_beside(&id)
                    && self.board.run(slot).inst(id).running().is_some_and(|of| of.attempt == attempt.attempt)
                {
                    self.hedges.win();
                    self.learn_from_slow(slot, id);
                }
                let degraded = child.is_some_and(|child| child.degraded);
                let told = Told { cost, unreported, degraded, is_no_try };
                self.finish(slot, id, &attempt, outcome, told);
            }
            None => self.abandon(slot, (attempt, effect), &outcome, cost, tokens),
        }
    }

    /// Where an abandoned attempt of this life is still out.
    pub(crate) fn orphan(&self, attempt: &AttemptId) -> Option<&Orphan> {
        let run = self.board.run(self.board.slot(attempt.run)?);
        let mut out = run.orphans.iter().filter(|orphan| orphan.flight.is_some());
        out.find(|orphan| orphan.is(&attempt.path, attempt.attempt, attempt.incarnation))
    }

    pub(crate) fn awaits(&self, slot: Slot, id: InstId, attempt: &AttemptId) -> bool {
        self.board.run(slot).inst(id).out(attempt.attempt, attempt.incarnation).is_some()
    }

    /// Takes the provider at its word: nothing more goes there before it said, nor for a moment if it has had too much.
    fn pause_target(&mut self, flight: Flight, outcome: &Outcome) {
        let Outcome::Failed(failure) = outcome else {
            return;
        };
        // What a child run was told by its providers is no limit of others.
        if child::is_target(&self.targets.row(flight.target).target.name) {
            return;
        }
        let limited = failure.class == Class::RateLimited;
        if limited {
            self.calm_pace(flight.target);
        }
        let pause = failure.retry_after.or_else(|| limited.then_some(RATE_LIMIT_PAUSE));
        if let Some(span) = pause.filter(|_| limited || failure.class == Class::Overloaded) {
            self.close_target(flight.target, self.now.after(span));
        }
    }

    /// Closes a target that asked for a pause, with all that share its limit, and comes back when it reopens.
    pub(crate) fn close_target(&mut self, target: TargetId, until: Timestamp) {
        for (moved, before) in self.targets.close(target, until) {
            self.board.timers.clear(before, Timer::Target(moved));
            self.board.timers.set(until, Timer::Target(moved));
            // Who has waited for its pace waits for it to reopen from now on.
            self.board.queue.wake(moved, self.now);
            // Nobody begins to wait for it while it is closed.
            if before <= self.now {
                self.let_go_of(moved);
            }
        }
    }

    fn abandon(
        &mut self,
        slot: Slot,
        (attempt, effect): (AttemptId, Effect),
        outcome: &Outcome,
        cost: Money,
        tokens: u64,
    ) {
        let orphan = self.orphan(&attempt);
        let fate = Fate::of(effect, Some(outcome));
        // Of two that were out together the effect is one, and so is what it is taken back with.
        let is_read = orphan.is_some_and(|orphan| orphan.undo.is_some() && !orphan.is_beaten);
        let output = match outcome {
            Outcome::Succeeded(success) if fate == Fate::Taken && is_read => {
                // Its input is gone; that was read from what the run has, and so carries no more than this.
                let labels =
                    self.board.labels_of(slot, orphan.and_then(|orphan| orphan.undo.as_deref()).unwrap_or_default());
                Some(Box::new(agendum_types::PayloadRef { labels, ..success.output.clone() }))
            }
            Outcome::Succeeded(_) | Outcome::Failed(_) => None,
        };
        let (attempt_no, incarnation) = (attempt.attempt, attempt.incarnation);
        let change = Change::Abandoned { attempt: attempt_no, incarnation, cost, tokens, fate, output, away: None };
        self.record_of(slot, Record::Task { run: attempt.run, path: attempt.path, change });
    }

    fn finish(
        &mut self,
        slot: Slot,
        id: InstId,
        of: &AttemptId,
        outcome: Outcome,
        Told { cost, unreported, degraded, is_no_try }: Told,
    ) {
        let Some(running) = self.board.run(slot).inst(id).out(of.attempt, of.incarnation) else {
            return;
        };
        let (attempt, incarnation) = (running.attempt, running.incarnation);
        let (since, effect) = (running.since, running.effect);
        let running_on = running.flight.map(|flight| flight.target);
        let mut keep = None;
        let (outcome, next) = match outcome {
            Outcome::Succeeded(success) => {
                let (node, bytes) = (self.board.run(slot).inst(id).node, self.ask_of(slot, id).1);
                let (took, tokens_out) = (self.now.since(since), Some(success.usage.tokens_out));
                self.learn(slot, Observed { node, bytes, took, tokens_out });
                let next = if self.board.wants_judgement(slot, id) { Next::Judge } else { Next::Succeed };
                let success = self.label(slot, id, success);
                let given = self.keepable(slot, id, of, cost);
                match (&next, given, self.board.run(slot).inst(id).sharing.clone()) {
                    (Next::Judge, Some(given), Some(key)) => self.board.flights.gave(&key, given),
                    (_, given, _) => keep = self.begin_keeping(slot, id, given, Some(&success.output)),
                }
                (Outcome::Succeeded(success), next)
            }
            Outcome::Failed(failure) => {
                let failure = certain(failure, effect).labelled(&self.labels_told(slot, id));
                let next = if effect == Effect::Once && failure.class == Class::Uncertain {
                    self.next_in_doubt(slot, id, failure.clone())
                } else {
                    let may_repeat = effect != Effect::Once || failure.no_effect;
                    let back = is_no_try && may_repeat && self.may_go_back(slot, id, &failure);
                    let on = (running_on, &failure);
                    if back { Next::Back { at: self.now } } else { self.next_on(slot, id, on, may_repeat) }
                };
                (Outcome::Failed(failure), next)
            }
        };
        let (took, is_service) = (self.now.since(since), self.board.counts_as_service(slot, id, &outcome));
        let finished = Finished { attempt, incarnation, outcome, cost, unreported, degraded, next };
        self.record_task(slot, id, Change::Finished(Box::new(finished)));
        if is_service {
            self.is_served(slot, took);
        }
        self.keep(keep);
    }

    /// An attempt of a task has shown how long such ones take.
    pub(crate) fn learn(&mut self, slot: Slot, observed: Observed) {
        let (plan, rules) = (self.board.run(slot).plan, self.policy.admission);
        self.board.plans.learn(plan, observed, (&self.targets, &self.board.queue.units), (rules, self.now));
    }

    /// The output carries the labels of the input, and those that it has: a child run's.
    fn label(&self, slot: Slot, id: InstId, mut success: Success) -> Success {
        let input = self.board.run(slot).inst(id).input.as_deref().map(|input| &input.labels);
        success.output.labels = self.board.joined(slot, input).join(&success.output.labels);
        success
    }

    pub(crate) fn on_referenced(&mut self, attempt: &AttemptId, reference: Arc<str>) {
        let Some(slot) = self.board.slot(attempt.run) else {
            return;
        };
        let is_it = |id: &InstId| {
            let running = self.board.run(slot).inst(*id).running();
            running.is_some_and(|of| of.is(attempt.attempt, attempt.incarnation))
        };
        // Of two attempts that are out the first goes on without: the next life begins anew.
        if let Some(id) = self.board.find(slot, &attempt.path).filter(is_it) {
            self.record_task(slot, id, Change::Referenced { reference });
        }
    }
}

/// A `once` attempt without a definite answer is uncertain, whatever the adapter calls it.
fn certain(failure: Failure, effect: Effect) -> Failure {
    let is_told = failure.class == Class::Uncertain || Fate::of_failure(&failure) != Fate::Uncertain;
    if effect != Effect::Once || is_told {
        return failure;
    }
    let message =
        format!("no definite answer ({}: {}): the attempt may have taken effect", failure.class, failure.message);
    Failure {
        class: Class::Uncertain,
        ..Failure { message: Failure::new(Class::Uncertain, &message).message, ..failure }
    }
}
