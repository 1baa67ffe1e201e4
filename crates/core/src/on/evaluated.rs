//! Evaluations that were answered.

use std::sync::Arc;

use agendum_types::graph::{Exhausted, Loop as Repeat};
use agendum_types::{Class, Failure, PayloadRef, RunId, TaskPath};

use crate::action::{Bound, Purpose, RunFailure, Step};
use crate::event::Evaluation;
use crate::inst::{Body, Loop};
use crate::record::{Answered, Change, End, Ended, Next, NextRound, Record};
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;
use crate::why::RanOut;

/// What a result is told that `fail_if` refuses.
pub(crate) const REFUSED: &str = "its result fulfils `fail_if`";

impl Scheduler {
    pub(crate) fn on_evaluated(
        &mut self,
        run: RunId,
        path: &TaskPath,
        step: Step,
        result: Result<Evaluation, Arc<str>>,
    ) {
        self.evaluations_out = self.evaluations_out.saturating_sub(1);
        self.take_evaluation(run, path, step, result);
        self.ask_next();
    }

    fn take_evaluation(&mut self, run: RunId, path: &TaskPath, step: Step, result: Result<Evaluation, Arc<str>>) {
        let Some(slot) = self.board.slot(run) else {
            return;
        };
        if path.segments().is_empty() {
            return self.output_made(slot, result);
        }
        let Some(id) = self.board.find(slot, path).filter(|id| self.board.run(slot).inst(*id).is_asking(step)) else {
            return;
        };
        let mut evaluation = match result {
            Ok(evaluation) => self.labelled(slot, id, step, evaluation),
            Err(message) => {
                let failure = Failure::new(Class::Permanent, &message).labelled(&self.labels_seen(slot, id, step));
                let next = self.rung_or_fail(slot, id, failure, true);
                return self.end(slot, id, End::Unevaluable, next);
            }
        };
        match step {
            Step::Enter => {
                self.board.run_mut(slot).inst_mut(id).prefix = evaluation.prefix.take();
                self.record_task(slot, id, Change::Entered(Box::new(evaluation)));
            }
            Step::Judge => self.add_and_judge(slot, id, evaluation),
            Step::Round => self.judge_round(slot, id, evaluation),
            Step::Compose => self.with_payload(slot, id, evaluation, |output| Change::Composed { output }),
            Step::Catch => {
                // Of what failed inside no record has said why.
                let inst = self.board.run(slot).inst(id);
                let is_call = inst.layer.calls(self.board.plan(slot).task(inst.node));
                let failure = inst.failure.clone().filter(|_| !is_call);
                self.with_payload(slot, id, evaluation, |output| Change::Caught { output, failure });
            }
        }
    }

    fn with_payload(
        &mut self,
        slot: Slot,
        id: InstId,
        evaluation: Evaluation,
        change: impl FnOnce(Box<PayloadRef>) -> Change,
    ) {
        match evaluation.payload {
            Some(output) => self.record_task(slot, id, change(Box::new(output))),
            None => {
                let failure = Failure::new(Class::Permanent, "the evaluation gave no output");
                let next = self.rung_or_fail(slot, id, failure, true);
                self.end(slot, id, End::Unevaluable, next);
            }
        }
    }

    /// What was made carries the labels of what it was made from.
    fn labelled(&self, slot: Slot, id: InstId, step: Step, mut evaluation: Evaluation) -> Evaluation {
        if let Some(payload) = &mut evaluation.payload {
            payload.labels = self.labels_made(slot, id, step);
        }
        evaluation
    }

    pub(crate) fn judge(&mut self, slot: Slot, id: InstId, evaluation: Evaluation) {
        let next = if let Some(refused) = &evaluation.refused {
            let inst = self.board.run(slot).inst(id);
            // What has taken effect is not done again for a better plan.
            let failure = Failure::new(Class::InvalidOutput, &format!("its tasks cannot be added: {refused}"));
            let failure = failure.labelled(&self.labels_seen(slot, id, Step::Judge));
            self.next_after(slot, id, &failure, !inst.once)
        } else if evaluation.truth == Some(true) {
            let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
            let class = task.fail_if.map_or(Class::InvalidOutput, |(_, class)| class);
            let inst = self.board.run(slot).inst(id);
            let plan = self.board.plan(slot);
            let is_call = plan.capability(inst.node).is_some() && !plan.waits(inst.node) && task.repeat.is_none();
            // What has taken effect is not done again, whether the document or the target says that it lasts.
            let repeatable = is_call && !inst.once;
            let anew = repeatable.then(|| self.computed_anew(slot, id)).flatten();
            anew.unwrap_or_else(|| self.next_after(slot, id, &Failure::new(class, REFUSED), repeatable))
        } else {
            Next::Succeed
        };
        let given = self.judged_well(slot, id, &next).filter(|_| evaluation.good != Some(false));
        let output = self.board.run(slot).inst(id).output.clone();
        let keep = self.begin_keeping(slot, id, given, output.as_deref());
        self.record_task(slot, id, Change::Judged { evaluation: Box::new(evaluation), next });
        self.keep(keep);
    }

