//! Works off what records left open, until nothing is left but to wait.

use std::sync::Arc;

use agendum_types::graph::{ExprId, NodeId, NotBefore, Rung, Work};
use agendum_types::{Cause, Class, Failure, PayloadRef, RunStatus, Seq, TaskPath, target};
use smallvec::SmallVec;

use crate::action::{Answer, Deed, Evaluate, Make, Purpose, Step};
use crate::board::Todo;
use crate::inst::{Body, Layer, Settled, State};
use crate::record::{Answered, Change, End, Record};
use crate::run::{InstId, Phase, Run, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

type Exprs = SmallVec<[(Purpose, ExprId); 2]>;

impl Scheduler {
    pub(crate) fn work(&mut self) {
        loop {
            while let Some(todo) = self.board.todo.pop_front() {
                self.work_off(todo);
            }
            // All that is due comes before anything is sent: it may rank first, or take back what would be sent.
            if self.fire_timer() {
                continue;
            }
            self.pump();
            if self.board.todo.is_empty() {
                return self.arm_windows();
            }
        }
    }

    fn work_off(&mut self, todo: Todo) {
        match todo {
            Todo::Take(slot, id) => self.take(slot, id),
            Todo::Ask(slot, id) => self.ask(slot, id),
            Todo::Hear(slot, id) => self.hear_kept(slot, id),
            Todo::Compose(slot) => self.ask_run(slot),
            Todo::Fail(slot) => self.answer_without_output(slot),
            Todo::Compensated(slot) => self.compensated(slot),
            Todo::Close(slot) => self.close(slot),
            Todo::Stop(attempt) => {
                if self.orphan(&attempt).is_some() {
                    self.act(None, Deed::CancelAttempt(attempt));
                }
            }
            Todo::Publish(slot, id) => self.publish(slot, id),
            Todo::Afford(slot) => self.afford(slot),
            Todo::AffordAll => self.afford_all(),
            Todo::AffordIn(slot, id) => self.afford_in(slot, id),
            Todo::RanOut(slot, id) => self.ran_out_in_a_round(slot, id),
            Todo::Requeue(slot, id) => self.requeue_planned(slot, id),
            Todo::Anew(slot, id) => self.queue_anew(slot, id),
            Todo::Plea(slot) => self.answer_pleas(slot),
            Todo::Checked(slot, id) => self.checked(slot, id),
            Todo::Turn(group) => self.turn(&group),
            Todo::PassTurn(key) => self.pass_turn(&key),
        }
    }

    /// Takes up a task that is ready: waits for its start, evaluates, opens or queues it.
    pub(crate) fn take(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else {
            return;
        };
        let inst = run.inst(id);
        if !matches!(inst.state, State::Ready) {
            return;
        }
        let (node, layer, quarantined) = (inst.node, inst.layer, run.quarantined);
        if !quarantined && self.reuse(slot, id) {
            return;
        }
        let inst = self.board.run(slot).inst(id);
        if inst.start_at > self.now {
            let start = inst.start_at;
            self.board.timers.set(start, Timer::Start(slot, id));
            self.board.run_mut(slot).inst_mut(id).state = State::Parked(start);
            return;
        }
        if quarantined {
            return;
        }
        let entered = inst.entered;
        let is_call = layer.calls(self.board.plan(slot).task(node)) && !self.board.plan(slot).waits(node);
        if !entered && self.board.plan(slot).asks_to_enter(node, layer) {
            self.board.run_mut(slot).inst_mut(id).state = State::Asking(Step::Enter);
            self.ask(slot, id);
        } else if !entered || !is_call {
            self.record_task(slot, id, Change::Entered(Box::default()));
        } else if let Some(paused) = self.board.run(slot).paused {
            // Be it since an earlier life: what it waited for until then is told beside it.
            let now = self.now;
            self.board.let_go(slot, id, None);
            let run = self.board.run_mut(slot);
            let inst = run.inst_mut(id);
            inst.state = State::Paused(paused.max(inst.start_at).max(inst.known_until()).min(now));
            run.held_back.push(id);
        } else {
            self.look_or_enqueue(slot, id);
        }
    }

    pub(crate) fn enqueue(&mut self, slot: Slot, id: InstId) {
        self.avoid_failing(slot, id);
        let Some(class) = self.class_of(slot, id) else {
            let inst = self.board.run(slot).inst(id);
            let capability = self.board.plan(slot).capability(inst.node).expect("a call waits for a target");
            let labels = self.board.joined(slot, inst.input.as_deref().map(|input| &input.labels));
            let failure = Failure::new(Class::Permanent, &target::uncleared(capability, &labels));
            let next = self.rung_or_fail(slot, id, failure, false);
            return self.end(slot, id, End::Ineligible, next);
        };
        let (band, rank) = (self.band_of(slot, id), self.rank(slot, id));
        let tenant = self.tenant_of(slot);
        let held = self.worth_waiting(class, slot, id);
        let needs = Arc::clone(self.board.queue.needs(class));
        let class = held.map_or(class, |(target, _)| self.board.queue.class(vec![target], &needs));
        let mut ticket = self.board.queue.insert(class, (band, tenant), rank, self.now);
        if let Some((target, until)) = held {
            ticket.held = Some(until);
            self.board.held.insert((target, slot, id));
            self.board.timers.set(until, Timer::Spill(slot, id));
        }
        ticket.urgent = self.urgent_from(slot, id);
        if let Some(at) = ticket.urgent {
            self.board.timers.set(at, Timer::Urgent(slot, id));
        }
        self.board.run_mut(slot).inst_mut(id).state = State::Queued(Box::new(ticket));
    }

    /// Asks for the evaluation of a task's step, within the credits.
    pub(crate) fn ask(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else {
            return;
        };
        let State::Asking(step) = run.inst(id).state else {
            return;
        };
        if run.quarantined {
            return;
        }
        let (run_id, path) = (run.id, run.path(id));
        if self.evaluations_out >= self.board.limits.evaluation_credits {
            self.backlog.push_back((run_id, path, step));
            return;
        }
        let make = self.make(slot, id, step);
        let plan = self.board.plan_of(slot, id).filter(|_| step == Step::Judge);
        let after = match make {
            // The document that is extended is read from there.
            Make::Values { .. } if plan.is_some() => Some(self.board.run(slot).last).filter(|seq| *seq > self.durable),
            // The items' outputs are read from the journal.
            Make::Collected { .. } => Some(self.board.run(slot).last).filter(|seq| *seq > self.durable),
            Make::Values { .. } | Make::Merged(_) | Make::Object(_) | Make::List(_) => self.barrier(slot),
        };
        self.evaluate(slot, (path, step), make, plan, after);
    }

    fn ask_run(&mut self, slot: Slot) {
        let open = |run: &&Run| run.phase == Phase::Composing && !run.quarantined;
        let Some(run) = self.board.run_if_live(slot).filter(open) else {
            return;
        };
        if self.evaluations_out >= self.board.limits.evaluation_credits {
            let run_id = run.id;
            return self.backlog.push_back((run_id, TaskPath::default(), Step::Compose));
        }
        let make = match self.board.plan(slot).graph.output {
            Some(expr) => self.values(slot, InstId::TOP, [(Purpose::Output, expr)].into_iter().collect()),
            None => Make::Object(self.board.outputs(slot)),
        };
        let after = self.barrier(slot);
        self.evaluate(slot, (TaskPath::default(), Step::Compose), make, None, after);
    }

    fn evaluate(
        &mut self,
        slot: Slot,
        (path, step): (TaskPath, Step),
        make: Make,
        plan: Option<PayloadRef>,
        after: Option<Seq>,
    ) {
        self.evaluations_out += 1;
        let ahead = plan.is_some() && self.board.stands_ahead(slot, &path);
        let run = self.board.run(slot);
        let evaluate = Evaluate {
            run: run.id,
            path,
            step,
            tenant: run.tenant.clone(),
            graph: Arc::clone(&self.board.plan(slot).graph),
            now: self.now,
            make,
            plan,
            ahead,
            begins: self.wants_beginnings(),
        };
        self.act(after, Deed::Evaluate(Box::new(evaluate)));
    }

    /// A credit came free: the next evaluation that is still wanted goes out.
    pub(crate) fn ask_next(&mut self) {
        while self.evaluations_out < self.board.limits.evaluation_credits {
            let Some((run, path, step)) = self.backlog.pop_front() else {
                return;
            };
            let Some(slot) = self.board.slot(run) else {
                continue;
            };
            if path.segments().is_empty() {
                self.ask_run(slot);
            } else if let Some(id) =
                self.board.find(slot, &path).filter(|id| self.board.run(slot).inst(*id).is_asking(step))
            {
                self.ask(slot, id);
            }
        }
    }

    fn values(&self, slot: Slot, id: InstId, exprs: Exprs) -> Make {
        let bindings = self.board.bindings(slot, id, &exprs);
        Make::Values { exprs, bindings }
    }

    fn make(&self, slot: Slot, id: InstId, step: Step) -> Make {
        match step {
            Step::Compose => self.composition(slot, id),
            Step::Enter | Step::Judge | Step::Round | Step::Catch => {
                self.values(slot, id, self.step_exprs(slot, id, step))
            }
        }
    }

    /// The expressions that a step evaluates, in order.
    pub(crate) fn step_exprs(&self, slot: Slot, id: InstId, step: Step) -> Exprs {
        let inst = self.board.run(slot).inst(id);
        let plan = self.board.plan(slot);
        let task = plan.task(inst.node);
        let mut exprs = Exprs::new();
        match step {
            Step::Enter => {
                if inst.layer == Layer::Node {
                    exprs.extend(task.condition.map(|expr| (Purpose::Condition, expr)));
                    if let Some(NotBefore::Expr(expr)) = task.not_before {
                        exprs.push((Purpose::NotBefore, expr));
                    }
                }
                match inst.layer.items(task) {
                    Some(foreach) => exprs.push((Purpose::Items, foreach.items)),
                    None => {
                        let purpose = if plan.waits(inst.node) { Purpose::Wait } else { Purpose::Input };
                        exprs.extend(plan.input(inst.node, inst.layer).map(|input| (purpose, input)));
                    }
                }
            }
            Step::Judge => {
                let fail_if = task.fail_if.filter(|_| inst.layer.is_judged(task));
                exprs.extend(fail_if.map(|(expr, _)| (Purpose::FailIf, expr)));
                exprs.extend(self.board.good_if(slot, id).map(|expr| (Purpose::GoodIf, expr)));
            }
            Step::Round => {
                if let Some(repeat) = &task.repeat {
                    exprs.push((Purpose::Until, repeat.until));
                    exprs.extend(repeat.stop_if_same.map(|expr| (Purpose::Same, expr)));
                    if let agendum_types::graph::Exhausted::UseBest(by) = repeat.exhausted {
                        exprs.push((Purpose::Score, by));
                    }
                }
            }
            Step::Catch => {
                let rung = usize::from(inst.rung.saturating_sub(1));
                if let Some(Rung::Output(expr)) = task.catch.get(rung).map(|rung| &rung.rung) {
                    exprs.push((Purpose::Output, *expr));
                }
            }
            Step::Compose => {
                if let Work::Group(group) = &task.work {
                    exprs.extend(group.output.map(|expr| (Purpose::Output, expr)));
                }
            }
        }
        exprs
    }

    /// How the output of a body is made.
    fn composition(&self, slot: Slot, id: InstId) -> Make {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        match inst.body.as_deref() {
            Some(Body::Each(each)) => Make::Collected { count: each.count, succeeded: each.succeeded },
            Some(Body::Group(group)) => {
                let Work::Group(declared) = &self.board.plan(slot).task(inst.node).work else {
                    return Make::Merged(Vec::new());
                };
                if declared.output.is_some() {
                    return self.values(slot, id, self.step_exprs(slot, id, Step::Compose));
                }
                let of = |node| {
                    let position = self.board.plan(slot).position(node);
                    run.inst(group.children[position]).result().cloned()
                };
                match declared.race {
                    Some(race) => {
                        let mut winners: Vec<_> = group
                            .winners
                            .iter()
                            .take(race.first as usize)
                            .filter_map(|node| Some((*node, of(*node)?)))
                            .collect();
                        if race.first == 1 {
                            Make::Merged(winners)
                        } else {
                            Make::List(winners.drain(..).map(|(_, output)| output).collect())
                        }
                    }
                    None => Make::Merged(declared.tasks.iter().filter_map(|node| Some((*node, of(*node)?))).collect()),
                }
            }
            Some(Body::Loop(_) | Body::Check(_) | Body::Wait(_)) | None => Make::Merged(Vec::new()),
        }
    }

    fn answer_without_output(&mut self, slot: Slot) {
        let Some(run) = self.board.run_if_live(slot).filter(|run| run.phase == Phase::Failing) else {
            return;
        };
        let answered = Answered {
            run: run.id,
            status: self.status_without_output(slot),
            output: None,
            failure: self.failure_told(slot),
            degraded: run.degraded,
            compensating: self.board.has_effects(slot),
        };
        self.answer(slot, answered);
    }

    /// How the run's answer will read when its main tasks have ended without output.
    fn status_without_output(&self, slot: Slot) -> RunStatus {
        match self.board.run(slot).status {
            RunStatus::Cancelled => RunStatus::Cancelled,
            RunStatus::Queued | RunStatus::Running | RunStatus::Succeeded | RunStatus::Failed => RunStatus::Failed,
        }
    }

    /// Records the answer of a run and tells it, once it is durable.
    pub(crate) fn answer(&mut self, slot: Slot, answered: Answered) {
        self.is_answered(slot);
        let run = self.board.run(slot);
        let answer = Answer {
            run: run.id,
            tenant: run.tenant.clone(),
            at: self.now,
            status: answered.status,
            output: answered.output.clone(),
            failure: answered.failure.clone(),
            degraded: answered.degraded,
            spent: run.spent,
            over: run.over,
            bound: run.bound(),
            tokens: run.tokens,
            elapsed: self.now.since(run.submitted),
        };
        let seq = self.record_of(slot, Record::Answered(Box::new(answered)));
        self.act(Some(seq), Deed::Answer(Box::new(answer)));
    }

    fn close(&mut self, slot: Slot) {
        let Some(run) =
            self.board.run_if_live(slot).filter(|run| run.phase == Phase::Closing && run.orphans.is_empty())
        else {
            return;
        };
        let (id, tenant, spent, over, bound) = (run.id, run.tenant.clone(), run.spent, run.over, run.bound());
        let seq = self.record_of(slot, Record::Done { run: id });
        self.act(Some(seq), Deed::Close { tenant, run: id, at: self.now, spent, over, bound });
    }

    /// Texts that waited for this task may be shown, if they wait for nothing else.
    fn publish(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else {
            return;
        };
        let node = run.inst(id).node;
        let texts = self.board.plan(slot).publishes(node).iter().copied();
        let released: Vec<_> = texts.filter(|text| self.is_released(slot, *text) && self.counts(slot, *text)).collect();
        for text in released {
            let run = self.board.run(slot);
            let deed = Deed::Publish { run: run.id, path: TaskPath::top(text) };
            let after = Some(run.last).filter(|seq| *seq > self.durable);
            self.act(after, deed);
        }
    }

    /// True if everything that a task's text is held back for has succeeded.
    pub(crate) fn is_released(&self, slot: Slot, node: NodeId) -> bool {
        let passed = |check: &NodeId| {
            let id = self.board.top(slot, *check);
            self.board.run(slot).inst(id).settled() == Some(Settled::Succeeded) && self.board.is_own(slot, id)
        };
        self.board.plan(slot).task(node).publish_after.iter().all(passed)
    }

    /// True if what a task has said so far may be what it gives: a text that an output of `catch` replaces was seen by no check. What is
    /// given by a run before says nothing.
    fn counts(&self, slot: Slot, text: NodeId) -> bool {
        let id = self.board.top(slot, text);
        if self.board.is_given(slot, id) {
            return false;
        }
        let settled = self.board.run(slot).inst(id).settled();
        settled.is_none_or(|how| how == Settled::Succeeded) && self.board.is_own(slot, id)
    }

    /// Money came free: those that waited for it try again, in their order.
    fn afford(&mut self, slot: Slot) {
        if self.board.run_if_live(slot).is_none() {
            return;
        }
        for id in std::mem::take(&mut self.board.run_mut(slot).broke) {
            let inst = self.board.run_mut(slot).inst_mut(id);
            // One that is taken up may end others: what is on the list need not wait any more.
            if inst.waits_for_run() {
                self.try_again(slot, id);
            } else {
                self.raise_again(slot, id);
            }
        }
    }

    /// Money of a window came free: in all runs those that wait for a cheaper target stand for all of theirs again.
    fn afford_all(&mut self) {
        for slot in std::mem::take(&mut self.board.ledger.short) {
            let Some(run) = self.board.run_if_live(slot) else { continue };
            let is_broke = |id: &InstId| run.inst(*id).waits_for_run();
            let (broke, others): (Vec<_>, Vec<_>) = run.broke.iter().copied().partition(is_broke);
            self.board.run_mut(slot).broke = broke;
            for id in others {
                self.raise_again(slot, id);
            }
        }
    }

    /// If it waits for a cheaper target than it would have with more money, it waits for all of them.
    fn raise_again(&mut self, slot: Slot, id: InstId) {
        if matches!(&self.board.run(slot).inst(id).state, State::Queued(ticket) if ticket.lowered)
            && let Some(class) = self.class_of(slot, id)
        {
            self.requeue(slot, id, class, false);
        }
    }

    /// A task that waited for money is taken up again.
    pub(crate) fn try_again(&mut self, slot: Slot, id: InstId) {
        let now = self.now;
        if let Some(broke) = self.board.leave_broke(slot, id) {
            self.board.run_mut(slot).inst_mut(id).note(Cause::Budget, now.since(broke.since));
            self.take(slot, id);
        }
    }
}
