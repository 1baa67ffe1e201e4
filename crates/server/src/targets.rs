//! How targets and pools are used now.

use std::sync::Arc;

use agendum_wire::v1::Targets;
use axum::Json;
use axum::extract::State;

use crate::Service;
use crate::reply::Refused;

/// Where nobody runs anything nothing is used.
pub(crate) async fn list(State(service): State<Arc<Service>>) -> Result<Json<Targets>, Refused> {
    let Some(engine) = &service.engine else { return Ok(Json(Targets::default())) };
    let loads = engine.loads().await.ok_or_else(|| Refused::unavailable(engine.health()))?;
    Ok(Json(Targets::of(&loads)))
}
