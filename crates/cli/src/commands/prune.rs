//! `runs delete` and `runs prune`: what is done goes, with all that is kept of it.

use std::collections::BTreeSet;
use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_types::{Duration, Timestamp};
use agendum_wire::v1::Run;
use serde_json::json;

use super::Context;
use crate::client::Client;
use crate::config::Age;
use crate::failure::{FAILED, Failure, UNREACHABLE};
use crate::show;

/// Runs of a page.
const PAGE: u32 = 1_000;
/// How long a run is kept for its key, from its submission on.
const KEY_KEPT: Duration = agendum_engine::KEY_KEPT;

pub(crate) async fn delete(context: &Context, client: &Client, runs: &[String]) -> Result<(), Failure> {
    // All of them are known before the first goes: `last` is the same run from first to last.
    let mut ids = Vec::new();
    for run in runs {
        ids.push(client.resolve(run).await?);
    }
    let (count, mut left) = (ids.len(), 0);
    for id in ids {
        match client.delete(&id).await {
            Ok(said) if context.json => show::json(&said)?,
            Ok(_) => writeln!(show::err(), "deleted: {id}")?,
            // Nobody is there for the others either.
            Err(failure) if failure.code == UNREACHABLE => return Err(failure),
            Err(failure) if count == 1 => return Err(failure),
            Err(failure) => {
                failure.print(context.json);
                left += 1;
            }
        }
    }
    if left > 0 { Err(Failure::new(FAILED, format!("{left} of {count} runs are not deleted"))) } else { Ok(()) }
}

pub(crate) async fn prune(context: &Context, client: &Client, older_than: Age, dry_run: bool) -> Result<(), Failure> {
    let ago = |age: Duration| Timestamp(Wall.now().0.saturating_sub(age.0)).to_string();
    let before = ago(older_than.0);
    let (mut runs, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = vec![("done_before", before.clone()), ("limit", PAGE.to_string())];
        query.extend(cursor.take().map(|last| ("before", last)));
        let page: Vec<Run> = client.runs(&query).await?;
        let Some(last) = page.last() else { break };
        cursor = Some(last.id.clone());
        runs.extend(page.into_iter().map(Old::of));
    }
    // From the oldest on: a child and a retry are younger than the run with which they may go.
    runs.reverse();
    if dry_run {
        return foreseen(context, client, &runs, &ago(KEY_KEPT)).await;
    }
    let mut deleted = 0;
    for run in &runs {
        deleted += usize::from(is_deleted(client, &run.id).await?);
    }
    told(context, deleted, runs.len() - deleted, false)
}

/// What is to be known of a run that may go.
struct Old {
    id: String,
    submitted: String,
    graph: String,
    keyed: bool,
    parent: Option<String>,
}

impl Old {
    fn of(run: Run) -> Self {
        let Run { id, submitted, graph, keyed, parent, .. } = run;
        Self { id, submitted, graph, keyed, parent: parent.map(|of| of.run) }
    }
}

/// What would be deleted of these runs, the oldest first: a line for each, and how many would be kept. Which of them others took over, and
/// keep for that, only their owner knows.
async fn foreseen(context: &Context, client: &Client, runs: &[Old], keyed_since: &str) -> Result<(), Failure> {
    let mut gone = BTreeSet::new();
    for run in runs {
        let is_keyed = run.keyed && *run.submitted > *keyed_since;
        // A child goes with the run for which it ran, or after it.
        let is_needed = match run.parent.as_deref().filter(|parent| !gone.contains(parent)) {
            Some(parent) => client.is_there(parent).await?,
            None => false,
        };
        if is_keyed || is_needed {
            continue;
        }
        gone.insert(run.id.as_str());
        if !context.json {
            writeln!(show::out(), "{}  {}  {}", run.id, run.submitted, run.graph)?;
        }
    }
    told(context, gone.len(), runs.len() - gone.len(), true)
}

fn told(context: &Context, deleted: usize, kept: usize, dry_run: bool) -> Result<(), Failure> {
    if context.json {
        return show::json(&json!({ "deleted": deleted, "kept": kept, "dry_run": dry_run }));
    }
    let (done, stays) = if dry_run { ("would be deleted", "would be kept") } else { ("deleted", "kept") };
    let for_keys = if kept == 0 {
        String::new()
    } else {
        format!("; {kept} {stays} a while longer, for their keys, or for runs of which they are a part or a retry")
    };
    writeln!(show::err(), "{deleted} {done}{for_keys}")?;
    Ok(())
}

/// False if it is kept for a reason that will be none in a while.
async fn is_deleted(client: &Client, run: &str) -> Result<bool, Failure> {
    match client.delete(run).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.kept => Ok(false),
        Err(failure) => Err(failure),
    }
}
