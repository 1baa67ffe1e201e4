//! An answer in one piece though a stream was asked for, as some gateways give it.

use agendum_ports::Failed;
use agendum_types::Class;
use futures_util::StreamExt as _;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value as Json, json};

use crate::aside::aside;
use crate::timeouts::Timeouts;

/// Bytes of it at most: an answer, and what stands around it.
const BODY_BYTES_MAX: usize = 8 << 20;

/// True if it says that it is no stream.
pub(super) fn is_whole(response: &Response) -> bool {
    let media = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads it, as the one event of a stream.
pub(super) async fn read(response: Response, timeouts: &Timeouts) -> Result<Json, Failed> {
    let (mut pieces, mut bytes) = (response.bytes_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let failed = timeouts.failed(&error);
            Failed { message: format!("the answer broke off: {}", failed.message), no_effect: false, ..failed }
        })?;
        if bytes.len() + piece.len() > BODY_BYTES_MAX {
            let message = format!("the response is larger than {BODY_BYTES_MAX} bytes");
            return Err(Failed::new(Class::Permanent, message));
        }
        bytes.extend_from_slice(&piece);
    }
    let body = aside(move || serde_json::from_slice::<Json>(&bytes)).await?;
    let body =
        body.map_err(|error| Failed::new(Class::Unavailable, format!("the provider sent what is not JSON: {error}")))?;
    Ok(event(body))
}

/// What a message says is all that there is to add to it.
fn event(mut body: Json) -> Json {
    for choice in body.get_mut("choices").and_then(Json::as_array_mut).into_iter().flatten() {
        let Some(mut message) = choice.get_mut("message").map(Json::take) else { continue };
        let calls = message.get_mut("tool_calls").and_then(Json::as_array_mut).into_iter().flatten();
        for (place, call) in calls.enumerate() {
            if let Some(call) = call.as_object_mut() {
                call.insert("index".to_owned(), json!(place));
            }
        }
        choice["delta"] = message;
    }
    body
}
