//! `runs`: list, show, watch, steer.

use std::io::Write as _;
use std::path::Path;

use super::{Context, run};
use crate::args::Runs;
use crate::failure::Failure;
use crate::host::{Need, Session};
use crate::show;

pub(crate) async fn runs(context: &Context, command: Runs) -> Result<(), Failure> {
    let need = match &command {
        Runs::Ls { .. } | Runs::Show { .. } => Need::Reading,
        Runs::Watch { .. } | Runs::Add { .. } | Runs::Cancel { .. } | Runs::Pause { .. } | Runs::Resume { .. } => {
            Need::Engine
        }
    };
    let session = Session::open(&context.config, &context.data, need).await?;
    let ended = perform(context, &session, command).await;
    session.close().await;
    ended
}

async fn perform(context: &Context, session: &Session, command: Runs) -> Result<(), Failure> {
    let client = &session.client;
    match command {
        Runs::Ls { status, graph, limit } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(status.map(|status| ("status", status)));
            query.extend(graph.map(|graph| ("graph", graph)));
            let runs = client.runs(&query).await?;
            if context.json { show::json(&runs) } else { show::runs(&runs) }
        }
        Runs::Show { run, from } => {
            let detail = client.run(&client.resolve(&run).await?, from).await?;
            if context.json { show::json(&detail) } else { show::detail(&detail) }
        }
        Runs::Watch { run } => {
            let id = client.resolve(&run).await?;
            show::follow(client, &id, context.json).await?;
            let detail = client.answer(&id, context.json).await?;
            if context.json {
                show::json(&detail)?
            } else {
                show::output(&detail)?
            }
            run::verdict(&detail)
        }
        Runs::Add { run, tasks } => {
            let id = client.resolve(&run).await?;
            let text = std::io::read_to_string(open(&tasks)?)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", tasks.display())))?;
            client.add(&id, text).await?;
            writeln!(anstream::stderr(), "added to {id}; next: agendum runs watch {id}")?;
            Ok(())
        }
        Runs::Cancel { run } => steer(session, &run, "cancel").await,
        Runs::Pause { run } => steer(session, &run, "pause").await,
        Runs::Resume { run } => steer(session, &run, "resume").await,
    }
}

fn open(path: &Path) -> Result<Box<dyn std::io::Read>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = std::fs::File::open(path);
    let file = file.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Ok(Box::new(file))
}

async fn steer(session: &Session, run: &str, command: &str) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    session.client.command(&id, command).await?;
    if command == "cancel" {
        session.client.answer(&id, false).await?;
    }
    writeln!(anstream::stderr(), "{command}: {id}")?;
    Ok(())
}
