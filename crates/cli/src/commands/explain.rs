//! `explain`: the forecast of a graph, without running it.

use std::io::Write as _;
use std::path::Path;

use agendum_types::Target;

use super::{Context, check};
use crate::config::Config;
use crate::failure::Failure;
use crate::forecast::{History, forecast};
use crate::hosting::{Need, Session, tell};
use crate::in_force::InForce;
use crate::{show, targets};

/// Earlier runs that are learned from, at most.
const RUNS_MAX: u32 = 5;
/// Task instances of earlier runs after which no further run is read.
const INSTANCES_MAX: u64 = 20_000;

pub(crate) async fn explain(context: &Context, path: &Path) -> Result<(), Failure> {
    let accepted = check::read(path, &context.config.limits.0)?.runnable(context.json)?;
    let theirs = in_force(context);
    let config = theirs.as_ref().unwrap_or(&context.config);
    config.sound()?;
    let limits = &config.limits.0;
    let table: Vec<Target> = targets::declared(config).into_iter().chain([Target::of_children()]).collect();
    if let Some(note) = config.note_on_key() {
        tell(&note);
    }
    let planners = accepted.graph.tasks.iter().filter(|task| task.adds.is_some());
    let planners: Vec<String> = planners.map(|task| format!("`{}`", task.name)).collect();
    if !planners.is_empty() {
        tell(&format!("note: the forecast is without what {} will add", planners.join(", ")));
    }
    let history = learn(context, &accepted.graph.name).await;
    let forecast = forecast(&accepted.graph, &table, &history, limits);
    if context.json {
        return show::json(&forecast.json());
    }
    Ok(write!(show::out(), "{}", forecast.text())?)
}

/// The configuration by which the owner of the data directory would run the graph, if it is another one; says so.
fn in_force(context: &Context) -> Option<Config> {
    let ours = InForce::of(&context.config);
    let (owner, theirs, differences) = InForce::other(&context.data, &ours)?;
    if differences.is_empty() {
        return None;
    }
    let whole = theirs.whole();
    tell(&theirs.note(&owner, &context.data, &ours, &differences));
    if whole.is_none() {
        tell("note: that cannot be read from here as it was when the process began: the forecast goes by this one");
    }
    whole
}

/// What the newest runs that succeeded took. A forecast needs none: without them, or if they cannot be read, it goes by the targets.
async fn learn(context: &Context, graph: &str) -> History {
    let Ok(session) = Session::open(&context.config, &context.data, Need::Reading).await else {
        return History::default();
    };
    let read = read(&session, graph).await;
    session.stop().await;
    read.unwrap_or_else(|failure| {
        tracing::warn!(?failure, "earlier runs cannot be read");
        History::default()
    })
}

async fn read(session: &Session, graph: &str) -> Result<History, Failure> {
    let query = [("graph", graph.to_owned()), ("status", "succeeded".to_owned()), ("limit", RUNS_MAX.to_string())];
    let mut reasons = Vec::new();
    let mut instances = 0;
    for run in session.client.runs(&query).await? {
        if instances > INSTANCES_MAX {
            break;
        }
        let why = session.client.reasons(&run.id).await?;
        instances += why.nodes.iter().map(|node| node.count).sum::<u64>();
        reasons.push(why);
    }
    Ok(History::of_runs(&reasons))
}
