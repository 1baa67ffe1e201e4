//! Reading and steering runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use agendum_engine::{
    Command, CommandError, Compensation, ForgetError, Page, Scanned, Seen, Standing, TaskReasons, Wanted,
};
use agendum_ports::{Clock as _, RunFilter, RunRow, Wall};
use agendum_types::graph::Task;
use agendum_types::snapshot::TaskView;
use agendum_types::{Graph, RunId, RunStatus, RunView, TaskPath, Timestamp};
use agendum_wire::v1::{self, Run, RunDetail, RunError, TaskLine};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::Service;
use crate::children;
use crate::reply::{Asked, Refused};

/// Runs of a page at most, and where the request names no number.
const PAGE_MAX: u32 = 1_000;
const LIST_DEFAULT: u32 = 50;
/// Open runs looked at together for one that stands as asked.
const LOOK: u32 = 256;
/// What a live run is besides its status.
const PAUSED: &str = "paused";
/// Tasks of a page where the request names no number, and at most.
const TASKS_DEFAULT: usize = 1_000;
const TASKS_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    status: Option<String>,
    graph: Option<String>,
    before: Option<String>,
    done_before: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    no_child: bool,
}

impl Filter {
    /// What to ask the index for; and how a run must stand besides, where the index does not know.
    fn of_index(&self) -> Result<(RunFilter, Option<&str>), Refused> {
        let count_max = self.limit.unwrap_or(LIST_DEFAULT);
        if !(1..=PAGE_MAX).contains(&count_max) {
            return Err(Refused::bad("limit", "not a page", format!("limit is a number from 1 to {PAGE_MAX}")));
        }
        let before = self.before.as_deref().map(run_id).transpose()?;
        let done_before = self.done_before.as_deref().map(|text| instant("done_before", text)).transpose()?;
        let (graph, open, no_child) = (self.graph.clone(), self.open, self.no_child);
        let rows = RunFilter { status: None, graph, open, no_child, done_before, before, count_max };
        let Some(word) = self.status.as_deref() else { return Ok((rows, None)) };
        let status = RunStatus::from_word(word);
        if status.is_none() && word != PAUSED {
            let known: Vec<_> = RunStatus::ALL.iter().map(|status| status.word()).collect();
            let detail = format!("{word:?}: use {}, {PAUSED}", known.join(", "));
            return Err(Refused::bad("status", "unknown status", detail));
        }
        Ok(match status.filter(|status| status.is_answered()) {
            Some(status) => (RunFilter { status: Some(status), ..rows }, None),
            None => (RunFilter { open: true, count_max: count_max.max(LOOK), ..rows }, Some(word)),
        })
    }
}

pub(crate) fn instant(name: &'static str, text: &str) -> Result<Timestamp, Refused> {
    let wrong = || Refused::bad(name, "not an instant", format!("{text:?}: write it as 2026-11-23T08:00:00Z"));
    agendum_spec::instant(text).ok_or_else(wrong)
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Asked(Query(filter)): Asked<Query<Filter>>,
) -> Result<Json<Vec<Run>>, Refused> {
    let (mut page, standing) = filter.of_index()?;
    let count_max = filter.limit.unwrap_or(LIST_DEFAULT) as usize;
    let mut runs = Vec::new();
    loop {
        let rows = service.reader.runs(&service.tenant, page.clone()).await?;
        runs.extend(
            live(&service, &rows).await?.into_iter().filter(|run| standing.is_none_or(|word| run.status == word)),
        );
        let last = rows.last().filter(|_| rows.len() == page.count_max as usize);
        match last.filter(|_| standing.is_some() && runs.len() < count_max) {
            Some(last) => page.before = Some(last.run),
            None => break,
        }
    }
    runs.truncate(count_max);
    Ok(Json(runs))
}

