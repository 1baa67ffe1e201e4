//! Values as people write them: spans of time, money.

use agendum_types::{Duration, Money, Timestamp};

/// `900ms`, `8s`, `1h30m`, or ISO 8601 (`PT8S`).
pub(crate) fn span(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.parse().ok()?;
    u64::try_from(span.as_micros()).ok().map(Duration)
}

/// A number of US dollars.
pub(crate) fn dollars(number: &serde_json::Number) -> Option<Money> {
    let dollars = number.as_f64().filter(|dollars| *dollars >= 0.0)?;
    // The float is what the document holds; rounding to pico-dollars is exact for every price a person writes.
    let pico = (dollars * Money::PER_DOLLAR as f64).round();
    (pico < u64::MAX as f64).then_some(Money(pico as u64))
}

/// An instant since 1970, RFC 3339.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(instant.as_microsecond()).ok().map(Timestamp)
}
