//! Attempts that are sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::{Money, Timestamp};

use super::Track;
use crate::record::{Dispatched, Ended};
use crate::why::{AttemptReasons, Reason};

impl Track {
    pub(super) fn dispatched(&mut self, dispatched: &Dispatched, at: Timestamp, targets: &mut BTreeSet<Arc<str>>) {
        let hold = (dispatched.hold, dispatched.hold_tokens);
        // By its reference the same attempt goes on under another number.
        let out = self.attempts.iter().rposition(|attempt| attempt.ended.is_none());
        if let Some(out) = out.filter(|_| dispatched.reattached && self.running.is_some()) {
            (self.attempts[out].number, self.holds[out]) = (dispatched.attempt, hold);
            return;
        }
        self.holds.push(hold);
        self.waited(&dispatched.waits, at);
        self.pleads_no_more();
        // A copy that `fail_if` refused is not what it gives.
        self.reason.take_if(|reason| matches!(reason, Reason::Cached(..)));
        self.running = self.running.filter(|_| dispatched.beside).or(Some(at));
        let target = targets.get(&dispatched.target).cloned().unwrap_or_else(|| Arc::clone(&dispatched.target));
        targets.insert(Arc::clone(&target));
        self.attempts.push(AttemptReasons {
            target,
            number: dispatched.attempt,
            beside: dispatched.beside,
            lower: dispatched.lower,
            expected: dispatched.expected,
            choice: dispatched.choice.clone(),
            preempted: dispatched.preempted.clone(),
            gave_way: None,
            started: at,
            ended: None,
            failed: None,
            cost: Money::ZERO,
            over: Money::ZERO,
            tokens: 0,
            child: None,
            degraded: false,
        });
    }

    /// An attempt was stopped for a more urgent task: it was no try, and what it costs is told when it has ended.
    pub(super) fn gave_way(&mut self, ended: &Ended, at: Timestamp) {
        self.stop(at);
        if let Some(attempt) = self.attempts.iter_mut().rfind(|attempt| attempt.ended.is_none()) {
            attempt.ended = Some(at);
            attempt.failed = Some((ended.end.class(), ended.end.sentence().into()));
            attempt.gave_way.clone_from(&ended.preempted);
        }
    }
}