/// The index knows how runs were answered; how they stand before that, their shard knows.
async fn live(service: &Service, rows: &[RunRow]) -> Result<Vec<Run>, Refused> {
    let mut runs: Vec<Run> = rows.iter().map(line).collect();
    stand(service, rows, &mut runs).await?;
    // Without what is left: that is for whoever looks at one.
    for (row, run) in rows.iter().zip(&mut runs) {
        let may = matches!(row.status, RunStatus::Failed | RunStatus::Cancelled);
        let known = if may { service.reader.compensation(&service.tenant, row.run).await? } else { None };
        run.compensation = known.map(|known| match known {
            Compensation::UnderWay => v1::Compensation::under_way(),
            Compensation::Over(over) => v1::Compensation::of_count(over.count, over.left_count),
        });
    }
    Ok(runs)
}

async fn stand(service: &Service, rows: &[RunRow], runs: &mut [Run]) -> Result<(), Refused> {
    let Some(engine) = &service.engine else { return Ok(()) };
    let open = rows.iter().enumerate().filter(|(_, row)| row.done.is_none());
    let (places, open): (Vec<usize>, Vec<RunId>) = open.map(|(place, row)| (place, row.run)).unzip();
    let Some(standings) = engine.standings(&service.tenant, &open).await else { return Ok(()) };
    for (place, standing) in places.into_iter().zip(standings) {
        match standing {
            Some(standing) => runs[place].stands(&standing),
            // It has ended since the index was read.
            None => {
                runs[place] = line(&row(service, rows[place].run).await?);
                runs[place].is_gone(engine.left_out(&service.tenant, rows[place].run));
            }
        }
    }
    Ok(())
}

/// How far what a run has done is taken back.
fn compensation(scanned: &Scanned) -> Option<v1::Compensation> {
    scanned.told.compensation.as_ref().map(|known| match known {
        Compensation::UnderWay => v1::Compensation::under_way(),
        Compensation::Over(over) => v1::Compensation::of(&scanned.graph, over),
    })
}

pub(crate) async fn row(service: &Service, run: RunId) -> Result<RunRow, Refused> {
    service.reader.run(&service.tenant, run).await?.ok_or_else(|| Refused::no_run(run))
}

pub(crate) fn line(row: &RunRow) -> Run {
    let mut run = Run::new(row.run, &row.graph, row.status, row.submitted);
    run.degraded = row.degraded;
    run.done = row.done.is_some();
    run.elapsed_ms = row.answered.map(|at| v1::millis(at.since(row.submitted)));
    run.spent_usd = v1::dollars(row.spent);
    // The key of a child is the driver's.
    run.keyed = row.keyed && row.parent.is_none();
    run.parent = row.parent.as_ref().map(v1::Parent::of);
    run
}

pub(crate) fn run_id(text: &str) -> Result<RunId, Refused> {
    text.parse().map_err(|error| Refused::bad("run_id", "not a run id", error))
}

pub(crate) async fn find(service: &Service, run: RunId, wanted: Wanted) -> Result<Scanned, Refused> {
    service.reader.scan(&service.tenant, run, wanted).await?.ok_or_else(|| Refused::no_run(run))
}

/// Which tasks of a run to tell, as it is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tasks {
    /// Leaves out so many: the `next` of the page before.
    #[serde(default)]
    from: usize,
    /// Tasks of the page; none with 0.
    limit: Option<usize>,
    /// Only this task and what is inside it.
    task: Option<String>,
}

/// The same, within bounds.
struct Wished {
    from: usize,
    count_max: usize,
    task: Option<String>,
}

impl Tasks {
    fn checked(self) -> Result<Wished, Refused> {
        let count_max = self.limit.unwrap_or(TASKS_DEFAULT);
        if count_max > TASKS_MAX {
            return Err(Refused::bad("limit", "not a page", format!("limit is a number from 0 to {TASKS_MAX}")));
        }
        Ok(Wished { from: self.from, count_max, task: self.task })
    }
}

