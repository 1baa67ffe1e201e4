//! `runs retry`, `runs fork`: a new run that takes over what another one did.

use serde_json::{Map, Value as Json, json};

use super::run::meant;
use super::{Context, attend};
use crate::args::Anew;
use crate::failure::{Failure, USAGE};
use crate::hosting::{Session, tell};
use crate::{next, show};

pub(super) async fn retry(context: &Context, session: &mut Session, run: &str, anew: Anew) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let asked = json!({ "from": anew.from, "again": anew.again });
    follow(context, session, &id, "retry", &asked).await
}

pub(super) async fn fork(
    context: &Context,
    session: &mut Session,
    run: &str,
    inputs: &[String],
    anew: Anew,
) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let schema = schema(session, &id).await?;
    let mut changed = Map::new();
    for pair in inputs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--input {pair}: expected NAME=VALUE")))?;
        changed.insert(name.to_owned(), meant(&schema["properties"][name], value.to_owned()));
    }
    let asked = json!({ "from": anew.from, "again": anew.again, "inputs": changed });
    follow(context, session, &id, "fork", &asked).await
}

/// What the run's graph takes: its document is the second line of what is exported.
async fn schema(session: &Session, id: &str) -> Result<Json, Failure> {
    let exported = session.client.export(id).await?.text().await?;
    let document = exported.lines().nth(1).and_then(|line| serde_json::from_str::<Json>(line).ok());
    Ok(document.map_or(Json::Null, |line| line["document"]["inputs"].clone()))
}

/// Submits it, and follows it to its end as `runs watch` does.
async fn follow(context: &Context, session: &mut Session, id: &str, how: &str, asked: &Json) -> Result<(), Failure> {
    let new = match session.client.run_again(id, how, asked).await {
        Ok(new) => new,
        Err(failure) => return Err(taken_over(session, id, failure).await),
    };
    if !context.json {
        tell(&format!("{how} of {id}: run {new}"));
    }
    let mut follower = show::Follower::new(&new, context.json);
    let detail = attend::answer(context, session, &mut follower, &new, context.json).await?;
    let verdict = attend::conclude(context, session, &new, &detail, attend::Telling::Whole).await?;
    // What follows the answer is of this run, and so is what it takes back.
    attend::after(session, &mut follower).await?;
    verdict
}

/// A refusal, with the command that goes on where another run has gone on already.
async fn taken_over(session: &Session, id: &str, failure: Failure) -> Failure {
    let other = if failure.code == USAGE { session.client.run(id, 0).await.ok() } else { None };
    match other.and_then(|detail| detail.went_on) {
        Some(other) => failure.or_hint(format!("{} runs retry {other}", next::hosting())),
        None => failure,
    }
}
