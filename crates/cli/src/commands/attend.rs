//! A run from its submission to what comes after its answer, in front of somebody.

use std::io::Write as _;

use agendum_wire::v1::{RunDetail, Submit};
use tokio::time::{Duration, timeout};

use super::Context;
use super::patience::patiently;
use crate::client::Client;
use crate::failure::{FAILED, Failure, INTERRUPTED, LIMIT, UNREACHABLE};
use crate::hosting::{Session, Signal, signalled, tell};
use crate::next;
use crate::programs::Example;
use crate::show;

/// How long a run that is cancelled may take to answer.
pub(super) const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// What is done where a run was wide: its records are many.
pub(super) const READING: &str = "reading its records, for where its time went";

/// How much is said of a run.
#[derive(Clone, Copy)]
pub(crate) enum Telling<'a> {
    /// What happens as it happens, the answer, a timeline.
    Whole,
    /// Once it is done, a few lines; this was asked.
    Brief(&'a str),
}

/// How a command that attended a run ends.
enum Ending {
    /// The answer was printed; what goes on besides is hosted on.
    Answered(Result<(), Failure>),
    /// The process shall go at once.
    Terminated,
}

/// Submits, follows, prints the answer and where the time went; stays until what the document wants done after it is done.
pub(crate) async fn attend(
    context: &Context,
    mut session: Session,
    submission: &Submit,
    telling: Telling<'_>,
) -> Result<(), Failure> {
    match follow(context, &mut session, submission, telling).await {
        Ok(Ending::Answered(verdict)) => {
            let closed = session.close().await;
            verdict.and(closed)
        }
        Ok(Ending::Terminated) => {
            session.stop().await;
            Err(Failure::silent(INTERRUPTED))
        }
        Err(failure) => Err(session.refused(failure, context.json).await),
    }
}

async fn follow(
    context: &Context,
    session: &mut Session,
    submission: &Submit,
    telling: Telling<'_>,
) -> Result<Ending, Failure> {
    // From here on there is something to cancel, or to leave open.
    let signalled = signalled();
    let id = session.submit(&context.config, submission).await?.id;
    let mut follower = match telling {
        Telling::Brief(_) if !context.json => show::Follower::silent(&id),
        Telling::Whole | Telling::Brief(_) => show::Follower::new(&id, context.json),
    };
    let caught = tokio::select! {
        answered = answer(context, session, &mut follower, &id, context.json) => {
            let verdict = conclude(context, session, &id, &answered?, telling).await?;
            return Ok(if after(session, &mut follower).await? { Ending::Answered(verdict) } else { Ending::Terminated });
        }
        caught = signalled => caught?,
    };
    follower.close()?;
    if caught == Signal::Terminate {
        let goes_on = if session.is_host() {
            "is left open and goes on with the next owner of the data directory"
        } else {
            "goes on with its server"
        };
        tell(&format!("stopped: run {id} {goes_on}"));
        tell(&format!("next: {} runs watch {id}", next::hosting()));
        return Ok(Ending::Terminated);
    }
    tell(&format!("cancelling {id} …"));
    // It may just have ended.
    let _ended = session.client.command(&id, "cancel").await;
    if let Ok(Ok(detail)) = timeout(CANCEL_WAIT, session.client.answer(&id, false)).await {
        let _verdict = conclude(context, session, &id, &detail, telling).await?;
    }
    Ok(Ending::Answered(Err(Failure::silent(INTERRUPTED))))
}

/// Follows a run to its answer, over restarts of the server.
pub(crate) async fn answer(
    context: &Context,
    session: &mut Session,
    follower: &mut show::Follower,
    id: &str,
    tasks: bool,
) -> Result<RunDetail, Failure> {
    loop {
        let gone = match follower.read(&session.client).await {
            Ok(true) => return ask(context, session, async |client| client.answer(id, tasks).await).await,
            Ok(false) => Failure::silent(UNREACHABLE),
            Err(failure) if failure.code == UNREACHABLE => failure,
            Err(failure) => return Err(failure),
        };
        tracing::debug!(?gone, "the server does not answer");
        tell("the server stopped; waiting for it to come back");
        session.come_back(id).await?;
    }
}

/// Asks about a run that is answered. The host may go at that moment, for nothing keeps it any more.
async fn ask<T>(
    context: &Context,
    session: &mut Session,
    asked: impl AsyncFn(&Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match asked(&session.client).await {
        Err(failure) if failure.code == UNREACHABLE && !session.is_host() => {
            session.read_on(&context.config).await?;
            asked(&session.client).await
        }
        answered => answered,
    }
}

/// Prints how a run ended.
pub(super) async fn conclude(
    context: &Context,
    session: &mut Session,
    id: &str,
    detail: &RunDetail,
    telling: Telling<'_>,
) -> Result<Result<(), Failure>, Failure> {
    let why = ask(context, session, async |client| client.why(id, None, 0).await);
    let why = patiently(context.json, READING, why).await?;
    if context.json {
        let line = serde_json::json!({ "type": "result", "run": detail, "why": why });
        writeln!(show::out(), "{line}")?;
        return Ok(verdict(detail));
    }
    match telling {
        Telling::Whole => {
            show::timeline(&why, detail)?;
            show::output(detail)?;
        }
        Telling::Brief(asked) => show::brief(asked, detail, &why)?,
    }
    let verdict = verdict(detail);
    // Whatever failed ends with a hint of its own.
    if detail.run.status != "failed" {
        let space = if detail.output.is_some() { "\n" } else { "" };
        writeln!(show::err(), "{space}next: {} why {id}", next::reading())?;
    }
    Ok(verdict)
}

/// The answer is out; what the document wants done after it still needs the process that hosts the run. False if it shall go.
pub(super) async fn after(session: &Session, follower: &mut show::Follower) -> Result<bool, Failure> {
    if !session.is_host() {
        return Ok(true);
    }
    tokio::select! {
        done = follower.rest(&session.client) => done.map(|_| true),
        caught = signalled() => Ok(caught.map(|_| false)?),
    }
}

/// The exit code of a run.
fn verdict(detail: &RunDetail) -> Result<(), Failure> {
    match detail.run.status.as_str() {
        "succeeded" => Ok(()),
        "cancelled" => Err(Failure::new(FAILED, format!("run {} was cancelled", detail.run.id))),
        _ => {
            let (class, message) = detail
                .error
                .as_ref()
                .map_or(("", "without a reason"), |error| (error.class.as_str(), error.message.as_str()));
            let code = if matches!(class, "deadline_exceeded" | "budget_exceeded") { LIMIT } else { FAILED };
            let task = detail
                .error
                .as_ref()
                .and_then(|error| error.task.as_ref())
                .map_or(String::new(), |task| format!(" in {task}"));
            let hint = match Example::named(&detail.run.graph).filter(|example| example.lacks_a_program()) {
                Some(example) => format!("agendum doctor {}", example.name()),
                None => format!("{} why {}", next::reading(), detail.run.id),
            };
            Err(Failure::new(code, format!("the run failed{task}: {class}: {message}")).hint(hint))
        }
    }
}
