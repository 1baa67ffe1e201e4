//! `Idempotency-Key`: a submission that is sent twice is run once.

use std::sync::Arc;

use agendum_types::{Hash, SubmissionKey};
use agendum_wire::v1::Submit;
use axum::http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::reply::Refused;

/// What the caller calls the request.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Said with a run that an earlier request made.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, if it has one.
pub(crate) fn of(headers: &HeaderMap, body: &Submit) -> Result<Option<SubmissionKey>, Refused> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let wrong = |why: &str| {
        let detail = format!("{why}: send 1 to {} visible ASCII characters", SubmissionKey::BYTES_MAX);
        Refused::bad("idempotency_key", "the idempotency key is none", detail)
    };
    let text = value.to_str().map_err(|_| wrong("`Idempotency-Key` is no text"))?.trim();
    // The draft of the standard writes it as a quoted string, most services plain.
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() || key.len() > SubmissionKey::BYTES_MAX {
        return Err(wrong(&format!("`Idempotency-Key` has {} characters", key.len())));
    }
    Ok(Some(SubmissionKey { key: Arc::from(key), parts: parts(body) }))
}

/// What the request says, part by part. The order of the members of an object says nothing.
fn parts(body: &Submit) -> Vec<(Arc<str>, Hash)> {
    let Ok(Value::Object(mut said)) = serde_json::to_value(body) else { return Vec::new() };
    said.sort_keys();
    let hash = |mut value: Value| {
        value.sort_all_objects();
        Hash(*blake3::hash(value.to_string().as_bytes()).as_bytes())
    };
    said.into_iter().map(|(name, value)| (Arc::from(name), hash(value))).collect()
}
