//! Waits in a scenario: what comes to them, and what is still waited for.

use std::sync::Arc;

use agendum_types::{Principal, RunId, WaitFor};

use super::{World, payload, run_id, run_name};
use agendum_testkit::script;
use agendum_types::Money;

use crate::{Addressee, Event, Raise, Signal};

impl World {
    pub(super) fn signal(&mut self, word: &str, rest: &str) {
        let (rest, by) = rest.split_once(" by=").unwrap_or((rest, "test"));
        let mut words = rest.split_whitespace();
        let run = run_id(words.next().unwrap());
        let (what, webhook) = (words.next().map(Arc::from), words.next().map(Arc::from));
        let to = match word {
            "signal" => Addressee::Named(WaitFor::Signal, what.unwrap()),
            "webhook" => Addressee::Named(WaitFor::Webhook, what.unwrap()),
            _ => Addressee::Task(WaitFor::Approval, what),
        };
        let approved = matches!(word, "approve" | "refuse").then_some(word == "approve");
        let signal = Signal { run, to, payload: payload(9), by: Principal::new(by), approved, attempt: None, webhook };
        self.event(Event::Signalled(Box::new(signal)));
    }

    /// Everywhere, or in a run and those inside it.
    pub(super) fn waits(&mut self, of: &str) {
        let within = if of.is_empty() { None } else { Some(self.core.within(run_id(of))) };
        let is_meant = |run: RunId| within.as_ref().is_none_or(|within| within.contains(&run));
        let (waits, _) = self.core.waits(|run, _| is_meant(run), RunId(0).., usize::MAX);
        for view in waits {
            let name = view.wait.name.map_or(String::new(), |name| format!(" {name}"));
            let expires = view.expires.map_or(String::new(), |at| format!(" until {}ms", at.0 / 1_000));
            let since = view.since.0 / 1_000;
            let plea = view.plea.map_or(String::new(), |plea| {
                let money = format!(": {} at least, {} left", plea.needs, plea.left);
                let tokens = format!(": {} tokens at least, {} left", plea.needs_tokens, plea.left_tokens);
                if plea.budget.money.is_some() { money } else { tokens }
            });
            self.line(format!(
                "{}/{} waits for {}{name} since {since}ms{expires}{plea}",
                run_name(view.run),
                view.task,
                view.wait.of
            ));
        }
    }

    /// `r1 50c`, `r1 tokens=9`, `r1 5c task=l`, `r1 refused`.
    pub(super) fn raise(&mut self, rest: &str) {
        let (rest, by) = rest.split_once(" by=").unwrap_or((rest, "test"));
        let mut words = rest.split_whitespace();
        let (run, by) = (run_id(words.next().unwrap()), Principal::new(by));
        let mut raise = Raise { run, task: None, money: Money::ZERO, tokens: 0, by, refused: false };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("refused", _) => raise.refused = true,
                ("tokens", count) => raise.tokens = count.parse().unwrap(),
                ("task", task) => raise.task = Some(task.into()),
                ("most", _) => raise.money = Money::MAX,
                (money, _) => raise.money = script::cents(money),
            }
        }
        self.event(Event::BudgetRaised(Box::new(raise)));
    }

    /// A person tells whether a task took effect: `r1/a yes`, `r1/a no`, `r1/a unknown`.
    pub(super) fn tell(&mut self, rest: &str) {
        let (name, word) = rest.split_once(' ').unwrap();
        let (run, task) = name.split_once('/').unwrap();
        let (task, attempt) = task.split_once('#').map_or((task, None), |(task, attempt)| (task, attempt.parse().ok()));
        let run = run_id(run);
        let approved = match word {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let to = Addressee::Task(WaitFor::Effect, Some(task.into()));
        let (payload, by) = (payload(9), Principal::new("ada"));
        self.event(Event::Signalled(Box::new(Signal { run, to, payload, by, approved, attempt, webhook: None })));
    }
}
