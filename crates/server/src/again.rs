//! Runs that take over what another one did: retries and forks.

use std::sync::Arc;

use agendum_engine::{AgainError, Anew, Kept};
use agendum_spec::inputs::Declared;
use agendum_types::Principal;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Service;
use crate::key::KEY;
use crate::reply::{Asked, Refused, Said};
use crate::runs::{row, run_id};
use crate::submit::body;
use crate::waits::LOCAL;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Retry {
    from: Option<String>,
    again: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fork {
    from: Option<String>,
    again: Vec<String>,
    inputs: Map<String, Value>,
}

pub(crate) async fn retry(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    headers: HeaderMap,
    Said(body): Said<String>,
) -> Result<Response, Refused> {
    has_no_key(&headers)?;
    let Retry { from, again } = read(&body)?;
    run_again(&service, &id, Fork { from, again, inputs: Map::new() }, false).await
}

pub(crate) async fn fork(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    headers: HeaderMap,
    Said(body): Said<String>,
) -> Result<Response, Refused> {
    has_no_key(&headers)?;
    run_again(&service, &id, read(&body)?, true).await
}

/// A key that is not looked at would promise what nobody keeps.
fn has_no_key(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.contains_key(KEY) {
        let detail =
            "a run is retried once, and whoever asks again is told by which run; a fork takes no `Idempotency-Key`";
        return Err(Refused::bad("idempotency_key", "there is no key for this", detail));
    }
    Ok(())
}

/// An empty body asks for nothing besides.
fn read<T: Default + for<'a> Deserialize<'a>>(body: &str) -> Result<T, Refused> {
    if body.trim().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_str(body).map_err(|error| Refused::bad("body", "the body does not fit", error))
}

async fn run_again(service: &Service, id: &str, asked: Fork, is_fork: bool) -> Result<Response, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let run = run_id(id)?;
    if engine.left_out(&service.tenant, run) {
        return Err(Refused::left_out(run));
    }
    let graph = row(service, run).await?.graph;
    let earlier = service.reader.earlier(&service.tenant, run).await?;
    let inputs = if asked.inputs.is_empty() {
        None
    } else {
        let mut inputs: Map<String, Value> = serde_json::from_slice(&earlier.inputs).unwrap_or_default();
        inputs.extend(asked.inputs);
        let document = earlier.accepted.document.clone();
        let prepared = engine.compute(move || Declared::of(&document).prepare(Value::Object(inputs))).await?;
        let prepared = prepared.map_err(|error| {
            Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "inputs", "the inputs do not fit", error)
        })?;
        Some(prepared.to_string().into())
    };
    let anew = Anew { principal: Principal::new(LOCAL), from: asked.from, again: asked.again, inputs, is_fork };
    let new = engine.run_again(&service.tenant, earlier, anew).await?;
    let mut body = body(new.run, &graph);
    if let Some(Kept { task, is_child }) = new.kept {
        body["kept"] = json!({ "task": *task, "why": if is_child { "child" } else { "effect" } });
    }
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

impl From<AgainError> for Refused {
    fn from(error: AgainError) -> Self {
        let title = "the run is not taken over";
        match error {
            AgainError::NotTaken(why @ agendum_engine::NotTaken::NotDone(_)) => {
                Self::new(StatusCode::CONFLICT, "not_done", title, why)
            }
            AgainError::NotTaken(why @ agendum_engine::NotTaken::Effect { .. }) => {
                Self::new(StatusCode::CONFLICT, "effect", title, why)
            }
            AgainError::GoesOn { .. } => Self::new(StatusCode::CONFLICT, "goes_on", title, error),
            AgainError::Planned(_) => Self::new(StatusCode::CONFLICT, "planned", title, error),
            AgainError::Child { .. } => Self::new(StatusCode::CONFLICT, "child", title, error),
            AgainError::NoTask(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_task", title, error),
            AgainError::Read(error) => error.into(),
            AgainError::Submit(error) => error.into(),
        }
    }
}
