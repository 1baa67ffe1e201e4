//! One task while its records are read: the stretches of its time, its attempts, its end.

mod child;
mod doubt;
mod replaced;
mod sent;
mod waits;

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::{
    Cause, Class, Duration, Failure, Graph, Hash, Money, Outcome, Plea, RunId, TaskPath, TaskStatus, Timestamp,
};

use smallvec::SmallVec;

use super::{AttemptReasons, Heard, RanOut, Reason, TaskReasons};
use crate::event::Evaluation;
use crate::on::evaluated::REFUSED;
use crate::record::{Change, End, Ended, Finished, Next, NextRound, Waits};

/// A stretch of a task's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) cause: Cause,
}

/// What the records say of a task.
#[derive(Debug)]
pub(super) struct Track {
    stretches: SmallVec<[Stretch; 2]>,
    running: Option<Timestamp>,
    attempts: SmallVec<[AttemptReasons; 1]>,
    settled: Option<(TaskStatus, Timestamp)>,
    /// The first record.
    seen: Option<Timestamp>,
    /// When it was opened, or its condition and start were known.
    entered: Option<Timestamp>,
    /// The items of a `foreach`.
    items: Option<u32>,
    /// The end of what goes on.
    open_until: Timestamp,
    reason: Option<Reason>,
    /// The last failure, which a rung of `catch` may have taken.
    failed: Option<(Class, Arc<str>)>,
    /// The failure that a rung of `catch` took: what succeeds after it does so for that rung.
    caught: Option<(Class, Arc<str>)>,
    rounds: u32,
    /// Of a loop.
    rounds_max: u32,
    /// What `stop_if_same` gave in the last round.
    same: Option<Hash>,
    /// It ended before it, or anything inside it, was sent, or waits for that.
    unsent: bool,
    /// It waits to be sent, as the process that works on it shows.
    queues: bool,
    /// An attempt of it was out when its records ended.
    out: bool,
    /// It does not start before.
    start: Timestamp,
    /// The class that `fail_if` gives.
    refused: Class,
    /// Since when nobody knows whether its last attempt took effect.
    doubt: Option<Timestamp>,
    /// Since when it waits for a person, a signal or an instant, and what its time passes for.
    awaits: Option<(Timestamp, Cause)>,
    /// For what it waited, and who ended that.
    heard: Option<Box<Heard>>,
    /// For how much it asks.
    plea: Option<Box<Plea>>,
    last_good: Option<Box<(RunId, Duration, Money)>>,
    /// What it has done was taken back.
    pub(super) compensated: bool,
    /// What the attempt that is out holds: that is spent if nobody tells what it used.
    holds: SmallVec<[(Money, u64); 1]>,
}

impl Track {
    pub(super) fn new(graph: &Graph, path: &TaskPath) -> Self {
        let task = path.node().map(|node| graph.task(node));
        let fail_if = task.and_then(|task| task.fail_if);
        let repeat = task.and_then(|task| task.repeat.as_ref());
        Self {
            stretches: SmallVec::new(),
            running: None,
            attempts: SmallVec::new(),
            settled: None,
            seen: None,
            entered: None,
            items: None,
            open_until: Timestamp(0),
            reason: None,
            failed: None,
            caught: None,
            rounds: 0,
            rounds_max: repeat.map_or(0, |repeat| repeat.rounds_max),
            same: None,
            unsent: false,
            queues: false,
            out: false,
            start: Timestamp(0),
            refused: fail_if.map_or(Class::InvalidOutput, |(_, class)| class),
            doubt: None,
            awaits: None,
            heard: None,
            plea: None,
            last_good: None,
            compensated: false,
            holds: SmallVec::new(),
        }
    }

    /// A task that was ready at this instant and that no record speaks of yet.
    pub(super) fn ready_at(graph: &Graph, path: &TaskPath, ready: Timestamp) -> Self {
        Self { seen: Some(ready), ..Self::new(graph, path) }
    }

    /// It has not been sent, and does not start before this instant.
    pub(super) const fn parked_until(mut self, start: Timestamp) -> Self {
        (self.unsent, self.start) = (true, start);
        self
    }

    /// The time of a group, a loop or a `foreach` is that of what is inside.
    pub(super) fn around(&mut self, inside: Vec<Stretch>) {
        self.unsent = false;
        self.stretches = inside.into();
    }

