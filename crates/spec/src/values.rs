//! Values as people write them, in documents, configurations and on the command line: spans of time, instants, money.

use agendum_types::{Duration, Money, Timestamp};
use url::Url;

/// Reads a span of time: `900ms`, `8s`, `1h30m`, or ISO 8601 (`PT8S`).
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.parse().ok()?;
    u64::try_from(span.as_micros()).ok().map(Duration)
}

/// How to write what was meant, for a text that is no span of time.
#[must_use]
pub fn no_span(text: &str) -> String {
    let seconds = format!("{}s", text.trim());
    if text.trim().parse::<f64>().is_ok() && span(&seconds).is_some() {
        format!("write `{seconds}`")
    } else {
        "write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)".to_owned()
    }
}

/// A span of time in the one way in which normal documents have it, to the microsecond: `1h30m`, `600ms`.
pub(crate) fn written_span(span: Duration) -> String {
    const UNITS: [(u64, &str); 5] =
        [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "us")];
    let (mut left, mut text) = (span.as_micros(), String::new());
    for (micros, unit) in UNITS {
        if left >= micros {
            text += &format!("{}{unit}", left / micros);
            left %= micros;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// True for a URL that a request can be made from.
pub(crate) fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// How to write what was meant, for a text that is no such URL.
pub(crate) fn no_url(text: &str) -> String {
    let text = text.trim();
    // Of a path the first part would become the host.
    let has_host = text.starts_with("//") || !text.starts_with(['/', '\\', '.']);
    match Url::parse(&format!("https://{text}")) {
        Ok(url) if has_host && !text.contains(':') => format!("write {url}"),
        Ok(_) | Err(_) => "write https://HOST/PATH".to_owned(),
    }
}

/// A number of US dollars.
pub(crate) fn dollars(number: &serde_json::Number) -> Option<Money> {
    Money::from_dollars(number.as_f64()?).filter(|money| *money < Money::MAX)
}

/// Reads an instant since 1970 as documents write it: RFC 3339.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(instant.as_microsecond()).ok().map(Timestamp)
}