impl Wished {
    fn page(&self, graph: &Graph, id: RunId) -> Result<Page, Refused> {
        let within = match &self.task {
            None => TaskPath::default(),
            Some(task) => graph.parse_path(task).ok_or_else(|| {
                let detail = format!("run {id} has no task {task:?}; {}", known(graph, task));
                Refused::new(StatusCode::NOT_FOUND, "no_task", "there is no such task", detail)
            })?,
        };
        Ok(Page { within, skip: self.from, count_max: self.count_max })
    }
}

/// Tasks that a refusal names.
const NAMED_MAX: usize = 50;

/// What may be asked for instead, the nearest first.
fn known(graph: &Graph, asked: &str) -> String {
    let path = |task: &Task| {
        let above = std::iter::successors(task.parent, |group| graph.task(*group).parent);
        let mut names: Vec<&str> = above.map(|group| &*graph.task(group).name).collect();
        names.reverse();
        names.push(&task.name);
        names.join("/")
    };
    let mut paths: Vec<String> = graph.tasks.iter().map(path).collect();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let asked = v1::names(asked);
    let near = agendum_spec::diagnostic::nearest(&asked, paths.iter().map(String::as_str));
    // Whoever leaves out the way to a task, or slips on it, has its name.
    let named = || paths.iter().position(|path| last(path) == last(&asked));
    let place = near.and_then(|near| paths.iter().position(|path| path == near)).or_else(named);
    let mut said = String::new();
    if let Some(place) = place {
        paths[..=place].rotate_right(1);
        said = format!("did you mean {}? ", paths[0]);
    }
    let more = if paths.len() > NAMED_MAX { ", …" } else { "" };
    paths.truncate(NAMED_MAX);
    format!("{said}its tasks: {}{more}", paths.join(", "))
}

pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Asked(Query(tasks)): Asked<Query<Tasks>>,
) -> Result<Json<RunDetail>, Refused> {
    detail(&service, run_id(&id)?, &tasks.checked()?).await.map(Json)
}

/// The line of a run, as in a list.
pub(crate) async fn status(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
) -> Result<Json<Run>, Refused> {
    let row = row(&service, run_id(&id)?).await?;
    let run = live(&service, std::slice::from_ref(&row)).await?.pop();
    run.map(Json).ok_or_else(|| Refused::no_run(row.run))
}

/// Waits for the answer of a live run.
pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Asked(Query(tasks)): Asked<Query<Tasks>>,
) -> Result<Json<RunDetail>, Refused> {
    let (run, tasks) = (run_id(&id)?, tasks.checked()?);
    if let Some(engine) = &service.engine
        && row(&service, run).await?.answered.is_none()
    {
        let known = engine.answer(&service.tenant, run).await;
        if known.is_none() && row(&service, run).await?.answered.is_none() {
            if engine.left_out(&service.tenant, run) {
                return Err(Refused::left_out(run));
            }
            return Err(Refused::unavailable(format!("run {run} is not answered yet: {}", engine.health())));
        }
    }
    detail(&service, run, &tasks).await.map(Json)
}

async fn detail(service: &Service, id: RunId, asked: &Wished) -> Result<RunDetail, Refused> {
    let wanted = if asked.count_max == 0 { Wanted::Answer } else { Wanted::Tasks };
    let mut scanned = find(service, id, wanted).await?;
    let standing = standing(service, id).await;
    if standing.is_none() && scanned.row.answered.is_none() && service.engine.is_some() {
        // It has ended since it was read.
        scanned = find(service, id, wanted).await?;
    }
    let (over, bound) = standing
        .filter(|_| scanned.row.answered.is_none())
        .map_or((scanned.row.over, scanned.row.bound), |live| (live.over, live.bound));
    let mut run = line(&scanned.row);
    run.compensation = compensation(&scanned);
    match (&standing, &service.engine) {
        (Some(standing), _) => run.stands(standing),
        (None, Some(engine)) => run.is_gone(engine.left_out(&service.tenant, id)),
        (None, None) => {}
    }
    let ended = scanned.told.ended.as_ref();
    let mut output = None;
    if let Some(reference) = ended.and_then(|ended| ended.output.as_ref()) {
        let bytes = service.reader.payload(&service.tenant, id, reference).await?;
        output = Some(
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into())),
        );
    }
    let error = ended.and_then(|ended| ended.failure.as_ref()).map(|failure| RunError::of(&scanned.graph, failure));
    let page = asked.page(&scanned.graph, id)?;
    let (mut tasks, mut next) = (Vec::new(), None);
    if wanted == Wanted::Tasks {
        (tasks, next) = lines(service, scanned, asked, &page).await?;
    }
    let bound = bound.map(|bound| bound.word().to_owned());
    let went_on = service.reader.went_on(&service.tenant, id).await?.map(|other| other.to_string());
    Ok(RunDetail { run, output, error, over_usd: v1::dollars(over), bound, went_on, tasks, next })
}