    pub(super) fn take(&mut self, change: &Change, at: Timestamp, targets: &mut BTreeSet<Arc<str>>) {
        self.seen.get_or_insert(at);
        match change {
            Change::Entered(evaluation) if evaluation.truth == Some(false) => {
                self.settle(TaskStatus::Skipped, at, Some(Reason::Condition));
            }
            Change::Entered(evaluation) => {
                (self.entered, self.items) = (Some(at), evaluation.count);
                self.start = evaluation.time.unwrap_or_default();
                self.begins_to_wait(evaluation, at);
            }
            Change::Waited(waited) => self.waited_for(waited, at),
            Change::Reminded => {}
            Change::Pleaded(plea) => self.pleads(plea, at),
            Change::Referenced { reference } => self.is_run(reference),
            Change::Dispatched(dispatched) => self.dispatched(dispatched, at, targets),
            Change::Finished(finished) => self.finished(finished, at),
            Change::Judged { evaluation, next: Next::Succeed } if evaluation.good == Some(false) => {
                self.settle(TaskStatus::Skipped, at, Some(Reason::NotGood));
            }
            Change::Judged { evaluation, next } => {
                if let Some(attempt) = self.attempts.last_mut().filter(|_| *next != Next::Succeed) {
                    let refused = evaluation.refused.clone().map(|why| (Class::InvalidOutput, why));
                    attempt.failed = Some(refused.unwrap_or_else(|| (self.refused, REFUSED.into())));
                    self.failed.clone_from(&attempt.failed);
                }
                self.follow(next, at);
            }
            Change::Caught { failure, .. } => {
                let failed = failure.as_deref().map(told).or_else(|| self.caught.take());
                let (class, message) = failed.unwrap_or_else(|| (Class::Permanent, Arc::default()));
                self.settle(TaskStatus::Succeeded, at, Some(Reason::Caught(class, message)));
            }
            Change::RoundJudged { evaluation, next } => self.round(evaluation, next, at),
            Change::Composed { .. } => self.settle(TaskStatus::Succeeded, at, None),
            Change::Reused { from, .. } => self.settle(TaskStatus::Succeeded, at, Some(Reason::Reused(*from))),
            Change::Cached(cached) => self.cached(cached, at),
            Change::Ended(ended) if ended.end == End::Preempted => self.gave_way(ended, at),
            Change::Ended(ended) => self.ended(ended, at),
            Change::Resolved(resolved) => self.resolved(resolved, at),
            Change::Abandoned { attempt, cost, tokens, fate, away, .. } => {
                self.abandoned(*attempt, (*cost, *tokens), *fate, *away, at);
            }
        }
    }

    /// It succeeded at this instant, of which there is no record.
    pub(super) fn succeed(&mut self, at: Timestamp) {
        self.settle(TaskStatus::Succeeded, at, None);
    }

    fn settle(&mut self, status: TaskStatus, at: Timestamp, reason: Option<Reason>) {
        self.settled = Some((status, at));
        self.pleads_no_more();
        self.awaits = None;
        // What `fail_if` let pass had run out nonetheless.
        let ran_out = self.reason.take().filter(|reason| matches!(reason, Reason::RanOut(..) | Reason::Cached(..)));
        self.reason = reason.or_else(|| ran_out.filter(|_| status == TaskStatus::Succeeded));
    }

    /// It ended with what it stood in, before it was sent, or sent again.
    pub(super) fn unsent(&mut self, waits: &Waits, at: Timestamp) {
        self.seen.get_or_insert(at);
        self.waited(waits, at);
        self.unsent = true;
        self.settle(TaskStatus::Cancelled, at, Some(Reason::EndedFirst(None)));
    }

    fn finished(&mut self, finished: &Finished, at: Timestamp) {
        self.stop(at);
        let failed = match &finished.outcome {
            Outcome::Succeeded(_) => None,
            // Who was turned away has done nothing wrong, and lost no try.
            Outcome::Failed(failure) if matches!(finished.next, Next::Back { .. }) => {
                Some((failure.class, format!("turned away, no try: {}", failure.message).into()))
            }
            Outcome::Failed(failure) => Some(told(failure)),
        };
        self.settles(finished, failed.clone(), at);
        self.failed = failed;
        self.follow(&finished.next, at);
    }

    fn round(&mut self, evaluation: &Evaluation, next: &NextRound, at: Timestamp) {
        self.rounds += 1;
        let before = std::mem::replace(&mut self.same, evaluation.same);
        match next {
            NextRound::Again => {}
            NextRound::Done => self.settle(TaskStatus::Succeeded, at, None),
            NextRound::Use { unpaid, .. } => {
                let ran_out = match evaluation.truth {
                    // Nobody asked whether it is done: it could not be paid for, or the time was over.
                    None if *unpaid => RanOut::Budget,
                    None => RanOut::Deadline,
                    Some(_) => RanOut::of_round(self.rounds, self.rounds_max, before, evaluation.same)
                        .unwrap_or(RanOut::Budget),
                };
                let rounds = self.rounds - u32::from(*unpaid);
                self.settle(TaskStatus::Succeeded, at, Some(Reason::RanOut(ran_out, rounds)));
            }
            NextRound::Fail(next) => self.follow(next, at),
        }
    }

