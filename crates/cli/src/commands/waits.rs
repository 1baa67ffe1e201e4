//! `waits`, `approve`, `reject`, `signal`: what waits for people and signals, and their answers.

use std::io::{Read as _, Write as _};

use agendum_store_sqlite::Directory;
use agendum_wire::v1::{self, Decision, Signal, Told};
use serde_json::Value as Json;

use super::Context;
use super::runs::{in_session, known};
use crate::args::{Decide, Raise, Resolve, Send, Waits};
use crate::failure::Failure;
use crate::hosting::{Need, Session, tell};
use crate::{next, show};

pub(crate) async fn waits(context: &Context, asked: Waits) -> Result<(), Failure> {
    let directory = Directory::look(&context.data);
    if directory.owner().is_none() && !directory.exists() {
        directory.has_not_lost_its_journal()?;
        return list(context, &v1::Waits::default());
    }
    in_session(context, Need::Reading, async |session: &mut Session| {
        let mut query = vec![("limit", asked.limit.to_string())];
        query.extend(asked.queue.map(|queue| ("queue", queue)));
        if let Some(run) = &asked.run {
            query.push(("run", session.client.resolve(run).await?));
        }
        query.extend(asked.from.map(|from| ("from", from)));
        list(context, &session.client.waits(&query).await?)
    })
    .await
}

fn list(context: &Context, found: &v1::Waits) -> Result<(), Failure> {
    if context.json {
        return show::json(found);
    }
    if found.waits.is_empty() {
        tell("nothing waits for a person or a signal");
    }
    show::waits(found)
}

/// Approves or refuses.
pub(crate) async fn decide(context: &Context, approved: bool, mut asked: Decide) -> Result<(), Failure> {
    let value = asked.value.map(|value| json_of(&value)).transpose()?;
    known(context, &mut asked.run).await?;
    in_session(context, Need::Engine, async |session: &mut Session| {
        let id = session.client.resolve(&asked.run).await?;
        let decision = Decision { task: asked.task, approved, comment: asked.comment, value };
        let said = session.client.post(&id, "decisions", &decision).await;
        let said = said.map_err(|failure| failure.or_hint(format!("{} runs show {id}", next::reading())))?;
        told(context, &said, if approved { "approved" } else { "refused" }, &id)
    })
    .await
}

/// Tells whether an attempt took effect.
pub(crate) async fn resolve(context: &Context, mut asked: Resolve) -> Result<(), Failure> {
    let output = asked.output.map_or(Ok(Json::Null), |output| json_of(&output))?;
    let happened = (!asked.told.unknown).then_some(asked.told.happened);
    known(context, &mut asked.run).await?;
    in_session(context, Need::Engine, async |session: &mut Session| {
        let id = session.client.resolve(&asked.run).await?;
        let attempt = match asked.attempt {
            Some(attempt) => attempt,
            None => in_doubt(session, &id, asked.task.as_deref()).await?,
        };
        let told_of = Told { task: asked.task, attempt, happened, output };
        let said = session.client.post(&id, "effects", &told_of).await;
        let said = said.map_err(|failure| failure.or_hint(format!("{} waits --run {id}", next::reading())))?;
        told(context, &said, "told", &id)
    })
    .await
}

/// The attempt that is in doubt, of this task or of the only one; none has the number 0.
async fn in_doubt(session: &mut Session, id: &str, task: Option<&str>) -> Result<u32, Failure> {
    let waits = session.client.waits(&[("run", id.to_owned())]).await?.waits;
    let mut found = waits.iter().filter(|wait| task.is_none_or(|task| wait.task == task));
    Ok(found.find_map(|wait| wait.attempt).unwrap_or_default())
}

/// Raises a budget, or refuses to.
pub(super) async fn raise(context: &Context, session: &Session, asked: Raise) -> Result<(), Failure> {
    let id = session.client.resolve(&asked.run).await?;
    let done = if asked.refuse { "refused; what asked in" } else { "raised the budget of" };
    let raise = v1::Raise { task: asked.task, usd: asked.usd, tokens: asked.tokens, refuse: asked.refuse };
    let said = session.client.post(&id, "budget", &raise).await;
    let said = said.map_err(|failure| failure.or_hint(format!("{} waits --run {id}", next::reading())))?;
    if context.json {
        return show::json(&said);
    }
    let fails = if asked.refuse { " fails" } else { "" };
    writeln!(show::err(), "{done} {id}{fails}; next: {} runs watch {id}", next::hosting())?;
    Ok(())
}

pub(crate) async fn signal(context: &Context, mut asked: Send) -> Result<(), Failure> {
    let value = match asked.value.as_deref() {
        None => Json::Null,
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            json_of(&text)?
        }
        Some(text) => json_of(text)?,
    };
    known(context, &mut asked.run).await?;
    in_session(context, Need::Engine, async |session: &mut Session| {
        let id = session.client.resolve(&asked.run).await?;
        let signal = Signal { name: Some(asked.name.clone()), task: None, value };
        let said = session.client.post(&id, "signals", &signal).await?;
        if context.json || said["kept"] != true {
            return told(context, &said, "sent to", &id);
        }
        let waits = session.client.waits(&[("run", id.clone())]).await?.waits;
        let signals = waits.iter().filter(|wait| wait.awaits.of == "signal");
        let names: Vec<&str> = signals.filter_map(|wait| wait.awaits.name.as_deref()).collect();
        tell(&kept(&asked.name, &names));
        Ok(())
    })
    .await
}

/// That nothing waits for a signal, which may be mistyped, or early.
fn kept(name: &str, awaited: &[&str]) -> String {
    let meant = match agendum_spec::diagnostic::nearest(name, awaited.iter().copied()) {
        Some(near) => format!("; did you mean {near}?"),
        None if awaited.is_empty() => String::new(),
        None => format!("; what is waited for: {}", awaited.join(", ")),
    };
    format!(
        "no task waits for the signal {name} now: it is kept for the next of that run (not of its child runs) that does{meant}"
    )
}

fn told(context: &Context, said: &Json, done: &str, id: &str) -> Result<(), Failure> {
    if context.json {
        return show::json(said);
    }
    // It may have been a child run that waited.
    let what = said["run"].as_str().map_or_else(|| id.to_owned(), |run| format!("child run {run}"));
    writeln!(show::err(), "{done} {what}; next: {} runs watch {id}", next::hosting())?;
    Ok(())
}

fn json_of(text: &str) -> Result<Json, Failure> {
    serde_json::from_str(text.trim()).map_err(|error| {
        Failure::usage(format!("{text:?} is no JSON: {error}")).hint("a text stands in quotes: '\"yes\"'")
    })
}
