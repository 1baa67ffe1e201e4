//! Webhooks in, and the signatures of those out, as Standard Webhooks says: <https://www.standardwebhooks.com>. The signature is the only
//! key to this door.

use std::fmt;
use std::sync::Arc;

use agendum_engine::{Addressee, Handed};
use agendum_ports::{Clock as _, Wall};
use agendum_types::{Duration, Principal, WaitFor};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::Service;
use crate::connections::Caller;
use crate::reply::{Asked, Refused};
use crate::runs::run_id;
use crate::waits::hand;

/// How far the clocks of the two sides may be apart, and how long a message may be under way.
const TOLERANCE: Duration = Duration::secs(300);
/// How secrets begin.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Characters of an id.
const ID_MAX: usize = 256;
/// Who sends a webhook.
const SENDER: &str = "webhook";

/// The secrets that webhooks are signed with: one, or several while the sides change to another.
#[derive(Clone)]
pub struct Secrets(Vec<hmac::Key>);

/// Says how many there are, and nothing of them.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// A text that is no secret. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret of webhooks is `whsec_` and the base64 of 24 to 64 bytes; several are parted by spaces or new lines")]
pub struct NoSecret;

impl Secrets {
    /// Reads secrets as Standard Webhooks writes them.
    ///
    /// # Errors
    ///
    /// If there is none, or something else among them.
    pub fn read(text: &str) -> Result<Self, NoSecret> {
        let secret = |word: &str| {
            let bytes = BASE64_STANDARD.decode(word.strip_prefix(PREFIX).ok_or(NoSecret)?).map_err(|_| NoSecret)?;
            if SECRET_BYTES.contains(&bytes.len()) {
                Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
            } else {
                Err(NoSecret)
            }
        };
        let keys = text.split_whitespace().map(secret).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(NoSecret) } else { Ok(Self(keys)) }
    }

    /// The signatures of a message that is sent, one under each secret: its id, its time in seconds, its body.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let mut message = format!("{id}.{seconds}.").into_bytes();
        message.extend_from_slice(body);
        let sign = |key| format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(key, &message)));
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }

    /// True if one of the signatures is one of this message under one of these secrets.
    fn signed(&self, message: &[u8], signatures: &str) -> bool {
        let given = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        let given: Vec<Vec<u8>> = given.filter_map(|text| BASE64_STANDARD.decode(text).ok()).collect();
        self.0.iter().any(|key| given.iter().any(|signature| hmac::verify(key, message, signature).is_ok()))
    }
}

pub(crate) async fn receive(
    State(service): State<Arc<Service>>,
    Asked(Path((id, name))): Asked<Path<(String, String)>>,
    headers: HeaderMap,
    caller: Option<Extension<Caller>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refused> {
    let Some(secrets) = &service.webhooks else {
        let detail = "this server has no secret for webhooks: name one under [webhooks] in agendum.toml";
        return Err(Refused::new(StatusCode::NOT_FOUND, "no_webhooks", "webhooks are not taken", detail));
    };
    let body = body.map_err(Refused::from)?;
    let webhook = verified(secrets, &headers, &body)?;
    if let Some(Extension(caller)) = caller {
        caller.becomes_known();
    }
    let value: Value =
        serde_json::from_slice(&body).map_err(|error| Refused::bad("body", "the body is no JSON", error))?;
    let handed = Handed {
        run: run_id(&id)?,
        to: Addressee::Named(WaitFor::Webhook, name.into()),
        value,
        by: Principal::new(SENDER),
        approved: None,
        attempt: None,
        webhook: Some(webhook.into()),
    };
    hand(&service, handed).await?;
    Ok(Json(json!({ "id": id })))
}

/// The id of a message that is signed, and fresh.
fn verified<'h>(secrets: &Secrets, headers: &'h HeaderMap, body: &[u8]) -> Result<&'h str, Refused> {
    let unsigned =
        |detail: &str| Refused::new(StatusCode::UNAUTHORIZED, "signature", "the webhook is not taken", detail);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    if id.is_empty() || id.len() > ID_MAX {
        return Err(unsigned(
            "`webhook-id`, `webhook-timestamp` and `webhook-signature` are needed: see standardwebhooks.com",
        ));
    }
    let mut message = format!("{id}.{timestamp}.").into_bytes();
    message.extend_from_slice(body);
    if !secrets.signed(&message, header("webhook-signature")) {
        return Err(unsigned("no signature of `webhook-signature` fits the body under the secret of this server"));
    }
    let sent = timestamp.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let now = Wall.now().0;
    if sent.is_none_or(|sent| sent.abs_diff(now) > TOLERANCE.0) {
        return Err(unsigned("`webhook-timestamp` is more than 5 minutes from the clock of this server"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    /// The example of the standard's own test suite.
    #[test]
    fn the_signature_of_the_standard_fits() {
        let secrets = Secrets::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let message = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(secrets.signed(message, right));
        assert!(secrets.signed(message, &format!("v1,AAAA v2,x {right}")), "one of several is enough");
        assert!(!secrets.signed(message, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1Oe="));
        assert!(!secrets.signed(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265331.{\"test\": 2432232314}", right));
        assert_eq!(format!("{secrets:?}"), "Secrets(1)");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body), right);
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw x"]
        {
            assert!(Secrets::read(text).is_err(), "{text}");
        }
        let two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
        assert_eq!(format!("{:?}", Secrets::read(two).unwrap()), "Secrets(2)");
    }
}
