//! Each record of the core against what the reference would decide: it must be due, and say the same.

use std::sync::Arc;

use agendum_core::{Change, Entry, Finished, Next, Record, Step, Unsent, Waits};
use agendum_types::{
    AttemptId, Cause, Class, Duration, Effect, Failure, Fate, Labels, Money, Outcome, PayloadRef, RunId, TaskPath,
    Timestamp,
};

use super::downs::tells_downtime;
use super::ladder::{May, allowed, class_of};
use super::state::{How, Phase, State};
use super::{Asked, Heard, Reference, ensure};

pub(super) type Checked = Result<(), String>;

impl Reference {
    /// Is this record what had to be decided? Then what it says happens here too.
    pub(super) fn explain(&mut self, entry: &Entry) -> Checked {
        (self.at, self.short, self.quoted) = (entry.at, None, Labels::NONE);
        match &entry.record {
            Record::Opened { incarnation, .. } => {
                ensure(*incarnation == self.incarnation && self.reopening, "a life begins with `Opened`")?;
            }
            Record::Closed => ensure(self.heard.take() == Some(Heard::Closed), "nobody stopped it")?,
            Record::ClockJumped { .. } => {}
            Record::RunSubmitted(submitted) => self.submitted(submitted)?,
            Record::TasksAdded { run, graph, .. } => self.grown(*run, *graph)?,
            Record::TasksAhead { run, path, attempt, graph, .. } => self.streamed(*run, path, *attempt, *graph)?,
            Record::CancelRequested { run, replaced_by: Some(by) } => self.replaced(*run, *by)?,
            Record::Begun { run } => self.begun(*run)?,
            Record::CancelRequested { run, replaced_by: None } => {
                ensure(self.heard.take() == Some(Heard::Cancel(*run)), "nobody cancelled it")?;
                self.cancelled(*run);
            }
            Record::Paused { run } => {
                ensure(self.heard.take() == Some(Heard::Pause(*run)), "nobody paused it")?;
                self.run(*run).paused = true;
                for inst in self
                    .run(*run)
                    .tasks
                    .values_mut()
                    .filter(|inst| matches!(inst.state, State::Queued(..) | State::Short(_)))
                {
                    inst.state = State::Held;
                }
            }
            Record::Crashed { run, incarnation, in_row, quarantined } => {
                self.met_by_crash(*run, (*incarnation, *in_row), *quarantined)?;
            }
            Record::Resumed { run } => {
                ensure(self.heard.take() == Some(Heard::Resume(*run)), "nobody resumed it")?;
                let run = self.run(*run);
                (run.paused, run.quarantined, run.crashed) = (false, false, Default::default());
            }
            Record::SignalKept(kept) => self.signal_kept(kept)?,
            Record::Raised(raised) => self.raised(raised)?,
            Record::Task { run, path, change } => {
                self.may_run(*run, path, change)?;
                self.changed(*run, path, change)?;
                self.asks_no_more(*run, path, change);
            }
            Record::Answered(answered) => {
                self.served_whole(answered.run);
                self.answered(answered)?;
            }
            Record::Compensated(compensated) => self.compensated(compensated)?,
            Record::Done { run } => {
                let known = self.runs.get(run).ok_or("no such run")?;
                ensure(known.phase == Phase::Closing && known.orphans.is_empty(), "something is left of it")?;
                self.runs.remove(run);
                self.close.push(*run);
            }
        }
        if let Some(run) = entry.record.run() {
            self.consequences(run);
        }
        self.outlasts();
        self.brings_verdict(entry)?;
        self.accounts_for_unsent(entry)
    }

