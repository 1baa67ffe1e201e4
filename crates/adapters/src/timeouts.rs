//! How long a target may keep an attempt waiting when the graph sets no limit of its own.

use std::time::Duration as Span;

use agendum_ports::Failed;
use agendum_types::{Class, Duration};
use reqwest::{ClientBuilder, retry};

use crate::http::answer::{broken, to};

/// Limits of time of one target. A graph's `timeout` may only be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Span,
    /// Without a byte: until the first one, and between two.
    pub idle: Span,
    /// The whole attempt.
    pub whole: Span,
}

impl Timeouts {
    /// Of an `http` target unless configured.
    pub const HTTP: Self = Self::secs(10, 30, 60);
    /// Of a model unless configured: it may think for a while, and an answer may be long.
    pub const CHAT: Self = Self::secs(10, 120, 600);

    const fn secs(connect: u64, idle: u64, whole: u64) -> Self {
        Self { connect: Span::from_secs(connect), idle: Span::from_secs(idle), whole: Span::from_secs(whole) }
    }

    /// A client with these limits. It follows no redirect by itself and sends nothing twice: an attempt is one request that its
    /// adapter knows of.
    pub(crate) fn client(&self) -> ClientBuilder {
        reqwest::Client::builder()
            .connect_timeout(self.connect)
            .read_timeout(self.idle)
            .redirect(reqwest::redirect::Policy::none())
            .retry(retry::never())
            .user_agent(concat!("agendum/", env!("CARGO_PKG_VERSION")))
    }

    /// What a failed transfer means. Nothing was sent for certain if there was no connection.
    pub(crate) fn failed(&self, error: &reqwest::Error) -> Failed {
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => {
                let within = shown(self.connect);
                let message = format!("no connection{} within {within} (`timeout.connect` of the target)", to(error));
                Failed::new(Class::Timeout, message).without_effect()
            }
            (false, true) => {
                let message = format!("nothing arrived for {} (`timeout.idle` of the target)", shown(self.idle));
                Failed::new(Class::Timeout, message)
            }
            (connect, false) => broken(error, connect),
        }
    }
}

/// Until the attempt has had its time.
pub(crate) async fn over(whole: Span) -> Failed {
    tokio::time::sleep(whole).await;
    Failed::new(Class::Timeout, format!("it did not end within {} (`timeout.whole` of the target)", shown(whole)))
}

/// The span as messages show it.
fn shown(span: Span) -> Duration {
    Duration::micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}
