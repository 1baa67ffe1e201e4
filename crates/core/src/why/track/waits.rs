//! What a task waits for while its records are read: a place or money before it is sent, or a person, a signal, an instant.

use std::sync::Arc;

use agendum_types::snapshot::TaskView;
use agendum_types::{Cause, Class, Duration, Plea, TaskStatus, Timestamp, Wait, WaitFor};

use super::super::{Heard, Reason};
use super::{Stretch, Track};
use crate::event::Evaluation;
use crate::record::{Cached, Waited};

impl Track {
    /// It was entered; if it is a wait, it waits from its start on.
    pub(super) fn begins_to_wait(&mut self, evaluation: &Evaluation, at: Timestamp) {
        let Some(wait) = &evaluation.wait else { return };
        let cause = if wait.of == WaitFor::Time { Cause::Delay } else { Cause::Person };
        let since = self.start.max(at);
        self.awaits = Some((since, cause));
        let (wait, input) = (Wait::clone(wait), evaluation.payload.clone());
        let (by, approved, waited) = (None, None, Duration::ZERO);
        self.heard = Some(Box::new(Heard { wait, input, since, by, approved, waited }));
    }

    /// It asks for more than the budget of its run; for another amount than before it still asks since then.
    pub(super) fn pleads(&mut self, plea: &Plea, at: Timestamp) {
        if self.plea.replace(Box::new(*plea)).is_some() {
            return;
        }
        self.awaits = Some((at, Cause::Person));
        let (wait, input) = (Wait::new(WaitFor::Money), None);
        let (by, approved, waited) = (None, None, Duration::ZERO);
        self.heard = Some(Box::new(Heard { wait, input, since: at, by, approved, waited }));
    }

    /// That was raised or refused, or it goes on for another reason.
    pub(in crate::why) fn pleads_no_more(&mut self) {
        if self.plea.take().is_some() {
            (self.awaits, self.heard) = (None, None);
        }
    }

    pub(super) fn waited_for(&mut self, waited: &Waited, at: Timestamp) {
        self.waited(&waited.waits, at);
        if let (Some(heard), Some((since, _))) = (&mut self.heard, self.awaits) {
            (heard.by, heard.approved) = (waited.by.clone(), waited.approved);
            heard.waited = at.since(since);
        }
        self.settle(TaskStatus::Succeeded, at, None);
    }

    /// True if it ended before anything of it was sent, after a wait, or still waits.
    pub(in crate::why) const fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// True if it failed for good, be it that a rung of `catch` took that.
    pub(in crate::why) const fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// With what it failed for good.
    pub(in crate::why) const fn failure(&self) -> Option<(Class, &Arc<str>)> {
        match &self.reason {
            Some(Reason::Failed(class, message) | Reason::Caught(class, message)) => Some((*class, message)),
            Some(_) | None => None,
        }
    }

    pub(super) fn cached(&mut self, cached: &Cached, at: Timestamp) {
        self.waited(&cached.waits, at);
        let caught = self.caught.take().filter(|_| cached.stale);
        let copy = (cached.from, at.since(cached.kept), cached.saved);
        self.last_good = caught.is_some().then(|| Box::new(copy));
        let reason = caught.map(|(class, message)| Reason::Caught(class, message));
        let fresh = || Reason::Cached(copy.0, copy.1, copy.2);
        self.settle(TaskStatus::Succeeded, at, Some(reason.unwrap_or_else(fresh)));
    }

    /// It has waited so long at this instant, and goes on to wait. What the records say beyond that is newer.
    pub(in crate::why) fn queues(&mut self, waits: &[(Cause, Duration)], at: Timestamp) {
        if self.running.is_none() {
            self.waited(waits, at);
            (self.queues, self.unsent) = (true, true);
        }
    }

    /// Whose money it waits for: the window of the tenant's budget, or the loop.
    pub(in crate::why) fn is_short_of(&mut self, task: &TaskView) {
        if self.running.is_none() {
            let window = task.window.map(|(window, until)| Reason::Window(window, until));
            let purse = task.purse.as_deref().map(|of| Reason::Purse(of.into()));
            self.reason = window.or(purse).or_else(|| self.reason.take());
        }
    }

    /// It waits for its next attempt.
    pub(in crate::why) fn pauses(&mut self, until: Timestamp, is_last: bool) {
        if self.running.is_none() {
            self.reason = self.reason.take().or(Some(Reason::Pauses(until, is_last)));
        }
    }

    pub(super) fn waited(&mut self, waits: &[(Cause, Duration)], at: Timestamp) {
        let waited = waits.iter().map(|(_, span)| span.0).sum();
        // A pause may end before it was to, when a target is well again.
        if let Some(last) = self.stretches.last_mut().filter(|last| last.cause == Cause::Backoff) {
            last.to = last.to.min(at.before(Duration(waited))).max(last.from);
        }
        let earliest = self.stretches.last().map(|last| last.to).unwrap_or_default();
        let mut from = at.before(Duration(waited)).max(earliest);
        for (cause, span) in waits {
            let to = from.after(*span).min(at);
            self.stretches.push(Stretch { from, to, cause: *cause });
            from = to;
        }
    }
}
