//! How the endpoints of notices stand, and a try of one.

use std::sync::Arc;

use agendum_ports::{EndpointRow, Receipt};
use agendum_wire::v1::{self, Endpoints, NoticeLine, Pinged};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::Service;
use crate::reply::{Asked, Refused};

pub(crate) async fn list(State(service): State<Arc<Service>>) -> Result<Json<Endpoints>, Refused> {
    let rows = service.reader.endpoints().await?;
    Ok(Json(Endpoints { endpoints: rows.into_iter().map(line).collect() }))
}

fn line(row: EndpointRow) -> NoticeLine {
    NoticeLine {
        endpoint: row.name.to_string(),
        delivered: row.delivered,
        due: row.due,
        oldest: row.oldest.map(v1::instant),
        given_up: row.given_up,
        delivered_at: row.delivered_at.map(v1::instant),
        failed_at: row.failed_at.map(v1::instant),
        error: row.error,
        disabled: row.disabled,
    }
}

pub(crate) async fn test(
    State(service): State<Arc<Service>>,
    Asked(Path(name)): Asked<Path<String>>,
) -> Result<Json<Pinged>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let receipt = engine.ping(&name).await.ok_or_else(|| {
        let detail = format!("the configuration in force has no [notices.{name}]");
        Refused::new(StatusCode::NOT_FOUND, "no_endpoint", "there is no such endpoint", detail)
    })?;
    Ok(Json(pinged(&name, receipt)))
}

/// What came of a try.
#[must_use]
pub fn pinged(endpoint: &str, receipt: Receipt) -> Pinged {
    let error = match receipt {
        Receipt::Delivered => None,
        Receipt::Gone(message) | Receipt::Failed { message, .. } => Some(message),
    };
    Pinged { endpoint: endpoint.to_owned(), delivered: error.is_none(), error }
}