    /// Whoever ended with what it stood in, and could have been sent for some time, is told with what it waited for all that time.
    fn accounts_for_unsent(&mut self, entry: &Entry) -> Checked {
        let mut due = std::mem::take(&mut self.unsent);
        let sum = |waits: &Waits| Duration(waits.iter().map(|(_, span)| span.0).sum());
        let mut said: Vec<_> = entry.unsent.iter().collect();
        due.sort();
        said.sort_by(|one, other| one.path.cmp(&other.path));
        let same = |(due, said): (&(TaskPath, Duration, Duration), &&Unsent)| {
            (&due.0, due.1) == (&said.path, sum(&said.waits))
        };
        let all = due.len() == said.len() && due.iter().zip(&said).all(same);
        ensure(all, &format!("{due:?} ended unsent, and not {said:?}"))?;
        due.iter().zip(said).try_for_each(|((.., down), said)| tells_downtime(*down, &said.waits))?;
        let run = entry.record.run();
        let causes =
            entry.unsent.iter().flat_map(|unsent| unsent.waits.iter().map(|(cause, _)| (&unsent.path, *cause)));
        let is_none = |(path, cause): &(&TaskPath, Cause)| {
            matches!(cause, Cause::Running | Cause::Dependency) && !self.may_depend(run, path, *cause)
        };
        let none = causes.into_iter().find(is_none).map(|(_, cause)| cause);
        ensure(none.is_none(), &format!("{none:?} is nothing that one waits for who could be sent"))
    }

    fn changed(&mut self, id: RunId, path: &TaskPath, change: &Change) -> Checked {
        let run = self.runs.get(&id).ok_or("no such run")?;
        if let Change::Abandoned { attempt, incarnation, cost, tokens, fate, output, away } = change {
            let of = AttemptId { run: id, path: path.clone(), attempt: *attempt, incarnation: *incarnation };
            return self.abandoned(&of, (*cost, *tokens), *fate, output.as_deref(), *away);
        }
        if path.0.is_empty() {
            return self.run_ended(id, change);
        }
        let inst = run.tasks.get(path).filter(|inst| inst.how().is_none()).ok_or("no such task is live")?;
        match change {
            Change::Entered(evaluation) => {
                if self.asks_to_enter(id, path) && inst.state == State::Asking(Step::Enter) {
                    let asked = self.evaluation(id, path, Step::Enter)?;
                    ensure(asked.evaluation.truth == evaluation.truth, "another truth")?;
                    ensure(asked.evaluation.wait == evaluation.wait, "another wait")?;
                    self.carries(id, evaluation.payload.as_ref(), &asked)?;
                    if evaluation.truth == Some(false) {
                        self.settle(id, path, How::Skipped, None);
                        return Ok(());
                    }
                    let now = self.now;
                    let inst = self.run(id).inst(path);
                    inst.start_at = inst.start_at.max(evaluation.time.unwrap_or_default());
                    (inst.input, inst.items) = (evaluation.payload.clone(), evaluation.count);
                    inst.prefix = asked.evaluation.prefix.clone();
                    inst.wait = asked.evaluation.wait.as_deref().cloned();
                    (inst.entered, inst.state) = (true, State::Ready);
                    if inst.start_at > now {
                        return Ok(());
                    }
                } else {
                    let waited =
                        inst.state == State::Ready && inst.start_at > inst.ready_at && inst.start_at <= self.now;
                    ensure(waited && (inst.entered || !self.asks_to_enter(id, path)), "it does not begin now")?;
                }
                self.enter(id, path);
            }
            Change::Dispatched(dispatched) => self.dispatched(id, path, dispatched)?,
            Change::Referenced { reference } => {
                ensure(self.heard.take() == Some(Heard::Referenced(id, path.clone())), "no reference came")?;
                if let State::Running(running) = &mut self.run(id).inst(path).state {
                    (running.referenced, running.child) = (true, reference.parse().ok());
                }
            }
            Change::Finished(finished) => self.finished(id, path, finished)?,
            Change::Judged { evaluation, next } => self.judged(id, path, evaluation.refused.as_deref(), next)?,
            Change::RoundJudged { next, .. } => self.round_judged(id, path, next)?,
            Change::Composed { output } => {
                let asked = self.evaluation(id, path, Step::Compose)?;
                self.carries(id, Some(output), &asked)?;
                self.run(id).inst(path).output = Some(PayloadRef::clone(output));
                self.judge_or_succeed(id, path);
            }
            Change::Caught { output, .. } => {
                let asked = self.evaluation(id, path, Step::Catch)?;
                self.carries(id, Some(output), &asked)?;
                self.run(id).inst(path).output = Some(PayloadRef::clone(output));
                self.caught(id, path);
            }
            Change::Waited(waited) => self.waited(id, path, waited)?,
            Change::Reminded => self.reminded(id, path)?,
            Change::Reused { .. } => self.reused(id, path, change)?,
            Change::Cached(cached) => self.cached(id, path, cached)?,
            Change::Ended(ended) => self.ended(id, path, ended)?,
            Change::Resolved(resolved) => self.resolved(id, path, resolved)?,
            Change::Pleaded(plea) => self.pleaded(id, path, plea)?,
            Change::Abandoned { .. } => {}
        }
        Ok(())
    }

