//! What was lost in crashes, and what bills say of it.

use std::sync::Arc;

use agendum_engine::ReconcileError;
use agendum_ports::{Clock as _, HourChange, Invoice, LostCalls, Reconciliation, Wall};
use agendum_types::{Duration, Money, Timestamp, Window};
use agendum_wire::v1::{self, Lost, LostDay, Reconcile, Reconciled};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::instant;
use crate::spend::since;

/// What a bill says at most: beyond it is a slip of the pen.
const USD_MAX: f64 = 1_000_000.0;
/// How far back an answer looks that is not told since when: the days of a bill.
const SINCE: Duration = Duration::secs(31 * 86_400);
/// Days that a hint names.
const NAMED_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    since: Option<String>,
}

pub(crate) async fn lost(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Asks>>,
) -> Result<Json<Lost>, Refused> {
    let since = since(asked.since.as_deref(), SINCE)?;
    let days = service.reader.lost(&service.tenant, since).await?;
    Ok(Json(Lost { days: days.iter().map(told).collect() }))
}

pub(crate) async fn reconcile(
    State(service): State<Arc<Service>>,
    Said(Json(Object(asked))): Said<Json<Object<Reconcile>>>,
) -> Result<Json<Reconciled>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let invoice = invoice(&asked)?;
    let reconciled = engine.reconcile(&service.tenant, invoice).await.map_err(|error| match error {
        ReconcileError::Store(error) => error.into(),
        ReconcileError::Unavailable(_) => Refused::unavailable(error),
    })?;
    let Some(Reconciliation { released, recharged, day }) = reconciled else {
        return Err(nothing_lost(&service, &asked).await?);
    };
    let sum = |sum: (Money, u64), (_, money, tokens)| (sum.0.plus(money), sum.1.saturating_add(tokens));
    let [released, recharged] =
        [released, recharged].map(|hours: Vec<HourChange>| hours.into_iter().fold((Money::ZERO, 0), sum));
    Ok(Json(Reconciled {
        released_usd: v1::dollars(released.0),
        released_tokens: released.1,
        recharged_usd: v1::dollars(recharged.0),
        recharged_tokens: recharged.1,
        day: told(&day),
    }))
}

/// A bill in bounds, of a day that is over.
fn invoice(asked: &Reconcile) -> Result<Invoice, Refused> {
    let day = match asked.day.len() {
        10 => instant("day", &format!("{}T00:00:00Z", asked.day))?,
        _ => return Err(Refused::bad("day", "no day", format!("{:?}: write it as 2026-11-23, in UTC", asked.day))),
    };
    if Wall.now() < Window::Day.end(day) {
        let detail = format!("{} is not over (in UTC): what is billed for it is not known yet", asked.day);
        return Err(Refused::bad("day", "the day is not over", detail));
    }
    if !(0.0..=USD_MAX).contains(&asked.usd) {
        let detail = format!("{}: `usd` is from 0 to {USD_MAX}", asked.usd);
        return Err(Refused::bad("amount", "not an amount", detail));
    }
    let cost = Money::from_dollars(asked.usd).unwrap_or_default();
    Ok(Invoice { target: asked.target.as_str().into(), day, cost, tokens: asked.tokens })
}

/// Names the days that there are: the latest.
async fn nothing_lost(service: &Service, asked: &Reconcile) -> Result<Refused, Refused> {
    let days = service.reader.lost(&service.tenant, Timestamp(0)).await?;
    let named = days.iter().rev().take(NAMED_MAX).map(|of| format!("{} on {}", of.target, date(of.day)));
    let named = named.collect::<Vec<_>>().join(", ");
    let others =
        if named.is_empty() { "nothing was ever lost".to_owned() } else { format!("calls were lost to {named}") };
    let detail = format!(
        "no call to {:?} was lost on {}, so that a bill of it changes nothing; {others}",
        asked.target, asked.day
    );
    Ok(Refused::new(StatusCode::CONFLICT, "nothing_lost", "nothing was lost there", detail))
}

fn date(day: Timestamp) -> String {
    day.to_string()[..10].to_owned()
}

fn told(of: &LostCalls) -> LostDay {
    LostDay {
        day: date(of.day),
        target: of.target.to_string(),
        attempts: of.attempts,
        lost_usd: v1::dollars(of.lost.0),
        lost_tokens: of.lost.1,
        counted_usd: v1::dollars(of.counted.0),
        counted_tokens: of.counted.1,
        released_usd: v1::dollars(of.released.0),
        released_tokens: of.released.1,
    }
}
