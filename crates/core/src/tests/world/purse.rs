//! Limits in a scenario: of the shard, and the windows of the tenant's budget.

use std::collections::BTreeMap;

use agendum_testkit::script;
use agendum_types::graph::OnExceeded;
use agendum_types::{Booked, Cap, Money, Seq, Target, Tenant, Timestamp, Window, Windows};

use super::World;
use crate::{Event, Scheduler};

/// What may be spent, and what bills have released, by the hour.
#[derive(Default)]
pub(super) struct Purse {
    pub(super) windows: Windows,
    billed: Vec<(Timestamp, Money)>,
    rebilled: Vec<(Timestamp, Money)>,
}

impl World {
    pub(super) fn of_the_purse(&mut self, word: &str, rest: &str) {
        match word {
            "windows" => self.limit_windows(rest),
            "billed" => self.bill(rest),
            "rebilled" => self.bill_again(rest),
            _ => self.purse(),
        }
    }

    pub(super) fn limit(&mut self, rest: &str) {
        let (name, value) = rest.split_once('=').unwrap();
        match name {
            "attempts_max" => self.limits.attempts_max = value.parse().unwrap(),
            "attempts" => self.limits.attempt_credits = value.parse().unwrap(),
            "evaluations" => self.limits.evaluation_credits = value.parse().unwrap(),
            "signals" => self.limits.signals_kept_max = value.parse().unwrap(),
            "runs" => self.limits.live_runs_max = value.parse().unwrap(),
            "tasks" => self.limits.live_tasks_max = value.parse().unwrap(),
            other => panic!("no limit {other:?}"),
        }
        self.core = Scheduler::new(self.limits.clone());
        self.journal.clear();
        self.durable = Seq(0);
        self.open();
    }

    fn limit_windows(&mut self, rest: &str) {
        let mut windows = Windows::default();
        for word in rest.split_whitespace() {
            let Some((name, value)) = word.split_once('=') else {
                windows.on_exceeded = OnExceeded::from_word(word).unwrap();
                continue;
            };
            let (name, of_tokens) = name.strip_suffix("_tokens").map_or((name, false), |name| (name, true));
            let window = Window::ALL.into_iter().find(|window| window.word() == name).unwrap();
            let cap: &mut Cap = &mut windows.caps[window as usize];
            if of_tokens {
                cap.tokens = Some(value.parse().unwrap());
            } else {
                cap.money = Some(script::cents(value));
            }
        }
        self.purse.windows = windows;
        self.event(Event::WindowsPublished(windows));
    }

    /// As a store does that has added up what the records settle.
    pub(super) fn tell_spending(&mut self) {
        let mut sums = BTreeMap::<(Window, Timestamp), (Money, u64)>::new();
        // Those of child runs are settled by their own attempts.
        let own = |booked: &&Booked| *booked.target != *Target::CHILD;
        for booked in self.journal.iter().filter_map(|entry| entry.booked.as_deref()).filter(own) {
            for window in Window::ALL {
                let sum = sums.entry((window, window.start(booked.taken))).or_default();
                *sum = (sum.0.plus(booked.cost), sum.1 + booked.tokens);
            }
        }
        for (hour, money) in &self.purse.rebilled {
            for window in Window::ALL {
                let sum = sums.entry((window, window.start(*hour))).or_default();
                sum.0 = sum.0.plus(*money);
            }
        }
        for (hour, money) in &self.purse.billed {
            for window in Window::ALL {
                let sum = sums.entry((window, window.start(*hour))).or_default();
                sum.0 = sum.0.minus(*money);
            }
        }
        for ((window, start), (money, tokens)) in sums {
            self.core.learn_spending(&Tenant::default(), window, start, money, tokens);
        }
    }

    /// So many cents of what was lost in this hour were never spent, says a bill.
    fn bill(&mut self, cents: &str) {
        let (tenant, hour, money) = (Tenant::default(), Window::Hour.start(self.now), script::cents(cents));
        self.purse.billed.push((hour, money));
        self.event(Event::SpendingReleased { tenant, hour, money, tokens: 0 });
    }

    /// So many cents of that were spent after all.
    fn bill_again(&mut self, cents: &str) {
        let (tenant, hour, money) = (Tenant::default(), Window::Hour.start(self.now), script::cents(cents));
        self.purse.rebilled.push((hour, money));
        self.event(Event::SpendingRecharged { tenant, hour, money, tokens: 0 });
    }

    fn purse(&mut self) {
        for window in Window::ALL {
            let [spent, held] = self.core.spending(&Tenant::default(), window);
            self.line(format!("{} spent {} held {}", window.word(), spent.0, held.0));
        }
    }
}
