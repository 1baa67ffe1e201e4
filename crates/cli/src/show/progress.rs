//! A run as it goes: a line for each thing that happens, on stderr.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Duration;

use agendum_wire::v1::{Event, names};
use futures_util::StreamExt as _;
use owo_colors::OwoColorize as _;
use tokio::time::{Instant, sleep_until};
use unicode_width::UnicodeWidthStr as _;

use super::column::Column;
use super::said::Said;
use super::streams::Streams;
use super::tables::{counted, dollars, millis, window_used_up};
use super::{children, compensation, err, out, waits};
use crate::client::Client;
use crate::failure::Failure;
use crate::next;

/// How often a terminal is told how long things have taken.
const TICK: Duration = Duration::from_secs(1);

/// How long nothing has happened when it is asked what the run waits for, and how long at most until it is asked again.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_MAX: Duration = Duration::from_secs(10);
/// A run whose turn comes sooner than that is not said to wait for it.
const HELD_UNTOLD: Duration = Duration::from_millis(500);

/// Follows a run, over several servers if need be.
pub(crate) struct Follower {
    id: String,
    json: bool,
    view: View,
    /// The last event that was seen.
    after: u64,
    titled: bool,
    quiet: bool,
    ticks: bool,
    /// What was said of its waits.
    told: BTreeSet<String>,
    /// What was waited for last, and has come.
    reached: Option<String>,
    said: Said,
}

impl Follower {
    pub(crate) fn new(id: &str, json: bool) -> Self {
        let ticks = !json && err().is_terminal();
        let view = View { run: id.to_owned(), ..View::default() };
        let (told, reached, said) = (BTreeSet::new(), None, Said::default());
        Self { id: id.to_owned(), json, view, after: 0, titled: false, quiet: false, ticks, told, reached, said }
    }

    /// One that waits and shows nothing.
    pub(crate) fn silent(id: &str) -> Self {
        Self { titled: true, quiet: true, ticks: false, ..Self::new(id, false) }
    }

    /// Shows what happens until the run is answered; false if the server went before.
    pub(crate) async fn read(&mut self, client: &Client) -> Result<bool, Failure> {
        match (std::mem::replace(&mut self.titled, true), self.json) {
            (true, _) => {}
            (false, false) => writeln!(err(), "{} {}", "run".bold(), self.id)?,
            // Whoever reads on knows at once which run it is, whatever becomes of this command.
            (false, true) => writeln!(out(), "{}", serde_json::json!({ "type": "run", "id": self.id }))?,
        }
        self.until(client, "run.answered").await
    }

    /// Shows what comes after the answer, until nothing more does.
    pub(crate) async fn rest(&mut self, client: &Client) -> Result<bool, Failure> {
        self.view.after_answer = true;
        // For machines the result was the last line.
        self.quiet |= self.json;
        self.until(client, "run.done").await
    }

    async fn until(&mut self, client: &Client, kind: &str) -> Result<bool, Failure> {
        if self.reached.as_deref() == Some(kind) {
            // Whoever asked before was gone when it came.
            return Ok(true);
        }
        let mut events = std::pin::pin!(client.events(&self.id, self.after).await?);
        let mut tick = tokio::time::interval(TICK);
        let mut pause = LOOK;
        let mut look = Instant::now() + pause;
        let mut patience = std::pin::pin!(tokio::time::sleep(HELD_UNTOLD));
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = sleep_until(look), if !self.quiet && !self.json => {
                    self.waits(client).await?;
                    pause = LOOK_MAX.min(pause * 2);
                    look = Instant::now() + pause;
                    continue;
                }
                () = &mut patience, if self.view.turn == Turn::Awaited && !self.json && !self.quiet => {
                    let run = client.status(&self.id).await?;
                    self.view.held(run.waits_for_turn)?;
                    continue;
                }
                _ = tick.tick(), if self.ticks => {
                    self.view.tick(jiff::Timestamp::now())?;
                    continue;
                }
            };
            let Some(mut event) = event else {
                self.close()?;
                return Ok(false);
            };
            if !self.said.is_new(&mut event) {
                continue;
            }
            (pause, look) = (LOOK, Instant::now() + LOOK);
            self.after = self.after.max(event.seq);
            if self.quiet {
                // Only waited for.
            } else if self.json {
                writeln!(out(), "{}", serde_json::to_string(&event)?)?;
            } else {
                self.view.show(&err().harmless_value(&event))?;
            }
            if event.kind == kind {
                self.reached = Some(event.kind);
                self.close()?;
                return Ok(true);
            }
        }
    }

    /// Says what no event tells: that it asks for money, or waits for the next window of a budget, and what waits in its child runs.
    async fn waits(&mut self, client: &Client) -> Result<(), Failure> {
        let Ok(status) = client.status(&self.id).await else { return Ok(()) };
        let mut lines: Vec<String> = status.waits_for_window.iter().map(|from| window_used_up(from)).collect();
        lines.extend(status.waits_for_resume.iter().map(children::stopped));
        let asking = client.asking(&self.id).await.unwrap_or_default();
        lines.extend(waits::all_asking(&self.id, &asking));
        for line in lines {
            if self.told.insert(line.clone()) {
                self.view.close()?;
                self.view.text.named(None);
                let mut err = err();
                writeln!(err, "  {} {}", "?".yellow(), err.harmless(&line))?;
            }
        }
        Ok(())
    }

    /// Ends a line that is not finished.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        Ok(self.view.close()?)
    }
}

