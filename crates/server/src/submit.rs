//! A document and inputs into a run.

use std::sync::Arc;

use agendum_engine::{Engine, Request};
use agendum_spec::{Checked, Diagnostic};
use agendum_types::graph::{Budget, Priority};
use agendum_types::{Duration, Money, Principal, RunId};
use agendum_wire::v1::Submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::run_id;
use crate::waits::LOCAL;
use crate::{Service, key};

pub(crate) async fn submit(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Said(Json(Object(body))): Said<Json<Object<Submit>>>,
) -> Result<Response, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let (key, body) = if headers.contains_key(key::KEY) {
        // The parts of a large body take a while to hash.
        engine.compute(move || (key::of(&headers, &body), body)).await?
    } else {
        (Ok(None), body)
    };
    let key = key?;
    if let Some(key) = &key
        && let Some(run) = engine.replayed(&service.tenant, key).await?
    {
        let row = service.reader.run(&service.tenant, run).await?.ok_or_else(|| Refused::no_run(run))?;
        return Ok(accepted(run, true, &row.graph));
    }
    // A large document takes a while to check: other requests must not wait for it.
    let asked = Arc::clone(&service);
    let request = engine.compute(move || request(&asked, body)).await??;
    let graph = Arc::clone(&request.accepted.graph.name);
    let submitted = match key {
        Some(key) => engine.submit_once(request, key).await?,
        None => engine.submit_or_join(request).await?,
    };
    if submitted.joined {
        return Ok(joined(submitted.run, &graph));
    }
    Ok(accepted(submitted.run, submitted.replayed, &graph))
}

/// Says of an answer that no run began: there was one of its group.
pub(crate) const JOINED: HeaderName = HeaderName::from_static("agendum-joined");

/// A run of the group is there, and is what the caller wants.
fn joined(run: RunId, graph: &str) -> Response {
    let body = json!({ "id": run.to_string(), "graph": graph, "url": format!("/v1/runs/{run}"), "joined": true });
    let mut response = (StatusCode::OK, Json(body)).into_response();
    response.headers_mut().insert(JOINED, HeaderValue::from_static("true"));
    response
}

/// What is said of a run that was accepted.
pub(crate) fn body(run: RunId, graph: &str) -> Value {
    json!({ "id": run.to_string(), "graph": graph, "url": format!("/v1/runs/{run}") })
}

/// The run was accepted, now or when the same was sent before.
pub(crate) fn accepted(run: RunId, replayed: bool, graph: &str) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(body(run, graph))).into_response();
    if replayed {
        response.headers_mut().insert(key::REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Adds tasks to a live run: the body is a document, or an object, with `tasks`.
pub(crate) async fn add(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(body): Said<String>,
) -> Result<Json<Value>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let run = run_id(&id)?;
    if engine.left_out(&service.tenant, run) {
        return Err(Refused::left_out(run));
    }
    let mut tries = 0;
    let tasks = loop {
        match extend(&service, engine, run, &body).await {
            // Another addition came first: what it made is extended in turn.
            Err(Extend::Overtaken(_)) if tries < OVERTAKEN_MAX => tries += 1,
            Err(Extend::Overtaken(refused) | Extend::Refused(refused)) => return Err(refused),
            Ok(tasks) => break tasks,
        }
    };
    Ok(Json(json!({ "id": id, "tasks": tasks })))
}

/// The title of every refusal of an addition.
const NOT_ADDED: &str = "no tasks were added";

/// Additions at once that one of them gives way to.
const OVERTAKEN_MAX: u32 = 64;

/// Why an addition was not made.
enum Extend {
    Overtaken(Refused),
    Refused(Refused),
}

impl<E: Into<Refused>> From<E> for Extend {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Adds the tasks to the run as it stands now; gives how many tasks it has then.
async fn extend(service: &Service, engine: &Engine, run: RunId, body: &str) -> Result<usize, Extend> {
    let Service { reader, tenant, .. } = service;
    let row = reader.run(tenant, run).await?.ok_or_else(|| Refused::no_run(run))?;
    if row.answered.is_some() {
        return Err(Refused::ended(&row).into());
    }
    let document = reader.document(tenant, run).await?.ok_or_else(|| Refused::no_run(run))?;
    let (limits, body) = (service.limits.clone(), body.to_owned());
    let checked = engine.compute(move || agendum_spec::extend(&document, &body, &limits)).await?;
    let checked =
        checked.map_err(|error| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "addition", NOT_ADDED, error))?;
    let accepted = checked.runnable().ok_or_else(|| no_graph(&checked, NOT_ADDED))?;
    match engine.add_tasks(&service.tenant, run, accepted).await {
        Ok(()) => Ok(accepted.graph.tasks.len()),
        Err(error) => {
            let (is_overtaken, mut refused) = (error.is_overtaken(), Refused::from(error));
            NOT_ADDED.clone_into(&mut refused.0.title);
            Err(if is_overtaken { Extend::Overtaken(refused) } else { Extend::Refused(refused) })
        }
    }
}

fn request(service: &Service, body: Submit) -> Result<Request, Refused> {
    let text = body.document.as_str().map_or_else(|| body.document.to_string(), str::to_owned);
    let known = service.documents.of(text, &service.limits)?;
    let accepted = known.accepted.clone();
    let inputs = if body.inputs.is_null() { json!({}) } else { body.inputs };
    let inputs = known
        .inputs
        .prepare(inputs)
        .map_err(|error| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "inputs", "the inputs do not fit", error))?;
    let priority = match body.priority.as_deref() {
        None => None,
        Some(word) => Some(Priority::from_word(word).ok_or_else(|| {
            Refused::bad("priority", "unknown priority", format!("{word:?}: use interactive, standard or background"))
        })?),
    };
    let budget = match body.budget_usd {
        None => None,
        Some(dollars) => {
            let no_amount =
                || Refused::bad("budget", "not a budget", format!("{dollars}: `budget_usd` is in dollars, 0 or more"));
            let money = Money::from_dollars(dollars).ok_or_else(no_amount)?;
            let (tokens, on_exceeded) =
                accepted.graph.budget.map_or_else(Default::default, |of| (of.tokens, of.on_exceeded));
            Some(Budget { money: Some(money), tokens, on_exceeded })
        }
    };
    Ok(Request {
        tenant: service.tenant.clone(),
        principal: Principal::new(LOCAL),
        accepted,
        inputs: inputs.to_string().into(),
        priority,
        deadline: body.deadline_ms.map(Duration::millis),
        budget,
        strict: body.strict,
    })
}

pub(crate) fn no_graph(checked: &Checked, title: &str) -> Refused {
    let mut refused = not_right(&checked.diagnostics, title);
    refused.0.more = checked.more;
    refused
}

pub(crate) fn not_right(diagnostics: &[Diagnostic], title: &str) -> Refused {
    let mut refused = Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "document", title, "see diagnostics");
    refused.0.diagnostics = diagnostics.iter().map(Diagnostic::json).collect();
    refused
}
