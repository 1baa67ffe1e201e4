//! HTTP requests to hosts of an allow-list.
//!
//! Redirects are followed for GET and HEAD only: any other method may have had its effect on the way. Once one was followed, nothing
//! is certified any more, because a proof speaks of the last request and not of those before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_ports::{Adapter, Attempt, Failed, Finished};
use agendum_types::{Class, Usage, target};
use base64::Engine as _;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::Url;

use crate::http::answer::{body, location, named, refusal};
use crate::http::hosts::{Lookup, is_allowed, is_private_literal};
use crate::input::{self, Word};

pub(crate) mod answer;
mod hosts;
pub(crate) mod limits;

use crate::timeouts::{Timeouts, over};

/// Bytes read of a response.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Redirects followed by one attempt.
const REDIRECTS_MAX: u64 = target::HTTP_REDIRECTS_MAX;
/// What a graph says to one host is not for another, save for these.
const HEADERS_FOR_ALL: [&str; 2] = ["accept", "accept-language"];
/// What no graph sets: `Host` would reach another site behind an allowed address, the others would frame another request.
const HEADERS_OF_OURS: [&str; 6] =
    ["host", "connection", "content-length", "proxy-authorization", "transfer-encoding", "upgrade"];

/// Makes HTTP requests.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    allow: Arc<[String]>,
    private: bool,
    timeouts: Timeouts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Word>,
    #[serde(default)]
    query: BTreeMap<String, Json>,
    #[serde(default)]
    json: Option<Json>,
    #[serde(default)]
    body: Option<String>,
}

fn permanent(message: impl std::fmt::Display) -> Failed {
    Failed::new(Class::Permanent, message)
}

impl Http {
    /// Requests to these hosts (`api.example.com`, `api.example.com:8443`, `*.example.com`); to names that lead to addresses of private
    /// networks only if `private` says so. An address that is written out here is allowed.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn new(allow: Vec<String>, private: bool) -> Result<Self, reqwest::Error> {
        let timeouts = Timeouts::HTTP;
        Ok(Self { client: client(private, &timeouts)?, allow: allow.into(), private, timeouts })
    }

    /// The same hosts with other limits of time.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        Ok(Self { client: client(self.private, &timeouts)?, timeouts, ..self })
    }

    /// Does it; counts the bytes of bodies that have left.
    async fn call(&self, attempt: &Attempt, sent: &mut u64) -> Result<Finished, Failed> {
        let given: Input = input::parse(attempt, "{url, method, headers, query, json, body}")?;
        let body = match (&given.json, &given.body) {
            (Some(json), _) => Some(Bytes::from(json.to_string())),
            (None, Some(body)) => Some(Bytes::from(body.clone())),
            (None, None) => None,
        };
        let size = body.as_ref().map_or(0, Bytes::len) as u64;
        input::may_leave(attempt, size)?;
        let (method, first) = asked(&given)?;
        if !is_allowed(&self.allow, &first) {
            return Err(forbidden(&first).without_effect());
        }
        let mut url = first.clone();
        for followed in 0..=REDIRECTS_MAX {
            let leaves = if first.origin() == url.origin() { size } else { 0 };
            // If this is stopped, it may have left.
            *sent += leaves;
            let answered = self.request(&given, attempt, &method, &first, &url, body.as_ref()).send().await;
            let ended = match answered {
                Err(error) => {
                    let failed = self.timeouts.failed(&error);
                    *sent -= if failed.no_effect { leaves } else { 0 };
                    Err(failed)
                }
                Ok(response) => match self.next(&method, &response)? {
                    Some(next) => {
                        url = next;
                        continue;
                    }
                    None => self.read(response).await,
                },
            };
            return ended.map_err(|failed| Failed { no_effect: failed.no_effect && followed == 0, ..failed });
        }
        Err(permanent(format!("more than {REDIRECTS_MAX} redirects")))
    }

    fn request(
        &self,
        given: &Input,
        attempt: &Attempt,
        method: &Method,
        first: &Url,
        url: &Url,
        body: Option<&Bytes>,
    ) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method.clone(), url.clone());
        let at_home = first.origin() == url.origin();
        for (name, value) in &given.headers {
            if at_home || HEADERS_FOR_ALL.iter().any(|free| name.eq_ignore_ascii_case(free)) {
                request = request.header(name, &value.0);
            }
        }
        if !at_home {
            return request;
        }
        if attempt.forward_key {
            request = request.header("Idempotency-Key", &*attempt.idempotency_key);
        }
        let Some(body) = body else { return request };
        let has_type = given.headers.keys().any(|name| name.trim().eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
        if given.json.is_some() && !has_type {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(body.clone())
    }

    /// Where to go on, if the answer is a redirect that may be followed.
    fn next(&self, method: &Method, response: &Response) -> Result<Option<Url>, Failed> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some((to, shown)) = location(response.url(), response.headers()) else {
            return Err(permanent(format!("{} without a `Location`", named(status))));
        };
        if method != Method::GET && method != Method::HEAD {
            if status == StatusCode::SEE_OTHER {
                return Ok(None);
            }
            return Err(permanent(format!(
                "{} to {shown}: no {method} is sent on; if it was not carried out here, name that URL",
                named(status)
            )));
        }
        let led = |rule: Failed| Failed { message: format!("{} to {shown}: {}", named(status), rule.message), ..rule };
        if !is_allowed(&self.allow, &to) {
            return Err(led(forbidden(&to)));
        }
        if !self.private && is_private_literal(&to) {
            let rule = "no redirect leads to a private address; `private = true` of the target allows it";
            return Err(led(Failed::new(Class::PermissionDenied, rule)));
        }
        Ok(Some(to))
    }

    async fn read(&self, response: Response) -> Result<Finished, Failed> {
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        // The answer to a request that was carried out, and whose result is elsewhere.
        let see_other = (status == StatusCode::SEE_OTHER).then(|| location(&url, &headers)).flatten();
        if !status.is_success() && see_other.is_none() {
            return Err(refusal(response).await);
        }
        let body = body(response, BODY_BYTES_MAX, &self.timeouts).await?;
        let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut output = json!({ "status": status.as_u16(), "media": media });
        if let Some((to, _)) = see_other {
            output["location"] = json!(to.as_str());
        }
        if let Ok(value) = serde_json::from_slice::<Json>(&body) {
            output["json"] = value;
        } else if let Ok(text) = std::str::from_utf8(&body) {
            output["text"] = json!(text);
        } else {
            output["base64"] = json!(base64::engine::general_purpose::STANDARD.encode(&body));
        }
        Ok(input::finished(&output, CALLED))
    }
}