    fn ended(&mut self, ended: &Ended, at: Timestamp) {
        let (end, away) = (ended.end, ended.away);
        let failed = match &ended.next {
            Next::Fail(failure) | Next::Doubt(failure) | Next::Rung { failure: Some(failure), .. } => told(failure),
            Next::Judge | Next::Succeed | Next::Retry { .. } | Next::Back { .. } | Next::Rung { failure: None, .. } => {
                (end.class(), end.sentence().into())
            }
        };
        self.waited(&ended.waits, at);
        self.pleads_no_more();
        self.unsent = !ended.waits.is_empty();
        self.awaits = None;
        if self.running.is_some() {
            self.stop_before(away, at);
            // Of two the last that is out.
            let out = self.attempts.iter().rposition(|attempt| attempt.ended.is_none());
            if let Some(out) = out {
                let attempt = &mut self.attempts[out];
                attempt.ended = Some(at.before(away));
                attempt.failed = Some(failed.clone());
                if matches!(end, End::Lost | End::Uncertain) {
                    (attempt.cost, attempt.tokens) = self.holds[out];
                }
            }
        }
        self.failed = Some(failed);
        match (end, &ended.next) {
            (End::Pruned, _) => self.settle(TaskStatus::Pruned, at, Some(Reason::Dropped)),
            (_, next) => self.follow(next, at),
        }
    }

    fn follow(&mut self, next: &Next, at: Timestamp) {
        match next {
            Next::Succeed => {
                let caught = self.caught.take().map(|(class, message)| Reason::Caught(class, message));
                self.settle(TaskStatus::Succeeded, at, caught);
            }
            Next::Fail(failure) => {
                let (class, message) = told(failure);
                self.settle(TaskStatus::Failed, at, Some(Reason::Failed(class, message)));
            }
            Next::Retry { at: again } => {
                self.stretches.push(Stretch { from: at, to: (*again).max(at), cause: Cause::Backoff });
            }
            Next::Rung { failure, .. } => {
                self.failed = failure.as_deref().map(told).or_else(|| self.failed.take());
                self.caught = self.failed.clone().or_else(|| Some((Class::Permanent, Arc::default())));
            }
            Next::Doubt(_) => self.doubt = Some(at),
            Next::Judge | Next::Back { .. } => {}
        }
    }

    fn stop(&mut self, at: Timestamp) {
        if let Some(from) = self.running.take() {
            self.stretches.push(Stretch { from, to: at.max(from), cause: Cause::Running });
        }
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.status() == TaskStatus::Succeeded
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.settled.is_some()
    }

    /// True for a group whose end would be a riddle without a word.
    pub(super) const fn has_reason(&self) -> bool {
        self.reason.is_some() && self.settled.is_some()
    }

    /// The run ended at this instant, and the task with it at the latest: what came after (the end of an abandoned attempt) is no part
    /// of its time.
    pub(super) fn cut(&mut self, at: Timestamp) {
        match self.settled {
            Some((_, ended)) if ended <= at => {}
            Some(_) | None => {
                self.stop(at);
                self.settle(TaskStatus::Cancelled, at, Some(Reason::EndedFirst(None)));
            }
        }
    }

    /// The task goes on: what it did last it did until `last`, and from there until `now` it waits for `cause`.
    pub(super) fn go_on(&mut self, last: Timestamp, now: Timestamp, cause: Cause) {
        self.out = self.running.is_some();
        self.stop(last);
        self.open_until = now.max(last);
        let mut from = self.stretches.last().map(|last| last.to).or(self.seen).unwrap_or(last);
        if let Some((since, cause)) = self.awaits.filter(|_| cause == Cause::Downtime) {
            // A person can take their time while no process is up.
            return self.stretches.push(Stretch { from: since.max(from), to: now.max(since), cause });
        }
        if cause == Cause::Downtime {
            // Until then a process worked on it; no record says what it waited for but for its start.
            if from < self.start.min(last) {
                self.stretches.push(Stretch { from, to: self.start.min(last), cause: Cause::Delay });
            }
            from = from.max(last);
        }
        if from < now && !(self.out && cause != Cause::Downtime) {
            self.stretches.push(Stretch { from, to: now, cause });
        }
    }

    pub(super) fn status(&self) -> TaskStatus {
        match (self.settled, self.stretches.last().map(|last| last.cause)) {
            (Some((status, _)), _) => status,
            (None, _) if self.queues => TaskStatus::Waiting,
            (None, _) if self.out => TaskStatus::Running,
            (None, Some(Cause::Backoff)) => TaskStatus::BackingOff,
            (None, _) => TaskStatus::Waiting,
        }
    }

