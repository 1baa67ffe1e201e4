//! Feedback: what somebody thinks of a run, and what was said so far.

use std::sync::Arc;

use agendum_engine::{COMMENT_MAX, LABEL_MAX, MILLION, Opinion, OpinionError};
use agendum_ports::{Feedback as Kept, FeedbackBy, FeedbackFilter, FeedbackSource, Judged};
use agendum_types::Principal;
use agendum_wire::v1::{Feedback, FeedbackLine, FeedbackReport, Opinion as Told, Opinions};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::run_id;
use crate::waits::LOCAL;

/// Lines of an answer at most.
const LINES_MAX: u32 = 1_000;
/// Opinions of a page, where the caller does not say.
const PAGE: u32 = 100;

pub(crate) async fn give(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
    Said(Json(Object(feedback))): Said<Json<Object<Feedback>>>,
) -> Result<Json<Value>, Refused> {
    let Feedback { score, label, task, comment } = feedback;
    if !(0.0..=1.0).contains(&score) {
        return Err(Refused::bad("score", "not a score", format!("{score}: a score is a number from 0 to 1")));
    }
    for (name, text, most) in [("label", &label, LABEL_MAX), ("comment", &comment, COMMENT_MAX)] {
        let count = text.as_ref().map_or(0, |text| text.chars().count());
        if count > most {
            return Err(Refused::bad(name, "too long", format!("`{name}` has {count} characters: {most} at most")));
        }
    }
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let label = label.filter(|label| !label.is_empty());
    let score = (score * MILLION).round() as u32;
    let opinion = Opinion { run: run_id(&id)?, task, by: Principal::new(LOCAL), score, label, comment };
    engine.judge(&service.tenant, opinion).await.map_err(refused)?;
    Ok(Json(json!({ "id": id, "score": f64::from(score) / MILLION })))
}

fn refused(error: OpinionError) -> Refused {
    let (status, kind) = match error {
        OpinionError::Read(error) => return error.into(),
        OpinionError::NotAnswered(_) => (StatusCode::CONFLICT, "not_answered"),
        OpinionError::NoTask { .. } => (StatusCode::NOT_FOUND, "no_task"),
        OpinionError::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_much_feedback"),
    };
    Refused::new(status, kind, "the feedback was not kept", error)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    graph: Option<String>,
    source: Option<String>,
    by: Option<String>,
}

pub(crate) async fn report(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Asks>>,
) -> Result<Json<FeedbackReport>, Refused> {
    let by = asked.by.as_deref().unwrap_or("graph");
    let unknown = || format!("{by:?}: use {}", FeedbackBy::ALL.map(FeedbackBy::word).join(", "));
    let known = FeedbackBy::from_word(by).ok_or_else(|| Refused::bad("by", "unknown word", unknown()))?;
    let of =
        FeedbackFilter { graph: asked.graph, source: source(asked.source.as_deref())?, ..FeedbackFilter::default() };
    let judged = service.reader.feedback(&service.tenant, &of, known, LINES_MAX).await?;
    Ok(Json(FeedbackReport { by: by.to_owned(), lines: judged.iter().map(line).collect() }))
}

fn source(word: Option<&str>) -> Result<Option<FeedbackSource>, Refused> {
    let Some(word) = word else { return Ok(None) };
    let known = FeedbackSource::ALL.map(FeedbackSource::word).join(", ");
    let unknown = || Refused::bad("source", "unknown word", format!("{word:?}: use {known}"));
    FeedbackSource::from_word(word).map(Some).ok_or_else(unknown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    graph: Option<String>,
    run: Option<String>,
    source: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Which>>,
) -> Result<Json<Opinions>, Refused> {
    let Which { graph, run, source: word, before, limit } = asked;
    let run = run.as_deref().map(run_id).transpose()?;
    let of = FeedbackFilter { graph, run, source: source(word.as_deref())?, before };
    let count_max = limit.unwrap_or(PAGE).clamp(1, LINES_MAX);
    let found = service.reader.opinions(&service.tenant, &of, count_max).await?;
    let next = found.last().map(|(number, _)| *number).filter(|_| found.len() >= count_max as usize);
    Ok(Json(Opinions { opinions: found.iter().map(|(_, kept)| said(kept)).collect(), next }))
}

/// An opinion as the API tells it.
pub(crate) fn said(kept: &Kept) -> Told {
    Told {
        source: kept.source().word().to_owned(),
        by: kept.principal.to_string(),
        judge: kept.judge.clone(),
        at: kept.at.to_string(),
        run: kept.run.to_string(),
        task: kept.task.clone(),
        graph: kept.graph.to_string(),
        version: kept.graph_hash.to_string(),
        target: kept.target.clone(),
        policy: kept.policy.clone(),
        score: f64::from(kept.score) / MILLION,
        label: kept.label.clone(),
        comment: kept.comment.clone(),
    }
}

fn line(judged: &Judged) -> FeedbackLine {
    FeedbackLine {
        name: judged.name.clone(),
        version: judged.version.map(|hash| hash.to_string()),
        count: judged.count,
        mean: judged.sum as f64 / MILLION / judged.count.max(1) as f64,
        min: f64::from(judged.min) / MILLION,
        max: f64::from(judged.max) / MILLION,
    }
}