/// A page of the tasks of a run, and where the next begins: those that records tell of, then those of a live run that have none yet.
async fn lines(
    service: &Service,
    scanned: Scanned,
    asked: &Wished,
    page: &Page,
) -> Result<(Vec<TaskLine>, Option<usize>), Refused> {
    let view = view(service, scanned.row.run, page.within.clone()).await;
    let viewed: BTreeMap<&str, &TaskView> =
        view.iter().flat_map(|view| &view.tasks).map(|task| (&*task.path, task)).collect();
    let seen = seen(service, &scanned.row, view.as_ref()).await?;
    let end = page.skip.saturating_add(page.count_max);
    let told = Page { skip: 0, count_max: end, within: page.within.clone() };
    let Some(reasons) = scanned.reading.reasons(&scanned.graph, seen, &told) else {
        return Ok((Vec::new(), None));
    };
    let line = |task: &TaskReasons| {
        let line = TaskLine::told(&scanned.graph, task);
        match viewed.get(&*line.task) {
            Some(task) => TaskLine { reason: line.reason, child: line.child, ..seen_line(task) },
            None => line,
        }
    };
    let mut tasks: Vec<TaskLine> = reasons.tasks.iter().map(line).collect();
    if reasons.tasks_left == 0 && asked.task.is_none() {
        let known: BTreeSet<String> = tasks.iter().map(|line| line.task.clone()).collect();
        let unknown = view.iter().flat_map(|view| &view.tasks).filter(|task| !known.contains(&task.path));
        tasks.extend(unknown.map(seen_line));
    }
    let next = (reasons.tasks_left > 0 || tasks.len() > end).then_some(end);
    Ok((tasks.into_iter().skip(page.skip).take(page.count_max).collect(), next))
}

/// The moment of a question about a run.
pub(crate) async fn seen<'a>(service: &Service, row: &RunRow, live: Option<&'a RunView>) -> Result<Seen<'a>, Refused> {
    // Where an engine is, the shard's records go on without a run that is damaged.
    let is_alone = service.engine.is_none() && row.done.is_none();
    let worked_until = if is_alone { service.reader.worked_until(row.shard).await? } else { None };
    Ok(Seen { now: Wall.now(), live, worked_until })
}

/// The line of a task as its shard sees it.
fn seen_line(task: &TaskView) -> TaskLine {
    TaskLine {
        task: task.path.clone(),
        status: task.status.word().to_owned(),
        waiting_on: task.waiting_on.map(|cause| cause.word().to_owned()),
        reason: None,
        attempts: task.attempts,
        child: None,
    }
}

