//! The seam to what serves a task: one attempt in, one outcome out.
//!
//! An adapter is made for one target and knows its settings (address, credentials, model). It never retries, never guesses: it
//! reports a class, what it used, and whether it can certify that nothing happened.

use std::fmt;
use std::sync::Arc;

use agendum_types::target::Rate;
use agendum_types::{AttemptId, Class, Duration, Labels, MediaType, Principal, Tenant, Usage};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Bytes with their kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// What the bytes are.
    pub media: MediaType,
    /// The bytes.
    pub bytes: Bytes,
}

/// Everything an adapter may know about an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// Which attempt.
    pub id: AttemptId,
    /// For whom.
    pub tenant: Tenant,
    /// On whose behalf.
    pub principal: Principal,
    /// The same for every attempt of the same task of the same origin run; forwarded where the effect is `idempotent`.
    pub idempotency_key: Arc<str>,
    /// True if repeats under the key are harmless and the key must be sent.
    pub forward_key: bool,
    /// Output tokens at most. An adapter whose target counts tokens always sends it.
    pub output_cap: Option<u32>,
    /// What is known of the sensitivity of the input.
    pub labels: Labels,
    /// The evaluated `with`, JSON.
    pub input: Payload,
    /// Where chunks of output go while the attempt runs.
    pub chunks: ChunkSink,
    /// Where a reference goes by which `reattach` can continue; the driver records it.
    pub references: ReferenceSink,
    /// Where goes what the provider says that it lets through in a minute.
    pub rates: RateSink,
    /// Cancelled when the attempt shall stop: the adapter tells its target, frees what it holds and returns soon.
    pub cancel: CancellationToken,
}

/// An external reference of a running attempt, opaque to all but its adapter; at most 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(pub Arc<str>);

/// A piece of output, provisional until the attempt has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Text to be shown.
    Text(String),
    /// A sign of life without content.
    Alive,
}

/// Takes chunks as long as the reader has credit; waits otherwise.
#[derive(Clone, Debug)]
pub struct ChunkSink(mpsc::Sender<Chunk>);

/// Takes the external reference of an attempt.
#[derive(Clone, Debug)]
pub struct ReferenceSink(mpsc::Sender<Reference>);

/// Takes what a provider says of its limits.
#[derive(Clone, Debug)]
pub struct RateSink(mpsc::Sender<Rate>);

/// An attempt that gave a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The result.
    pub output: Payload,
    /// What it used, in the normal form.
    pub usage: Usage,
    /// What the provider said about usage, as it said it (JSON, at most 4 KiB).
    pub raw_usage: Option<Box<str>>,
}

/// An attempt that gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What decides what happens next.
    pub class: Class,
    /// A line for people, without secrets.
    pub message: String,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Duration>,
    /// True if nothing happened for certain: connection refused, 429, never started.
    pub no_effect: bool,
    /// What had arrived.
    pub partial: Option<Payload>,
    /// What was used all the same.
    pub usage: Usage,
    /// What the provider said about usage, as it said it (JSON, at most 4 KiB).
    pub raw_usage: Option<Box<str>>,
}

/// The code that speaks a target's protocol.
pub trait Adapter: Send + Sync {
    /// Runs the attempt to its end.
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>>;

    /// Continues an attempt of an earlier life of this process. `None` if this adapter cannot, or not with this reference.
    fn reattach(&self, attempt: Attempt, reference: Reference) -> Option<BoxFuture<'static, Result<Finished, Failed>>> {
        let _ = (attempt, reference);
        None
    }
}

impl Failed {
    /// A failure without delay, partial data or usage.
    #[must_use]
    pub fn new(class: Class, message: impl fmt::Display) -> Self {
        Self {
            class,
            message: message.to_string(),
            retry_after: None,
            no_effect: false,
            partial: None,
            usage: Usage::default(),
            raw_usage: None,
        }
    }

    /// The same failure, certified to have had no effect.
    #[must_use]
    pub fn without_effect(mut self) -> Self {
        self.no_effect = true;
        self
    }

    /// The same failure with the provider's delay.
    #[must_use]
    pub fn retry_after(mut self, span: Option<Duration>) -> Self {
        self.retry_after = span;
        self
    }
}

impl ChunkSink {
    /// A sink and the end that reads it; `credit` chunks may be unread.
    #[must_use]
    pub fn channel(credit: usize) -> (Self, mpsc::Receiver<Chunk>) {
        let (sender, receiver) = mpsc::channel(credit.max(1));
        (Self(sender), receiver)
    }

    /// Hands a chunk over, waiting for credit. A reader that has gone is no error: the output counts, not its chunks.
    pub async fn send(&self, chunk: Chunk) {
        let _gone = self.0.send(chunk).await;
    }
}

impl ReferenceSink {
    /// A sink and the end that reads it.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Reference>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Hands the reference over.
    pub async fn send(&self, reference: Reference) {
        let _gone = self.0.send(reference).await;
    }
}

impl RateSink {
    /// A sink and the end that reads it.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Rate>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Tells it, without waiting: where it is not read it will be said again with the next answer.
    pub fn tell(&self, rate: Rate) {
        let _full_or_gone = self.0.try_send(rate);
    }
}
