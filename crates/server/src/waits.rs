//! What waits for people and signals, and what is handed to it.

mod inside;

use std::sync::Arc;

use agendum_engine::{Addressee, HandError, Handed, Page, Rejected, TaskReasons, WaitsAsked, Wanted};
use agendum_ports::{Clock as _, RunFilter, RunRow, Wall};
use agendum_types::{Principal, RunId, TaskPath, TaskStatus, WaitFor, WaitView};
use agendum_wire::v1::{self, Decision, Signal, Told, WaitLine, Waits};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::{find, row, run_id, seen};

/// Who sends what comes with the token of the data directory.
pub(crate) const LOCAL: &str = Principal::LOCAL;

/// Waits of a page where the request names no number, and at most.
const WAITS_DEFAULT: usize = 100;
const WAITS_MAX: usize = 1_000;
/// Bytes of what is to be looked at, in a list of all runs and in that of one.
const SHOW_MAX: u64 = 16 << 10;
const SHOW_OF_RUN_MAX: u64 = 1 << 20;
/// Open runs whose records are read for one page where no engine knows what waits, and rows of a page of the index.
const READ_MAX: usize = 200;
const INDEX_PAGE: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    queue: Option<String>,
    run: Option<String>,
    from: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Asked(Query(filter)): Asked<Query<Filter>>,
) -> Result<Json<Waits>, Refused> {
    let count_max = filter.limit.unwrap_or(WAITS_DEFAULT);
    if !(1..=WAITS_MAX).contains(&count_max) {
        return Err(Refused::bad("limit", "not a page", format!("limit is a number from 1 to {WAITS_MAX}")));
    }
    let run = filter.run.as_deref().map(run_id).transpose()?;
    if let Some(run) = run {
        row(&service, run).await?;
    }
    let from = filter.from.as_deref().map(run_id).transpose()?.unwrap_or_default();
    let asked = WaitsAsked { queue: filter.queue.map(Into::into), run, from, count_max };
    let (views, next) = match &service.engine {
        Some(engine) => {
            let found = engine.waits(&service.tenant, asked).await;
            found.ok_or_else(|| Refused::unavailable(engine.health()))?
        }
        None => read(&service, &asked).await?,
    };
    let show_max = if run.is_some() { SHOW_OF_RUN_MAX } else { SHOW_MAX };
    let mut waits = Vec::with_capacity(views.len());
    for view in views {
        waits.push(line(&service, &view, show_max).await?);
    }
    Ok(Json(Waits { waits, next: next.map(|run| run.to_string()) }))
}

async fn line(service: &Service, view: &WaitView, show_max: u64) -> Result<WaitLine, Refused> {
    let mut line = WaitLine::of(view, Wall.now());
    if let Some(engine) = service.engine.as_ref().filter(|_| view.wait.of == WaitFor::Effect) {
        line.key = Some(engine.key(&service.tenant, view.run, &view.task).to_string());
    }
    let Some(input) = view.input.as_ref().filter(|_| view.wait.of == WaitFor::Approval) else { return Ok(line) };
    line.show_left_out = input.size > show_max;
    if !line.show_left_out {
        let bytes = service.reader.payload(&service.tenant, view.run, input).await?;
        let with: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        line.show = with.get("show").cloned();
    }
    Ok(line)
}

/// Where no engine is, the records of the open runs say what waits.
async fn read(service: &Service, asked: &WaitsAsked) -> Result<(Vec<WaitView>, Option<RunId>), Refused> {
    let runs = match asked.run {
        Some(run) => inside::open_within(service, run, asked.from).await?,
        None => open_from(service, asked.from).await?,
    };
    let mut found = Vec::new();
    for (read, open) in runs.into_iter().enumerate() {
        if read >= READ_MAX || found.len() >= asked.count_max {
            return Ok((found, Some(open.run)));
        }
        let scanned = find(service, open.run, Wanted::Tasks).await?;
        let seen = seen(service, &scanned.row, None).await?;
        let Some(reasons) = scanned.reading.reasons(&scanned.graph, seen, &Page::all()) else { continue };
        let view = |task: &TaskReasons| {
            let heard = task.heard.as_ref().filter(|_| task.status == TaskStatus::Waiting)?;
            let in_queue = asked.queue.is_none() || asked.queue == heard.wait.queue;
            (in_queue && heard.wait.of != WaitFor::Time).then(|| WaitView {
                run: open.run,
                parent: open.parent.clone().map(Arc::new),
                graph: Arc::clone(&open.graph),
                task: scanned.graph.path_text(&task.path),
                wait: heard.wait.clone(),
                since: heard.since,
                expires: None,
                input: heard.input.clone(),
                attempt: 0,
                doubt: None,
                plea: task.plea,
            })
        };
        found.extend(reasons.tasks.iter().filter_map(view));
    }
    Ok((found, None))
}

/// The open runs from this one on, in their order.
async fn open_from(service: &Service, from: RunId) -> Result<Vec<RunRow>, Refused> {
    let mut filter = RunFilter { open: true, count_max: INDEX_PAGE, ..RunFilter::default() };
    let mut runs = Vec::new();
    loop {
        // The index gives the newest first.
        let page = service.reader.runs(&service.tenant, filter.clone()).await?;
        filter.before = page.last().map(|row| row.run);
        let is_last = page.len() < INDEX_PAGE as usize || filter.before.is_none_or(|oldest| oldest <= from);
        runs.extend(page.into_iter().filter(|row| row.run >= from));
        if is_last {
            runs.reverse();
            return Ok(runs);
        }
    }
}