/// What to say of an event.
#[derive(Debug, PartialEq, Eq)]
enum Folded {
    /// Its own line.
    Shown,
    /// Nothing.
    Hidden,
    /// A line about many.
    Told(String),
}

/// Whether a run waits for its turn in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Come,
    Awaited,
    /// And that was said.
    Told,
}

/// Items of a task that are shown one by one; of the others, how far they are.
const ITEMS_SHOWN: u64 = 8;
/// Failures among the others that are shown.
const FAILURES_SHOWN: u64 = 8;

/// Running tasks that the line of a terminal names.
const STATUS_TASKS: usize = 3;

#[derive(Default)]
struct View {
    /// The run, for commands that answer it.
    run: String,
    /// Attempts that run: when they were sent. Forgotten when they end.
    started: BTreeMap<String, jiff::Timestamp>,
    /// Text of running tasks.
    text: Streams,
    /// Tasks whose attempt was said to have begun, and text that came before that was.
    begun: BTreeSet<String>,
    early: BTreeMap<String, (Option<u32>, String)>,
    /// Columns of a line that tells how long things have taken, to be written over; 0 if there is none.
    status: usize,
    /// The answer is out: what follows is titled when it begins.
    after_answer: bool,
    /// What ended attempts have cost.
    spent: f64,
    /// Tasks with items, by their path without indexes.
    many: BTreeMap<String, Many>,
    turn: Turn,
    /// Of the names of tasks.
    names: Column,
}

/// The items of one task.
#[derive(Default)]
struct Many {
    seen: u64,
    done: u64,
    failed: u64,
    /// The next number of finished items that is told.
    next: u64,
}

impl View {
    fn show(&mut self, event: &Event) -> std::io::Result<()> {
        // The end of an attempt that the answer did not wait for is no work that follows it.
        let follows = event.task.is_some() && event.kind != "task.abandoned";
        if follows && std::mem::take(&mut self.after_answer) {
            writeln!(err(), "after the answer (Ctrl-C leaves it to the next owner of the data directory):")?;
        }
        self.spent += event.cost_usd.unwrap_or(0.0);
        if event.group.is_some() {
            self.turn = Turn::Awaited;
        }
        match self.fold(event) {
            Folded::Shown => self.line(event)?,
            Folded::Hidden => {}
            Folded::Told(line) => {
                self.close()?;
                self.text.named(None);
                writeln!(err(), "  {} {line}", "…".dimmed())?;
            }
        }
        self.forget(event);
        Ok(())
    }

    /// An attempt that has ended runs no more; one whose result is judged has its end before it.
    fn forget(&mut self, event: &Event) {
        // What is told of a run may name a task, which goes on.
        let goes_on = event.kind.starts_with("run.")
            || matches!(&*event.kind, "task.started" | "task.judged" | "task.waiting" | "task.reminder" | "text");
        if let Some(task) = event.task.as_deref().filter(|_| !goes_on) {
            self.started.remove(task);
        }
        // Another attempt has a line of its own to come.
        if let (
            Some(task),
            "task.retrying" | "task.turned_away" | "task.catching" | "task.in_doubt" | "task.preempted",
        ) = (&event.task, &*event.kind)
        {
            self.begun.remove(task);
        }
    }

