//! Reading and steering runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agendum_engine::{Command, Stored};
use agendum_ports::{RunFilter, RunRow};
use agendum_types::{RunId, RunStatus, RunView, Timestamp};
use agendum_wire::v1::{self, Run, RunDetail, RunError, Seen, TaskLine};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;

use crate::Service;
use crate::reply::Refused;

/// Runs of a page at most.
const PAGE_MAX: u32 = 1_000;

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<String>,
    graph: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<Run>>, Refused> {
    let status = match filter.status.as_deref() {
        None => None,
        Some(word) => Some(RunStatus::from_word(word).ok_or_else(|| {
            let known: Vec<_> = RunStatus::ALL.iter().map(|status| status.word()).collect();
            Refused::bad("status", "unknown status", format!("{word:?}: use {}", known.join(", ")))
        })?),
    };
    let before = filter.before.as_deref().map(run_id).transpose()?;
    let count_max = filter.limit.unwrap_or(50).clamp(1, PAGE_MAX);
    let rows =
        service.reader.runs(&service.tenant, RunFilter { status, graph: filter.graph, before, count_max }).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        runs.push(live(&service, row).await);
    }
    Ok(Json(runs))
}

/// The index knows how a run was answered; how it stands before that, its shard knows.
async fn live(service: &Service, row: &RunRow) -> Run {
    let mut run = line(row);
    if let Some(engine) = service.engine.as_ref().filter(|_| row.answered.is_none())
        && let Some(view) = engine.view(&service.tenant, row.run).await
    {
        run.status = if view.paused { "paused".to_owned() } else { view.status.word().to_owned() };
        run.spent_usd = v1::dollars(view.spent);
    }
    run
}

fn line(row: &RunRow) -> Run {
    let mut run = Run::new(row.run, &row.graph, row.status, row.submitted);
    run.degraded = row.degraded;
    run.done = row.done.is_some();
    run.elapsed_ms = row.answered.map(|at| v1::millis(at.since(row.submitted)));
    run.spent_usd = v1::dollars(row.spent);
    run
}

pub(crate) fn run_id(text: &str) -> Result<RunId, Refused> {
    text.parse().map_err(|error| Refused::bad("run_id", "not a run id", error))
}

async fn find(service: &Service, id: &str) -> Result<Stored, Refused> {
    let run = run_id(id)?;
    service.reader.stored(&service.tenant, run).await?.ok_or_else(|| Refused::no_run(id))
}

pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Refused> {
    let stored = find(&service, &id).await?;
    Ok(Json(detail(&service, &stored).await?))
}

/// Waits for the answer of a live run.
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Refused> {
    if let Some(engine) = &service.engine {
        let _known = engine.answer(&service.tenant, run_id(&id)?).await;
    }
    show(State(service), Path(id)).await
}

async fn detail(service: &Service, stored: &Stored) -> Result<RunDetail, Refused> {
    let mut run = line(&stored.row);
    let answered = v1::answered(&stored.entries);
    let mut output = None;
    if let Some(reference) = answered.and_then(|answered| answered.output.as_ref()) {
        let bytes = service.reader.payload(&service.tenant, stored.row.run, reference).await?;
        output = Some(
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into())),
        );
    }
    let error =
        answered.and_then(|answered| answered.failure.as_ref()).map(|failure| RunError::of(&stored.graph, failure));
    let view = view(service, stored).await;
    let mut tasks: BTreeMap<String, TaskLine> = BTreeMap::new();
    if let Some(why) = v1::why(&stored.graph, &stored.entries, Seen { now: now(), live: view.as_ref() }) {
        for task in why.tasks {
            let attempts = u32::try_from(task.attempts.len()).unwrap_or(u32::MAX);
            let line = TaskLine { task: task.task.clone(), status: task.status, waiting_on: None, attempts };
            tasks.insert(task.task, line);
        }
    }
    if let Some(view) = view {
        run.status = if view.paused { "paused".to_owned() } else { view.status.word().to_owned() };
        run.spent_usd = v1::dollars(view.spent);
        for task in view.tasks {
            let waiting_on = task.waiting_on.map(|cause| cause.word().to_owned());
            let line = TaskLine {
                task: task.path.clone(),
                status: task.status.word().to_owned(),
                waiting_on,
                attempts: task.attempts,
            };
            tasks.insert(task.path, line);
        }
    }
    Ok(RunDetail { run, output, error, tasks: tasks.into_values().collect() })
}

pub(crate) async fn why(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<v1::Why>, Refused> {
    let stored = find(&service, &id).await?;
    let view = view(&service, &stored).await;
    let seen = Seen { now: now(), live: view.as_ref() };
    v1::why(&stored.graph, &stored.entries, seen).map(Json).ok_or_else(|| Refused::no_run(&id))
}

/// How the run stands, if it is live in this process.
async fn view(service: &Service, stored: &Stored) -> Option<RunView> {
    match &service.engine {
        Some(engine) => engine.view(&service.tenant, stored.row.run).await,
        None => None,
    }
}

pub(crate) async fn command(
    State(service): State<Arc<Service>>,
    Path((id, command)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let order = match command.as_str() {
        "cancel" => Command::Cancel,
        "pause" => Command::Pause,
        "resume" => Command::Resume,
        other => {
            return Err(Refused::bad("command", "unknown command", format!("{other:?}: use cancel, pause or resume")));
        }
    };
    engine.command(&service.tenant, run_id(&id)?, order).await?;
    Ok(Json(serde_json::json!({ "id": id, "command": command })))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