    fn judge_round(&mut self, slot: Slot, id: InstId, evaluation: Evaluation) {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let Some(Body::Loop(body)) = inst.body.as_deref() else {
            return;
        };
        let Some(repeat) = self.board.plan(slot).task(inst.node).repeat.clone() else {
            return;
        };
        let next = if evaluation.truth == Some(true) {
            NextRound::Done
        } else if let Some(failure) =
            Self::ran_out(body, &repeat, &evaluation, self.board.plan(slot).graph.is_agent(inst.node))
        {
            let output = match repeat.exhausted {
                Exhausted::UseLast => body.last.clone(),
                Exhausted::UseBest(_) => best(body, &evaluation),
                Exhausted::Fail | Exhausted::Escalate(_) => None,
            };
            match output {
                Some(output) => NextRound::Use { output: Box::new(output), unpaid: false },
                None => NextRound::Fail(self.rung_or_fail(slot, id, failure, true)),
            }
        } else {
            NextRound::Again
        };
        self.record_task(slot, id, Change::RoundJudged { evaluation: Box::new(evaluation), next });
    }

    /// Why a loop that is not done gets no further round.
    fn ran_out(body: &Loop, repeat: &Repeat, evaluation: &Evaluation, is_agent: bool) -> Option<Failure> {
        let is_spent = || {
            let budget = repeat.budget?;
            let (raised, raised_tokens) = body.raised;
            let money = budget.money.is_some_and(|most| body.spent >= most.plus(raised));
            let tokens = budget.tokens.is_some_and(|most| body.tokens >= most.saturating_add(raised_tokens));
            (money || tokens).then_some(RanOut::Budget)
        };
        let round = body.round;
        let why = RanOut::of_round(round, repeat.rounds_max, body.same, evaluation.same).or_else(is_spent)?;
        let message = match why {
            RanOut::Rounds if is_agent => format!("the model still called tools after {round} turns"),
            RanOut::Rounds => format!("`until` was not true after {round} rounds"),
            RanOut::Same => format!("rounds {} and {round} gave the same: no progress", round - 1),
            RanOut::Budget => format!("the loop's budget is spent after {round} rounds"),
            RanOut::Deadline => "the loop's deadline has passed".to_owned(),
        };
        let class = if why == RanOut::Budget { Class::BudgetExceeded } else { Class::Permanent };
        Some(Failure::new(class, &message))
    }

    /// The run's output is made, or cannot be.
    fn output_made(&mut self, slot: Slot, result: Result<Evaluation, Arc<str>>) {
        let run = self.board.run(slot);
        if run.phase != Phase::Composing {
            return;
        }
        let labels = match self.board.plan(slot).graph.output {
            Some(expr) => {
                self.board.labels_of(slot, &self.board.bindings(slot, InstId::TOP, &[(Purpose::Output, expr)]))
            }
            None => {
                let outputs = Bound::Outputs(self.board.outputs(slot));
                self.board.labels_of(slot, &[(agendum_types::graph::DataRef::PartialOutput, outputs)])
            }
        };
        let made =
            result.and_then(|evaluation| evaluation.payload.ok_or_else(|| Arc::from("the run's output gave no value")));
        let answered = match made {
            Ok(payload) => Answered {
                run: run.id,
                status: agendum_types::RunStatus::Succeeded,
                output: Some(PayloadRef { labels, ..payload }),
                failure: None,
                degraded: run.degraded,
                compensating: false,
            },
            Err(message) => {
                let failure = Failure::new(Class::Permanent, &format!("the run's output cannot be made: {message}"));
                let failure = failure.labelled(&labels);
                let ended = Ended::new(End::Unevaluable, Next::fail(failure.clone()));
                let change = Change::Ended(Box::new(ended));
                let record = Record::Task { run: run.id, path: TaskPath::default(), change };
                self.record_of(slot, record);
                debug_assert!(self.board.run(slot).failure.as_deref() == Some(&RunFailure { task: None, failure }));
                return;
            }
        };
        self.answer(slot, answered);
    }
}

/// The output of the round with the greatest score, this one included.
fn best(body: &Loop, evaluation: &Evaluation) -> Option<PayloadRef> {
    let score = evaluation.score.unwrap_or(i64::MIN);
    match &body.best {
        Some((best, output)) if *best >= score => Some(output.clone()),
        _ => body.last.clone(),
    }
}
