//! What callers hand to waits, and what waits for it.

use agendum_core::{Answer, Event, Rejected, Signal, Standing};
use agendum_types::{RunId, Tenant, Wait, WaitView};
use tokio::sync::oneshot;

use super::{Life, Told, is_to_come};
use crate::inbox::WaitsAsked;
use crate::payloads::Made;

impl Life {
    pub(super) fn hand(
        &mut self,
        tenant: &Tenant,
        signal: Box<Signal>,
        payload: &Made,
        reply: oneshot::Sender<Result<(), Rejected>>,
    ) {
        let run = signal.run;
        let handed = if self.owns(tenant, run) {
            self.request(Event::Signalled(signal), payload.inline.as_ref())
        } else {
            Err(Rejected::Over(run))
        };
        self.tell_of_now(Told::Handed(reply, handed));
    }

    /// Tells what may hang on anything that was decided so far.
    pub(super) fn tell_of_now(&mut self, told: Told) {
        if self.commit.is_idle() {
            told.tell();
        } else {
            self.tell_when_durable(told);
        }
    }

    pub(super) fn waits(&self, tenant: &Tenant, asked: &WaitsAsked) -> (Vec<WaitView>, Option<RunId>) {
        let is_wanted = |run, wait: &Wait| {
            let in_queue = asked.queue.is_none() || asked.queue == wait.queue;
            in_queue && self.owns(tenant, run)
        };
        match asked.run {
            Some(run) => self.waits_within(is_wanted, run, asked),
            None => self.scheduler.waits(is_wanted, asked.from.., asked.count_max),
        }
    }

    /// What waits in a run, and in those that it waits for.
    fn waits_within(
        &self,
        is_wanted: impl Fn(RunId, &Wait) -> bool,
        run: RunId,
        asked: &WaitsAsked,
    ) -> (Vec<WaitView>, Option<RunId>) {
        let mut found = Vec::new();
        for run in self.scheduler.within(run).into_iter().filter(|run| *run >= asked.from) {
            if found.len() >= asked.count_max {
                return (found, Some(run));
            }
            found.extend(self.scheduler.waits(&is_wanted, run..=run, asked.count_max).0);
        }
        (found, None)
    }

    /// How runs of this tenant stand, one by one.
    pub(super) fn standings(&self, tenant: &Tenant, runs: Vec<RunId>, reply: oneshot::Sender<Vec<Option<Standing>>>) {
        let standing = |run| if self.owns(tenant, run) { self.scheduler.standing(run) } else { None };
        let _gone = reply.send(runs.into_iter().map(standing).collect());
    }

    /// Tells this caller the answer, once it comes.
    pub(super) fn wait(&mut self, tenant: &Tenant, run: RunId, reply: oneshot::Sender<Answer>) {
        // An answer that is decided but not durable yet is still to come.
        let to_come = self.commit.holds_answer(run) || is_to_come(&self.scheduler, run);
        if to_come && self.owns(tenant, run) {
            let waiting = self.waiters.answers.entry(run).or_default();
            // Who has left is not kept until the run is answered.
            waiting.retain(|other| !other.is_closed());
            waiting.push(reply);
        }
    }
}

/// The run that a submission leads to: its own, or the one that it joins.
pub(super) const fn leads_to(submitted: &Result<(), Rejected>, run: RunId) -> Option<RunId> {
    match submitted {
        Ok(()) => Some(run),
        Err(Rejected::Joined(other)) => Some(*other),
        Err(_) => None,
    }
}
