//! Attempts, and child runs: each takes what it took, or what such a one usually takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Answer, Dispatch, Event, Submission};
use agendum_types::graph::Work;
use agendum_types::{
    AttemptId, AttemptNo, Class, Duration, Failure, Money, Outcome, Parent, RunId, RunStatus, Success, Timestamp, Usage,
};

use super::says::Way;
use super::{Coming, Place, World};
use crate::replay::past::{Cue, Try, stopped};

/// An attempt that is out.
pub(super) struct Flight {
    place: Place,
    outcome: Outcome,
    degraded: bool,
    cost: Money,
    /// It never came to an end in the past: counted if it does here.
    made_up: bool,
    /// A child run of which nothing is known.
    is_child: bool,
}

/// Attempts that are out, but for child runs that are known.
pub(super) type Flights = BTreeMap<AttemptId, Flight>;

/// A child run, and the attempt that it is.
pub(super) struct Kid {
    pub(super) attempt: AttemptId,
    pub(super) answer: Option<Answer>,
    dispatch: Box<Dispatch>,
    stopped: Option<(Class, &'static str)>,
    submitted: bool,
    spent: Money,
}

impl World<'_> {
    pub(super) fn dispatch(&mut self, dispatch: Dispatch) {
        let attempt = dispatch.attempt.clone();
        let known = self.lives[&attempt.run].tries.get(&(attempt.path.clone(), self.pair(&attempt)));
        if dispatch.child.is_some() {
            return self.begin_child(dispatch);
        }
        self.played.attempts += 1;
        for part in [self.now.0, (attempt.run.0 >> 64) as u64, attempt.run.0 as u64, dispatch.target.0.into()] {
            self.hasher.update(&part.to_le_bytes());
        }
        self.fly(dispatch, known);
    }

    /// Which attempt of the past it is: those that gave way, there or here, were no tries.
    fn pair(&self, attempt: &AttemptId) -> AttemptNo {
        let (life, path) = (&self.lives[&attempt.run], &attempt.path);
        let here = self.ways.get(&attempt.run).and_then(|way| way.gave_way.get(path)).copied().unwrap_or(0);
        let mut number = attempt.attempt.0.saturating_sub(here);
        let there = life.gave_way.range((path.clone(), AttemptNo(0))..).take_while(|(of, _)| of == path);
        there.for_each(|(_, gave_way)| number += u32::from(gave_way.0 <= number));
        AttemptNo(number)
    }

    /// It ends as it did if it was the same on the same target; else as such a one usually does.
    fn fly(&mut self, dispatch: Dispatch, known: Option<&Try>) {
        let attempt = dispatch.attempt.clone();
        let target = &self.targets[usize::from(dispatch.target.0)];
        let same = known.filter(|known| known.target == target.name);
        let is_child = dispatch.child.is_some();
        let as_it_was = same.and_then(|of| Some((of, of.took?, of.outcome.clone()?)));
        let (took, mut flight) = if let Some((of, took, mut outcome)) = as_it_was {
            if let Outcome::Failed(failure) = &mut outcome
                && self.usual.pauses(&dispatch.graph, dispatch.node)
            {
                failure.retry_after = of.retry.or(failure.retry_after);
            }
            let (degraded, cost) = (of.degraded, of.cost);
            (took, Flight { place: Place::default(), outcome, degraded, cost, made_up: false, is_child })
        } else {
            let usual = self.usual.attempt(&dispatch.graph, dispatch.node, target);
            let most = dispatch.timeouts.attempt.into_iter().chain(target.attempt_max).min().unwrap_or(Duration::MAX);
            // One that was stopped had taken so long already, and would have taken longer.
            let stopped_after = same.and_then(|of| of.took).map_or(Duration::ZERO, |took| took.plus(Duration(1)));
            let took = usual.took.max(stopped_after);
            let (took, outcome) = if took > most {
                (most, stopped(Class::Timeout, "`timeout.attempt` has passed", usual.usage.tokens()))
            } else {
                (took, usual.outcome())
            };
            let cost = same.map_or(usual.cost, |of| of.cost.max(usual.cost));
            (took, Flight { place: Place::default(), outcome, degraded: false, cost, made_up: true, is_child })
        };
        let lives = self.lives;
        let life = &lives[&attempt.run];
        if let Some(pieces) = life.pieces.get(&(attempt.path.clone(), attempt.attempt)) {
            for piece in pieces {
                let added = Box::new(self.addition(&piece.growth));
                let event = Event::TasksStreamed { attempt: attempt.clone(), added };
                self.at(self.now.after(piece.after), Coming::Core(event));
            }
        }
        let ended = same.and_then(|of| of.ended);
        flight.place = self.at_as(self.now.after(took), ended, Coming::Ends(attempt.clone()));
        self.flights.insert(attempt, flight);
    }

