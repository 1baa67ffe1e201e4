//! What somebody hands to a wait: decisions, signals, webhooks. And the end of waiting for time.

use std::ops::RangeBounds;
use std::sync::Arc;

use agendum_types::{Principal, RunId, TaskPath, Wait, WaitFor, WaitView};

use crate::event::{Addressee, Signal};
use crate::inst::State;
use crate::record::{Change, Record, SignalKept, Waited, Waits};
use crate::rejected::Rejected;
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;

/// Runs that one question for waits looks at.
const RUNS_MAX: usize = 10_000;

impl Scheduler {
    /// The first wait for it takes it; else it is kept with the run. A pause does not hold it back: it stops attempts, not people.
    pub(crate) fn on_signalled(&mut self, signal: Signal) -> Result<(), Rejected> {
        let is_live = |slot: &Slot| self.board.run(*slot).phase != Phase::Closing;
        let slot = self.board.slot(signal.run).filter(is_live).ok_or(Rejected::Over(signal.run))?;
        let run = self.board.run(slot);
        if signal.webhook.as_ref().is_some_and(|webhook| run.webhooks.contains(webhook)) {
            return Ok(());
        }
        let Signal { payload, by, approved, webhook, .. } = signal;
        match signal.to {
            Addressee::Named(of, name) => match self.first_wait(slot, of, &name) {
                Some(id) => self.hear(slot, id, Heard { payload, by: Some(by), approved, webhook, kept: false }),
                None => {
                    let count = self.board.limits.signals_kept_max;
                    if run.kept.len() >= count as usize {
                        return Err(Rejected::TooManySignals { run: signal.run, count });
                    }
                    let kept = SignalKept { run: signal.run, of, name, payload, by, webhook };
                    self.record_of(slot, Record::SignalKept(Box::new(kept)));
                }
            },
            Addressee::Task(of, task) => {
                let id = self.asked_for(slot, of, task.as_ref())?;
                self.may_decide(slot, id, &by)?;
                if of == WaitFor::Effect {
                    self.is_that_attempt(slot, id, signal.attempt)?;
                    self.told(slot, id, approved, payload, by);
                    return Ok(());
                }
                self.hear(slot, id, Heard { payload, by: Some(by), approved, webhook, kept: false });
            }
        }
        Ok(())
    }

    /// The task that waits longest for a signal or webhook of this name.
    fn first_wait(&self, slot: Slot, of: WaitFor, name: &Arc<str>) -> Option<InstId> {
        let run = self.board.run(slot);
        let is_for =
            |id: &InstId| run.inst(*id).wait().is_some_and(|wait| wait.of == of && wait.name.as_ref() == Some(name));
        run.awaiting.values().copied().find(is_for)
    }

    /// The task that a caller means.
    fn asked_for(&self, slot: Slot, of: WaitFor, task: Option<&Arc<str>>) -> Result<InstId, Rejected> {
        let run = self.board.run(slot);
        let graph = &self.board.plan(slot).graph;
        let waits = |id: &InstId| {
            let inst = run.inst(*id);
            matches!(inst.state, State::Awaiting(_)) && inst.wait().is_some_and(|wait| wait.of == of)
        };
        if let Some(task) = task {
            let found = graph.parse_path(task).and_then(|path| self.board.find(slot, &path)).filter(waits);
            return found.ok_or_else(|| Rejected::NotWaiting { task: Arc::clone(task), of });
        }
        let mut waiting = run.awaiting.values().copied().filter(waits);
        match (waiting.next(), waiting.next()) {
            (Some(id), None) => Ok(id),
            (Some(id), Some(_)) => {
                Err(Rejected::SeveralWait { run: run.id, of, task: graph.path_text(&run.path(id)).into() })
            }
            (None, _) => Err(Rejected::NobodyWaits { run: run.id, of }),
        }
    }

    /// Who tells again what was true of an earlier attempt means that one.
    fn is_that_attempt(&self, slot: Slot, id: InstId, attempt: Option<u32>) -> Result<(), Rejected> {
        let run = self.board.run(slot);
        let now = run.inst(id).attempts;
        if attempt.is_none_or(|attempt| attempt == now) {
            return Ok(());
        }
        let task = self.board.plan(slot).graph.path_text(&run.path(id)).into();
        Err(Rejected::OtherAttempt { task, attempt: attempt.unwrap_or_default(), now })
    }

    fn may_decide(&self, slot: Slot, id: InstId, by: &Principal) -> Result<(), Rejected> {
        let run = self.board.run(slot);
        match run.inst(id).wait().filter(|wait| !wait.asks(by)) {
            None => Ok(()),
            Some(wait) => {
                let who: Vec<&str> = wait.who.iter().map(|who| &*who.0).collect();
                let task = self.board.plan(slot).graph.path_text(&run.path(id)).into();
                Err(Rejected::NotAsked { task, who: who.join(", ").into() })
            }
        }
    }

