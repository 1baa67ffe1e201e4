//! HTTP requests to hosts of an allow-list.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use agendum_ports::{Adapter, Attempt, Failed, Finished};
use agendum_types::{Class, Duration, Usage};
use base64::Engine as _;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::Url;

use crate::input::{self, Word};

/// Bytes read of a response unless configured.
const BODY_BYTES_MAX: usize = 8 << 20;
const REDIRECTS_MAX: usize = 5;

/// Makes HTTP requests.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    allow: Arc<[String]>,
    body_bytes_max: usize,
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

impl Http {
    /// Requests to these hosts (`api.example.com`, `api.example.com:8443`, `*.example.com`); to addresses of private networks only if
    /// `private` says so.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn new(allow: Vec<String>, private: bool) -> Result<Self, reqwest::Error> {
        let allow: Arc<[String]> = allow.into();
        let hosts = Arc::clone(&allow);
        let follow = redirect::Policy::custom(move |step| {
            let allowed = is_allowed(&hosts, step.url()) && (private || !is_private_literal(step.url()));
            if !allowed || step.previous().len() > REDIRECTS_MAX { step.stop() } else { step.follow() }
        });
        let client = Client::builder()
            .redirect(follow)
            .dns_resolver(Arc::new(Lookup { private }))
            .no_proxy()
            .user_agent(concat!("agendum/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, allow, body_bytes_max: BODY_BYTES_MAX })
    }

    async fn send(&self, attempt: &Attempt) -> Result<Finished, Failed> {
        let given: Input = input::parse(attempt, "{url, method, headers, query, json, body}")?;
        let refused = |message: String| Failed::new(Class::PermissionDenied, message).without_effect();
        let mut url = Url::parse(&given.url).map_err(|error| {
            Failed::new(Class::Permanent, format!("{:?} is no URL: {error}", given.url)).without_effect()
        })?;
        if !is_allowed(&self.allow, &url) {
            let host = url.host_str().unwrap_or("nothing");
            return Err(refused(format!("{host} is not an allowed host; see `allow` of the target in agendum.toml")));
        }
        for (name, value) in &given.query {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(name, &text);
        }
        let method = given.method.as_deref().unwrap_or("GET").to_ascii_uppercase();
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Failed::new(Class::Permanent, format!("{method:?} is no HTTP method")).without_effect())?;
        let mut request = self.client.request(method, url);
        for (name, value) in &given.headers {
            request = request.header(name, &value.0);
        }
        if attempt.forward_key {
            request = request.header("Idempotency-Key", &*attempt.idempotency_key);
        }
        if let Some(body) = &given.json {
            request = request.json(body);
        } else if let Some(body) = given.body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| unsent(&error))?;
        self.read(response).await
    }

    async fn read(&self, response: Response) -> Result<Finished, Failed> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response, self.body_bytes_max).await?;
        if !status.is_success() {
            return Err(of_status(status, &headers, &String::from_utf8_lossy(&body)));
        }
        let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut output = json!({ "status": status.as_u16(), "media": media });
        if let Ok(value) = serde_json::from_slice::<Json>(&body) {
            output["json"] = value;
        } else if let Ok(text) = std::str::from_utf8(&body) {
            output["text"] = json!(text);
        } else {
            output["base64"] = json!(base64::engine::general_purpose::STANDARD.encode(&body));
        }
        Ok(input::finished(&output, Usage { calls: 1, ..Usage::default() }))
    }
}

impl Adapter for Http {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let this = self.clone();
        async move {
            let cancel = attempt.cancel.clone();
            tokio::select! {
                ended = this.send(&attempt) => ended,
                () = cancel.cancelled() => Err(Failed::new(Class::Cancelled, "told to stop")),
            }
        }
        .boxed()
    }
}

/// What a failed connection proves: nothing was sent if it was never made.
pub(crate) fn unsent(error: &reqwest::Error) -> Failed {
    // The error's own text may hold the whole URL; a query can carry a secret.
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    let failed = Failed::new(if error.is_timeout() { Class::Timeout } else { Class::Unavailable }, source);
    if error.is_connect() || error.is_builder() { failed.without_effect() } else { failed }
}

/// The class of an HTTP status.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap, body: &str) -> Failed {
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
    let failed = Failed::new(class, format!("HTTP {}: {}", status.as_u16(), &said[..said.floor_char_boundary(300)]));
    let failed = failed.retry_after(retry_after(headers));
    // A request that was refused before it was looked at has done nothing.
    if matches!(status.as_u16(), 401 | 403 | 404 | 405 | 429) { failed.without_effect() } else { failed }
}

/// `Retry-After` in seconds, or the milliseconds that some providers add; at most an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number =
        |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|value| *value >= 0.0);
    let millis = number("retry-after-ms").or_else(|| number("retry-after").map(|seconds| seconds * 1_000.0))?;
    Some(Duration::millis(millis.min(3_600_000.0).ceil() as u64))
}

pub(crate) async fn body(response: Response, bytes_max: usize) -> Result<Vec<u8>, Failed> {
    let mut kept = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        kept.extend_from_slice(&piece.map_err(|error| unsent(&error))?);
        if kept.len() > bytes_max {
            return Err(Failed::new(Class::Permanent, format!("the response is larger than {bytes_max} bytes")));
        }
    }
    Ok(kept)
}

fn is_allowed(allow: &[String], url: &Url) -> bool {
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else { return false };
    let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
    allow.iter().any(|allowed| match allowed.strip_prefix("*.") {
        Some(suffix) => host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        None => allowed == host || Some(allowed) == with_port.as_ref(),
    })
}

fn is_private_literal(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_private(address.into()),
        Some(url::Host::Ipv6(address)) => is_private(address.into()),
        Some(url::Host::Domain(_)) | None => false,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || address.octets()[0] == 0
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

/// Looks names up, and leaves out addresses that a public name has no business to have.
struct Lookup {
    private: bool,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| private || !is_private(address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!(
                    "{} has no public address; `private = true` of the target allows others",
                    name.as_str()
                )
                .into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{is_allowed, is_private, is_private_literal};

    #[test]
    fn only_hosts_of_the_list_are_asked() {
        let allow = ["api.example.com".to_owned(), "*.good.org".to_owned(), "127.0.0.1:80".to_owned()];
        let ask = |url: &str| is_allowed(&allow, &url.parse().unwrap());
        assert!(ask("https://api.example.com/x") && ask("http://a.good.org") && ask("http://127.0.0.1/"));
        for url in [
            "https://example.com",
            "https://evilgood.org",
            "https://good.org",
            "ftp://api.example.com",
            "file:///etc/passwd",
            "http://127.0.0.1:81",
            "https://api.example.com.evil.net",
            "https://api.example.com@evil.net/",
        ] {
            assert!(!ask(url), "{url}");
        }
    }

    #[test]
    fn private_addresses_are_known() {
        for address in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"]
        {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        assert!(!is_private("93.184.216.34".parse().unwrap()));
        assert!(is_private_literal(&"http://[::1]/".parse().unwrap()));
    }
}