    pub(super) fn ends(&mut self, attempt: &AttemptId) {
        let Some(flight) = self.flights.remove(attempt) else { return };
        self.played.made_up.attempts += u64::from(flight.made_up);
        self.pays(attempt.run, flight.cost);
        let (attempt, outcome) = (attempt.clone(), flight.outcome);
        self.tell(if flight.is_child {
            Event::ChildEnded { attempt, outcome, spent: flight.cost, degraded: flight.degraded }
        } else {
            Event::AttemptFinished { attempt, outcome }
        });
    }

    /// It is told to stop, and does at once. It costs what it cost: whoever serves it has been asked.
    pub(super) fn cancel(&mut self, attempt: &AttemptId) {
        let Some(flight) = self.flights.remove(attempt) else { return self.cancel_child(attempt) };
        self.coming.remove(&flight.place);
        let known = self.lives[&attempt.run].tries.get(&(attempt.path.clone(), attempt.attempt));
        let recorded = known.filter(|known| known.stopped.is_some());
        self.pays(attempt.run, recorded.map_or(flight.cost, |known| known.cost));
        let tokens = recorded.map_or_else(|| flight.outcome.usage().tokens(), |known| known.tokens);
        let outcome = match recorded.and_then(|known| known.stopped.clone()) {
            Some((_, Some(output))) => {
                let usage = Usage { tokens_in: tokens, calls: 1, ..Usage::default() };
                Outcome::Succeeded(Success { output, usage, raw_usage: None })
            }
            Some((no_effect, None)) => match stopped(Class::Cancelled, "told to stop", tokens) {
                Outcome::Failed(failure) => Outcome::Failed(Failure { no_effect, ..failure }),
                succeeded @ Outcome::Succeeded(_) => succeeded,
            },
            None => stopped(Class::Cancelled, "told to stop", tokens),
        };
        let attempt = attempt.clone();
        self.inbox.push_back(if flight.is_child {
            Event::ChildEnded { attempt, outcome, spent: flight.cost, degraded: false }
        } else {
            Event::AttemptFinished { attempt, outcome }
        });
    }

    fn cancel_child(&mut self, attempt: &AttemptId) {
        let mut kids = self.kids.iter_mut();
        let Some((run, kid)) = kids.find(|(_, kid)| kid.attempt == *attempt && kid.stopped.is_none()) else { return };
        kid.stopped = Some((Class::Cancelled, "the attempt was stopped"));
        let (run, submitted) = (*run, kid.submitted);
        if submitted {
            self.inbox.push_back(Event::CancelRequested(run));
        } else {
            self.at(self.now, Coming::ChildEnds(run));
        }
    }

    fn pays(&mut self, run: RunId, cost: Money) {
        let root = self.root(run);
        if let Some(course) = self.played.courses.get_mut(&root) {
            course.cost = course.cost.plus(cost);
        }
    }

    /// The child run that there was; where there was none, an attempt like another.
    fn begin_child(&mut self, dispatch: Dispatch) {
        let attempt = dispatch.attempt.clone();
        let lives = self.lives;
        let known = lives[&attempt.run].tries.get(&(attempt.path.clone(), attempt.attempt));
        let number = dispatch.child.as_ref().map_or(1, |inherited| inherited.number.max(1));
        let task: Arc<str> = dispatch.graph.path_text(&attempt.path).into();
        let child = self.children.get(&(attempt.run, task)).and_then(|runs| runs.get(number as usize - 1)).copied();
        let Some(run) = child.filter(|run| !self.kids.contains_key(run)) else {
            return self.fly(dispatch, known);
        };
        let after = known.map_or(Duration::ZERO, |known| lives[&run].at.since(known.began));
        if let Some(most) = dispatch.timeouts.attempt {
            self.at(self.now.after(most), Coming::ChildLate(run));
        }
        let dispatch = Box::new(dispatch);
        let kid = Kid { attempt, answer: None, dispatch, stopped: None, submitted: false, spent: Money::ZERO };
        self.kids.insert(run, kid);
        self.at(self.now.after(after), Coming::Child(run));
    }

