//! What is handed to waits: who may, which of them takes it, what is kept for one to come.

use agendum_core::{Addressee, Signal, SignalKept, Waited};
use agendum_types::{Duration, RunId, TaskPath, Timestamp, WaitFor};

use super::downs::tells_downtime;
use super::records::Checked;
use super::state::{Inst, Phase, State};
use super::{Asked, Heard, Reference, ensure};

impl Reference {
    pub(super) fn hear_signal(&mut self, signal: &Signal) {
        let known = |webhook: &std::sync::Arc<str>| {
            self.takes_signals(signal.run) && self.runs[&signal.run].webhooks.contains(webhook)
        };
        // What has come before means nothing more.
        if !signal.webhook.as_ref().is_some_and(known) {
            self.heard = Some(Heard::Signalled(signal.clone()));
        }
    }

    fn takes_signals(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|run| run.phase != Phase::Closing)
    }

    /// The tasks that could be meant, who has waited longest first.
    pub(super) fn meant(&self, signal: &Signal) -> Vec<TaskPath> {
        let run = &self.runs[&signal.run];
        let fits = |path: &TaskPath, inst: &Inst| {
            let Some(wait) = &inst.wait else { return false };
            match &signal.to {
                Addressee::Named(of, name) => wait.of == *of && wait.name.as_ref() == Some(name),
                Addressee::Task(of, task) => {
                    wait.of == *of && task.as_ref().is_none_or(|task| **task == *run.graph.path_text(path))
                }
            }
        };
        let mut meant: Vec<(Timestamp, &TaskPath)> = run
            .tasks
            .iter()
            .filter_map(|(path, inst)| match inst.state {
                State::Awaiting(since) if fits(path, inst) => Some((since, path)),
                _ => None,
            })
            .collect();
        meant.sort();
        meant.into_iter().map(|(_, path)| path.clone()).collect()
    }

    /// Was there a reason to refuse it?
    pub(super) fn refuses_signal(&self, signal: &Signal) -> Checked {
        if !self.takes_signals(signal.run) {
            return Ok(());
        }
        let run = &self.runs[&signal.run];
        let meant = self.meant(signal);
        let is_refused = match (&signal.to, meant.as_slice()) {
            (Addressee::Named(..), []) => run.kept.len() >= self.limits.signals_kept_max as usize,
            (Addressee::Named(..), _) => false,
            (Addressee::Task(..), [path]) => {
                let who = &run.tasks[path].wait.as_ref().expect("it waits").who;
                !who.is_empty() && !who.contains(&signal.by)
            }
            (Addressee::Task(..), _) => true,
        };
        ensure(is_refused, "a signal was refused without a reason")
    }

    pub(super) fn signal_kept(&mut self, said: &SignalKept) -> Checked {
        let Some(Heard::Signalled(signal)) = self.heard.take() else { return Err("no signal came".to_owned()) };
        ensure(self.takes_signals(said.run) && signal.run == said.run, "no such run takes signals")?;
        ensure(self.meant(&signal).is_empty(), "a task waits for it")?;
        let Addressee::Named(of, name) = signal.to else { return Err("it is for a task".to_owned()) };
        let mine = SignalKept {
            run: signal.run,
            of,
            name,
            payload: signal.payload,
            by: signal.by,
            webhook: signal.webhook.clone(),
        };
        ensure(mine == *said, &format!("something else is kept than {mine:?}"))?;
        let most = self.limits.signals_kept_max as usize;
        let run = self.run(said.run);
        ensure(run.kept.len() < most, "it keeps enough")?;
        run.kept.push(mine);
        self.remember(said.run, signal.webhook);
        Ok(())
    }

    fn remember(&mut self, run: RunId, webhook: Option<std::sync::Arc<str>>) {
        let most = self.limits.webhooks_remembered_max;
        let webhooks = &mut self.run(run).webhooks;
        webhooks.extend(webhook);
        webhooks.drain(..webhooks.len().saturating_sub(most));
    }

    /// The first of what is kept that this wait takes.
    fn kept_for(&self, id: RunId, inst: &Inst) -> Option<usize> {
        let wait = inst.wait.as_ref().filter(|_| matches!(inst.state, State::Awaiting(_)))?;
        self.runs[&id].kept.iter().position(|kept| kept.of == wait.of && Some(&kept.name) == wait.name.as_ref())
    }

    pub(super) fn waited(&mut self, id: RunId, path: &TaskPath, said: &Waited) -> Checked {
        let inst = self.runs[&id].tasks[path].clone();
        let wait = inst.wait.clone().filter(|_| matches!(inst.state, State::Awaiting(_))).ok_or("it does not wait")?;
        let mut payload = if said.kept {
            let place = self.kept_for(id, &inst).ok_or("nothing is kept for it")?;
            let kept = self.run(id).kept.remove(place);
            ensure((Some(&kept.by), &kept.webhook) == (said.by.as_ref(), &said.webhook), "somebody else sent it")?;
            ensure(said.approved.is_none(), "a signal decides nothing")?;
            kept.payload
        } else if wait.of == WaitFor::Time {
            ensure(inst.wakes.is_some_and(|at| at <= self.now), "its instant has not come")?;
            ensure(said.by.is_none() && said.approved.is_none(), "nobody sends time")?;
            inst.input.clone().ok_or("it does not know what it gives")?
        } else {
            let Some(Heard::Signalled(signal)) = self.heard.take() else { return Err("nothing came".to_owned()) };
            let meant = if signal.run == id { self.meant(&signal) } else { Vec::new() };
            let is_one = matches!(signal.to, Addressee::Named(..)) || meant.len() == 1;
            ensure(meant.first() == Some(path) && is_one, &format!("it was for {meant:?}"))?;
            let is_asked =
                wait.who.is_empty() || matches!(signal.to, Addressee::Named(..)) || wait.who.contains(&signal.by);
            ensure(is_asked, "who decided is not asked")?;
            ensure((Some(&signal.by), signal.approved) == (said.by.as_ref(), said.approved), "another decision")?;
            ensure(signal.webhook == said.webhook, "another webhook")?;
            self.remember(id, signal.webhook);
            signal.payload
        };
        payload.labels = said.output.labels.clone();
        ensure(payload == *said.output, "something else came")?;
        ensure(self.runs[&id].labels(path).is_within(&said.output.labels), "labels got lost")?;
        let waited: u64 = said.waits.iter().map(|(_, span)| span.0).sum();
        ensure(waited == self.now.since(inst.freed_at()).0, "its waits do not add up")?;
        tells_downtime(self.was_down_while(&inst), &said.waits)?;
        let inst = self.run(id).inst(path);
        (inst.state, inst.output, inst.wakes) = (State::Ready, Some(payload), None);
        self.judge_or_succeed(id, path);
        Ok(())
    }

    pub(super) fn reminded(&mut self, id: RunId, path: &TaskPath) -> Checked {
        let inst = &self.runs[&id].tasks[path];
        let wait = inst.wait.as_ref().filter(|_| matches!(inst.state, State::Awaiting(_))).ok_or("it does not wait")?;
        let due = wait.of != WaitFor::Time && inst.wakes.is_some_and(|at| at <= self.now);
        ensure(due, "nobody is to be reminded")?;
        let next = wait.reminder.map(|span| self.now.after(span.max(Duration::secs(1))));
        self.run(id).inst(path).wakes = next;
        Ok(())
    }

    /// What a task waits for from now on, and when that wakes it.
    pub(super) fn begins_to_wait(&mut self, id: RunId, path: &TaskPath) {
        let now = self.now;
        let run = self.run(id);
        run.started = true;
        let inst = run.inst(path);
        inst.state = State::Awaiting(now);
        inst.wakes = inst.wait.as_ref().and_then(|wait| match wait.of {
            WaitFor::Time => wait.until,
            _ => wait.reminder.map(|span| now.after(span.max(Duration::secs(1)))),
        });
    }

    /// Nothing waits for what is there.
    pub(super) fn all_heard(&self, id: RunId) -> Checked {
        let deaf = self.runs[&id].tasks.iter().find(|(_, inst)| self.kept_for(id, inst).is_some());
        let name = deaf.map(|(path, _)| self.runs[&id].graph.path_text(path)).unwrap_or_default();
        ensure(deaf.is_none(), &format!("{name} waits for what has come"))
    }

    /// True if somebody still wants what was asked.
    pub(super) fn awaits_evaluation(&self, asked: &Asked) -> bool {
        let Some(run) = self.runs.get(&asked.run) else { return false };
        if asked.path.0.is_empty() {
            return run.phase == Phase::Composing;
        }
        run.tasks.get(&asked.path).is_some_and(|inst| inst.state == State::Asking(asked.step))
    }
}
