//! Feedback: what somebody thinks of a run, and what was said so far.

use std::sync::Arc;

use agendum_engine::{Opinion, OpinionError};
use agendum_ports::{FeedbackBy, Judged};
use agendum_types::Principal;
use agendum_wire::v1::{Feedback, FeedbackLine, FeedbackReport};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::reply::{Asked, Object, Refused, Said};
use crate::runs::run_id;
use crate::waits::LOCAL;

/// Characters of a label, and of a comment.
const LABEL_MAX: usize = 64;
const COMMENT_MAX: usize = 2_000;
/// Lines of an answer at most.
const LINES_MAX: u32 = 1_000;
/// What a score is kept in.
const MILLION: f64 = 1e6;

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
    by: Option<String>,
}

pub(crate) async fn report(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Asks>>,
) -> Result<Json<FeedbackReport>, Refused> {
    let by = asked.by.as_deref().unwrap_or("graph");
    let unknown = || format!("{by:?}: use {}", FeedbackBy::ALL.map(FeedbackBy::word).join(", "));
    let known = FeedbackBy::from_word(by).ok_or_else(|| Refused::bad("by", "unknown word", unknown()))?;
    let judged = service.reader.feedback(&service.tenant, asked.graph.as_deref(), known, LINES_MAX).await?;
    Ok(Json(FeedbackReport { by: by.to_owned(), lines: judged.iter().map(line).collect() }))
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