    pub(super) fn submit_child(&mut self, run: RunId) {
        let lives = self.lives;
        let life = &lives[&run];
        let Some(kid) = self.kids.get_mut(&run).filter(|kid| kid.stopped.is_none()) else { return };
        let dispatch = &kid.dispatch;
        let Work::Call(call) = &dispatch.graph.task(dispatch.node).work else { return };
        let (Some(child), Some(inherited)) = (&call.child, dispatch.child.as_deref()) else { return };
        let left = dispatch.expires.map(|at| at.since(self.now));
        let submission = Submission {
            run,
            tenant: life.tenant.clone(),
            principal: life.submitted.principal.clone(),
            graph: Arc::clone(&self.graphs[&life.submitted.graph]),
            document: life.submitted.document.clone(),
            inputs: life.submitted.inputs.clone(),
            priority: Some(inherited.priority),
            deadline: left.into_iter().chain(child.graph.deadline).min(),
            budget: child.budget(),
            strict: inherited.strict,
            key: None,
            origin: life.submitted.origin.clone(),
            concurrency: None,
            parent: Some(Arc::new(Parent {
                run: kid.attempt.run,
                task: dispatch.graph.path_text(&kid.attempt.path).into(),
            })),
        };
        kid.submitted = true;
        self.ways.insert(run, Way::of(life));
        if self.told(Event::RunSubmitted(Box::new(submission))) {
            self.cue(run, &Cue::Submitted);
            return;
        }
        if let Some(kid) = self.kids.get_mut(&run) {
            kid.stopped = Some((Class::Overloaded, "no child run was begun"));
        }
        self.child_ends(run);
    }

    pub(super) fn child_late(&mut self, run: RunId) {
        let Some(kid) = self.kids.get_mut(&run).filter(|kid| kid.stopped.is_none()) else { return };
        kid.stopped = Some((Class::Timeout, "`timeout.attempt` has passed"));
        if kid.submitted {
            self.tell(Event::CancelRequested(run));
        } else {
            self.child_ends(run);
        }
    }

    /// Nothing more happens to a run: of a child the task is told, as long after as it was.
    pub(super) fn closed(&mut self, run: RunId, spent: Money) {
        let Some(kid) = self.kids.get_mut(&run) else { return };
        kid.spent = spent;
        let key = (kid.attempt.path.clone(), kid.attempt.attempt);
        let known = self.lives[&kid.attempt.run].tries.get(&key);
        let ended = known.and_then(|known| Some(known.began.after(known.took?)));
        let done = self.lives[&run].done;
        let after = ended.filter(|_| done < Timestamp::MAX).map_or(Duration::ZERO, |ended| ended.since(done));
        self.at(self.now.after(after), Coming::ChildEnds(run));
    }

    pub(super) fn child_ends(&mut self, run: RunId) {
        let Some(kid) = self.kids.get(&run) else { return };
        let known = self.lives[&kid.attempt.run].tries.get(&(kid.attempt.path.clone(), kid.attempt.attempt));
        let answer = kid.answer.as_ref();
        let tokens = answer.map_or(0, |answer| answer.tokens);
        let usage = Usage { tokens_in: tokens, calls: 1, ..Usage::default() };
        let given =
            answer.filter(|answer| answer.status == RunStatus::Succeeded).and_then(|answer| answer.output.clone());
        let recorded = known.and_then(|known| match known.outcome.as_ref()? {
            Outcome::Succeeded(success) => Some(success.output.clone()),
            Outcome::Failed(_) => None,
        });
        let outcome = match given {
            Some(output) => {
                let output = recorded.unwrap_or(output);
                Outcome::Succeeded(Success { output, usage, raw_usage: None })
            }
            None => {
                let (class, message) = kid.stopped.unwrap_or_else(|| {
                    let failed = answer.and_then(|answer| answer.failure.as_ref());
                    (failed.map_or(Class::Cancelled, |failed| failed.failure.class), "the child run has failed")
                });
                let failure = Failure { usage, ..Failure::new(class, message) };
                Outcome::Failed(if kid.submitted { failure } else { failure.without_effect() })
            }
        };
        let (attempt, spent) = (kid.attempt.clone(), kid.spent);
        let degraded = answer.is_some_and(|answer| answer.degraded);
        self.tell(Event::ChildEnded { attempt, outcome, spent, degraded });
    }
}
