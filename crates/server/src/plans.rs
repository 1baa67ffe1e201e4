//! Plans: what was published, a new one, and how the one in force is taken back.

use std::sync::Arc;

use agendum_engine::PlanError;
use agendum_ports::{Clock as _, PAGE_BYTES, PlanRow, Wall};
use agendum_types::Principal;
use agendum_wire::v1::{self, PlanLine, Plans, Publish, Withdrawn};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::waits::LOCAL;

/// Plans of a page, where the caller does not say, and at most.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1_000;
/// Characters of a reason at most.
const WHY_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Asked(Query(Which { before, limit })): Asked<Query<Which>>,
) -> Result<Json<Plans>, Refused> {
    let count_max = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&count_max) {
        return Err(Refused::bad("limit", "not a page", format!("`limit` is a number from 1 to {PAGE_MAX}")));
    }
    let mut rows = service.reader.plans(before, count_max + 1).await?;
    let is_more = rows.len() > count_max as usize;
    rows.truncate(count_max as usize);
    let is_cut = rows.iter().map(|row| row.document.len()).sum::<usize>() >= PAGE_BYTES;
    let next = rows.last().map(|row| row.number).filter(|_| is_more || is_cut);
    // The one before the page says until when its first counted.
    let later = match before {
        Some(number) => service.reader.plans(number.checked_add(1), 1).await?.pop().filter(|row| row.number == number),
        None => None,
    };
    let later = [later.as_ref()].into_iter().chain(rows.iter().map(Some));
    let plans = rows.iter().zip(later).map(|(row, later)| line(&service, row, later)).collect();
    Ok(Json(Plans { plans, next }))
}

pub(crate) async fn publish(
    State(service): State<Arc<Service>>,
    Said(Json(Object(asked))): Said<Json<Object<Publish>>>,
) -> Result<(StatusCode, Json<PlanLine>), Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let text = asked.document.as_str().map_or_else(|| asked.document.to_string(), str::to_owned);
    let row = engine.publish_plan(&text, Principal::new(LOCAL)).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(line(&service, &row, None))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    why: Option<String>,
}

pub(crate) async fn withdraw(
    State(service): State<Arc<Service>>,
    Asked(Query(Why { why })): Asked<Query<Why>>,
) -> Result<Json<Withdrawn>, Refused> {
    let count = why.as_ref().map_or(0, |why| why.chars().count());
    if count > WHY_MAX {
        return Err(Refused::bad("why", "too long", format!("`why` has {count} characters: {WHY_MAX} at most")));
    }
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let row = engine.withdraw_plan(Principal::new(LOCAL), why).await.map_err(refused)?;
    Ok(Json(Withdrawn { plan: row.map(|row| line(&service, &row, None)) }))
}

fn refused(error: PlanError) -> Refused {
    const TITLE: &str = "the plan was not taken";
    match error {
        PlanError::Store(error) => error.into(),
        PlanError::Unavailable(_) => Refused::unavailable(error),
        PlanError::TooLong(_) => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", TITLE, error),
        PlanError::Document(ref diagnostics) => {
            let list = diagnostics.iter().map(agendum_spec::Diagnostic::json).collect();
            let mut refused = Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "plan", TITLE, &error);
            refused.0.diagnostics = list;
            refused
        }
        PlanError::Refused(ref findings) => {
            let helps = findings.iter().filter(|finding| !finding.help.is_empty());
            let helps: Vec<_> = helps.map(|finding| &*finding.help).collect();
            let detail = if helps.is_empty() { error.to_string() } else { format!("{error}: {}", helps.join("; ")) };
            let code = findings.first().map_or("plan", |finding| finding.code);
            Refused::new(StatusCode::UNPROCESSABLE_ENTITY, code, TITLE, detail)
        }
    }
}

/// A plan as the API tells it; `later` is the one that was published next.
fn line(service: &Service, row: &PlanRow, later: Option<&PlanRow>) -> PlanLine {
    let replaced = later.map(|later| later.at);
    let taken_back = row.withdrawn.as_ref().map(|withdrawal| withdrawal.at);
    let ends = [("withdrawn", taken_back), ("replaced", replaced), ("over", Some(row.until))];
    let (state, ended) = ends
        .into_iter()
        .filter_map(|(word, at)| Some((word, at?)))
        .min_by_key(|(_, at)| *at)
        .unwrap_or(("over", row.until));
    // Of another policy than the one in force it counts for nothing.
    let policy = service.engine.as_ref().map_or_else(|| service.policy.clone(), |engine| engine.policy().version());
    let is_for_it = *row.policy == *policy;
    let is_over = ended <= Wall.now();
    let state = match (is_over, is_for_it) {
        (true, _) => state,
        (false, true) => PlanLine::IN_FORCE,
        (false, false) => "other_policy",
    };
    let withdrawn = row.withdrawn.as_ref();
    PlanLine {
        number: row.number,
        name: row.name.to_string(),
        hash: row.hash.to_string(),
        state: state.to_owned(),
        policy: row.policy.to_string(),
        changes: row.changes.clone(),
        description: row.description.as_deref().map(str::to_owned),
        flags: row.flags.clone(),
        by: row.by.to_string(),
        at: v1::instant(row.at),
        until: v1::instant(row.until),
        ended: is_over.then(|| v1::instant(ended)),
        withdrawn_at: withdrawn.map(|withdrawal| v1::instant(withdrawal.at)),
        withdrawn_by: withdrawn.map(|withdrawal| withdrawal.by.to_string()),
        why: withdrawn.and_then(|withdrawal| withdrawal.why.clone()),
        document: serde_json::from_str(&row.document).unwrap_or_default(),
    }
}