    /// What is to be said of an event: one of many items is told together with the others.
    fn fold(&mut self, event: &Event) -> Folded {
        let task = event.task.as_deref().unwrap_or_default();
        if let (Some(at), "task.started" | "task.waiting") = (event.at.parse().ok(), event.kind.as_str()) {
            self.started.insert(task.to_owned(), at);
        }
        if !task.contains('[') {
            return Folded::Shown;
        }
        let name = names(task);
        let many = self.many.entry(name.clone()).or_insert_with(|| Many { next: 100, ..Many::default() });
        let ends = matches!(
            event.kind.as_str(),
            "task.succeeded"
                | "task.compensated"
                | "task.compensation_failed"
                | "task.heard"
                | "task.failed"
                | "task.caught"
                | "task.cached"
                | "task.skipped"
                | "task.pruned"
        );
        let fails = matches!(
            event.kind.as_str(),
            "task.failed" | "task.compensation_failed" | "task.retrying" | "task.catching"
        );
        many.seen +=
            u64::from(event.kind == "task.started" && event.attempt == Some(1) || event.kind == "task.waiting");
        many.done += u64::from(ends);
        many.failed += u64::from(fails);
        if many.seen <= ITEMS_SHOWN {
            return Folded::Shown;
        }
        if ends && many.done >= many.next {
            // 100, 200, 500, 1000, …: few lines however many there are.
            many.next = if many.next.to_string().starts_with('2') { many.next / 2 * 5 } else { many.next * 2 };
            let failed =
                if many.failed > 0 { format!(", {}", counted(many.failed as usize, "failure")) } else { String::new() };
            let running = self.started.len().saturating_sub(1);
            let line = format!("{} {} done, {running} running{failed}", self.names.fit(&name), many.done);
            return Folded::Told(line);
        }
        if fails && many.failed <= FAILURES_SHOWN {
            return Folded::Shown;
        }
        Folded::Hidden
    }

    fn line(&mut self, event: &Event) -> std::io::Result<()> {
        let mut err = err();
        let task = event.task.as_deref().unwrap_or_default();
        if event.kind == "text" {
            return self.said((task, event.attempt), event.text.as_deref().unwrap_or_default());
        }
        self.erase()?;
        let rest = self.text.end(task);
        if !rest.is_empty() {
            write!(err, "{}", rest.dimmed())?;
        }
        self.close()?;
        self.text.named(event.task.as_deref());
        self.names.widen(task);
        let name = self.names.fit(task);
        match event.kind.as_str() {
            "task.started" => {
                let target = event.target.as_deref().unwrap_or_default();
                let again = event
                    .attempt
                    .filter(|attempt| *attempt > 1)
                    .map_or(String::new(), |attempt| format!(" attempt {attempt}"));
                writeln!(err, "  {} {name} {}{again}", "▸".cyan(), target.dimmed())?;
                self.begun.insert(task.to_owned());
                let early = self.early.remove(task).filter(|(attempt, _)| *attempt == event.attempt);
                early.map_or(Ok(()), |(attempt, text)| self.said((task, attempt), &text))
            }
            "task.succeeded" => self.ended(event, &"✓".green().to_string(), ""),
            "task.compensated" => self.ended(event, &"↩".green().to_string(), "taken back"),
            "task.waiting" => self.waiting(event),
            "task.reminder" => writeln!(err, "  {} {name} still waits", "?".yellow()),
            "task.heard" => self.heard(event),
            "run.budget_raised" | "run.budget_refused" => waits::raised(event),
            "task.caught" => self.ended(event, &"✓".yellow().to_string(), "caught, degraded"),
            "task.cached" => {
                let note = event.note.as_deref().unwrap_or_default();
                self.ended(event, &"✓".green().to_string(), &format!("kept: {note}"))
            }
            "task.skipped" => self.ended(event, &"·".dimmed().to_string(), "skipped"),
            "task.preempted" | "task.turned_away" => {
                self.ended(event, &"↷".yellow().to_string(), event.note.as_deref().unwrap_or_default())
            }
            "task.pruned" => self.ended(event, &"·".yellow().to_string(), "pruned"),
            "task.failed" | "task.compensation_failed" | "task.catching" | "task.retrying" | "task.in_doubt" => {
                self.failed(event)
            }
            "text.restarted" => writeln!(err, "  {} {task}: the text above does not count", "↺".yellow()),
            "run.begun" if std::mem::take(&mut self.turn) == Turn::Told => writeln!(err, "  its turn has come"),
            "run.cancel_requested" => writeln!(err, "  {}", event.note.as_deref().unwrap_or("cancel requested")),
            "run.paused" => writeln!(err, "  paused: {} runs resume {} goes on", next::reading(), self.run),
            "run.quarantined" => {
                let note = event.note.as_deref().unwrap_or_default();
                writeln!(err, "  held, for {note}: {} runs resume {} lets it go on", next::reading(), self.run)
            }
            "run.compensated" | "run.compensation_failed" => {
                let lines = event.compensation.as_ref().map(compensation::lines).unwrap_or_default();
                lines.into_iter().try_for_each(|line| writeln!(err, "  {line}"))
            }
            _ => Ok(()),
        }
    }