pub(crate) async fn why(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Asked(Query(tasks)): Asked<Query<Tasks>>,
) -> Result<Json<v1::Why>, Refused> {
    let (run, tasks) = (run_id(&id)?, tasks.checked()?);
    let mut scanned = find(&service, run, Wanted::Tasks).await?;
    let page = tasks.page(&scanned.graph, run)?;
    children::learn(&service, &mut scanned.reading).await?;
    let mut live = view(&service, run, TaskPath::default()).await;
    if let Some(live) = live.as_mut().filter(|_| page.within != TaskPath::default()) {
        // How tasks stand in the queue is told of the first of the run; who is asked for stands there in any case.
        let asked = view(&service, run, page.within.clone()).await;
        stand_as(live, asked.map(|view| view.tasks).unwrap_or_default());
    }
    let seen = seen(&service, &scanned.row, live.as_ref()).await?;
    let compensation = compensation(&scanned);
    let reasons = scanned.reading.reasons(&scanned.graph, seen, &page).ok_or_else(|| Refused::no_run(run))?;
    let waits_for_resume = standing(&service, run).await.and_then(|live| live.stopped).map(v1::Stopped::of);
    Ok(Json(v1::Why { compensation, waits_for_resume, ..v1::why(&scanned.graph, &reasons, page.skip) }))
}

/// Takes over how these tasks stand in the queue.
fn stand_as(live: &mut RunView, asked: Vec<TaskView>) {
    let mut asked: HashMap<String, TaskView> = asked.into_iter().map(|task| (task.path.clone(), task)).collect();
    for task in live.tasks.iter_mut().filter(|task| task.queueing.is_none()) {
        task.queueing = asked.remove(&task.path).and_then(|of| of.queueing);
    }
}

/// Forgets a run that is done.
pub(crate) async fn forget(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
) -> Result<Json<Value>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let run = run_id(&id)?;
    engine.forget(&service.tenant, run).await.map_err(|error| {
        let kind = match error {
            ForgetError::NoRun(run) => return Refused::no_run(run),
            ForgetError::Store(error) => return error.into(),
            ForgetError::NotDone(_) => "not_done",
            ForgetError::Child { .. } => "child",
            ForgetError::Keyed { .. } => "key_kept",
            ForgetError::Retries { .. } => "retry",
            ForgetError::WentOn { .. } => "went_on",
        };
        Refused::new(StatusCode::CONFLICT, kind, "the run is kept", error)
    })?;
    Ok(Json(serde_json::json!({ "id": id, "deleted": true })))
}

async fn standing(service: &Service, run: RunId) -> Option<Standing> {
    let engine = service.engine.as_ref()?;
    engine.standings(&service.tenant, &[run]).await?.pop().flatten()
}

/// The tasks of the run within this one, if it is live in this process.
pub(crate) async fn view(service: &Service, run: RunId, within: TaskPath) -> Option<RunView> {
    match &service.engine {
        Some(engine) => engine.view(&service.tenant, run, within).await,
        None => None,
    }
}

/// Whoever resumes a run that is held up by a child run means that one, and has done nothing for it.
async fn is_held_itself(service: &Service, run: RunId) -> Result<(), Refused> {
    let standing = standing(service, run).await.filter(|of| !of.paused);
    let Some(stopped) = standing.and_then(|of| of.stopped) else { return Ok(()) };
    let (child, how) = (stopped.run, if stopped.quarantined { "held" } else { "paused" });
    let detail = format!("run {run} is not paused, but its child run {child} is {how}: `agendum runs resume {child}`");
    Err(Refused::new(StatusCode::CONFLICT, "child_paused", "nothing was resumed", detail))
}

pub(crate) async fn command(
    State(service): State<Arc<Service>>,
    Asked(Path((id, command))): Asked<Path<(String, String)>>,
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
    let run = run_id(&id)?;
    if command == "resume" {
        is_held_itself(&service, run).await?;
    }
    if let Err(error) = engine.command(&service.tenant, run, order).await {
        return Err(match error {
            CommandError::NotLive(_) if engine.left_out(&service.tenant, run) => Refused::left_out(run),
            CommandError::NotLive(_) => Refused::ended(&row(&service, run).await?),
            CommandError::Unavailable(_) => Refused::unavailable(error),
        });
    }
    Ok(Json(serde_json::json!({ "id": id, "command": command })))
}
