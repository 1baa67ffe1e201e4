//! Notices out: a signed POST to an address that the owner configured. What the endpoint answers besides its status is nobody's business.

use std::sync::Arc;
use std::time::Duration as Span;

use agendum_ports::{Courier, Parcel, Receipt};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use url::{Host, Url};

use crate::http::answer::{broken, named, retry_after};
use crate::timeouts::Timeouts;

/// From the first packet to the status.
const WHOLE: Span = Span::from_secs(10);
/// Until there is a connection.
const CONNECT: Span = Span::from_secs(5);
/// Bytes of an answer that are read, so that the connection can be used again; what comes beyond ends it.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The signatures of a message: its id, its time in seconds, its body.
pub type Sign = Arc<dyn Fn(&str, u64, &[u8]) -> String + Send + Sync>;

/// Why an address is none for notices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// It cannot be read.
    #[error("is no address: {0}")]
    Unreadable(url::ParseError),
    /// Anybody on the way could read what is sent.
    #[error("is not https")]
    NotSecure,
    /// It is shown in places where no password belongs.
    #[error("has a user or a password in it: the signature says who sends")]
    HasPassword,
}

/// Reads an address: https, or http to this machine; http to others only if that is allowed.
///
/// # Errors
///
/// If it is none for notices.
pub fn address(text: &str, insecure: bool) -> Result<Url, NoAddress> {
    let url = Url::parse(text).map_err(NoAddress::Unreadable)?;
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && (is_here || insecure));
    if !is_secure {
        return Err(NoAddress::NotSecure);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoAddress::HasPassword);
    }
    Ok(url)
}

/// One endpoint.
#[derive(Clone)]
pub struct Webhook {
    client: Client,
    url: Url,
    sign: Sign,
}

impl Webhook {
    /// An endpoint at this [address].
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn new(url: Url, sign: Sign) -> Result<Self, reqwest::Error> {
        let timeouts = Timeouts { connect: CONNECT, idle: WHOLE, whole: WHOLE };
        Ok(Self { client: timeouts.client().timeout(WHOLE).no_proxy().build()?, url, sign })
    }

    async fn post(self, parcel: Parcel) -> Receipt {
        let Parcel { id, at, body } = parcel;
        let seconds = at.0 / 1_000_000;
        let request = self
            .client
            .post(self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &*id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", (self.sign)(&id, seconds, &body))
            .body(body);
        match request.send().await {
            Ok(response) => {
                let receipt = receipt(&response);
                drain(response).await;
                receipt
            }
            Err(error) => failed(if error.is_timeout() {
                format!("no answer within {} s", WHOLE.as_secs())
            } else {
                broken(&error, error.is_connect()).message
            }),
        }
    }
}

fn failed(message: String) -> Receipt {
    Receipt::Failed { message, after: None, of_notice: false }
}

/// What a status means. What is wrong with one notice is no reason to keep the others back.
fn receipt(response: &Response) -> Receipt {
    let status = response.status();
    if status.is_success() {
        return Receipt::Delivered;
    }
    if status == StatusCode::GONE {
        return Receipt::Gone(named(status));
    }
    if status.is_redirection() {
        return failed(format!("{}: notices follow no redirect", named(status)));
    }
    let of_notice = status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 404 | 405 | 408 | 425 | 429);
    Receipt::Failed { message: named(status), after: retry_after(response.headers()), of_notice }
}

async fn drain(response: Response) {
    let (mut pieces, mut read) = (response.bytes_stream(), 0);
    while let Some(Ok(piece)) = pieces.next().await {
        read += piece.len();
        if read > BODY_BYTES_MAX {
            return;
        }
    }
}

impl Courier for Webhook {
    fn send(&self, parcel: Parcel) -> BoxFuture<'static, Receipt> {
        self.clone().post(parcel).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn what_is_sent_is_read_by_nobody_on_the_way() {
        let told = [
            ("https://example.com/hook?token=x", false),
            ("http://127.0.0.1:9/hook", false),
            ("http://[::1]/", false),
            ("http://localhost:1", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1/", false),
            ("http://10.0.0.1/", true),
            ("ftp://127.0.0.1/", true),
            ("https://user:pass@example.com", false),
            ("example.com", true),
            ("", false),
        ]
        .map(|(text, insecure)| match address(text, insecure) {
            Ok(_) => format!("{text} {insecure}: taken"),
            Err(error) => format!("{text} {insecure}: {error}"),
        });
        insta::assert_snapshot!(told.join("\n"), @"
        https://example.com/hook?token=x false: taken
        http://127.0.0.1:9/hook false: taken
        http://[::1]/ false: taken
        http://localhost:1 false: taken
        http://localhost.example.com false: is not https
        http://10.0.0.1/ false: is not https
        http://10.0.0.1/ true: taken
        ftp://127.0.0.1/ true: is not https
        https://user:pass@example.com false: has a user or a password in it: the signature says who sends
        example.com true: is no address: relative URL without a base
         false: is no address: relative URL without a base
        ");
    }
}