    /// When it settled, or until when its time is reckoned.
    pub(super) fn end(&self) -> Timestamp {
        self.settled.map_or(self.open_until, |(_, at)| at)
    }

    /// The first that is known of it.
    pub(super) fn first(&self) -> Option<Timestamp> {
        let first = self.stretches.first().map(|first| first.from);
        first.into_iter().chain(self.seen).min()
    }

    pub(super) fn ready(&self) -> Timestamp {
        self.first().unwrap_or_default().min(self.end())
    }

    /// Its time from ready to its end, without gaps: what nothing accounts for is the scheduler's.
    pub(super) fn whole(&self) -> Vec<Stretch> {
        let end = self.end();
        let mut whole = Vec::with_capacity(self.stretches.len());
        let mut at = self.ready();
        for stretch in &self.stretches {
            let (from, to) = (stretch.from.clamp(at, end.max(at)), stretch.to.clamp(at, end.max(at)));
            whole.push(Stretch { from: at, to: from, cause: Cause::Scheduler });
            whole.push(Stretch { from, to, cause: stretch.cause });
            at = to;
        }
        whole.push(Stretch { from: at, to: end.max(at), cause: Cause::Scheduler });
        whole.retain(|stretch| stretch.from < stretch.to);
        whole
    }

    /// Its time from this instant on, at which it came to the run.
    pub(super) fn parts(&self, since: Timestamp) -> Vec<(Cause, Duration)> {
        let ready = self.ready();
        let mut parts: Vec<(Cause, Duration)> = Vec::new();
        let before = Stretch { from: since, to: ready, cause: Cause::Dependency };
        for stretch in [before].into_iter().chain(self.whole()) {
            let span = stretch.to.since(stretch.from);
            match parts.iter_mut().find(|(cause, _)| *cause == stretch.cause) {
                Some((_, sum)) => sum.0 += span.0,
                None if span > Duration::ZERO => parts.push((stretch.cause, span)),
                None => {}
            }
        }
        parts
    }

    pub(super) fn reasons(&self, path: &TaskPath, since: Timestamp) -> TaskReasons {
        TaskReasons {
            path: path.clone(),
            status: if self.compensated { TaskStatus::Compensated } else { self.status() },
            reason: self.reason.clone(),
            heard: self.heard.as_deref().cloned(),
            plea: self.plea.as_deref().copied(),
            last_good: self.last_good.as_deref().copied(),
            ready: self.ready(),
            ended: self.settled.map(|(_, at)| at),
            since,
            wall: self.end().since(since),
            parts: self.parts(since),
            attempts: self.attempts.to_vec(),
            queueing: None,
        }
    }

    pub(super) fn attempts(&self) -> &[AttemptReasons] {
        &self.attempts
    }

    pub(super) const fn is_caught(&self) -> bool {
        matches!(self.reason, Some(Reason::Caught(..)))
    }

    /// True if it ran, or waited to run: time for which the answer may have waited.
    pub(super) fn took_time(&self) -> bool {
        !self.attempts.is_empty() || !self.stretches.is_empty()
    }

    /// When it was opened, or its condition and start were known.
    pub(super) const fn entered(&self) -> Option<Timestamp> {
        self.entered
    }

    /// How many items a `foreach` has.
    pub(super) const fn items(&self) -> Option<u32> {
        self.items
    }

    /// How many rounds of a loop have been judged.
    pub(super) const fn rounds(&self) -> u32 {
        self.rounds
    }

    /// True if it was cancelled and nobody has said yet for whom.
    pub(super) const fn is_cancelled(&self) -> bool {
        matches!(self.reason, Some(Reason::EndedFirst(None)))
    }

    /// For whose failure it was cancelled.
    pub(super) const fn culprit(&self) -> Option<&TaskPath> {
        match &self.reason {
            Some(Reason::EndedFirst(culprit)) => culprit.as_ref(),
            Some(_) | None => None,
        }
    }

    /// It was cancelled because this task failed; without one, because a caller cancelled the run.
    pub(super) fn blame(&mut self, culprit: Option<TaskPath>) {
        self.reason = Some(culprit.map_or(Reason::CalledOff, |culprit| Reason::EndedFirst(Some(culprit))));
    }

    /// It failed, and was not cancelled, because this failed inside it.
    pub(super) fn fail_with(&mut self, inside: &Self) {
        self.settle(TaskStatus::Failed, inside.end(), inside.reason.clone());
    }

    /// It failed, and was not cancelled: so the run says, which failed for it.
    pub(super) fn fail_run(&mut self, failure: &Failure, at: Timestamp) {
        let (class, message) = told(failure);
        self.settle(TaskStatus::Failed, at, Some(Reason::Failed(class, message)));
    }
}

fn told(failure: &Failure) -> (Class, Arc<str>) {
    (failure.class, Arc::clone(&failure.message))
}
