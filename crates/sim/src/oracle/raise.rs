//! Budgets that people raise, or do not.

use agendum_core::{Raise, Raised, Step};
use agendum_types::{Money, RunId, TaskPath};

use super::place::OUTPUT_CAP_MIN;
use super::records::Checked;
use super::state::State;
use super::{Heard, Reference, ensure};

impl Reference {
    /// What others hold would do, if it came back.
    pub(super) fn would_do(&self, id: RunId, path: &TaskPath, target: usize) -> bool {
        let run = &self.runs[&id];
        let Some(budget) = run.submitted.budget else { return false };
        let (with, wanted) = self.cases(id, path, target);
        let least = with(wanted.map(|cap| cap.min(OUTPUT_CAP_MIN as u32)));
        // What costs nothing is covered also where a provider has billed more than the budget.
        budget.money.is_none_or(|most| least.money <= most.minus(run.spent))
            && budget.tokens.is_none_or(|most| least.tokens <= most.saturating_sub(run.tokens))
    }

    /// What asks for money may have a cheaper target now.
    pub(super) fn begs_anew(&mut self) {
        let tasks = self.runs.values_mut().flat_map(|run| run.tasks.values_mut());
        tasks.filter(|inst| inst.state == State::Begs).for_each(|inst| inst.state = State::Ready);
    }

    fn begs(&self, id: RunId) -> bool {
        self.runs[&id].tasks.values().any(|inst| inst.state == State::Begs)
    }

    /// The place of the loop that is meant, if there is one of that name.
    fn raised_loop(&self, raise: &Raise) -> Option<TaskPath> {
        let run = &self.runs[&raise.run];
        let path = run.graph.parse_path(raise.task.as_ref()?)?;
        let inst = run.tasks.get(&path)?;
        let budget = run.task(&path).repeat.as_ref()?.budget?;
        let fits = run.is_loop(&path)
            && inst.how().is_none()
            && (raise.money == Money::ZERO || budget.money.is_some())
            && (raise.tokens == 0 || budget.tokens.is_some());
        fits.then_some(path)
    }

    pub(super) fn refuses_raise(&self, raise: &Raise) -> Checked {
        let Some(run) = self.runs.get(&raise.run).filter(|run| !run.is_answered()) else { return Ok(()) };
        let adds = raise.money > Money::ZERO || raise.tokens > 0;
        let can = match (&raise.task, raise.refused) {
            (Some(_), true) => false,
            (None, true) => self.begs(raise.run),
            (Some(_), false) => self.raised_loop(raise).is_some_and(|path| {
                let going = matches!(run.tasks[&path].state, State::Open | State::Asking(Step::Round));
                going && adds
            }),
            (None, false) => run.submitted.budget.is_some_and(|budget| {
                let money = raise.money == Money::ZERO || budget.money.is_some();
                money && (raise.tokens == 0 || budget.tokens.is_some()) && adds && self.can_set_aside(raise)
            }),
        };
        ensure(!can, "a raise was refused without a reason")
    }

    pub(super) fn raised(&mut self, said: &Raised) -> Checked {
        let Some(Heard::Raised(raise, is_set_aside)) = self.heard.take() else {
            return Err("nobody raises it".to_owned());
        };
        if !is_set_aside && self.around(&raise).is_some() {
            return self.sets_more_aside(raise, said);
        }
        let run = self.runs.get(&said.run).ok_or("no such run")?;
        ensure(!run.is_answered(), "its budget has ended")?;
        ensure((raise.run, &raise.by, raise.refused) == (said.run, &said.by, said.refused), "another decision")?;
        let amount = if raise.refused { (Money::ZERO, 0) } else { (raise.money, raise.tokens) };
        ensure(amount == (said.money, said.tokens), "another amount")?;
        if raise.task.is_some() {
            let path = self.raised_loop(&raise).ok_or("there is no such loop")?;
            ensure(path == said.path && !said.refused, "another loop")?;
            let (money, tokens) = &mut self.run(said.run).inst(&path).rounds.raised;
            (*money, *tokens) = (money.plus(said.money), *tokens + said.tokens);
            self.has_money_again_in(said.run, |of| *of == path);
            return Ok(());
        }
        ensure(said.path.0.is_empty(), "it is the run's")?;
        ensure(!said.refused || self.begs(said.run), "nothing was asked for")?;
        let run = self.run(said.run);
        run.refused = said.refused;
        run.tasks.values_mut().for_each(|inst| inst.asked = None);
        if let Some(budget) = &mut run.submitted.budget {
            budget.money = budget.money.map(|money| money.plus(said.money));
            budget.tokens = budget.tokens.map(|tokens| tokens + said.tokens);
        }
        self.has_money_again(said.run);
        let begging = self.run(said.run).tasks.values_mut().filter(|inst| inst.state == State::Begs && !said.refused);
        begging.for_each(|inst| inst.state = State::Ready);
        Ok(())
    }
}
