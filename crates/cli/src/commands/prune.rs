//! `runs delete` and `runs prune`: what is done goes, with all that is kept of it.

use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_types::Timestamp;
use agendum_wire::v1::Run;
use serde_json::json;

use super::Context;
use crate::client::Client;
use crate::config::Age;
use crate::failure::Failure;
use crate::show;

/// Runs of a page.
const PAGE: u32 = 1_000;

pub(crate) async fn delete(context: &Context, client: &Client, runs: &[String]) -> Result<(), Failure> {
    // All of them are known before the first goes: `last` is the same run from first to last.
    let mut ids = Vec::new();
    for run in runs {
        ids.push(client.resolve(run).await?);
    }
    for id in ids {
        let said = client.delete(&id).await?;
        if context.json {
            show::json(&said)?;
        } else {
            writeln!(show::err(), "deleted: {id}")?;
        }
    }
    Ok(())
}

pub(crate) async fn prune(context: &Context, client: &Client, older_than: Age, dry_run: bool) -> Result<(), Failure> {
    let before = Timestamp(Wall.now().0.saturating_sub(older_than.0.0)).to_string();
    let (mut deleted, mut kept, mut cursor) = (0_u64, Vec::new(), None);
    loop {
        let mut query = vec![("done_before", before.clone()), ("limit", PAGE.to_string())];
        query.extend(cursor.take().map(|last| ("before", last)));
        let page: Vec<Run> = client.runs(&query).await?;
        let Some(last) = page.last() else { break };
        cursor = Some(last.id.clone());
        for run in &page {
            if dry_run {
                deleted += 1;
                if !context.json {
                    writeln!(show::out(), "{}  {}  {}", run.id, run.submitted, run.graph)?;
                }
                continue;
            }
            if is_deleted(client, &run.id).await? {
                deleted += 1;
            } else {
                kept.push(run.id.clone());
            }
        }
    }
    // A retry goes after what it took over, which is older: from the oldest on, one more time is enough.
    for id in std::mem::take(&mut kept).into_iter().rev() {
        if is_deleted(client, &id).await? {
            deleted += 1;
        } else {
            kept.push(id);
        }
    }
    let kept = kept.len();
    if context.json {
        return show::json(&json!({ "deleted": deleted, "kept": kept, "dry_run": dry_run }));
    }
    let done = if dry_run { "would be deleted" } else { "deleted" };
    let for_keys = if kept > 0 { format!("; {kept} kept a while longer for their keys") } else { String::new() };
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
