//! What waits inside the child runs of a run: whoever names that run may mean it.

use std::collections::BTreeSet;

use agendum_engine::{Addressee, WaitsAsked};
use agendum_ports::RunRow;
use agendum_types::{RunId, WaitFor, WaitView};
use axum::Json;
use axum::http::StatusCode;
use serde_json::Value;

use super::{WAITS_MAX, open_from};
use crate::Service;
use crate::reply::Refused;
use crate::runs::row;

/// Runs that a refusal names.
const NAMED_MAX: usize = 10;

/// The run that somebody means who names this one: where nothing in it waits for what is brought, the one inside it in which something
/// does. A task is named by its own run, for its name may be that of another. And whether something waits for it now, as far as is known:
/// what names a task is refused where it does not.
pub(super) async fn meant(service: &Service, run: RunId, to: &Addressee) -> Result<(RunId, bool), Refused> {
    let Some(engine) = &service.engine else { return Ok((run, true)) };
    let (of, name) = match to {
        Addressee::Task(_, Some(_)) | Addressee::Named(WaitFor::Webhook, _) => return Ok((run, true)),
        Addressee::Named(of, name) => (*of, Some(name)),
        Addressee::Task(of, None) => (*of, None),
    };
    let fits = |view: &WaitView| view.wait.of == of && name.is_none_or(|name| view.wait.name.as_ref() == Some(name));
    let asked = WaitsAsked { queue: None, run: Some(run), from: RunId::default(), count_max: WAITS_MAX };
    let found = engine.waits(&service.tenant, asked).await;
    let (views, _) = found.ok_or_else(|| Refused::unavailable(engine.health()))?;
    let waiting: BTreeSet<RunId> = views.iter().filter(|view| fits(view)).map(|view| view.run).collect();
    if waiting.is_empty() || waiting.contains(&run) {
        return Ok((run, !waiting.is_empty()));
    }
    let mut runs = waiting.into_iter();
    match (runs.next(), runs.len()) {
        (Some(only), 0) => Ok((only, true)),
        (first, _) => {
            let runs: Vec<String> = first.into_iter().chain(runs).take(NAMED_MAX).map(|run| run.to_string()).collect();
            let detail = format!("several runs inside run {run} wait for this: name one of {}", runs.join(", "));
            Err(Refused::new(StatusCode::CONFLICT, "several_wait", "nothing was handed over", detail))
        }
    }
}

/// What is said of something handed over: the run that has it too, where that is another than the one named.
pub(super) fn told(mut said: Value, run: RunId) -> Json<Value> {
    let named: Option<RunId> = said["id"].as_str().and_then(|id| id.parse().ok());
    if named != Some(run) {
        said["run"] = run.to_string().into();
    }
    Json(said)
}

/// A run and the open runs inside it from this one on, in their order, where no engine knows which they are.
pub(super) async fn open_within(service: &Service, run: RunId, from: RunId) -> Result<Vec<RunRow>, Refused> {
    // A child is submitted after its parent.
    let mut inside = BTreeSet::from([run]);
    let mut rows = vec![row(service, run).await?];
    for open in open_from(service, run).await? {
        if open.parent.as_ref().is_some_and(|parent| inside.contains(&parent.run)) {
            inside.insert(open.run);
            rows.push(open);
        }
    }
    rows.retain(|row| row.run >= from);
    Ok(rows)
}