    /// What a check is caught with says what it found.
    fn caught(&mut self, id: RunId, path: &TaskPath) {
        if self.runs[&id].is_check(path) {
            self.judge_or_succeed(id, path);
        } else {
            self.settle(id, path, How::Succeeded, None);
        }
    }

    /// The answer to what was asked, if it was given just now.
    pub(super) fn evaluation(&mut self, id: RunId, path: &TaskPath, step: Step) -> Result<super::Answer, String> {
        let asking = path.0.is_empty() || self.runs[&id].tasks[path].state == State::Asking(step);
        ensure(asking, "nothing was to be evaluated")?;
        match self.heard.take() {
            Some(Heard::Evaluated(Asked { run, path: of, step: asked, labels, seen }, Ok(evaluation)))
                if (run, &of, asked) == (id, path, step) =>
            {
                Ok(super::Answer { labels, seen, evaluation })
            }
            other => Err(format!("no such evaluation was answered, but {other:?}")),
        }
    }

    /// What was made carries the labels of the run and of all that it was made from.
    pub(super) fn carries(&self, id: RunId, made: Option<&PayloadRef>, asked: &super::Answer) -> Checked {
        let labels = made.map(|made| made.labels.clone()).unwrap_or_default();
        let needed = self.runs[&id].graph.labels.join(&asked.labels);
        ensure(made.is_none() || needed.is_within(&labels), "labels got lost")
    }

    /// Does what was decided.
    pub(super) fn follow(&mut self, id: RunId, path: &TaskPath, may: &[May], next: &Next) -> Checked {
        if !allowed(may, next) {
            return Err(format!("{next:?} follows, and not {may:?}"));
        }
        self.quotes(next)?;
        match next {
            Next::Judge => self.run(id).inst(path).state = State::Asking(Step::Judge),
            Next::Succeed => self.settle(id, path, How::Succeeded, None),
            Next::Retry { at } => {
                let inst = self.run(id).inst(path);
                (inst.state, inst.output) = (State::BackingOff(*at), None);
                (inst.free_at, inst.woken_at) = (*at, None);
                inst.avoids.clear();
                inst.gives_way = false;
            }
            Next::Back { at } => {
                let inst = self.run(id).inst(path);
                (inst.state, inst.output) = (State::BackingOff(*at), None);
                (inst.free_at, inst.woken_at) = (*at, None);
                inst.avoids.clear();
                inst.gives_way = false;
                inst.tries = inst.tries.saturating_sub(1);
            }
            Next::Rung { rung, failure } => {
                self.take_rung(id, path, usize::from(*rung), failure.as_deref().cloned());
            }
            Next::Doubt(failure) => self.doubt(id, path, failure),
            Next::Fail(failure) => self.settle(id, path, How::Failed, Some(Failure::clone(failure))),
        }
        Ok(())
    }

