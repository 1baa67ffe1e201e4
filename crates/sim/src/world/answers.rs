//! How attempts end and expressions turn out: as the seed says.

use std::sync::Arc;

use agendum_core::{Change, Dispatch, Evaluate, Evaluation, Event, Make, Purpose, Record};
use agendum_types::{
    Class, Duration, Effect, Failure, Hash, Labels, MediaType, Outcome, PayloadRef, Prefix, Success, Timestamp, Usage,
};

use super::secrets::{knows, makes_known, quoting, secret, sees_any};
use super::{Coming, World};
use crate::chance::Chance;
use crate::generate::RUSH_SLOW;

impl World {
    pub(super) fn dispatch(&mut self, dispatch: Dispatch) {
        if dispatch.child.as_ref().is_some_and(|child| child.is_over) {
            return self.begin_child(dispatch);
        }
        self.checker.dispatched(&dispatch);
        if dispatch.effect != Effect::None {
            let attempt = dispatch.attempt.clone();
            self.left(attempt.run, "an attempt with an effect", |record| {
                matches!(record, Record::Task { path, change: Change::Dispatched(of), .. }
                    if *path == attempt.path && of.attempt == attempt.attempt && of.incarnation == attempt.incarnation)
            });
        }
        if dispatch.child.is_some() {
            return self.begin_child(dispatch);
        }
        let (span, outcome) = self.outcome(&dispatch);
        self.writes(&dispatch, span);
        let attempt = dispatch.attempt;
        if self.chance.hits(20) {
            let event = Event::AttemptReferenced { attempt: attempt.clone(), reference: Arc::from("job") };
            self.at(span / 2, Coming::Core(event));
        }
        let number = self.at(span, Coming::Core(Event::AttemptFinished { attempt: attempt.clone(), outcome }));
        self.flying.insert(attempt, number);
    }

    /// When an attempt ends, and how.
    pub(super) fn outcome(&mut self, dispatch: &Dispatch) -> (u64, Outcome) {
        let mut span = 1_000 + self.chance.below(100_000);
        if self.chance.hits(self.faults.slow) {
            span *= 20;
        }
        if *dispatch.graph.name == *RUSH_SLOW {
            span *= 3;
        }
        let (name, out) = (self.reference.name_of(dispatch.target), self.reference.out_at(dispatch.target));
        span *= self.outage.map_or(1, |of| of.slows(name, out));
        let attempt_max = dispatch.timeouts.attempt.unwrap_or(Duration::MAX);
        // The first output comes after a third of the time, and then in even steps.
        let silent = Duration(span / 3);
        let too_quiet = [dispatch.timeouts.first_output, dispatch.timeouts.idle].into_iter().flatten().min();
        let (tokens_in, tokens_out, egress_bytes) = (10, self.chance.below(40), self.payers.below(4_000));
        // What is slow gives as much each time, so that times can be compared.
        let tokens_out = if self.outage.is_some_and(|of| of.is_slow()) { 8 } else { tokens_out };
        let egress_bytes = if dispatch.is_paid { egress_bytes } else { 0 };
        let usage = Usage { tokens_in, tokens_out, calls: 1, egress_bytes, ..Usage::default() };
        if let Some(limit) = too_quiet.filter(|limit| silent > *limit) {
            span = limit.0.min(attempt_max.0);
            return (span, Outcome::Failed(Failure { usage, ..Failure::new(Class::Timeout, "too quiet") }));
        }
        if Duration(span) > attempt_max {
            return (attempt_max.0, Outcome::Failed(Failure { usage, ..Failure::new(Class::Timeout, "too late") }));
        }
        let is_down = self.outage.is_some_and(|of| of.is_now(name, self.now, out));
        if is_down {
            let class = self.chance.of(&[Class::Unavailable, Class::Overloaded, Class::Timeout]);
            // What has less room than is said of it mostly says so.
            let is_narrow = self.outage.is_some_and(|of| of.is_narrow());
            let class = if is_narrow && class == Class::Timeout { Class::Overloaded } else { class };
            return (span / 10, Outcome::Failed(Failure::new(class, "out of order").without_effect()));
        }
        if !self.chance.hits(self.faults.failing) {
            return (span, Outcome::Succeeded(Success { output: self.echo(dispatch), usage, raw_usage: None }));
        }
        let class = self.chance.of(&[
            Class::Unavailable,
            Class::RateLimited,
            Class::Overloaded,
            Class::Permanent,
            Class::InvalidOutput,
            Class::ContentBlocked,
        ]);
        let asks = matches!(class, Class::RateLimited | Class::Overloaded | Class::Unavailable) && self.chance.hits(50);
        let retry_after = asks.then(|| Duration::millis(1 + self.chance.below(400)));
        let failure =
            Failure { usage, retry_after, ..Failure::new(class, &quoting("as the seed says", knows(dispatch))) };
        let proven = self.chance.hits(30) || class == Class::RateLimited;
        (span, Outcome::Failed(if proven { failure.without_effect() } else { failure }))
    }

