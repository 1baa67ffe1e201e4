//! Budgets that people raise, or refuse to.

use std::sync::Arc;

use agendum_engine::{Raise, RaiseError, Rejected};
use agendum_types::{Money, Principal};
use agendum_wire::v1;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::{row, run_id};
use crate::waits::LOCAL;

/// What one request adds at most: a slip of the pen is none of a million.
const USD_MAX: f64 = 1_000_000.0;
const TOKENS_MAX: u64 = 1_000_000_000_000;

pub(crate) async fn raise(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(Json(Object(asked))): Said<Json<Object<v1::Raise>>>,
) -> Result<Json<Value>, Refused> {
    let (money, tokens) = amounts(&asked)?;
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let run = run_id(&id)?;
    let task = asked.task.clone().map(Into::into);
    let raise = Raise { run, task, money, tokens, by: Principal::new(LOCAL), refused: asked.refuse };
    if let Err(error) = engine.raise(&service.tenant, raise).await {
        let rejected = match error {
            RaiseError::Rejected(rejected) => rejected,
            RaiseError::Unavailable(_) => return Err(Refused::unavailable(error)),
        };
        if matches!(rejected, Rejected::Over(_)) {
            return Err(if engine.left_out(&service.tenant, run) {
                Refused::left_out(run)
            } else {
                Refused::ended(&row(&service, run).await?)
            });
        }
        let title = if asked.refuse { "nothing was refused" } else { "nothing was raised" };
        return Err(Refused::new(StatusCode::CONFLICT, rejected.code(), title, rejected));
    }
    Ok(Json(json!({ "id": id, "refused": asked.refuse })))
}

/// What is added, in bounds: one at least, or a refusal.
fn amounts(asked: &v1::Raise) -> Result<(Money, u64), Refused> {
    let bad = |detail: String| Refused::bad("amount", "not an amount", detail);
    if asked.refuse && (asked.usd.is_some() || asked.tokens.is_some()) {
        return Err(bad("`refuse` adds nothing: leave `usd` and `tokens` out".to_owned()));
    }
    if !asked.refuse && asked.usd.is_none() && asked.tokens.is_none() {
        return Err(bad("name `usd` or `tokens`, or `refuse`".to_owned()));
    }
    if let Some(usd) = asked.usd.filter(|usd| !(*usd > 0.0 && *usd <= USD_MAX)) {
        return Err(bad(format!("{usd}: `usd` is above 0 and {USD_MAX} at most")));
    }
    if let Some(tokens) = asked.tokens.filter(|tokens| !(1..=TOKENS_MAX).contains(tokens)) {
        return Err(bad(format!("{tokens}: `tokens` is a number from 1 to {TOKENS_MAX}")));
    }
    let money = asked.usd.and_then(Money::from_dollars);
    Ok((money.unwrap_or_default(), asked.tokens.unwrap_or(0)))
}
