//! A run as it goes: a line for each thing that happens, on stderr.

use std::collections::BTreeMap;
use std::io::Write as _;

use agendum_wire::v1::Event;
use futures_util::StreamExt as _;
use owo_colors::OwoColorize as _;

use crate::client::Client;
use crate::failure::Failure;

/// Follows the run to its answer.
pub(crate) async fn follow(client: &Client, id: &str, json: bool) -> Result<(), Failure> {
    let mut events = std::pin::pin!(client.events(id).await?);
    let mut view = View { started: BTreeMap::new(), open_text: None };
    if !json {
        writeln!(anstream::stderr(), "{} {id}", "run".bold())?;
    }
    while let Some(event) = events.next().await {
        let answered = event.kind == "run.answered";
        if json {
            writeln!(anstream::stdout(), "{}", serde_json::to_string(&event)?)?;
        } else {
            view.show(&event)?;
        }
        if answered {
            break;
        }
    }
    Ok(())
}

struct View {
    started: BTreeMap<String, (jiff::Timestamp, String)>,
    open_text: Option<String>,
}

impl View {
    fn show(&mut self, event: &Event) -> std::io::Result<()> {
        let mut err = anstream::stderr();
        let task = event.task.as_deref().unwrap_or_default();
        if event.kind == "text" {
            if self.open_text.as_deref() != Some(task) {
                self.close()?;
                write!(err, "  {} ", "│".dimmed())?;
                self.open_text = Some(task.to_owned());
            }
            let text = event.text.as_deref().unwrap_or_default().replace('\n', "\n  │ ");
            write!(err, "{}", text.dimmed())?;
            return err.flush();
        }
        self.close()?;
        let at: Option<jiff::Timestamp> = event.at.parse().ok();
        match event.kind.as_str() {
            "task.started" => {
                let target = event.target.clone().unwrap_or_default();
                if let Some(at) = at {
                    self.started.insert(task.to_owned(), (at, target.clone()));
                }
                let again = event
                    .attempt
                    .filter(|attempt| *attempt > 1)
                    .map_or(String::new(), |attempt| format!(" attempt {attempt}"));
                writeln!(err, "  {} {task:<28} {}{again}", "▸".cyan(), target.dimmed())
            }
            "task.succeeded" => self.ended(event, &"✓".green().to_string(), ""),
            "task.caught" => self.ended(event, &"✓".yellow().to_string(), "caught, degraded"),
            "task.skipped" => self.ended(event, &"·".dimmed().to_string(), "skipped"),
            "task.pruned" => self.ended(event, &"·".yellow().to_string(), "dropped"),
            "task.failed" | "task.catching" | "task.retrying" => {
                let reason =
                    event.error.as_ref().map_or(String::new(), |error| format!("{}: {}", error.class, error.message));
                let follows = match event.kind.as_str() {
                    "task.retrying" => ", will retry",
                    "task.catching" => ", will be caught",
                    _ => "",
                };
                self.ended(event, &"✗".red().to_string(), &format!("{reason}{follows}"))
            }
            "text.restarted" => writeln!(err, "  {} {task}: the text above does not count", "↺".yellow()),
            "run.cancel_requested" => writeln!(err, "  cancel requested"),
            _ => Ok(()),
        }
    }

    fn ended(&self, event: &Event, mark: &str, note: &str) -> std::io::Result<()> {
        let task = event.task.as_deref().unwrap_or_default();
        let at: Option<jiff::Timestamp> = event.at.parse().ok();
        let took = at
            .zip(self.started.get(task))
            .map_or(String::new(), |(at, (from, _))| format!("{:>7} ms", at.duration_since(*from).as_millis()));
        let cost = event.cost_usd.filter(|cost| *cost > 0.0).map_or(String::new(), |cost| format!("  ${cost:.6}"));
        writeln!(anstream::stderr(), "  {mark} {task:<28} {took:>10}{cost}  {}", note.dimmed())
    }

    fn close(&mut self) -> std::io::Result<()> {
        if self.open_text.take().is_some() {
            writeln!(anstream::stderr())?;
        }
        Ok(())
    }
}
