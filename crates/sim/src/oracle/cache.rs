//! Kept results: who asks for the same, whose turn it is, which copy counts, and what is kept. Told again by looking through all tasks.

use std::sync::Arc;

use agendum_core::{Cached, Keep, LookUp};
use agendum_types::graph::{CacheScope, Rung, Work};
use agendum_types::{
    CacheInput, CacheKey, CachedCopy, Cause, Effect, Hash, PayloadRef, RunId, Seq, TaskPath, Timestamp, Within,
};

use super::downs::tells_downtime;
use super::records::Checked;
use super::state::{How, Inst, Running, State};
use super::{Heard, Reference, ensure};
use agendum_core::Step;

/// What may be kept of an attempt's result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    pub name: Arc<str>,
    pub digest: Hash,
    pub cost: agendum_types::Money,
    pub began: Timestamp,
}

/// A copy that was found, for whom, and when.
#[derive(Clone, Debug)]
pub(super) struct Served {
    key: CacheKey,
    copy: CachedCopy,
    event: u64,
}

impl Inst {
    /// It has the turn of its key as long as it looks, waits for a target, runs or is judged.
    fn has_turn(&self, key: &CacheKey) -> bool {
        let goes_on = matches!(
            self.state,
            State::LookingUp(_) | State::Queued(..) | State::Running(_) | State::Asking(Step::Judge)
        );
        goes_on && self.turn.as_ref() == Some(key)
    }
}

impl Reference {
    /// What a call asks for, if it may be kept.
    fn asked_for(&self, id: RunId, path: &TaskPath) -> Option<CacheKey> {
        let run = &self.runs[&id];
        let (task, inst) = (run.task(path), &run.tasks[path]);
        let (cache, Work::Call(call)) = (task.cache.as_ref()?, &task.work) else { return None };
        if !inst.entered || !run.is_call(path) || run.is_check(path) || task.is_compensation() {
            return None;
        }
        let input = match &inst.input {
            Some(input) => CacheInput::Payload(input.hash),
            None => CacheInput::Constant(run.graph.expr(call.input).source.clone()),
        };
        let within = match cache.scope {
            CacheScope::Run => Within::Run(id),
            CacheScope::User => Within::User(run.submitted.principal.clone()),
            CacheScope::Tenant => Within::Tenant,
        };
        let (tenant, requirement) = (run.tenant.clone(), call.requirement.clone());
        Some(CacheKey { tenant, within, capability: call.capability, input, requirement, output_cap: call.output_cap })
    }

    /// What a task asks for, if others could take what it gives.
    pub(super) fn shares(&self, id: RunId, path: &TaskPath) -> Option<CacheKey> {
        let key = self.asked_for(id, path).filter(|_| self.runs[&id].tasks[path].rung == 0)?;
        let targets = self.eligible(id, path)?;
        targets.into_iter().any(|target| self.effect_on(id, path, target) == Effect::None).then_some(key)
    }

    pub(super) fn effect_on(&self, id: RunId, path: &TaskPath, target: usize) -> Effect {
        let task = self.runs[&id].task(path);
        if task.effect_declared { task.effect } else { self.targets[target].effect.unwrap_or(task.effect) }
    }

    fn holder(&self, key: &CacheKey) -> Option<(RunId, TaskPath)> {
        let all = self.runs.iter().flat_map(|(id, run)| run.tasks.iter().map(move |(path, inst)| (*id, path, inst)));
        let mut holding = all.filter(|(.., inst)| inst.has_turn(key));
        holding.next().map(|(id, path, _)| (id, path.clone()))
    }

    pub(super) fn is_open(&self, key: &CacheKey) -> bool {
        self.holder(key).is_none() && !self.keeping.contains(key)
    }

    /// A call is ready, and nothing holds it back: it looks for a copy, comes to a line, or is queued. False if no target may see it.
    pub(super) fn comes_to_share(&mut self, id: RunId, path: &TaskPath) -> bool {
        if self.takes_last(id, path) {
            // What was its turn on the first rung is another's now.
            let inst = self.run(id).inst(path);
            (inst.state, inst.turn) = (State::Seeking, None);
            return true;
        }
        if self.shares(id, path).is_some() {
            let arrived = self.events;
            let inst = self.run(id).inst(path);
            (inst.state, inst.turn) = (State::InLine(arrived), None);
            return true;
        }
        let Some(targets) = self.eligible(id, path) else { return false };
        self.run(id).inst(path).turn = None;
        self.queue(id, path, targets);
        true
    }

