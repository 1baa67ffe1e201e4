//! When the core has done with an event: nothing may be left that is due, and what it shows must be what is.

use std::sync::Arc;

use agendum_core::{Scheduler, Step};
use agendum_types::snapshot::{RunView, TaskView};
use agendum_types::{Cause, Graph, Money, RunId, RunStatus, TaskPath, TaskStatus, Tenant, WaitFor, Window};

use super::compensate::Stage;
use super::state::{How, Inst, Phase, Rank, Run, State};
use super::{Reference, ensure};
use crate::world::TENANTS;

impl Reference {
    /// Nothing is left to do but to wait.
    pub(super) fn rests(&mut self, core: &Scheduler) -> Result<(), String> {
        ensure(self.met.is_empty() || self.reopening, "a crash met others too")?;
        ensure(self.heard.is_none(), &format!("nothing was decided upon {:?}", self.heard))?;
        self.forget_lost_texts();
        let open = (self.stop.len(), self.publish.len(), self.dispatch.len(), self.answer.len(), self.close.len());
        ensure(open == (0, 0, 0, 0, 0), &format!("not done: {:?} {:?} {:?}", self.stop, self.publish, self.dispatch))?;
        if self.reopening {
            return Ok(());
        }
        self.all_had_their_turn()?;
        self.step_aside(core);
        self.sends_all()?;
        self.lines_rest()?;
        self.had_their_moment();
        self.were_looked_at();
        self.taking_up = false;
        let due = self.due();
        ensure(due.is_none_or(|due| due > self.now), &format!("something is due since {due:?}"))?;
        let wake = core.poll_timeout().map(|(at, _)| at);
        // Who waits for money is not looked at while more is told: until then the core has it where it was, and here it is queued anew.
        ensure(due == wake || self.gathers, &format!("it is woken at {wake:?} and not at {due:?}"))?;
        for (id, run) in &self.runs {
            let full = self.evaluations.len() >= self.limits.evaluation_credits as usize;
            let asked = |path: &TaskPath, step: Step| {
                full || self.evaluations.iter().any(|asked| (asked.run, &asked.path, asked.step) == (*id, path, step))
            };
            ensure(run.phase != Phase::Failing, "a run has failed and is not answered")?;
            let is_back = run.phase == Phase::Compensating && run.is_taken_back();
            ensure(!is_back, "all is taken back, and nothing follows")?;
            ensure(run.phase != Phase::Closing || !run.orphans.is_empty(), "a run has ended and is not closed")?;
            let composing = run.phase == Phase::Composing && !run.quarantined;
            ensure(!composing || asked(&TaskPath::default(), Step::Compose), "an output is not asked for")?;
            for (path, inst) in &run.tasks {
                let name = run.graph.path_text(path);
                match &inst.state {
                    State::Asking(step) => {
                        ensure(run.quarantined || asked(path, *step), &format!("{name}: nobody was asked"))?;
                    }
                    State::Ready => {
                        let waits = run.quarantined || inst.start_at > self.now && !self.is_given_now(*id, path);
                        ensure(waits, &format!("{name} is ready and not taken up"))?;
                    }
                    State::Open => ensure(!inst.rounds.unpaid, &format!("{name} has run out and goes on"))?,
                    State::Begs => ensure(!run.refused, &format!("{name} asks for what was refused"))?,
                    State::Running(running) => {
                        ensure(running.incarnation == self.incarnation, &format!("{name} was lost"))?;
                    }
                    _ => {}
                }
            }
            self.all_heard(*id)?;
            self.all_recalled(*id)?;
            let view = core.view(*id, self.now).ok_or("a live run is not shown")?;
            self.shows(*id, run, &view)?;
        }
        for window in Window::ALL {
            let mine = self.used(window, self.now);
            let theirs = TENANTS.iter().fold((Money::ZERO, 0), |sum, tenant| {
                let [spent, held] = core.spending(&Tenant::new(tenant), window);
                (sum.0.plus(spent.0).plus(held.0), sum.1 + spent.1 + held.1)
            });
            ensure(mine == theirs, &format!("the {} has used {mine:?}, and not {theirs:?}", window.word()))?;
        }
        self.shows_pools(core)?;
        self.shows_targets(core)?;
        let shown = core.snapshot(self.now);
        ensure(shown.runs == self.runs.len() as u64, "another number of runs")?;
        ensure(shown.attempts as usize == self.credits(), "another number of attempts")?;
        let queued = self.queued().len() as u64;
        ensure(shown.queued == queued || self.gathers && shown.queued < queued, "another number of queued tasks")
    }