fn client(private: bool, timeouts: &Timeouts) -> Result<Client, reqwest::Error> {
    timeouts.client().dns_resolver(Arc::new(Lookup { private })).no_proxy().build()
}

/// One call, as it counts for targets priced per call.
const CALLED: Usage = Usage {
    tokens_in: 0,
    tokens_cached: 0,
    tokens_written: 0,
    tokens_out: 0,
    tokens_reasoning: 0,
    calls: 1,
    egress_bytes: 0,
    estimated: false,
};

/// The method and the URL that a graph asks for.
fn asked(given: &Input) -> Result<(Method, Url), Failed> {
    let mut url = Url::parse(&given.url)
        .map_err(|error| permanent(format!("{:?} is no URL: {error}", given.url)).without_effect())?;
    for (name, value) in &given.query {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        url.query_pairs_mut().append_pair(name, &text);
    }
    if let Some(name) =
        given.headers.keys().find(|name| HEADERS_OF_OURS.contains(&name.trim().to_ascii_lowercase().as_str()))
    {
        let message = format!("the header {name:?} is not for graphs to set: it follows from the URL and the body");
        return Err(Failed::new(Class::PermissionDenied, message).without_effect());
    }
    let method = given.method.as_deref().unwrap_or("GET").to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| permanent(format!("{method:?} is no HTTP method")).without_effect())?;
    Ok((method, url))
}

fn forbidden(url: &Url) -> Failed {
    let host = url.host_str().unwrap_or("nothing");
    let message = format!("{host} is not an allowed host; see `allow` of the target in agendum.toml");
    Failed::new(Class::PermissionDenied, message)
}

impl Adapter for Http {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let this = self.clone();
        async move {
            let (cancel, mut egress_bytes) = (attempt.cancel.clone(), 0);
            let ended = tokio::select! {
                ended = this.call(&attempt, &mut egress_bytes) => ended,
                () = cancel.cancelled() => Err(Failed::new(Class::Cancelled, "told to stop")),
                late = over(this.timeouts.whole) => Err(late),
            };
            // Without proof of the contrary, the call was made and has its price.
            match ended {
                Ok(finished) => Ok(Finished { usage: Usage { egress_bytes, ..finished.usage }, ..finished }),
                Err(failed) if failed.no_effect => {
                    Err(Failed { usage: Usage { egress_bytes, ..failed.usage }, ..failed })
                }
                Err(failed) => Err(Failed { usage: Usage { estimated: true, egress_bytes, ..CALLED }, ..failed }),
            }
        }
        .boxed()
    }
}
