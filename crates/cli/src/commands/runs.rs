//! `runs`: list, show, watch, steer.

use std::io::Write as _;

use agendum_store_sqlite::Directory;
use agendum_wire::v1::{Run, TaskLine};

use super::{Context, again, attend, check, feedback, prune, waits};
use crate::args::Runs;
use crate::failure::{Failure, INTERRUPTED, USAGE};
use crate::hosting::{Need, Session, signalled, tell};
use crate::{next, show};

pub(crate) async fn runs(context: &Context, mut command: Runs) -> Result<(), Failure> {
    let need = match &command {
        Runs::Ls { .. } | Runs::Show { .. } => Need::Reading,
        Runs::Prune { dry_run: true, .. } => Need::Reading,
        Runs::Watch { .. }
        | Runs::Add { .. }
        | Runs::Retry { .. }
        | Runs::Fork { .. }
        | Runs::Feedback(_)
        | Runs::Cancel { .. }
        | Runs::Pause { .. }
        | Runs::Delete { .. }
        | Runs::Prune { .. }
        | Runs::Raise(_)
        | Runs::Resume { .. } => Need::Engine,
    };
    let directory = Directory::look(&context.data);
    if matches!(command, Runs::Ls { .. }) && directory.owner().is_none() && !directory.exists() {
        directory.has_not_lost_its_journal()?;
        return list(context, &[], true, false);
    }
    if let Some(word) = steered(&mut command) {
        known(context, word).await?;
    }
    in_session(context, need, async |session: &mut Session| perform(context, session, command).await).await
}

/// The run that is steered, as it was typed.
fn steered(command: &mut Runs) -> Option<&mut String> {
    match command {
        Runs::Watch { run }
        | Runs::Add { run, .. }
        | Runs::Retry { run, .. }
        | Runs::Fork { run, .. }
        | Runs::Cancel { run }
        | Runs::Pause { run }
        | Runs::Resume { run } => Some(run),
        Runs::Feedback(opinion) => Some(&mut opinion.run),
        Runs::Raise(asked) => Some(&mut asked.run),
        Runs::Ls { .. } | Runs::Show { .. } | Runs::Delete { .. } | Runs::Prune { .. } => None,
    }
}

/// Does something as a client of the owner of the data directory; as the owner, what goes on is hosted on.
pub(super) async fn in_session(
    context: &Context,
    need: Need,
    performed: impl AsyncFnOnce(&mut Session) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut session = Session::open(&context.config, &context.data, need).await?;
    // Whoever only looks on ends nothing, and is ended as any program.
    let caught = async { if need == Need::Engine { signalled().await } else { std::future::pending().await } };
    let ended = tokio::select! {
        ended = performed(&mut session) => ended,
        caught = caught => {
            caught?;
            tell("stopped; what is open goes on with the owner of the data directory");
            session.stop().await;
            return Err(Failure::silent(INTERRUPTED));
        }
    };
    match ended {
        Ok(()) => session.close().await,
        Err(failure) => Err(session.refused(failure, context.json).await),
    }
}

/// Refuses a word that means no run by reading alone: an owner takes up what is open, and nobody pays for a slip of the pen. A word that means one
/// is its id from then on, and is not looked up again.
pub(super) async fn known(context: &Context, word: &mut String) -> Result<(), Failure> {
    let directory = Directory::look(&context.data);
    if directory.owner().is_some() || !directory.exists() {
        return Ok(());
    }
    // Whatever keeps it from being read is told by whoever opens it to go on.
    let Ok(session) = Session::open(&context.config, &context.data, Need::Reading).await else { return Ok(()) };
    let meant = match session.client.resolve(word).await {
        Ok(id) => session.client.status(&id).await.map(|_| id),
        Err(failure) => Err(failure),
    };
    session.stop().await;
    match meant {
        Ok(id) => *word = id,
        Err(failure) if failure.code == USAGE => return Err(failure),
        Err(_) => {}
    }
    Ok(())
}

async fn perform(context: &Context, session: &mut Session, command: Runs) -> Result<(), Failure> {
    let client = session.client.clone();
    match command {
        Runs::Ls { status, graph, limit } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(status.map(|status| ("status", status)));
            query.extend(graph.map(|graph| ("graph", graph)));
            list(context, &client.runs(&query).await?, session.is_hosted(), query.len() > 1)
        }
        Runs::Show { run, from, all } => {
            let detail = client.run(&client.resolve(&run).await?, from).await?;
            if context.json {
                return show::json(&detail);
            }
            let may_ask = |task: &TaskLine| task.waiting_on.as_deref() == Some("person") || task.child.is_some();
            let asks = !detail.run.done && detail.tasks.iter().any(may_ask);
            let asking = if asks { client.asking(&detail.run.id).await? } else { Vec::new() };
            show::detail(&detail, &asking, session.is_hosted(), all)
        }
        Runs::Watch { run } => {
            let id = client.resolve(&run).await?;
            let mut follower = show::Follower::new(&id, context.json);
            let detail = attend::answer(context, session, &mut follower, &id, context.json).await?;
            attend::conclude(context, session, &id, &detail, attend::Telling::Whole).await?
        }
        Runs::Add { run, tasks } => {
            let id = client.resolve(&run).await?;
            let (name, text) = check::addition(&tasks, &context.config.limits.0, context.json)?;
            let added = client.add(&id, text.clone()).await;
            if context.json {
                return show::json(&added?);
            }
            added.map_err(|failure| failure.located(&name, &text))?;
            writeln!(show::err(), "added to {id}; next: {} runs watch {id}", next::hosting())?;
            Ok(())
        }
        Runs::Retry { run, anew } => again::retry(context, session, &run, anew).await,
        Runs::Fork { run, inputs, anew } => again::fork(context, session, &run, &inputs, anew).await,
        Runs::Feedback(opinion) => feedback::give(context, session, opinion).await,
        Runs::Cancel { run } => steer(context, session, &run, "cancel").await,
        Runs::Pause { run } => steer(context, session, &run, "pause").await,
        Runs::Delete { runs } => prune::delete(context, &client, &runs).await,
        Runs::Prune { older_than, dry_run } => prune::prune(context, &client, older_than, dry_run).await,
        Runs::Raise(asked) => waits::raise(context, session, asked).await,
        Runs::Resume { run } => steer(context, session, &run, "resume").await,
    }
}

fn list(context: &Context, runs: &[Run], hosted: bool, filtered: bool) -> Result<(), Failure> {
    if context.json {
        return show::json(&runs);
    }
    match runs {
        [] if filtered => tell(&format!("no run is like that; {} runs ls lists all", next::reading())),
        [] => tell(&format!("no runs; start one: {} demo", next::reading())),
        _ => {}
    }
    show::runs(runs, hosted)
}

async fn steer(context: &Context, session: &Session, run: &str, command: &str) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let said = session.client.command(&id, command).await?;
    if command == "cancel" {
        session.client.answer(&id, false).await?;
    }
    if context.json {
        return show::json(&said);
    }
    let done = match command {
        "cancel" => "cancelled",
        "pause" => "paused",
        _ => "resumed",
    };
    writeln!(show::err(), "{done}: {id}")?;
    Ok(())
}
