//! Reading and steering runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agendum_engine::Command;
use agendum_ports::{RunFilter, RunRow};
use agendum_types::{Graph, RunId, RunStatus, RunView, TaskPath, Timestamp};
use agendum_wire::v1::{self, Page, Run, RunDetail, RunError, Seen, TaskLine};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::Service;
use crate::reply::Refused;
use crate::scan::{Scanned, Wanted, scan};

/// Runs of a page at most.
const PAGE_MAX: u32 = 1_000;
/// Tasks of a page where the request names no number, and at most.
const TASKS_DEFAULT: usize = 1_000;
const TASKS_MAX: usize = 10_000;

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<String>,
    graph: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    open: bool,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Vec<Run>>, Refused> {
    let Query(filter) = filter.map_err(Refused::query)?;
    // Paused is what a live run is besides its status: the index does not know it.
    let paused = filter.status.as_deref() == Some("paused");
    let status = match filter.status.as_deref() {
        None | Some("paused") => None,
        Some(word) => Some(RunStatus::from_word(word).ok_or_else(|| {
            let known: Vec<_> = RunStatus::ALL.iter().map(|status| status.word()).collect();
            Refused::bad("status", "unknown status", format!("{word:?}: use {}, paused", known.join(", ")))
        })?),
    };
    let before = filter.before.as_deref().map(run_id).transpose()?;
    let count_max = filter.limit.unwrap_or(50);
    if !(1..=PAGE_MAX).contains(&count_max) {
        return Err(Refused::bad("limit", "not a page", format!("limit is a number from 1 to {PAGE_MAX}")));
    }
    let rows = RunFilter {
        status,
        graph: filter.graph,
        open: filter.open || paused,
        before,
        count_max: if paused { PAGE_MAX } else { count_max },
    };
    let rows = service.reader.runs(&service.tenant, rows).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        runs.push(live(&service, row).await);
    }
    runs.retain(|run| !paused || run.status == "paused");
    runs.truncate(count_max as usize);
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

async fn find(service: &Service, id: &str, wanted: Wanted) -> Result<Scanned, Refused> {
    scan(service, run_id(id)?, wanted).await?.ok_or_else(|| Refused::no_run(id))
}

/// Which tasks of a run to tell.
#[derive(Deserialize)]
pub(crate) struct Tasks {
    /// Leaves out so many: the `next` of the page before.
    #[serde(default)]
    from: usize,
    /// Tasks of the page; none with 0.
    limit: Option<usize>,
    /// Only this task and what is inside it.
    task: Option<String>,
}

impl Tasks {
    fn count_max(&self) -> usize {
        self.limit.unwrap_or(TASKS_DEFAULT).min(TASKS_MAX)
    }

    fn page(&self, graph: &Graph, id: &str) -> Result<Page, Refused> {
        let within = match &self.task {
            None => TaskPath::default(),
            Some(task) => graph.parse_path(task).ok_or_else(|| {
                let known: Vec<&str> = graph.tasks.iter().map(|task| &*task.name).take(50).collect();
                let detail = format!("run {id} has no task {task:?}; its tasks: {}", known.join(", "));
                Refused::new(StatusCode::NOT_FOUND, "no_task", "there is no such task", detail)
            })?,
        };
        Ok(Page { within, skip: self.from, count_max: self.count_max() })
    }
}

pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Query(tasks): Query<Tasks>,
) -> Result<Json<RunDetail>, Refused> {
    let wanted = if tasks.count_max() == 0 { Wanted::Answer } else { Wanted::Tasks };
    let scanned = find(&service, &id, wanted).await?;
    Ok(Json(detail(&service, &id, scanned, &tasks).await?))
}

/// The line of a run, as in a list.
pub(crate) async fn status(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Run>, Refused> {
    let row = service.store.run(&service.tenant, run_id(&id)?).await?.ok_or_else(|| Refused::no_run(&id))?;
    Ok(Json(live(&service, &row).await))
}

/// Waits for the answer of a live run.
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    tasks: Query<Tasks>,
) -> Result<Json<RunDetail>, Refused> {
    if let Some(engine) = &service.engine {
        let run = run_id(&id)?;
        let row = service.store.run(&service.tenant, run).await?.ok_or_else(|| Refused::no_run(&id))?;
        if row.answered.is_none() {
            let _known = engine.answer(&service.tenant, run).await;
        }
    }
    show(State(service), Path(id), tasks).await
}

async fn detail(service: &Service, id: &str, scanned: Scanned, asked: &Tasks) -> Result<RunDetail, Refused> {
    let mut run = line(&scanned.row);
    let ended = scanned.told.ended.as_ref();
    let mut output = None;
    if let Some(reference) = ended.and_then(|ended| ended.output.as_ref()) {
        let bytes = service.reader.payload(&service.tenant, scanned.row.run, reference).await?;
        output = Some(
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into())),
        );
    }
    let error = ended.and_then(|ended| ended.failure.as_ref()).map(|failure| RunError::of(&scanned.graph, failure));
    let page = asked.page(&scanned.graph, id)?;
    let view = view(service, scanned.row.run).await;
    let mut tasks: Vec<TaskLine> = Vec::new();
    let mut next = None;
    let seen = Seen { now: now(), live: view.as_ref() };
    if let Some(reasons) = scanned.reading.reasons(&scanned.graph, seen, &page).filter(|_| page.count_max > 0) {
        tasks.extend(reasons.tasks.iter().map(|task| TaskLine::told(&scanned.graph, task)));
        next = (reasons.tasks_left > 0).then_some(page.skip + reasons.tasks.len());
    }
    if let Some(view) = view {
        run.status = if view.paused { "paused".to_owned() } else { view.status.word().to_owned() };
        run.spent_usd = v1::dollars(view.spent);
        // What has no record yet is told with the last page.
        let last = next.is_none() && page.count_max > 0 && asked.task.is_none();
        let places: BTreeMap<String, usize> =
            tasks.iter().enumerate().map(|(place, task)| (task.task.clone(), place)).collect();
        for task in view.tasks {
            let (status, attempts) = (task.status.word().to_owned(), task.attempts);
            let waiting_on = task.waiting_on.map(|cause| cause.word().to_owned());
            let place = places.get(&task.path);
            let line = TaskLine { task: task.path, status, waiting_on, reason: None, attempts };
            match place {
                Some(place) => tasks[*place] = TaskLine { reason: tasks[*place].reason.take(), ..line },
                None if last => tasks.push(line),
                None => {}
            }
        }
    }
    Ok(RunDetail { run, output, error, tasks, next })
}

pub(crate) async fn why(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Query(tasks): Query<Tasks>,
) -> Result<Json<v1::Why>, Refused> {
    let scanned = find(&service, &id, Wanted::Tasks).await?;
    let page = tasks.page(&scanned.graph, &id)?;
    let view = view(&service, scanned.row.run).await;
    let seen = Seen { now: now(), live: view.as_ref() };
    let reasons = scanned.reading.reasons(&scanned.graph, seen, &page).ok_or_else(|| Refused::no_run(&id))?;
    Ok(Json(v1::why(&scanned.graph, &reasons, page.skip)))
}

/// How the run stands, if it is live in this process.
async fn view(service: &Service, run: RunId) -> Option<RunView> {
    match &service.engine {
        Some(engine) => engine.view(&service.tenant, run).await,
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
