//! Results that were paid for and are kept: which task may take one, and which result is kept.
//!
//! The driver keeps copies and looks them up; here is decided whether one counts. A task that looks for a fresh copy has the turn of its
//! key, so that of tasks that ask for the same one computes, and the others take what it gives. Whoever has a turn waits for no other.

use std::sync::Arc;

use agendum_types::graph::{CacheScope, Section, Work};
use agendum_types::{
    AttemptId, CacheInput, CacheKey, CachedCopy, Cause, Class, Effect, Failure, Money, PayloadRef, RunId, TaskPath,
    Timestamp, Within,
};

use crate::action::{Deed, Keep, LookUp};
use crate::board::Todo;
use crate::decide::time_of;
use crate::flights::Given;
use crate::inst::State;
use crate::record::{Cached, Change, End, Next};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// A call is ready, and nothing holds it back: it looks for a copy, waits for one that is being made, or is queued.
    pub(crate) fn look_or_enqueue(&mut self, slot: Slot, id: InstId) {
        if self.board.is_on_cached_rung(slot, id) {
            return match self.key_of(slot, id) {
                Some(key) => self.look_up(slot, id, key),
                None => self.has_no_copy(slot, id),
            };
        }
        let Some(key) = self.shared_key(slot, id) else {
            self.board.let_go(slot, id, None);
            return self.enqueue(slot, id);
        };
        if self.board.run(slot).inst(id).sharing.is_none() {
            let ticket = self.board.flights.take(&key, (slot, id));
            let since = self.now;
            let inst = self.board.run_mut(slot).inst_mut(id);
            inst.sharing = Some(Arc::clone(&key));
            if let Some(ticket) = ticket {
                inst.state = State::InLine { since, ticket };
                return;
            }
        }
        if self.board.flights.has_looked(&key) {
            self.enqueue(slot, id);
        } else {
            self.look_up(slot, id, key);
        }
    }

    fn look_up(&mut self, slot: Slot, id: InstId, key: Arc<CacheKey>) {
        self.look_ups += 1;
        let number = self.look_ups;
        let after = self.barrier(slot);
        let run = self.board.run_mut(slot);
        run.inst_mut(id).state = State::LookingUp(number);
        let look_up = LookUp { run: run.id, path: run.path(id), number, key };
        self.act(after, Deed::LookUp(Box::new(look_up)));
    }

    /// What came of a look-up: nothing, a copy, or an error, which is nothing too.
    pub(crate) fn on_looked_up(&mut self, run: RunId, path: &TaskPath, number: u64, found: Option<CachedCopy>) {
        let Some(slot) = self.board.slot(run) else { return };
        let looks = |id: &InstId| matches!(self.board.run(slot).inst(*id).state, State::LookingUp(of) if of == number);
        let Some(id) = self.board.find(slot, path).filter(looks) else { return };
        if self.board.is_on_cached_rung(slot, id) {
            return match found.filter(|copy| self.may_serve(slot, id, copy)) {
                Some(copy) => self.take_copy(slot, id, &copy, true),
                None => self.has_no_copy(slot, id),
            };
        }
        let Some(key) = self.board.run(slot).inst(id).sharing.clone() else { return };
        if let Some(copy) = found.as_ref().filter(|copy| self.is_fresh(slot, id, copy)) {
            self.take_copy(slot, id, copy, false);
        } else {
            self.board.flights.looked(&key);
            self.board.run_mut(slot).inst_mut(id).state = State::Ready;
            self.take(slot, id);
        }
        if let Some(copy) = found {
            self.serve_line(&key, &copy);
        }
    }

    /// Whoever is in line for the same and may take this copy does.
    fn serve_line(&mut self, key: &Arc<CacheKey>, copy: &CachedCopy) {
        for (slot, id) in self.board.flights.line(key) {
            // One that took it may have ended others.
            let Some(run) = self.board.run_if_live(slot) else { continue };
            let inst = run.inst(id);
            let waits = matches!(inst.state, State::InLine { .. }) && inst.sharing.as_ref() == Some(key);
            if waits && self.is_fresh(slot, id, copy) {
                self.take_copy(slot, id, copy, false);
            }
        }
    }

    /// The result of the one before is kept, or could not be: the next in line has the turn.
    pub(crate) fn on_kept(&mut self, key: Arc<CacheKey>) {
        if self.board.flights.kept(&key) {
            self.board.todo.push_back(Todo::PassTurn(Arc::clone(&key)));
        }
        self.look_again(&key);
    }

    pub(crate) fn pass_turn(&mut self, key: &Arc<CacheKey>) {
        let Some((slot, id)) = self.board.flights.pass(key) else { return };
        let now = self.now;
        let inst = self.board.run_mut(slot).inst_mut(id);
        let State::InLine { since, .. } = inst.state else { panic!("who is in line waits there") };
        inst.note(Cause::Dependency, now.since(since));
        inst.state = State::Ready;
        self.take(slot, id);
    }

    /// An attempt of an earlier life goes on: who asks for the same waits for it.
    pub(crate) fn hold_turn(&mut self, slot: Slot, id: InstId) {
        let Some(key) = self.shared_key(slot, id) else { return };
        match self.board.flights.take(&key, (slot, id)) {
            None => {
                self.board.flights.looked(&key);
                self.board.run_mut(slot).inst_mut(id).sharing = Some(key);
            }
            Some(ticket) => drop(self.board.flights.leave(&key, (slot, id), Some(ticket))),
        }
    }

    fn take_copy(&mut self, slot: Slot, id: InstId, copy: &CachedCopy, stale: bool) {
        let run = self.board.run(slot);
        let waits = self.board.waited(run, id, self.now);
        let input = run.inst(id).input.as_deref().map(|input| &input.labels);
        let labels = self.board.joined(slot, input.into_iter().chain([&copy.output.labels]));
        let output = Box::new(PayloadRef { labels, ..copy.output.clone() });
        let (from, kept, target, saved) = (copy.run, copy.at, Arc::clone(&copy.target), copy.cost);
        let cached = Cached { output, from, kept, target, saved, stale, waits };
        self.record_task(slot, id, Change::Cached(Box::new(cached)));
    }

    /// The rung that takes the last good copy finds none: what it caught goes on to the next.
    fn has_no_copy(&mut self, slot: Slot, id: InstId) {
        let inst = self.board.run(slot).inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let failure = inst.failure.as_deref().cloned();
        let failure = failure.unwrap_or_else(|| Failure::new(Class::Unavailable, End::NoCopy.sentence()));
        // Once its time is over nothing more is attempted.
        let is_over = time_of(task, self.now.since(inst.ready_at)).is_some();
        // Nor once something has taken effect, or may have, that happens once: what comes after this rung was meant for that failure too.
        let is_done = inst.once && !failure.no_effect;
        let next = self.rung_or_fail(slot, id, failure, is_over || is_done);
        self.end(slot, id, End::NoCopy, next);
    }

    /// The key of a task that shares what it gives: on its first rung, where some target that will do leaves no effect.
    fn shared_key(&mut self, slot: Slot, id: InstId) -> Option<Arc<CacheKey>> {
        let inst = self.board.run(slot).inst(id);
        let key = self.key_of(slot, id).filter(|_| inst.rung == 0)?;
        let class = self.class_of(slot, id)?;
        let mut targets = self.board.queue.candidates(class).iter();
        targets.any(|target| self.leaves_nothing(slot, id, *target)).then_some(key)
    }

    fn key_of(&self, slot: Slot, id: InstId) -> Option<Arc<CacheKey>> {
        let run = self.board.run(slot);
        let (inst, plan) = (run.inst(id), self.board.plan(slot));
        let task = plan.task(inst.node);
        let cache = task.cache.as_ref().filter(|_| inst.entered && inst.layer.keeps(task))?;
        let Work::Call(call) = &task.work else { return None };
        let input = match inst.input.as_deref() {
            Some(input) => CacheInput::Payload(input.hash),
            None => CacheInput::Constant(Arc::clone(&plan.graph.expr(call.input).source)),
        };
        Some(Arc::new(CacheKey {
            tenant: run.tenant.clone(),
            within: match cache.scope {
                CacheScope::Run => Within::Run(run.id),
                CacheScope::User => Within::User(run.principal.clone()),
                CacheScope::Tenant => Within::Tenant,
            },
            capability: call.capability,
            input,
            requirement: call.requirement.clone(),
            output_cap: call.output_cap,
        }))
    }

    fn leaves_nothing(&self, slot: Slot, id: InstId, target: agendum_types::TargetId) -> bool {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        let given = self.targets.row(target).target.effect.filter(|_| !task.effect_declared);
        given.unwrap_or(task.effect) == Effect::None
    }

    /// True if the target that gave it would do for this task now, and is what it was.
    fn may_serve(&mut self, slot: Slot, id: InstId, copy: &CachedCopy) -> bool {
        let Some(class) = self.class_of(slot, id) else { return false };
        let input = self.board.run(slot).inst(id).input.as_deref().map(|input| &input.labels);
        // It would bring labels in that keep what follows from its targets: what this task gives itself has none of them.
        if !copy.output.labels.is_within(&self.board.joined(slot, input)) {
            return false;
        }
        let id_of_run = self.board.run(slot).id;
        let is_it = |target: &&agendum_types::TargetId| {
            let target = &self.targets.row(**target).target;
            let is_ours = !target.per_run || copy.run == id_of_run;
            target.name == copy.target && target.digest == copy.digest && is_ours
        };
        let found = self.board.queue.candidates(class).iter().find(is_it);
        found.is_some_and(|target| self.leaves_nothing(slot, id, *target))
    }

    /// True if the copy counts for this task. One whose result `fail_if` has refused takes no other.
    fn is_fresh(&mut self, slot: Slot, id: InstId, copy: &CachedCopy) -> bool {
        let inst = self.board.run(slot).inst(id);
        let cache = self.board.plan(slot).task(inst.node).cache.as_ref().filter(|_| !inst.cached);
        let is_young = cache.is_some_and(|cache| copy.at.after(cache.ttl) > self.now);
        is_young && self.may_serve(slot, id, copy)
    }

    /// What the result of the attempt that is out may be kept as: it was made in its turn, whole, and on no lower rung.
    pub(crate) fn keepable(&self, slot: Slot, id: InstId, of: &AttemptId, cost: Money) -> Option<Given> {
        let inst = self.board.run(slot).inst(id);
        let running = inst.out(of.attempt, of.incarnation).filter(|_| inst.sharing.is_some())?;
        let flight = running.flight.filter(|flight| flight.whole)?;
        let is_good = running.effect == Effect::None && !running.lower && !inst.degraded;
        is_good.then(|| Given {
            target: Arc::clone(&running.target),
            digest: flight.digest,
            cost,
            began: running.since,
        })
    }

    /// The result is good: it will be kept. Asked before the record that says so; [`Self::keep`] follows it.
    pub(crate) fn begin_keeping(
        &mut self,
        slot: Slot,
        id: InstId,
        given: Option<Given>,
        output: Option<&PayloadRef>,
    ) -> Option<Keep> {
        let (Given { target, digest, cost, began }, output) = (given?, output?.clone());
        let run = self.board.run_mut(slot);
        let (at, from, node) = (self.now, run.id, run.inst(id).node);
        let key = run.inst_mut(id).sharing.take()?;
        self.board.flights.keep(&key);
        let cache = self.board.plan(slot).task(node).cache.clone();
        let copy = CachedCopy { output, at, target, digest, run: from, cost };
        Some(Keep { key, copy, tags: cache.map(|cache| cache.tags).unwrap_or_default(), began })
    }

    /// Keeps a result, once the record just made is durable: others can see it.
    pub(crate) fn keep(&mut self, keep: Option<Keep>) {
        if let Some(keep) = keep {
            self.act(Some(self.last), Deed::Keep(Box::new(keep)));
        }
    }

    /// What `fail_if` refuses is a copy: no attempt has failed, so it is not for `retry` to say whether there is one, as long as there is time.
    pub(crate) fn computed_anew(&self, slot: Slot, id: InstId) -> Option<Next> {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let is_main = self.board.plan(slot).task(inst.node).section == Section::Main;
        let over = run.deadline.filter(|_| is_main).unwrap_or(Timestamp::MAX).min(inst.expires);
        (inst.copied && self.now < over).then_some(Next::Retry { at: self.now })
    }

    /// Of what `fail_if` has let pass what may be kept.
    pub(crate) fn judged_well(&self, slot: Slot, id: InstId, next: &Next) -> Option<Given> {
        let key = self.board.run(slot).inst(id).sharing.as_ref().filter(|_| *next == Next::Succeed)?;
        self.board.flights.given(key)
    }
}
