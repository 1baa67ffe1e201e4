//! Attempts that are runs of their own, and the ends of runs.

use std::sync::Arc;

use agendum_core::{Dispatch, Event};
use agendum_types::{Duration, RunId, Tenant};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Flight, Life};
use crate::child::{self, Launch};
use crate::inbox::Message;

impl Life {
    pub(super) fn dispatch_child(&mut self, dispatch: Box<Dispatch>) {
        let cancel = CancellationToken::new();
        let flight = Flight { cancel: cancel.clone(), effect: dispatch.effect, is_child: true };
        self.flights.insert(dispatch.attempt.clone(), flight);
        let (around, over) = (Arc::clone(&self.around), self.over.clone());
        let (limit, overdue) = self.limit_of(&dispatch).unzip();
        let overdue = overdue.unwrap_or(Duration::ZERO);
        self.around.runtime.spawn(child::run(Launch { dispatch, around, cancel, over, life: self.id, limit, overdue }));
    }

    /// When the time of the try is over, and for how long it is: it counts from its record, be that of an earlier life, and so goes on
    /// while no process is there.
    fn limit_of(&self, dispatch: &Dispatch) -> Option<(Instant, Duration)> {
        let (whole, child) = (dispatch.timeouts.attempt?, dispatch.child.as_deref()?);
        let gone = self.now().since(child.since);
        Some((Instant::now() + whole.minus(gone).to_std(), gone.minus(whole)))
    }

    pub(super) fn of_children(&mut self, message: Message) {
        if let Message::AwaitDone { tenant, run, reply, permit: _held } = message {
            self.wait_for_end(&tenant, run, reply);
        } else if let Message::ChildEnded { life, attempt, outcome, made, spent, degraded } = message
            && life == self.id
        {
            self.flights.remove(&attempt);
            self.with_payload(Event::ChildEnded { attempt, outcome, spent, degraded }, made);
        }
    }

    /// Tells when nothing more happens to this run, once that is durable.
    fn wait_for_end(&mut self, tenant: &Tenant, run: RunId, reply: oneshot::Sender<()>) {
        if self.owns(tenant, run) {
            self.ends.entry(run).or_default().push(reply);
        }
    }
}
