//! Lines that take more than a word: how something ended, and what it waits for.

use std::io::Write as _;

use agendum_wire::v1::{self, Event};
use owo_colors::OwoColorize as _;

use super::{Turn, View};
use crate::show::tables::{self, dollars, line, took};
use crate::show::{err, waits};

impl View {
    pub(super) fn failed(&mut self, event: &Event) -> std::io::Result<()> {
        let error = event.error.as_ref();
        let reason = error.map_or(String::new(), |error| line(&format!("{}: {}", error.class, error.message)));
        let follows = match event.kind.as_str() {
            "task.retrying" => "will retry",
            "task.catching" => "will be caught",
            "task.in_doubt" => "somebody finds out",
            "task.compensation_failed" => "is left",
            _ => "",
        };
        let between = if reason.is_empty() || follows.is_empty() { "" } else { ", " };
        self.ended(event, &"✗".red().to_string(), &format!("{reason}{between}{follows}"))?;
        self.waiting(event)
    }

    /// That nothing of it has begun, and why.
    pub(super) fn held(&mut self, turn: Option<v1::Turn>) -> std::io::Result<()> {
        self.turn = Turn::Told;
        self.erase()?;
        match turn {
            Some(turn) => writeln!(err(), "  {} {}", "?".yellow(), tables::turn(&turn)),
            None => Ok(()),
        }
    }

    /// That it waits, and how that is ended.
    pub(super) fn waiting(&self, event: &Event) -> std::io::Result<()> {
        let (Some(awaits), task) = (&event.awaits, event.task.as_deref().unwrap_or_default()) else { return Ok(()) };
        let answer = waits::answer(&self.run, task, awaits, event.attempt);
        let colon = if answer.is_empty() { "" } else { ": " };
        let name = self.names.fit(task);
        writeln!(err(), "  {} {name} waits for {}{colon}{answer}", "?".yellow(), waits::what(awaits))
    }

    pub(super) fn heard(&self, event: &Event) -> std::io::Result<()> {
        let by = event.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
        let (mark, how) = match event.approved {
            Some(true) => ("✓".green().to_string(), "approved"),
            Some(false) => ("✗".yellow().to_string(), "refused"),
            None if event.by.is_some() => ("✓".green().to_string(), "sent"),
            None => ("✓".green().to_string(), ""),
        };
        self.ended(event, &mark, &format!("{how}{by}"))
    }

    pub(super) fn ended(&self, event: &Event, mark: &str, note: &str) -> std::io::Result<()> {
        let task = event.task.as_deref().unwrap_or("the run");
        let at: Option<jiff::Timestamp> = event.at.parse().ok();
        // Nobody knows how long what a crash ended had run.
        let took = at
            .zip(self.started.get(task).filter(|_| !event.lost))
            .map_or(String::new(), |(at, from)| took(at.duration_since(*from).as_secs_f64() * 1_000.0));
        let cost =
            event.cost_usd.filter(|cost| *cost > 0.0).map_or(String::new(), |cost| format!("  {}", dollars(cost)));
        let over = event.over_usd.filter(|over| *over > 0.0);
        let over = over.map(|over| format!("{} of it billed above the hold", dollars(over)));
        let note = [over.as_deref(), Some(note).filter(|note| !note.is_empty())];
        let note: String = note.into_iter().flatten().map(|note| format!("  {}", note.dimmed())).collect();
        writeln!(err(), "  {mark} {} {took:>10}{cost}{note}", self.names.fit(task))
    }
}