    fn finished(&mut self, id: RunId, path: &TaskPath, said: &Finished) -> Checked {
        let Some(Heard::Finished(flight, outcome)) = self.heard.take() else { return Err("nothing ended".to_owned()) };
        let inst = &self.runs[&id].tasks[path];
        let is_second = matches!(&inst.state, State::Running(running) if running.attempt == said.attempt);
        if inst.rival.is_some() && is_second {
            self.accounts.seconds.1 += 1;
            self.is_slow(id, path);
        }
        self.counts_alone(id, path, (said.attempt, said.incarnation));
        let State::Running(running) = self.runs[&id].tasks[path].state.clone() else {
            return Err("it does not run".to_owned());
        };
        let is_alone = self.runs[&id].tasks[path].rival.is_none();
        ensure(is_alone || matches!(outcome, Outcome::Succeeded(_)), "the other may still succeed")?;
        self.is_beaten(id, path);
        ensure(said.attempt == running.attempt && flight.attempt.path == *path, "another attempt")?;
        let (cost, tokens) = flight.bill(&outcome, running.hold, running.hold_tokens);
        ensure(said.cost == cost, "another cost")?;
        let degraded = flight.child.is_some_and(|(_, degraded)| degraded);
        ensure(said.degraded == degraded, "degraded or not")?;
        // What a provider turned away was no call.
        let is_turned_away =
            |failure: &Failure| matches!(class_of(failure, &running), Class::RateLimited | Class::Overloaded);
        if !matches!(&outcome, Outcome::Failed(failure) if is_turned_away(failure)) {
            self.serves(id, path, self.now.since(running.since));
        }
        self.is_booked(id, path, &running.name, cost, self.now.since(running.taken).0);
        match &outcome {
            Outcome::Succeeded(_) => {
                let Outcome::Succeeded(success) = &said.outcome else { return Err("it had succeeded".to_owned()) };
                let labels = self.runs[&id].labels(path);
                ensure(labels.is_within(&success.output.labels), "labels got lost")?;
                let took = self.now.since(running.since);
                let (graph, node) = (Arc::clone(&self.runs[&id].graph), self.runs[&id].tasks[path].node);
                self.learns(&graph, node, self.bytes(id, path), (took, Some(outcome.usage().tokens_out)));
                self.book(id, path, (running.taken, running.hold, running.hold_tokens), (cost, tokens));
                let given = self.keepable(id, path, &running, cost);
                self.served(id, path, &running.name);
                let inst = self.run(id).inst(path);
                inst.output = Some(success.output.clone());
                inst.degraded |= running.lower || degraded;
                inst.state = State::Ready;
                let fate = super::doubt::fate(running.effect, &outcome);
                self.took(id, path, fate, Some(success.output.clone()));
                let may = if self.wants_judgement(id, path) { May::Judge } else { May::Succeed };
                if may == May::Judge {
                    self.run(id).inst(path).given = given;
                } else {
                    self.will_keep(id, path, given, Some(&success.output));
                }
                self.follow(id, path, &[may], &said.next)
            }
            Outcome::Failed(failure) => {
                let class = class_of(failure, &running);
                let failure = Failure { class, ..failure.clone() };
                self.quoted = self.told(id, path).join(&failure.labels);
                self.quotes_in(&said.outcome)?;
                let repeatable = running.effect != Effect::Once || failure.no_effect;
                let may = if running.effect == Effect::Once && class == Class::Uncertain {
                    self.in_doubt(id, path)
                } else {
                    self.after_attempt(id, path, (running.target, &failure, repeatable), &said.next)
                };
                self.run(id).inst(path).fails_on(&running, &said.outcome, &said.next);
                self.took(id, path, super::doubt::fate(running.effect, &said.outcome), None);
                self.book(id, path, (running.taken, running.hold, running.hold_tokens), (cost, tokens));
                if class == Class::InvalidOutput {
                    self.tell(id, path, &said.next, &failure.message);
                }
                self.follow(id, path, &may, &said.next)
            }
        }
    }

    fn abandoned(
        &mut self,
        of: &AttemptId,
        (cost, tokens): (Money, u64),
        fate: Fate,
        output: Option<&PayloadRef>,
        away: Option<Duration>,
    ) -> Checked {
        self.runs_on(of);
        let found = self.runs[&of.run].orphans.iter().find(|orphan| orphan.id == *of);
        let orphan = found.cloned().ok_or("no such attempt was abandoned")?;
        if of.incarnation < self.incarnation && !self.runs[&of.run].is_child(&of.path) {
            ensure((cost, tokens) == (orphan.hold, orphan.hold_tokens), "all that it held counts as spent")?;
            ensure((fate == Fate::None) == (orphan.effect == Effect::None) && fate != Fate::Taken, "another fate")?;
            ensure(output.is_none(), "nobody told what it gave")?;
            ensure(away == Some(self.was_down(orphan.taken)), "it was away for another time")?;
        } else {
            let Some(Heard::Finished(flight, outcome)) = self.heard.take() else {
                return Err("nothing ended".to_owned());
            };
            ensure(flight.attempt == *of, "another attempt")?;
            ensure(away.is_none(), "it ended while the process was there")?;
            let bill = flight.bill(&outcome, orphan.hold, orphan.hold_tokens);
            ensure((cost, tokens) == bill, "another cost")?;
            ensure(fate == super::doubt::fate(orphan.effect, &outcome), "another fate")?;
            let undo = of.path.node().and_then(|node| self.runs[&of.run].graph.task(node).compensate);
            let can = undo.is_some() && !orphan.is_beaten;
            let gave = match &outcome {
                Outcome::Succeeded(success) if can && fate == Fate::Taken => Some(success.output.hash),
                _ => None,
            };
            ensure(output.map(|output| output.hash) == gave, "what it gave is kept for what takes it back")?;
        }
        self.run(of.run).orphans.retain(|orphan| orphan.id != *of);
        self.took(of.run, &of.path, fate, output.cloned());
        self.is_booked(of.run, &of.path, &orphan.name, cost, 0);
        self.book(of.run, &of.path, (orphan.taken, orphan.hold, orphan.hold_tokens), (cost, tokens));
        Ok(())
    }