    /// Of tasks that ranked alike only the core knows which it looked at first, while there was money, a target and a credit: those
    /// that stepped aside then are as they were to be.
    fn step_aside(&mut self, core: &Scheduler) {
        let (passed, at) = (std::mem::take(&mut self.passed), self.now);
        let waiting =
            self.runs.iter().flat_map(|(id, run)| run.tasks.iter().map(move |(path, inst)| (*id, path, inst)));
        let broke = waiting.filter(|(.., inst)| matches!(inst.state, State::Broke(_) | State::Short(_)));
        // Or what is short was another purse by the time that the core looked.
        let now: Vec<_> =
            broke.filter_map(|(id, path, _)| Some((id, path.clone(), self.aside_now(id, path)?))).collect();
        for (id, path, state) in passed.into_iter().chain(now) {
            let Some(run) = self.runs.get_mut(&id).filter(|run| run.tasks.contains_key(&path)) else { continue };
            let graph = Arc::clone(&run.graph);
            let inst = run.inst(&path);
            let is_so = match &state {
                State::Queued(_, covered) => core.queued_for(id, &path).is_some_and(|targets| {
                    targets.iter().map(|target| usize::from(target.0)).eq(covered.iter().copied())
                }),
                _ => core.view(id, self.now).is_some_and(|view| {
                    let name = graph.path_text(&path);
                    view.tasks.iter().any(|task| task.path == name && is_shown(&state, task, &graph))
                }),
            };
            let was = matches!(
                inst.state,
                State::Queued(..) | State::InLine(_) | State::Broke(_) | State::Short(_) | State::Begs
            );
            if is_so && was {
                inst.stands(state, at);
            }
        }
    }

    /// How a task that waits for money would stand if it were looked at now.
    fn aside_now(&self, id: RunId, path: &TaskPath) -> Option<State> {
        let rank = match &self.runs[&id].tasks[path].state {
            State::Short(rank) => *rank,
            _ => self.rank(id, path),
        };
        let queued = State::Queued(rank, self.eligible(id, path)?);
        self.aside_as(id, path, &queued)
    }

    /// No task waits while a target that would do is free, unless for money.
    fn sends_all(&mut self) -> Result<(), String> {
        while !self.gathers && self.credits() < self.limits.attempt_credits as usize {
            let Some((id, path)) = self.next().into_iter().next() else { return Ok(()) };
            if self.is_put_behind(id, &path) || self.waits_no_more(id, &path) {
                continue;
            }
            let Some(state) = self.aside(id, &path) else {
                let (name, purse) = (self.runs[&id].graph.path_text(&path), self.purse(id, &path));
                return Err(format!("{name} could go and does not: {purse:?}"));
            };
            let now = self.now;
            let inst = self.run(id).inst(&path);
            inst.stands(state, now);
        }
        Ok(())
    }

    fn shows(&self, id: RunId, run: &Run, view: &RunView) -> Result<(), String> {
        let status = self.run_status(run);
        ensure(view.status == status, &format!("the run is {status} and shown as {}", view.status))?;
        ensure((view.spent, view.held) == (run.spent, run.held()), "the run has spent or holds something else")?;
        ensure((view.over, view.bound) == (run.over, run.bound()), "another bill or bound")?;
        ensure(view.paused == run.paused, "the run is paused or not")?;
        let gone = |path: &TaskPath, inst: &Inst| {
            inst.how().is_some() && matches!(path.0.last(), Some(agendum_types::Segment::Item(_)))
        };
        let mine: Vec<_> = run.tasks.iter().filter(|(path, inst)| !gone(path, inst)).collect();
        ensure(
            mine.len() == view.tasks.len(),
            &format!("{} tasks live and {} are shown", mine.len(), view.tasks.len()),
        )?;
        for (path, inst) in mine {
            let name = run.graph.path_text(path);
            let shown =
                view.tasks.iter().find(|task| task.path == name).ok_or_else(|| format!("{name} is not shown"))?;
            let is_back = run.effects.get(path) == Some(&Stage::Back);
            let status = if is_back { TaskStatus::Compensated } else { task_status(inst) };
            ensure(shown.status == status, &format!("{name} is {status} and shown as {}", shown.status))?;
            ensure(shown.attempts == inst.attempts, &format!("{name}: another number of attempts"))?;
            self.waits(id, path, inst, shown)?;
        }
        Ok(())
    }

    fn run_status(&self, run: &Run) -> RunStatus {
        match (run.phase, run.started) {
            (Phase::Compensating | Phase::Section(_) | Phase::Closing | Phase::Failing, _) => match &run.failure {
                Some(_) if run.cancelled => RunStatus::Cancelled,
                Some(_) => RunStatus::Failed,
                None => RunStatus::Succeeded,
            },
            (_, true) => RunStatus::Running,
            (_, false) => RunStatus::Queued,
        }
    }