    /// It is on the rung that takes the last good copy.
    pub(super) fn takes_last(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let rung = run.tasks[path].rung.checked_sub(1).and_then(|rung| run.task(path).catch.get(rung));
        rung.is_some_and(|rung| rung.rung == Rung::Cached)
    }

    pub(super) fn looks_up(&mut self, asked: &LookUp) -> Checked {
        let LookUp { run: id, path, number, key } = asked;
        let inst = self.runs.get(id).and_then(|run| run.tasks.get(path)).ok_or("no such task")?.clone();
        let mine = self.asked_for(*id, path).ok_or("it keeps nothing")?;
        ensure(mine == **key, &format!("it asks for {mine:?}"))?;
        ensure(!self.runs[id].paused || inst.state != State::Ready, "the run is paused")?;
        if inst.state == State::Seeking {
            self.run(*id).inst(path).state = State::LookingUp(*number);
            return Ok(());
        }
        let State::InLine(arrived) = inst.state else {
            return Err(format!("it does not stand in line: {:?}", inst.state));
        };
        self.steps_aside(&mine);
        if let Some((id, path)) = self.holder(&mine) {
            let (name, has) = (self.runs[&id].graph.path_text(&path), &self.runs[&id].tasks[&path].state);
            return Err(format!("{name} has the turn: {has:?}"));
        }
        ensure(self.is_open(&mine), "another's result is not kept yet")?;
        self.some_pass(&mine, arrived);
        let earlier = self.line(&mine).into_iter().any(|(.., before)| before < arrived);
        ensure(!earlier, "others came before it")?;
        let inst = self.run(*id).inst(path);
        (inst.state, inst.turn) = (State::LookingUp(*number), Some(mine));
        Ok(())
    }

    /// Whoever has the turn and waits for money now has given it up: when exactly only the core knows.
    fn steps_aside(&mut self, key: &CacheKey) {
        let Some((id, path)) = self.holder(key) else { return };
        let is_bounded = self.runs[&id].submitted.budget.is_some() || !self.windows.is_unlimited();
        if let Some(state @ (State::Broke(_) | State::Short(_) | State::Begs)) = self.aside(id, &path) {
            self.run(id).inst(&path).state = state;
        } else if is_bounded && matches!(self.runs[&id].tasks[&path].state, State::Queued(..)) {
            // Between tasks that rank alike it may have waited for a moment: that two compute, the checker would see.
            self.run(id).inst(&path).turn = None;
        }
    }

    /// Whose turn it is while its run is paused passes it on, and is held until the run goes on; so does who has no target any more that
    /// leaves no effect, and is queued. Those that came before this event.
    fn some_pass(&mut self, key: &CacheKey, until: u64) {
        for (id, path, arrived) in self.line(key) {
            let Some(state) = self.passes(id, &path) else { continue };
            if arrived < until {
                self.passes_on(id, &path, state);
            } else if arrived == until {
                // Of those that came in the same event only the core knows who was before it: `rests` asks.
                self.passed.push((id, path, state));
            }
        }
    }

    /// It was sent: so its turn has come before that, and it has passed it on.
    pub(super) fn has_passed(&mut self, id: RunId, path: &TaskPath) {
        let waits = matches!(self.runs[&id].tasks[path].state, State::InLine(_));
        if let Some(state @ State::Queued(..)) = self.passes(id, path).filter(|_| waits) {
            self.passes_on(id, path, state);
        }
    }

    fn passes_on(&mut self, id: RunId, path: &TaskPath, state: State) {
        self.run(id).inst(path).turn = None;
        match state {
            State::Queued(_, targets) => self.queue(id, path, targets),
            other => self.run(id).inst(path).state = other,
        }
    }

