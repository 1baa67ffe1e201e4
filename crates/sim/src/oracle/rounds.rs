//! The rounds of a loop: what is made of one that is over, and which of them counts.

use agendum_core::{NextRound, Step};
use agendum_types::graph::Exhausted;
use agendum_types::{Class, PayloadRef, RunId, TaskPath};

use super::records::Checked;
use super::state::{How, State};
use super::{Heard, Reference, ensure};

impl Reference {
    pub(super) fn round_judged(&mut self, id: RunId, path: &TaskPath, next: &NextRound) -> Checked {
        let run = &self.runs[&id];
        let repeat = run.task(path).repeat.clone().ok_or("it is no loop")?;
        let rounds = run.tasks[path].rounds.clone();
        let over = rounds.ends.is_some_and(|ends| ends <= self.now);
        let going = matches!(run.tasks[path].state, State::Open | State::Asking(Step::Round));
        let asked = run.tasks[path].state == State::Asking(Step::Round);
        let answered = matches!(&self.heard, Some(Heard::Evaluated(of, Ok(_))) if of.path == *path && of.run == id);
        let late = if self.once_is_out(id, path) { Class::Uncertain } else { Class::DeadlineExceeded };
        let (mut judged, mut done, mut class) = (rounds.judged, false, late);
        let mut ended = over;
        let mut same = None;
        if asked && answered {
            let evaluation = self.evaluation(id, path, Step::Round)?.evaluation;
            judged.push((evaluation.score, rounds.last.clone()));
            (done, class, same) = (evaluation.truth == Some(true), Class::Permanent, evaluation.same);
            let stuck = same.is_some() && same == rounds.same;
            let spent = repeat.budget.is_some_and(|most| {
                most.money.is_some_and(|most| rounds.spent >= most.plus(rounds.raised.0))
                    || most.tokens.is_some_and(|most| rounds.tokens >= most + rounds.raised.1)
            });
            let used_up = rounds.count >= repeat.rounds_max || stuck;
            ended = used_up || spent;
            if spent && !used_up {
                class = Class::BudgetExceeded;
            }
        } else if rounds.unpaid {
            (ended, class) = (true, Class::BudgetExceeded);
        } else {
            ensure(over && going, "neither was a round judged nor is the time of the loop over")?;
        }
        self.run(id).inst(path).rounds.judged.clone_from(&judged);
        self.run(id).inst(path).rounds.same = same;
        self.run(id).inst(path).rounds.unpaid = false;
        let used = match repeat.exhausted {
            Exhausted::UseLast => rounds.last.clone(),
            Exhausted::UseBest(_) => best(&judged),
            Exhausted::Fail | Exhausted::Escalate(_) => None,
        };
        self.free_round(id, path);
        match (next, done, ended, used) {
            (NextRound::Done, true, ..) => self.loop_gives(id, path, rounds.last, false),
            (NextRound::Again, false, false, _) => self.run(id).inst(path).state = State::Open,
            (NextRound::Use { output, unpaid }, false, true, Some(used)) => {
                ensure(**output == used, "another round's output counts")?;
                ensure(*unpaid == rounds.unpaid, "it was paid for, or not")?;
                self.loop_gives(id, path, Some(used), true);
            }
            (NextRound::Fail(next), false, true, None) => {
                let had_failed = self.runs[&id].failure.is_some();
                let may = self.caught_or(id, path, class, true);
                self.follow(id, path, &may, next)?;
                self.consequences(id);
                let failed_it = !had_failed && self.runs[&id].failure.is_some();
                if let (true, Exhausted::Escalate(task)) = (failed_it, repeat.exhausted) {
                    self.run(id).escalation = Some(task);
                }
            }
            (_, done, ended, used) => {
                return Err(format!("{next:?} follows; done {done}, ended {ended}, with {used:?}"));
            }
        }
        Ok(())
    }

    fn free_round(&mut self, id: RunId, path: &TaskPath) {
        let inside: Vec<TaskPath> = self.runs[&id].inside(path).into_iter().map(|(path, _)| path.clone()).collect();
        for round in inside {
            self.drop_task(id, &round, How::Cancelled);
            self.run(id).tasks.remove(&round);
        }
    }

    fn loop_gives(&mut self, id: RunId, path: &TaskPath, output: Option<PayloadRef>, degraded: bool) {
        let inst = self.run(id).inst(path);
        inst.output = output;
        inst.degraded |= degraded;
        inst.rounds.ends = None;
        self.judge_or_succeed(id, path);
    }
}

/// The output of the round with the greatest score, the first of them.
fn best(judged: &[(Option<i64>, Option<PayloadRef>)]) -> Option<PayloadRef> {
    let scores = judged.iter().rev().max_by_key(|(score, _)| *score);
    scores.and_then(|(_, output)| output.clone())
}
