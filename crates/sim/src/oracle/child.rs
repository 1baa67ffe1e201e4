//! Child runs: what one may spend is set aside in its run's budget and in no window, waiting for it takes no credit, and no life forgets
//! one that is out.

use agendum_core::{Dispatch, Raise, Raised};
use agendum_types::graph::Work;
use agendum_types::{AttemptId, Duration, Money, Outcome, RunId, TaskPath};

use super::place::{Hold, Left};
use super::records::Checked;
use super::share::Counted;
use super::state::{Run, State};
use super::{Flight, Heard, Reference, ensure};

impl Run {
    /// A run of its own answers the call that is made here.
    pub(super) fn is_child(&self, path: &TaskPath) -> bool {
        self.set_aside(path).is_some()
    }

    /// What is set aside for it.
    pub(super) fn set_aside(&self, path: &TaskPath) -> Option<Hold> {
        // The task may be gone, and what it ran is still out.
        let Work::Call(call) = &self.graph.task(path.node()?).work else { return None };
        let budget = call.child.as_ref()?.budget();
        let money = budget.and_then(|budget| budget.money).unwrap_or(Money::ZERO);
        Some(Hold { money, tokens: budget.and_then(|budget| budget.tokens).unwrap_or(0), cap: None })
    }
}

impl Reference {
    /// Who names the task of a parent means the child run that it waits for, once that has told of itself.
    pub(super) fn raise_meant(&self, raise: &Raise) -> Raise {
        let found = || {
            let run = self.runs.get(&raise.run)?;
            let path = run.graph.parse_path(raise.task.as_ref()?)?;
            let State::Running(running) = &run.tasks.get(&path)?.state else { return None };
            running.child.filter(|_| run.is_child(&path))
        };
        match found().filter(|_| !raise.refused) {
            Some(run) => Raise { run, task: None, ..raise.clone() },
            None => raise.clone(),
        }
    }

    /// The live parent of a run whose budget is raised, and the task there that waits for it; `None` if nothing is set aside for it.
    pub(super) fn around(&self, raise: &Raise) -> Option<(RunId, Option<TaskPath>)> {
        let of =
            self.runs.get(&raise.run)?.submitted.parent.clone().filter(|_| raise.task.is_none() && !raise.refused)?;
        let run = self.runs.get(&of.run)?;
        let waits = |path: &TaskPath| {
            let state = run.tasks.get(path).map(|inst| &inst.state);
            matches!(state, Some(State::Running(_))) && run.is_child(path)
        };
        Some((of.run, run.graph.parse_path(&of.task).filter(waits)))
    }

    /// True if the purses around a child run cover what is to be set aside for it besides.
    pub(super) fn can_set_aside(&self, raise: &Raise) -> bool {
        match self.around(raise) {
            None => true,
            Some((_, None)) => false,
            Some((run, Some(path))) => {
                let covers = |(_, left, _): &(_, Left, _)| raise.money <= left.0 && raise.tokens <= left.1;
                self.purses(run, &path).iter().all(covers)
            }
        }
    }

    /// The first of two records: what is set aside grows, in the run around it.
    pub(super) fn sets_more_aside(&mut self, raise: Raise, said: &Raised) -> Checked {
        let Some((run, Some(path))) = self.around(&raise) else { return Err("nobody waits for it".to_owned()) };
        ensure(self.can_set_aside(&raise), "it is not covered")?;
        let (money, tokens, by) = (raise.money, raise.tokens, raise.by.clone());
        ensure(
            *said == Raised { run, path: path.clone(), money, tokens, by, refused: false },
            "something else is set aside",
        )?;
        if let State::Running(running) = &mut self.run(run).inst(&path).state {
            (running.hold, running.hold_tokens) = (running.hold.plus(money), running.hold_tokens + tokens);
        }
        self.heard = Some(Heard::Raised(raise, true));
        Ok(())
    }

    /// Attempts that take a credit.
    pub(super) fn credits(&self) -> usize {
        let takes = |flight: &&Flight| {
            let run = self.runs.get(&flight.attempt.run);
            run.is_none_or(|run| !run.is_child(&flight.attempt.path))
        };
        self.flights.iter().filter(takes).count()
    }

    pub(super) fn hear_child(&mut self, attempt: &AttemptId, outcome: &Outcome, spent: Money, degraded: bool) {
        let place = self.flights.iter().position(|flight| flight.attempt == *attempt);
        if let Some(place) = place {
            self.flights[place].child = Some((spent, degraded));
        }
        self.hear_outcome(attempt, outcome);
    }

    /// One of an earlier life that nobody awaits is told to stop, once in each life.
    pub(super) fn recalls(&mut self, dispatch: &Dispatch) -> Result<(), String> {
        let (attempt, target) = (&dispatch.attempt, usize::from(dispatch.target.0));
        let run = self.runs.get(&attempt.run).ok_or("no such run")?;
        let is_left = run.orphans.iter().any(|orphan| orphan.id == *attempt) && attempt.incarnation < self.incarnation;
        ensure(is_left && run.is_child(&attempt.path), "it was not left by an earlier life")?;
        ensure(!self.is_out(attempt), "it was told before")?;
        ensure(dispatch.reattach.is_some(), "a second one would be begun")?;
        self.stop.push(attempt.clone());
        let price = self.targets[target].price;
        let of = (run.submitted.priority as usize, run.tenant.clone());
        let counted = Counted { of, cost: 0, is_guess: false };
        let (attempt, sent, hold) = (attempt.clone(), self.now, Default::default());
        let needs = self.resources(attempt.run, &attempt.path).into();
        self.wakes(target);
        self.flights.push(Flight {
            attempt,
            target,
            price,
            sent,
            turn: 0,
            hold,
            bytes: 0,
            tokens: 0,
            counted,
            needs,
            expected: None,
            slow_at: None,
            ends_at: None,
            may_stop: false,
            reattached: true,
            start: Duration::ZERO,
            is_cold: false,
            freed: None,
            child: None,
        });
        Ok(())
    }

    fn is_out(&self, attempt: &AttemptId) -> bool {
        self.flights.iter().any(|flight| flight.attempt == *attempt)
    }

    /// None is left alone.
    pub(super) fn all_recalled(&self, id: RunId) -> Result<(), String> {
        let run = &self.runs[&id];
        let mut left = run.orphans.iter().filter(|orphan| run.is_child(&orphan.id.path) && !self.is_out(&orphan.id));
        ensure(left.next().is_none(), "a child run was left alone")
    }
}