pub(crate) async fn signal(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(Json(Object(Signal { name, task, value }))): Said<Json<Object<Signal>>>,
) -> Result<Json<Value>, Refused> {
    let to = match (name, task) {
        (Some(name), None) if !name.is_empty() => Addressee::Named(WaitFor::Signal, name.into()),
        (None, Some(task)) => Addressee::Task(WaitFor::Signal, Some(task.into())),
        _ => {
            return Err(Refused::bad(
                "body",
                "the body is no signal",
                "name the signal (`name`) or the `task`, and not both",
            ));
        }
    };
    let (run, is_awaited) = inside::meant(&service, run_id(&id)?, &to).await?;
    let handed = Handed { run, to, value, by: Principal::new(LOCAL), approved: None, attempt: None, webhook: None };
    hand(&service, handed).await?;
    Ok(inside::told(json!({ "id": id, "kept": !is_awaited }), run))
}

pub(crate) async fn decide(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(Json(Object(decision))): Said<Json<Object<Decision>>>,
) -> Result<Json<Value>, Refused> {
    let Decision { task, approved, comment, value } = decision;
    let mut output = json!({ "approved": approved, "by": LOCAL, "at": v1::instant(Wall.now()) });
    for (name, said) in [("comment", comment.map(Value::from)), ("value", value)] {
        if let Some(said) = said {
            output[name] = said;
        }
    }
    let to = Addressee::Task(WaitFor::Approval, task.map(Into::into));
    let (run, _) = inside::meant(&service, run_id(&id)?, &to).await?;
    let by = Principal::new(LOCAL);
    hand(&service, Handed { run, to, value: output, by, approved: Some(approved), attempt: None, webhook: None })
        .await?;
    Ok(inside::told(json!({ "id": id, "approved": approved }), run))
}

/// A person tells whether an attempt took effect.
pub(crate) async fn tell(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(Json(Object(Told { task, attempt, happened, output }))): Said<Json<Object<Told>>>,
) -> Result<Json<Value>, Refused> {
    if happened != Some(true) && !output.is_null() {
        return Err(Refused::bad(
            "body",
            "the body contradicts itself",
            "`output` is what the task gives if it `happened`",
        ));
    }
    let to = Addressee::Task(WaitFor::Effect, task.map(Into::into));
    let (run, _) = inside::meant(&service, run_id(&id)?, &to).await?;
    let by = Principal::new(LOCAL);
    hand(&service, Handed { run, to, value: output, by, approved: happened, attempt: Some(attempt), webhook: None })
        .await?;
    Ok(inside::told(json!({ "id": id, "happened": happened }), run))
}

/// Hands it over; a refusal says who came first.
pub(crate) async fn hand(service: &Service, handed: Handed) -> Result<(), Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let of_effect = matches!(handed.to, Addressee::Task(WaitFor::Effect, _));
    let (run, is_decision) = (handed.run, handed.approved.is_some() && !of_effect);
    let error = match engine.hand(&service.tenant, handed).await {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let rejected = match error {
        HandError::Rejected(rejected) => rejected,
        HandError::DiskFull(room) => return Err(Refused::disk_full(room)),
        HandError::Payload(_) => {
            return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "payload", "it cannot be kept", error));
        }
        HandError::Unkept(_) => {
            return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "unkept", "it cannot be kept now", error));
        }
        HandError::Unavailable(_) => return Err(Refused::unavailable(error)),
    };
    if !matches!(rejected, Rejected::NotWaiting { .. } | Rejected::Over(_) | Rejected::NobodyWaits { .. }) {
        return Err(refused(&rejected));
    }
    let task = if let Rejected::NotWaiting { task, .. } = &rejected { Some(Arc::clone(task)) } else { None };
    if engine.left_out(&service.tenant, run) {
        return Err(Refused::left_out(run));
    }
    let scanned = find(service, run, Wanted::Tasks).await?;
    let within = match &task {
        Some(task) => scanned.graph.parse_path(task).ok_or_else(|| {
            let detail = format!("run {run} has no task {task:?}: `agendum waits` lists what waits");
            Refused::new(StatusCode::NOT_FOUND, "no_task", "there is no such task", detail)
        })?,
        None => TaskPath::default(),
    };
    let seen = seen(service, &scanned.row, None).await?;
    let page = Page { within, ..Page::all() };
    let (graph, row) = (Arc::clone(&scanned.graph), scanned.row.clone());
    let reasons = scanned.reading.reasons(&graph, seen, &page);
    let decided = reasons.iter().flat_map(|reasons| &reasons.tasks);
    let decided =
        decided.filter(|task| is_decision && task.heard.as_ref().is_some_and(|heard| heard.approved.is_some()));
    if let Some(task) = decided.max_by_key(|task| task.heard.as_ref().map(|heard| heard.since.after(heard.waited))) {
        return Err(came_first(&graph.path_text(&task.path), task));
    }
    Err(if matches!(rejected, Rejected::Over(_)) { Refused::ended(&row) } else { refused(&rejected) })
}

fn came_first(path: &str, task: &TaskReasons) -> Refused {
    let told = task.heard.as_ref().and_then(|heard| Some((heard, heard.by.as_ref()?)));
    let detail = told.map_or_else(String::new, |(heard, by)| {
        let how = if heard.approved == Some(true) { "approved" } else { "refused" };
        let at = v1::instant(heard.since.after(heard.waited));
        format!("{by} {how} task {path:?} at {at}: the first decision counts")
    });
    Refused::new(StatusCode::CONFLICT, "decided", "somebody has decided already", detail)
}

fn refused(rejected: &Rejected) -> Refused {
    let status = if matches!(rejected, Rejected::NotAsked { .. }) {
        StatusCode::FORBIDDEN
    } else if matches!(rejected, Rejected::TooManySignals { .. }) {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::CONFLICT
    };
    Refused::new(status, rejected.code(), "nothing was handed over", rejected)
}