    fn waits(&self, id: RunId, path: &TaskPath, inst: &Inst, shown: &TaskView) -> Result<(), String> {
        let causes = match &inst.state {
            State::Waiting => vec![Some(Cause::Dependency)],
            State::Asking(_) if self.runs[&id].quarantined => vec![Some(Cause::Paused)],
            State::Asking(_) | State::LookingUp(_) => vec![Some(Cause::Scheduler)],
            State::InLine(_) => vec![Some(Cause::Dependency)],
            State::Ready if inst.start_at <= self.now => vec![Some(Cause::Paused)],
            State::Ready => vec![Some(Cause::Delay)],
            State::Held => vec![Some(Cause::Paused)],
            State::Broke(_) | State::Short(_) => vec![Some(Cause::Budget)],
            State::Begs => vec![Some(Cause::Person)],
            State::BackingOff(_) => vec![Some(Cause::Backoff)],
            State::Awaiting(_) if inst.wait.as_ref().is_some_and(|wait| wait.of == WaitFor::Time) => {
                vec![Some(Cause::Delay)]
            }
            State::Awaiting(_) => vec![Some(Cause::Person)],
            State::Queued(..) => {
                self.queue_causes(id, path).into_iter().map(|cause| Some(inst.blames(cause))).collect()
            }
            State::Checked(_) | State::Seeking => Vec::new(),
            State::Running(_) | State::Open | State::Settled(_) => vec![None],
        };
        let name = || self.runs[&id].graph.path_text(path);
        let is_short = self.gathers && shown.waiting_on == Some(Cause::Budget);
        let fits = causes.contains(&shown.waiting_on) || is_short && matches!(inst.state, State::Queued(..));
        ensure(fits, &format!("{} waits on one of {causes:?}, not on {:?}", name(), shown.waiting_on))
    }

    /// Why a queued task is not sent: no credit or no target at all, a target that asked for a pause, all at their limit, others of its kind before it.
    fn queue_causes(&self, id: RunId, path: &TaskPath) -> Vec<Cause> {
        let inst = &self.runs[&id].tasks[path];
        let State::Queued(rank, targets) = &inst.state else { return Vec::new() };
        let targets = inst.of_best(self.now).unwrap_or(targets);
        if targets.is_empty() {
            return vec![Cause::Capacity];
        }
        let mut causes = Vec::new();
        if self.gathers || self.credits() >= self.limits.attempt_credits as usize {
            causes.push(Cause::Capacity);
        }
        let is_free = targets.iter().any(|target| self.is_free(*target));
        let has_units = self.has_units(id, path);
        if is_free && has_units {
            return causes;
        }
        if !self.could_have_units(id, path) {
            causes.push(Cause::Capacity);
        }
        let is_closed = |target: &usize| self.closed[*target] > self.now || self.is_shut(*target);
        // What is shown is what it was put to sleep for: that the last that was well is closed too may have come later.
        if targets.iter().all(is_closed) {
            causes.push(Cause::Backoff);
        }
        let band = self.band(id, path);
        let alike: Vec<_> = self
            .queued()
            .into_iter()
            .filter(|(of, path, _, other)| *other == targets && self.band(*of, path) == band)
            .filter(|(of, other, ..)| self.resources(*of, other) == self.resources(id, path))
            .collect();
        let place = |of: RunId, other: &TaskPath, rank: &Rank| (self.had(of, other), *rank);
        let own = place(id, path, rank);
        if alike.iter().all(|(of, other, rank, _)| place(*of, other, rank) >= own) {
            causes.push(Cause::Limit);
        }
        if alike.iter().any(|(of, other, before, _)| (*of, *other) != (id, path) && place(*of, other, before) <= own) {
            causes.push(Cause::Order);
        }
        causes
    }
}

pub(super) fn task_status(inst: &Inst) -> TaskStatus {
    match inst.state {
        State::Waiting
        | State::Ready
        | State::Queued(..)
        | State::Held
        | State::Broke(_)
        | State::Short(_)
        | State::Begs => TaskStatus::Waiting,
        State::InLine(_) | State::Seeking | State::LookingUp(_) => TaskStatus::Waiting,
        State::Awaiting(_) => TaskStatus::Waiting,
        State::Asking(Step::Enter) => TaskStatus::Waiting,
        State::Asking(_) | State::Running(_) | State::Checked(_) | State::Open => TaskStatus::Running,
        State::BackingOff(_) => TaskStatus::BackingOff,
        State::Settled(How::Succeeded) => TaskStatus::Succeeded,
        State::Settled(How::Skipped) => TaskStatus::Skipped,
        State::Settled(How::Failed) => TaskStatus::Failed,
        State::Settled(How::Pruned) => TaskStatus::Pruned,
        State::Settled(How::Cancelled) => TaskStatus::Cancelled,
    }
}

/// True if the core shows a task that stepped aside as it stands here.
fn is_shown(state: &State, task: &TaskView, graph: &Graph) -> bool {
    let cause = match state {
        State::Begs => Cause::Person,
        State::Held => Cause::Paused,
        State::Broke(of) => {
            let is_loop = task.purse == of.as_ref().map(|of| graph.path_text(of));
            return task.waiting_on == Some(Cause::Budget) && task.window.is_none() && is_loop;
        }
        State::Short(_) => return task.waiting_on == Some(Cause::Budget) && task.window.is_some(),
        State::InLine(_) => Cause::Dependency,
        _ => Cause::Budget,
    };
    task.waiting_on == Some(cause)
}
