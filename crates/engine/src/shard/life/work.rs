//! What a life has done by others: evaluations and attempts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use agendum_core::{Dispatch, Evaluate};
use agendum_ports::chain;
use agendum_types::{AttemptId, Class, Effect, Failure, Outcome};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{Flight, Life};
use crate::ahead;
use crate::attempt::{self, Launch};
use crate::inbox::Message;
use crate::pool::Unfinished;

/// Evaluations tried on the shard's thread between two waits.
const QUICK_MAX: usize = 4;

impl Life {
    /// A few evaluations at a time are tried on this thread, which saves them two changes of threads; what turns out to take longer,
    /// and everything under load, is others': the runtime's, and there the pool's.
    pub(super) fn evaluate(&mut self, asked: Box<Evaluate>) {
        let (around, life) = (Arc::clone(&self.around), self.id);
        let mut evaluation = Box::pin(async move {
            // Nobody else would ever answer: the run would wait for it for ever.
            let evaluated = AssertUnwindSafe(around.evaluations.evaluate(&asked)).catch_unwind().await;
            let (result, made) = match evaluated.unwrap_or_else(|_said| Err(Unfinished::Broken.into())) {
                Ok(given) => (Ok(given.evaluation), given.made),
                Err(error) => (Err(Arc::from(chain(&error))), None),
            };
            let Evaluate { run, path, step, .. } = *asked;
            Message::Evaluated { life, run, path, step, result, made }
        });
        if self.quick < QUICK_MAX {
            self.quick += 1;
            if let Poll::Ready(message) = evaluation.poll_unpin(&mut Context::from_waker(Waker::noop())) {
                return self.given.push_back(message);
            }
        }
        let inbox = self.around.inbox.clone();
        self.around.runtime.spawn(async move { inbox.send(evaluation.await) });
    }

    /// An attempt that still waits for its record has not left, and never will.
    pub(super) fn cancel(&mut self, attempt: AttemptId) {
        if let Some(flight) = self.flights.get(&attempt) {
            return flight.cancel.cancel();
        }
        if self.commit.withdraw(&attempt) {
            let failure = Failure::new(Class::Cancelled, "not started: it was not wanted any more").without_effect();
            let outcome = Outcome::Failed(failure);
            self.around.inbox.send(Message::Finished { life: self.id, attempt, outcome, made: None });
        }
    }

    pub(super) fn dispatch(&mut self, dispatch: Box<Dispatch>) {
        // What the core had decided to send before it knew: without an effect it is as good as lost, the rest is waited for.
        if self.is_closed() || (self.is_stopping() && dispatch.effect == Effect::None) {
            return;
        }
        if dispatch.child.is_some() {
            return self.dispatch_child(dispatch);
        }
        let cancel = CancellationToken::new();
        let flight = Flight { cancel: cancel.clone(), effect: dispatch.effect, is_child: false };
        self.flights.insert(dispatch.attempt.clone(), flight);
        let (_, adapter) = &self.around.targets[dispatch.target.0 as usize];
        let launch = Launch {
            adapter: Arc::clone(adapter),
            cancel,
            payloads: Arc::clone(&self.around.payloads),
            ahead: ahead::follow(&self.around, self.id, &dispatch),
            feed: Arc::clone(&self.around.feed),
            inbox: self.around.inbox.clone(),
            life: self.id,
            dispatch,
        };
        if launch.dispatch.live {
            self.around.feed.begin(&launch.dispatch);
        }
        self.around.runtime.spawn(attempt::run(launch));
    }
}