    /// A piece of a task's text. It may come before the line that says that its attempt has begun: then it waits for that.
    fn said(&mut self, (task, attempt): (&str, Option<u32>), text: &str) -> std::io::Result<()> {
        if !self.begun.contains(task) {
            let early = self.early.entry(task.to_owned()).or_default();
            if early.0 != attempt {
                *early = (attempt, String::new());
            }
            early.1.push_str(text);
            return Ok(());
        }
        let shown = self.text.take(task, text);
        if shown.is_empty() {
            return Ok(());
        }
        self.erase()?;
        let mut err = err();
        write!(err, "{}", shown.dimmed())?;
        err.flush()
    }

    fn close(&mut self) -> std::io::Result<()> {
        self.erase()?;
        let rest = self.text.close();
        if rest.is_empty() { Ok(()) } else { write!(err(), "{rest}") }
    }

    /// How long what runs has run, and what the run has cost: a line that the next one replaces.
    fn tick(&mut self, now: jiff::Timestamp) -> std::io::Result<()> {
        if self.text.is_open() {
            return Ok(());
        }
        self.erase()?;
        if let Some(line) = self.status_line(now) {
            let mut err = err();
            write!(err, "{}", line.dimmed())?;
            err.flush()?;
            self.status = line.width();
        }
        Ok(())
    }

    fn status_line(&self, now: jiff::Timestamp) -> Option<String> {
        // What has just begun has a line of its own right above.
        let spans = self.started.iter().map(|(task, from)| (task, now.duration_since(*from).as_secs()));
        let mut running: Vec<String> = spans
            .filter(|(_, secs)| *secs > 0)
            .map(|(task, secs)| format!("{task} {}", millis(secs as f64 * 1_000.0)))
            .collect();
        if running.len() > STATUS_TASKS {
            let more = running.drain(STATUS_TASKS..).count();
            running.push(format!("{more} more"));
        }
        let spent = if self.spent > 0.0 { format!("  {}", dollars(self.spent)) } else { String::new() };
        (!running.is_empty()).then(|| format!("  … {}{spent}", running.join(", ")))
    }

    fn erase(&mut self) -> std::io::Result<()> {
        let width = std::mem::take(&mut self.status);
        if width > 0 {
            // With spaces: where colours are unwanted, no other sequence of a terminal comes through.
            write!(err(), "\r{:width$}\r", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{Event, RunError};

    use super::{Folded, View};

    fn event(kind: &str, task: &str) -> Event {
        let error = (kind == "task.failed").then(|| RunError {
            class: "timeout".into(),
            message: String::new(),
            task: None,
            retry_after_ms: None,
        });
        let at = "2026-01-01T00:00:00Z".to_owned();
        Event { kind: kind.to_owned(), task: Some(task.to_owned()), at, attempt: Some(1), error, ..Event::default() }
    }

    #[test]
    fn many_items_are_told_in_few_lines_and_forgotten_when_they_end() {
        let mut view = View::default();
        let (mut shown, mut told) = (0, Vec::new());
        for item in 0..10_000 {
            let end = if item % 100 == 50 { "task.failed" } else { "task.succeeded" };
            for kind in ["task.started", end] {
                let event = event(kind, &format!("each[{item}]/loop#1/call"));
                match view.fold(&event) {
                    Folded::Shown => shown += 1,
                    Folded::Hidden => {}
                    Folded::Told(line) => told.push(line),
                }
                view.forget(&event);
            }
            assert!(view.started.is_empty(), "what has ended is forgotten");
        }
        assert_eq!(view.fold(&event("task.started", "single")), Folded::Shown);
        insta::assert_snapshot!(format!("{shown} shown\n{}", told.join("\n")), @r"
        24 shown
        each/call                    100 done, 0 running, 1 failure
        each/call                    200 done, 0 running, 2 failures
        each/call                    500 done, 0 running, 5 failures
        each/call                    1000 done, 0 running, 10 failures
        each/call                    2000 done, 0 running, 20 failures
        each/call                    5000 done, 0 running, 50 failures
        each/call                    10000 done, 0 running, 100 failures
        ");
    }
}