    /// What was held is spent for what it cost, by the run and by the loops around the attempt that are still there; whoever waited for
    /// money tries again, on all its targets.
    pub(super) fn book(
        &mut self,
        id: RunId,
        path: &TaskPath,
        (taken, hold, hold_tokens): (Timestamp, Money, u64),
        (cost, tokens): (Money, u64),
    ) {
        let is_child = self.runs[&id].is_child(path);
        if !is_child {
            self.bills.push((taken, cost, tokens));
        }
        let run = self.run(id);
        run.spent = run.spent.plus(cost);
        let bounded = !is_child || hold > Money::ZERO;
        run.over = run.over.plus(if bounded { cost.minus(hold) } else { Money::ZERO });
        run.tokens += tokens;
        for (_, inst) in run.tasks.iter_mut().filter(|(around, _)| path.0.starts_with(&around.0)) {
            inst.rounds.spent = inst.rounds.spent.plus(cost);
            inst.rounds.tokens += tokens;
        }
        // Where windows are limited, what one run does not need of what it held is another's to spend.
        let caps = self.windows.caps;
        let all = !is_child
            && (hold > cost && caps.iter().any(|cap| cap.money.is_some())
                || hold_tokens > tokens && caps.iter().any(|cap| cap.tokens.is_some()));
        let runs: Vec<RunId> = self.runs.keys().copied().filter(|of| all || *of == id).collect();
        self.has_money_again_in(id, |of| path.0.starts_with(&of.0));
        self.has_money_again(id);
        for run in runs {
            self.has_more_targets(run);
        }
    }

    fn judged(&mut self, id: RunId, path: &TaskPath, refused: Option<&str>, next: &Next) -> Checked {
        let answer = self.evaluation(id, path, Step::Judge)?;
        if let Some(refused) = refused {
            self.tell(id, path, next, refused);
            self.quoted = self.runs[&id].graph.labels.join(&answer.seen);
        }
        let judged = answer.evaluation;
        if judged.truth != Some(true) && self.adds_tasks(id, path) {
            return self.adds_nothing(id, path, &judged, next);
        }
        if judged.truth != Some(true) {
            ensure(*next == Next::Succeed, "nothing is wrong with it")?;
            let inst = self.run(id).inst(path);
            let given = inst.given.take().filter(|_| judged.good != Some(false));
            let output = inst.output.clone();
            self.will_keep(id, path, given, output.as_ref());
            let how = if judged.good == Some(false) { How::Skipped } else { How::Succeeded };
            self.settle(id, path, how, None);
            return Ok(());
        }
        let run = &self.runs[&id];
        let task = run.task(path);
        let class = task.fail_if.map_or(Class::InvalidOutput, |(_, class)| class);
        let repeatable = run.is_call(path) && !run.is_wait(path) && run.tasks[path].last_effect != Effect::Once;
        let may = if repeatable && run.tasks[path].is_copy && self.now < run.deadline_of(path) {
            vec![May::Retry { from: self.now, to: self.now }]
        } else {
            self.after_failure(id, path, &Failure::new(class, "refused"), repeatable)
        };
        let inst = &self.runs[&id].tasks[path];
        if class == Class::InvalidOutput && self.runs[&id].task(path).fail_if.is_some() && !inst.is_copy {
            self.tell(id, path, next, agendum_core::REFUSED);
        }
        self.follow(id, path, &may, next)
    }
}
