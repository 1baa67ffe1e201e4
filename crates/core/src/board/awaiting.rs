//! Waits for people, signals, webhooks and time: how they begin, and how they end.

use std::ops::RangeBounds;

use agendum_types::{Duration, RunId, Timestamp, WaitFor};

use crate::board::{Board, Todo};
use crate::inst::{Body, State};
use crate::record::{SignalKept, Waited};
use crate::run::{InstId, Slot};
use crate::timers::Timer;

/// The shortest time between two reminders, whatever a journal says.
const REMINDER_MIN: Duration = Duration::secs(1);

impl Board {
    /// The instance is entered and knows what it waits for: from now on it does. It has no attempt, no place in a queue and no money.
    pub(super) fn begin_wait(&mut self, slot: Slot, id: InstId) {
        let at = self.at;
        let run = self.run_mut(slot);
        run.start();
        let inst = run.inst_mut(id);
        inst.state = State::Awaiting(at);
        let wait = inst.wait().expect("a wait is entered with what it waits for");
        let (of, until) = (wait.of, wait.until);
        if of == WaitFor::Time {
            return self.wake_wait(slot, id, until.unwrap_or(at));
        }
        let path = run.path(id);
        run.awaiting.insert((at, path), id);
        let run = run.id;
        self.awaiting.insert(run, slot);
        self.todo.push_back(Todo::Hear(slot, id));
        self.remind(slot, id);
    }

    /// Arms the next reminder.
    pub(super) fn remind(&mut self, slot: Slot, id: InstId) {
        let reminder = self.run(slot).inst(id).wait().and_then(|wait| wait.reminder);
        let next = reminder.map_or(Timestamp::MAX, |span| self.at.after(span.max(REMINDER_MIN)));
        self.wake_wait(slot, id, next);
    }

    fn wake_wait(&mut self, slot: Slot, id: InstId, at: Timestamp) {
        let Some(Body::Wait(waiting)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() else { return };
        let before = std::mem::replace(&mut waiting.wakes, at);
        self.timers.clear(before, Timer::Wait(slot, id));
        self.timers.set(at, Timer::Wait(slot, id));
    }

    /// It waits no more: it leaves the lists of those that do.
    pub(super) fn end_wait(&mut self, slot: Slot, id: InstId, since: Timestamp) {
        self.wake_wait(slot, id, Timestamp::MAX);
        self.forget_wait(slot, id, since);
    }

    /// It is not in the lists of those that wait any more.
    pub(crate) fn forget_wait(&mut self, slot: Slot, id: InstId, since: Timestamp) {
        let run = self.run_mut(slot);
        let path = run.path(id);
        run.awaiting.remove(&(since, path));
        if run.awaiting.is_empty() {
            let run = run.id;
            self.awaiting.remove(&run);
        }
    }

    /// What it waited for has come.
    pub(super) fn waited_for(&mut self, slot: Slot, id: InstId, waited: &Waited) {
        let run = self.run(slot);
        let kept = run.inst(id).wait().and_then(|wait| run.kept.iter().position(|kept| kept.is_for(wait)));
        if let Some(kept) = kept.filter(|_| waited.kept) {
            self.run_mut(slot).kept.remove(kept);
        } else if let Some(webhook) = &waited.webhook {
            self.remember(slot, webhook);
        }
        self.leave(slot, id);
        self.run_mut(slot).inst_mut(id).body = None;
        self.set_output(slot, id, waited.output.clone());
        self.judge_or_settle(slot, id);
    }

    pub(super) fn keep_signal(&mut self, slot: Slot, kept: &SignalKept) {
        if let Some(webhook) = &kept.webhook {
            self.remember(slot, webhook);
        }
        self.run_mut(slot).kept.push_back(kept.clone());
    }

    fn remember(&mut self, slot: Slot, webhook: &std::sync::Arc<str>) {
        let most = self.limits.webhooks_remembered_max;
        let webhooks = &mut self.run_mut(slot).webhooks;
        webhooks.push_back(webhook.clone());
        if webhooks.len() > most {
            webhooks.pop_front();
        }
    }

    /// Those of these runs in which something waits for a person or a signal.
    pub(crate) fn awaiting_in(&self, runs: impl RangeBounds<RunId>) -> impl Iterator<Item = Slot> {
        self.awaiting.range(runs).map(|(_, slot)| *slot)
    }
}
