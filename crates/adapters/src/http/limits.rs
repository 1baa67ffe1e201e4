//! What a provider says in the headers of an answer of how much it lets through in a minute.
//!
//! Two dialects: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (OpenAI, Azure, Groq and others) and
//! `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`. Neither says for which span a limit is: OpenAI's are of a minute, Groq's limit of requests
//! is of a day. A bucket that fills evenly tells it: what is used of it comes back until `reset`, so that the span is `reset × limit / (limit - remaining)`.
//! What does not come to about a minute is left alone, and so is what is not consistent.

use std::ops::RangeInclusive;
use std::time::SystemTime;

use agendum_types::target::Rate;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

/// The spans that are taken for a minute, in seconds: `reset` is rounded, and is for the instant at which the answer was made.
const MINUTE: RangeInclusive<f64> = 45.0..=80.0;
/// A shorter `reset` says nothing of the span: it is rounded to milliseconds.
const RESET_MIN: f64 = 0.010;
/// More is no limit, and no number to reckon with.
const LIMIT_MAX: u64 = 1_000_000_000_000;

/// The limits of a minute that the headers name for certain; `None` if they name none.
pub(crate) fn stated(headers: &HeaderMap) -> Option<Rate> {
    let of = |what| {
        of_openai(headers, what)
            .filter(Limit::is_of_a_minute)
            .or_else(|| of_anthropic(headers, what))
            .map(|limit| limit.limit)
    };
    Some(Rate { requests: of("requests"), tokens: of("tokens") }).filter(|rate| !rate.is_unlimited())
}

/// One limit, as one answer tells it.
struct Limit {
    limit: u64,
    remaining: u64,
    /// Seconds until all of it is there again, if it was told.
    reset: Option<f64>,
}

impl Limit {
    fn new(limit: u64, remaining: u64, reset: Option<f64>) -> Option<Self> {
        // Some say 0 or more remaining than there is where they do not know (Azure): that is not taken for a limit.
        ((1..=LIMIT_MAX).contains(&limit) && remaining <= limit).then_some(Self { limit, remaining, reset })
    }

    fn is_of_a_minute(&self) -> bool {
        let used = self.limit - self.remaining;
        let span = |reset: f64| reset * self.limit as f64 / used as f64;
        used > 0 && self.reset.is_some_and(|reset| reset >= RESET_MIN && MINUTE.contains(&span(reset)))
    }
}

fn of_openai(headers: &HeaderMap, what: &str) -> Option<Limit> {
    let said = |part: &str| text(headers, &format!("x-ratelimit-{part}-{what}"));
    Limit::new(said("limit")?.parse().ok()?, said("remaining")?.parse().ok()?, said("reset").and_then(seconds))
}

/// Anthropic's are of a minute by its documentation; its `reset` is rounded to seconds, and what remains of tokens to thousands.
fn of_anthropic(headers: &HeaderMap, what: &str) -> Option<Limit> {
    let said = |part: &str| text(headers, &format!("anthropic-ratelimit-{what}-{part}"));
    let limit = Limit::new(said("limit")?.parse().ok()?, said("remaining")?.parse().ok()?, None)?;
    let at: Timestamp = said("reset")?.parse().ok()?;
    // By the provider's own clock where it tells the time.
    let date = text(headers, DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = Timestamp::try_from(date.unwrap_or_else(SystemTime::now)).ok()?;
    let left = at.duration_since(now).as_secs_f64();
    (left <= *MINUTE.end()).then_some(limit)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `12ms`, `1s`, `6m0s`, `1m26.4s`, or a number of seconds.
fn seconds(text: &str) -> Option<f64> {
    let spelled = || text.parse::<SignedDuration>().ok().map(|span| span.as_secs_f64());
    text.parse().ok().or_else(spelled).filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::stated;

    fn told(lines: &str) -> String {
        let mut headers = HeaderMap::new();
        for line in lines.split("; ") {
            let (name, value) = line.split_once(": ").unwrap();
            headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        stated(&headers)
            .map_or_else(|| "-".to_owned(), |rate| format!("{:?} requests, {:?} tokens", rate.requests, rate.tokens))
    }

    #[test]
    fn limits_of_a_minute_are_believed() {
        let openai = |requests: &str, tokens: &str| {
            let of = |what: &str, said: &str| {
                let said: Vec<&str> = said.split(' ').collect();
                format!(
                    "x-ratelimit-limit-{what}: {}; x-ratelimit-remaining-{what}: {}; x-ratelimit-reset-{what}: {}",
                    said[0], said[1], said[2]
                )
            };
            told(&format!("{}; {}", of("requests", requests), of("tokens", tokens)))
        };
        let anthropic = |limit: &str, remaining: &str, reset: &str| {
            told(&format!(
                "date: Sun, 29 Nov 2026 10:00:00 GMT; anthropic-ratelimit-requests-limit: {limit}; anthropic-ratelimit-requests-remaining: {remaining}; \
                anthropic-ratelimit-requests-reset: {reset}"
            ))
        };
        let seen = [
            ("a first request", openai("500 499 120ms", "30000 29700 600ms")),
            ("many", openai("10000 9000 6s", "2000000 1000000 30s")),
            ("in minutes", openai("3 1 40s", "40000 0 1m0s")),
            ("requests of a day", openai("14400 14370 2m59.56s", "18000 17997 10ms")),
            ("of a day, used up", openai("200 0 23h59m59s", "1000 500 30.5s")),
            ("too short to tell", openai("30000 29999 2ms", "150000000 149999000 0s")),
            ("nothing used", openai("500 500 0s", "30000 30000 0s")),
            ("unknown", openai("-1 0 1s", "0 0 1s")),
            ("more left than there is", openai("10 11 1s", "10 10 1s")),
            ("nonsense", openai("1e3 x 1s", "99999999999999999999 1 soon")),
            ("hostile", openai("100 50 NaN", "100 50 inf")),
            ("endless", openai("100 50 -30s", "2000000000000 1000000000000 30s")),
            ("anthropic", anthropic("50", "49", "2026-11-29T10:00:01Z")),
            ("of an hour", anthropic("50", "0", "2026-11-29T11:00:00Z")),
            ("without an instant", anthropic("50", "49", "soon")),
            ("none", told("content-type: text/plain")),
        ];
        let seen: Vec<String> = seen.iter().map(|(what, seen)| format!("{what}: {seen}")).collect();
        insta::assert_snapshot!(seen.join("\n"), @"
        a first request: Some(500) requests, Some(30000) tokens
        many: Some(10000) requests, Some(2000000) tokens
        in minutes: Some(3) requests, Some(40000) tokens
        requests of a day: None requests, Some(18000) tokens
        of a day, used up: None requests, Some(1000) tokens
        too short to tell: -
        nothing used: -
        unknown: -
        more left than there is: -
        nonsense: -
        hostile: -
        endless: -
        anthropic: Some(50) requests, None tokens
        of an hour: -
        without an instant: -
        none: -
        ");
    }
}