    pub(super) fn evaluated(&mut self, asked: Evaluate) -> Event {
        let mut evaluation = Evaluation::default();
        match &asked.make {
            Make::Values { exprs, .. } => {
                for (purpose, expr) in exprs {
                    if *purpose == Purpose::Wait {
                        let with = serde_json::from_str(&asked.graph.expr(*expr).source).unwrap_or_default();
                        let now = asked.now.max(evaluation.time.unwrap_or_default());
                        let wait = agendum_spec::wait::read(&with, now);
                        evaluation.wait = Some(Box::new(wait.expect("a generated wait is a right one")));
                    }
                    self.value(*purpose, &mut evaluation);
                    if (*purpose, evaluation.truth) == (Purpose::Condition, Some(false)) {
                        break;
                    }
                }
            }
            Make::Merged(_) | Make::Object(_) | Make::List(_) | Make::Collected { .. } => {
                evaluation.payload = Some(payload(self.chance.below(50)));
            }
        }
        if let Some(output) = &asked.plan {
            self.plan(&asked, output, &mut evaluation);
        }
        if makes_known(&asked) {
            evaluation.payload = evaluation.payload.map(secret);
        }
        let said = || Arc::from(quoting("as the seed says", sees_any(&asked)));
        let result = if self.chance.hits(self.faults.evaluations) { Err(said()) } else { Ok(evaluation) };
        Event::Evaluated { run: asked.run, path: asked.path, step: asked.step, result }
    }

    fn value(&mut self, purpose: Purpose, evaluation: &mut Evaluation) {
        match purpose {
            Purpose::Condition => evaluation.truth = Some(self.chance.hits(75)),
            Purpose::NotBefore => {
                let span = self.chance.below(200_000);
                let past = self.chance.hits(30);
                evaluation.time = Some(if past { Timestamp(0) } else { self.now.after(Duration(span)) });
            }
            Purpose::Items => {
                evaluation.count = Some(self.chance.below(6) as u32);
                evaluation.payload = Some(payload(3));
            }
            // Where results are kept many ask for the same.
            Purpose::Input if self.results.is_on => {
                evaluation.payload = Some(payload(self.chance.below(50) % 2));
                // By dice of its own.
                let mut dice = self.results.dice_beside();
                evaluation.prefix = dice.hits(50).then(|| Arc::new(prefix(&mut dice)));
            }
            Purpose::Input => {
                let byte = self.chance.below(50);
                evaluation.payload = Some(PayloadRef { size: 50 * byte, ..payload(byte) });
                evaluation.prefix = self.chance.hits(70).then(|| Arc::new(prefix(&mut self.chance)));
            }
            Purpose::Wait | Purpose::Output => evaluation.payload = Some(payload(self.chance.below(50))),
            Purpose::FailIf => evaluation.truth = Some(self.chance.hits(15)),
            Purpose::GoodIf => evaluation.good = Some(self.chance.hits(80)),
            Purpose::Until => evaluation.truth = Some(self.chance.hits(40)),
            Purpose::Same => evaluation.same = Some(Hash([self.chance.below(3) as u8; 32])),
            Purpose::Score => evaluation.score = Some(self.chance.below(4) as i64),
        }
    }

    /// Callers change their minds.
    pub(super) fn wishes(&mut self, run: agendum_types::RunId) {
        if self.chance.hits(10) {
            let span = self.chance.below(2_000_000);
            self.at(span, Coming::Told(Event::CancelRequested(run)));
        }
        if self.chance.hits(20) {
            let span = self.chance.below(300_000);
            self.at(span, Coming::Told(Event::PauseRequested(run)));
            let span = span + self.chance.below(500_000);
            self.at(span, Coming::Told(Event::ResumeRequested(run)));
        }
    }
}

/// Some conversations, each at some length.
fn prefix(chance: &mut Chance) -> Prefix {
    let of = 100 * chance.below(3);
    Prefix((of..=of + chance.below(4)).collect())
}

pub(crate) fn payload(byte: u64) -> PayloadRef {
    PayloadRef { hash: Hash([byte as u8; 32]), size: 10 + byte, media: MediaType::Json, labels: Labels::NONE }
}
