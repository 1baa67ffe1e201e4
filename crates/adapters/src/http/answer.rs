//! What an answer, or its absence, means: the class, the provider's delay, the proof that nothing happened.

use std::error::Error;
use std::time::SystemTime;

use agendum_ports::Failed;
use agendum_types::{Class, Duration};
use futures_util::StreamExt as _;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value as Json;
use url::Url;

use crate::chat::secret::without_tokens;
use crate::http::hosts::NotPublic;
use crate::timeouts::Timeouts;

/// Bytes read of the answer that explains an error.
const EXPLANATION_BYTES_MAX: usize = 64 << 10;
/// Bytes of it that are passed on.
const EXPLANATION_SHOWN_MAX: usize = 300;
/// Longer delays are not believed.
const RETRY_AFTER_MAX: Duration = Duration::secs(3_600);

/// A transfer that broke; `unsent` if there was no connection yet.
pub(crate) fn broken(error: &reqwest::Error, unsent: bool) -> Failed {
    // The error's own text may hold the whole URL; a query can carry a secret.
    let mut source: &dyn Error = error;
    loop {
        if source.is::<NotPublic>() {
            return Failed::new(Class::PermissionDenied, source).without_effect();
        }
        match source.source() {
            Some(inner) => source = inner,
            None => break,
        }
    }
    if error.is_builder() {
        // It will not be made the next time either.
        return Failed::new(Class::Permanent, format!("the request cannot be made: {source}")).without_effect();
    }
    if unsent {
        let message = format!("no connection{}: {source}", to(error));
        return Failed::new(Class::Unavailable, message).without_effect();
    }
    Failed::new(Class::Unavailable, source)
}

/// Where it led, as ` to HOST:PORT`: the rest of a URL can carry a secret.
pub(crate) fn to(error: &reqwest::Error) -> String {
    let url = error.url().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    url.map_or_else(String::new, |(host, port)| format!(" to {host}:{port}"))
}

/// The failure that a status is, with what the server says about it.
pub(crate) async fn refusal(response: Response) -> Failed {
    let (status, headers) = (response.status(), response.headers().clone());
    let said = beginning(response).await;
    of_status(status, &headers, &String::from_utf8_lossy(&said))
}

/// The status in words: `HTTP 404 Not Found`.
pub(crate) fn named(status: StatusCode) -> String {
    status
        .canonical_reason()
        .map_or_else(|| format!("HTTP {}", status.as_u16()), |reason| format!("HTTP {} {reason}", status.as_u16()))
}

fn of_status(status: StatusCode, headers: &HeaderMap, body: &str) -> Failed {
    let class = match status.as_u16() {
        401 | 403 => Class::PermissionDenied,
        408 | 504 => Class::Timeout,
        429 => Class::RateLimited,
        503 | 529 => Class::Overloaded,
        500..=599 => Class::Unavailable,
        _ => Class::Permanent,
    };
    let said = body.trim();
    let said = serde_json::from_str::<Json>(said)
        .ok()
        .and_then(|value| value["error"]["message"].as_str().or_else(|| value["detail"].as_str()).map(str::to_owned))
        .unwrap_or_else(|| said.to_owned());
    let message = match &said[..said.floor_char_boundary(EXPLANATION_SHOWN_MAX)] {
        "" => format!("{}, without an explanation", named(status)),
        said => format!("HTTP {}: {said}", status.as_u16()),
    };
    let failed = Failed::new(class, without_tokens(&message)).retry_after(retry_after(headers));
    // A request that was refused before it was looked at has done nothing.
    if matches!(status.as_u16(), 401 | 403 | 404 | 405 | 429) { failed.without_effect() } else { failed }
}

/// Where a redirect leads, and how that is shown: without its query, which can carry a secret.
pub(crate) fn location(from: &Url, headers: &HeaderMap) -> Option<(Url, String)> {
    let to = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let mut shown = to.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // A URL that cannot have them has none.
    let _none = (shown.set_username(""), shown.set_password(None));
    Some((to, shown.into()))
}

/// `Retry-After` in seconds or as a date, or the milliseconds that some providers add; at most an hour.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    let date = |name: &str| httpdate::parse_http_date(text(name)?).ok();
    let until = || {
        // By the server's own clock where it tells the time.
        let now = date(DATE.as_str()).unwrap_or_else(SystemTime::now);
        let span = date(RETRY_AFTER.as_str())?.duration_since(now).unwrap_or_default();
        Some(span.as_secs_f64() * 1_000.0)
    };
    let millis = number("retry-after-ms")
        .or_else(|| number(RETRY_AFTER.as_str()).map(|seconds| seconds * 1_000.0))
        .or_else(until)?;
    Some(Duration::millis(millis.min(RETRY_AFTER_MAX.as_micros() as f64 / 1_000.0).ceil() as u64))
}

/// The whole body.
pub(crate) async fn body(response: Response, bytes_max: usize, timeouts: &Timeouts) -> Result<Vec<u8>, Failed> {
    let mut kept = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        kept.extend_from_slice(&piece.map_err(|error| timeouts.failed(&error))?);
        if kept.len() > bytes_max {
            return Err(Failed::new(Class::Permanent, format!("the response is larger than {bytes_max} bytes")));
        }
    }
    Ok(kept)
}

/// What can be had of a body that only explains: the status counts, whatever becomes of its body.
async fn beginning(response: Response) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        kept.extend_from_slice(&piece);
        if kept.len() >= EXPLANATION_BYTES_MAX {
            kept.truncate(EXPLANATION_BYTES_MAX);
            break;
        }
    }
    kept
}
