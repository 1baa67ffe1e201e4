//! `notices`: how the endpoints that are told what becomes of runs stand, and a try of one.

use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_server::pinged;
use agendum_store_sqlite::Directory;
use agendum_wire::v1::{Endpoints, NoticeLine};
use owo_colors::OwoColorize as _;

use super::{Context, runs};
use crate::failure::{FAILED, Failure};
use crate::hosting::{Need, Session, reach, tell};
use crate::show;

pub(crate) async fn notices(context: &Context) -> Result<(), Failure> {
    let directory = Directory::look(&context.data);
    if directory.owner().is_none() && !directory.exists() {
        directory.has_not_lost_its_journal()?;
        return list(context, &Endpoints::default());
    }
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        list(context, &session.client.notices().await?)
    })
    .await
}

fn list(context: &Context, found: &Endpoints) -> Result<(), Failure> {
    if context.json {
        return show::json(found);
    }
    if found.endpoints.is_empty() {
        tell("nobody is told: [notices.NAME] in agendum.toml names endpoints, and a server tells them");
    }
    let mut out = show::out();
    let found = &out.harmless_value(found);
    for line in &found.endpoints {
        let given_up = if line.given_up > 0 { format!(", {} given up", line.given_up) } else { String::new() };
        let oldest = line.oldest.as_ref().map_or_else(String::new, |at| format!(" since {at}"));
        let (name, delivered, due) = (line.endpoint.bold(), line.delivered, line.due);
        writeln!(out, "{name}  {delivered} delivered, {due} due{oldest}{given_up}")?;
        if let Some(trouble) = trouble(line) {
            writeln!(out, "    {}", trouble.red())?;
        }
    }
    Ok(())
}

/// What is wrong with an endpoint, if something is.
pub(super) fn trouble(line: &NoticeLine) -> Option<String> {
    let error = line.error.as_ref()?;
    let at = line.failed_at.as_deref().unwrap_or_default();
    Some(if line.disabled {
        format!("{error} at {at}: told nothing more until its configuration changes")
    } else {
        format!("{error} at {at}")
    })
}

/// Tries an endpoint: as the owner of the data directory has it, else as the configuration does.
pub(crate) async fn test(context: &Context, name: &str) -> Result<(), Failure> {
    let said = match Directory::look(&context.data).owner() {
        Some(owner) => reach(&owner, &context.data).await?.try_notice(name).await?,
        None => {
            let endpoint = context.config.endpoint(name)?;
            pinged(name, agendum_engine::ping(&*endpoint.courier, Wall.now()).await)
        }
    };
    if context.json {
        show::json(&said)?;
        return if said.delivered { Ok(()) } else { Err(Failure::silent(FAILED)) };
    }
    match said.error {
        None => Ok(writeln!(show::err(), "{name} has it")?),
        Some(error) => Err(Failure::new(FAILED, format!("{name}: {error}"))),
    }
}