    /// How a task stands that passes its turn on.
    fn passes(&self, id: RunId, path: &TaskPath) -> Option<State> {
        if self.runs[&id].paused {
            return Some(State::Held);
        }
        let targets = self.eligible(id, path).filter(|_| self.shares(id, path).is_none())?;
        Some(State::Queued(self.rank(id, path), targets))
    }

    fn line(&self, key: &CacheKey) -> Vec<(RunId, TaskPath, u64)> {
        let mut line = Vec::new();
        for (id, run) in &self.runs {
            for (path, inst) in &run.tasks {
                if let State::InLine(arrived) = inst.state
                    && self.asked_for(*id, path).as_ref() == Some(key)
                {
                    line.push((*id, path.clone(), arrived));
                }
            }
        }
        line
    }

    pub(super) fn hear_look_up(&mut self, id: RunId, path: &TaskPath, number: u64, found: Option<&CachedCopy>) {
        let inst = self.runs.get(&id).and_then(|run| run.tasks.get(path));
        if inst.is_none_or(|inst| inst.state != State::LookingUp(number)) {
            return;
        }
        let found = found.cloned();
        if self.takes_last(id, path) {
            let found = found.filter(|copy| self.may_serve(id, path, copy));
            self.heard = Some(Heard::LookedUp(id, path.clone(), found));
            return;
        }
        let Some(key) = self.asked_for(id, path) else { return };
        let event = self.events;
        self.served = found.clone().map(|copy| Served { key, copy, event });
        match found.filter(|copy| self.is_fresh(id, path, copy)) {
            Some(copy) => self.heard = Some(Heard::LookedUp(id, path.clone(), Some(copy))),
            None if self.runs[&id].paused => {
                let inst = self.run(id).inst(path);
                (inst.state, inst.turn) = (State::Held, None);
            }
            None => match self.eligible(id, path) {
                Some(targets) => {
                    if self.shares(id, path).is_none() {
                        self.run(id).inst(path).turn = None;
                    }
                    self.queue(id, path, targets);
                }
                None => self.run(id).inst(path).state = State::Ready,
            },
        }
    }

    fn may_serve(&self, id: RunId, path: &TaskPath, copy: &CachedCopy) -> bool {
        let mut targets = self.eligible(id, path).unwrap_or_default();
        if !copy.output.labels.is_within(&self.runs[&id].labels(path)) {
            targets.clear();
        }
        targets.into_iter().any(|target| {
            let of = &self.targets[target];
            let is_ours = !of.per_run || copy.run == id;
            of.name == copy.target
                && of.digest == copy.digest
                && is_ours
                && self.effect_on(id, path, target) == Effect::None
        })
    }

    fn is_fresh(&self, id: RunId, path: &TaskPath, copy: &CachedCopy) -> bool {
        let run = &self.runs[&id];
        let young = run.task(path).cache.as_ref().is_some_and(|cache| copy.at.after(cache.ttl) > self.now);
        young && !run.tasks[path].took_copy && self.may_serve(id, path, copy)
    }

    pub(super) fn cached(&mut self, id: RunId, path: &TaskPath, said: &Cached) -> Checked {
        let inst = self.runs[&id].tasks[path].clone();
        let copy = match (&self.heard, &inst.state) {
            (Some(Heard::LookedUp(run, of, Some(copy))), State::LookingUp(_)) if (*run, of) == (id, path) => {
                let copy = copy.clone();
                self.heard = None;
                copy
            }
            (_, State::InLine(_)) => {
                let served = self.served.clone().ok_or("nothing was found")?;
                ensure(self.asked_for(id, path).as_ref() == Some(&served.key), "something else was found")?;
                ensure(self.is_fresh(id, path, &served.copy), "that copy does not count")?;
                served.copy
            }
            (heard, state) => return Err(format!("it takes a copy and is {state:?}, after {heard:?}")),
        };
        ensure(said.stale == self.takes_last(id, path), "stale or not")?;
        let mine = (copy.run, copy.at, &copy.target, copy.cost, copy.output.hash);
        ensure(mine == (said.from, said.kept, &said.target, said.saved, said.output.hash), "another copy")?;
        let labels = self.runs[&id].labels(path).join(&copy.output.labels);
        ensure(labels.is_within(&said.output.labels), "labels got lost")?;
        let waited: u64 = said.waits.iter().map(|(_, span)| span.0).sum();
        ensure(waited == self.now.since(inst.freed_at()).0, "its waits do not add up")?;
        tells_downtime(self.was_down_while(&inst), &said.waits)?;
        self.served(id, path, &copy.target);
        let run = self.run(id);
        run.started = true;
        let inst = run.inst(path);
        (inst.output, inst.turn) = (Some(PayloadRef::clone(&said.output)), None);
        (inst.took_copy, inst.is_copy) = (true, true);
        inst.state = State::Ready;
        if said.stale {
            self.settle(id, path, How::Succeeded, None);
        } else {
            self.judge_or_succeed(id, path);
        }
        Ok(())
    }