    /// What a task waits for may have come before it waited.
    pub(crate) fn hear_kept(&mut self, slot: Slot, id: InstId) {
        let Some(run) = self.board.run_if_live(slot) else { return };
        let inst = run.inst(id);
        let wait = inst.wait().filter(|_| matches!(inst.state, State::Awaiting(_)));
        let kept = wait.and_then(|wait| run.kept.iter().find(|kept| kept.is_for(wait))).cloned();
        if let Some(SignalKept { payload, by, webhook, .. }) = kept {
            self.hear(slot, id, Heard { payload, by: Some(by), approved: None, webhook, kept: true });
        }
    }

    /// Its instant has come, or somebody is to be reminded.
    pub(crate) fn wake_wait(&mut self, slot: Slot, id: InstId) {
        let inst = self.board.run(slot).inst(id);
        match inst.input.as_deref().filter(|_| inst.wait().is_some_and(|wait| wait.of == WaitFor::Time)) {
            Some(payload) => {
                let payload = payload.clone();
                self.hear(slot, id, Heard { payload, by: None, approved: None, webhook: None, kept: false });
            }
            None => self.record_task(slot, id, Change::Reminded),
        }
    }

    /// Decided: the task has what it waited for. That carries the labels of what was shown.
    fn hear(&mut self, slot: Slot, id: InstId, heard: Heard) {
        let run = self.board.run(slot);
        let waits: Waits = self.board.waited(run, id, self.now);
        let Heard { mut payload, by, approved, webhook, kept } = heard;
        let shown = run.inst(id).input.as_deref().map(|input| &input.labels);
        payload.labels = self.board.joined(slot, shown.into_iter().chain([&payload.labels]));
        let waited = Waited { output: Box::new(payload), by, approved, webhook, kept, waits };
        self.record_task(slot, id, Change::Waited(Box::new(waited)));
    }

    /// What waits for a person or a signal in these runs, in their order, and is wanted: at most so many, and all of a run that is begun.
    /// And the run to go on with, if there may be more.
    #[must_use]
    pub fn waits(
        &self,
        is_wanted: impl Fn(RunId, &Wait) -> bool,
        runs: impl RangeBounds<RunId>,
        count_max: usize,
    ) -> (Vec<WaitView>, Option<RunId>) {
        let mut found = Vec::new();
        for (seen, slot) in self.board.awaiting_in(runs).enumerate() {
            let run = self.board.run(slot);
            if seen >= RUNS_MAX || found.len() >= count_max {
                return (found, Some(run.id));
            }
            let money = Wait::new(WaitFor::Money);
            let wait = |id: InstId| if run.inst(id).plea().is_some() { Some(&money) } else { run.inst(id).wait() };
            let wanted = |id: &&InstId| wait(**id).is_some_and(|wait| is_wanted(run.id, wait));
            found.extend(run.awaiting.values().filter(wanted).filter_map(|id| self.wait_view(slot, *id)));
        }
        (found, None)
    }

    /// This task of a live run, if it waits for a person or a signal.
    #[must_use]
    pub fn wait_at(&self, run: RunId, path: &TaskPath) -> Option<WaitView> {
        let slot = self.board.slot(run)?;
        let view = self.wait_view(slot, self.board.find(slot, path)?);
        view.filter(|view| view.wait.of != WaitFor::Time)
    }

    fn wait_view(&self, slot: Slot, id: InstId) -> Option<WaitView> {
        let run = self.board.run(slot);
        let graph = &self.board.plan(slot).graph;
        let inst = run.inst(id);
        let (since, wait) = match (&inst.state, inst.plea()) {
            (_, Some(plea)) => (run.pleas.get(&id).map_or(plea.since, |asked| asked.since), Wait::new(WaitFor::Money)),
            (State::Awaiting(since), None) => (*since, inst.wait()?.clone()),
            (_, None) => return None,
        };
        let own = Some(inst.expires).filter(|at| *at < agendum_types::Timestamp::MAX);
        let of_run = run.deadline.filter(|_| !run.is_answered());
        Some(WaitView {
            run: run.id,
            parent: run.parent.clone(),
            graph: Arc::clone(&graph.name),
            task: graph.path_text(&run.path(id)),
            wait,
            since,
            expires: own.into_iter().chain(of_run).min(),
            input: inst.input.as_deref().cloned(),
            attempt: inst.attempts,
            doubt: inst.failure.as_ref().map(|failure| Arc::clone(&failure.message)),
            plea: inst.plea().and_then(|plea| plea.view(run)),
        })
    }
}

/// What came to a wait.
struct Heard {
    payload: agendum_types::PayloadRef,
    by: Option<Principal>,
    approved: Option<bool>,
    webhook: Option<Arc<str>>,
    kept: bool,
}
