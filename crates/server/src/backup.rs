//! A backup, made by the process that owns the data.

use std::path::PathBuf;
use std::sync::Arc;

use agendum_ports::{StoreError, chain};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::reply::{Object, Refused, Said};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// A folder that is missing or empty, as this process sees it.
    to: PathBuf,
}

pub(crate) async fn backup(
    State(service): State<Arc<Service>>,
    Said(Json(Object(Wanted { to }))): Said<Json<Object<Wanted>>>,
) -> Result<Json<Value>, Refused> {
    let (Some(engine), Some(backup)) = (&service.engine, &service.backup) else { return Err(Refused::read_only()) };
    if !to.is_absolute() {
        return Err(Refused::bad("backup", "no backup was made", "`to` is an absolute path on the server's machine"));
    }
    let (engine, backup, folder) = (Arc::clone(engine), Arc::clone(backup), to.clone());
    // Whoever asked may leave: no blob goes before the copy has ended.
    let copying = tokio::spawn(async move {
        let _kept = engine.keep_blobs().await;
        backup.copy(folder).await
    });
    let copied = copying.await.unwrap_or_else(|error| Err(StoreError::Io { doing: "copy", source: Box::new(error) }));
    let copied = copied.map_err(|error| {
        Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "backup", "no backup was made", chain(&error))
    })?;
    Ok(Json(json!({ "to": to, "blobs": copied.blobs, "bytes": copied.bytes })))
}