    /// What may be kept of the result of this attempt.
    pub(super) fn keepable(
        &self,
        id: RunId,
        path: &TaskPath,
        running: &Running,
        cost: agendum_types::Money,
    ) -> Option<Given> {
        let inst = &self.runs[&id].tasks[path];
        let good = inst.turn.is_some() && running.whole && running.effect == Effect::None;
        let digest = running.digest;
        (good && !running.lower && !inst.degraded).then(|| Given {
            name: running.name.clone(),
            digest,
            cost,
            began: running.since,
        })
    }

    /// The result counts: it is to be kept, and nobody has the turn until it is.
    pub(super) fn will_keep(&mut self, id: RunId, path: &TaskPath, given: Option<Given>, output: Option<&PayloadRef>) {
        let (Some(given), Some(output)) = (given, output.cloned()) else { return };
        let tags = self.runs[&id].task(path).cache.as_ref().map(|cache| cache.tags.clone()).unwrap_or_default();
        let at = self.now;
        let Some(key) = self.run(id).inst(path).turn.take() else { return };
        self.keeping.push(key.clone());
        let Given { name, digest, cost, began } = given;
        let copy = CachedCopy { output, at, target: name, digest, run: id, cost };
        self.keep.push(Keep { key: Arc::new(key), copy, tags, began });
    }

    pub(super) fn keeps(&mut self, keep: &Keep, after: Option<Seq>, last: Seq) -> Checked {
        ensure(after == Some(last), "it does not wait for its record")?;
        let mine = self.keep.pop();
        ensure(mine.as_ref() == Some(keep), &format!("{mine:?} is to be kept"))
    }

    /// Nobody in line could go on, and whoever may take what was found has.
    pub(super) fn lines_rest(&mut self) -> Checked {
        ensure(self.keep.is_empty(), "a result is not kept")?;
        let all = self.runs.iter().flat_map(|(id, run)| run.tasks.iter().map(move |(path, inst)| (*id, path, inst)));
        let in_line = all.filter(|(.., inst)| matches!(inst.state, State::InLine(_)));
        let keys: Vec<CacheKey> = in_line.filter_map(|(id, path, _)| self.asked_for(id, path)).collect();
        for key in keys.iter().filter(|key| self.is_open(key)).cloned().collect::<Vec<_>>() {
            self.some_pass(&key, u64::MAX);
        }
        for (id, run) in &self.runs {
            for (path, inst) in &run.tasks {
                let name = || run.graph.path_text(path);
                match inst.state {
                    State::Seeking => return Err(format!("{} does not look", name())),
                    State::InLine(arrived) => {
                        let key = self.asked_for(*id, path).ok_or("it stands in no line")?;
                        ensure(!self.is_open(&key), &format!("{} has the turn and does not look", name()))?;
                        let served = self.served.as_ref().filter(|served| served.key == key && arrived < served.event);
                        let takes = served.is_some_and(|served| self.is_fresh(*id, path, &served.copy));
                        ensure(!takes, &format!("{} could take what was found", name()))?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Only who asks for what another computes depends on that.
    pub(super) fn may_depend(&self, id: Option<RunId>, path: &TaskPath, cause: Cause) -> bool {
        let task = id.and_then(|id| self.runs.get(&id)).zip(path.node()).map(|(run, node)| run.graph.task(node));
        cause == Cause::Dependency && task.is_none_or(|task| task.cache.is_some())
    }
}
