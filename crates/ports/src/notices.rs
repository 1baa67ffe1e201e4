//! Notices: what endpoints outside are told of runs, kept until it was delivered.
//!
//! A store keeps a notice in the transaction of the record that it tells of, once for each endpoint that is to hear it: none is lost,
//! and none tells of what was not durable. What a notice says is kept with it, so that it outlasts its run. The names and the counters
//! of endpoints are here as well.

use std::sync::Arc;

use agendum_types::{Duration, RunId, RunStatus, Seq, ShardId, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// A notice to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Who is to hear it.
    pub endpoint: Arc<str>,
    /// Only if the run is one of the graph of this name.
    pub graph: Option<Arc<str>>,
    /// The record that it tells of.
    pub seq: Seq,
    /// The same each time that it is sent, and no other's.
    pub id: Arc<str>,
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// When it happened.
    pub at: Timestamp,
    /// Its type, such as `run.answered`.
    pub kind: Arc<str>,
    /// What there is to say besides: a JSON object.
    pub detail: Arc<str>,
}

/// A notice that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The record that it tells of.
    pub seq: Seq,
    /// The same each time that it is sent, and no other's.
    pub id: Arc<str>,
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// The name of its graph.
    pub graph: Arc<str>,
    /// How the run stood in the index when the notice was kept.
    pub status: RunStatus,
    /// True if it had taken a lower rung somewhere.
    pub degraded: bool,
    /// When it happened.
    pub at: Timestamp,
    /// Its type.
    pub kind: Arc<str>,
    /// What there is to say besides: a JSON object.
    pub detail: Arc<str>,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// When it is sent again.
    pub next: Timestamp,
}

/// What came of sending a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is there.
    Delivered,
    /// It is sent again.
    Later {
        /// How often it was sent in vain.
        attempts: u32,
        /// When.
        next: Timestamp,
    },
    /// It was sent for too long.
    GivenUp,
}

/// How an endpoint stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// True if it said that it is gone for good: nothing is sent until its configuration changes.
    pub disabled: bool,
    /// Notices that were delivered.
    pub delivered: u64,
    /// Notices that were given up.
    pub given_up: u64,
    /// Notices that are due, counted up to [`DUE_COUNTED_MAX`].
    pub due: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// When one was delivered last.
    pub delivered_at: Option<Timestamp>,
    /// When sending failed last.
    pub failed_at: Option<Timestamp>,
    /// Why, if nothing was delivered since.
    pub error: Option<String>,
}

/// Due notices of an endpoint that are counted.
pub const DUE_COUNTED_MAX: u32 = 100_000;

/// The part of a store that keeps notices.
pub trait Notices: Send + Sync {
    /// These are the endpoints from now on, each with a mark of its configuration: one whose mark has changed is not disabled any more.
    /// What is due to any other is kept, for whoever has opened the store with another configuration, unless it happened before that
    /// time.
    fn set_endpoints(
        &self,
        known: Vec<(Arc<str>, String)>,
        before: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>>;

    /// How the endpoints stand, by name.
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>>;

    /// Up to so many notices after that record which were never sent to this endpoint, in the order of the journal.
    fn notices_fresh(
        &self,
        shard: ShardId,
        endpoint: &str,
        after: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>>;

    /// Up to so many notices that were sent in vain, in the order of the journal.
    fn notices_tried(
        &self,
        shard: ShardId,
        endpoint: &str,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>>;

    /// What came of sending these, at that time; and why the last failed, if one did.
    fn notices_sent(
        &self,
        shard: ShardId,
        endpoint: &str,
        at: Timestamp,
        sent: Vec<(Seq, Sent)>,
        error: Option<String>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Where more than `kept_max` notices are due to this endpoint: the record of the last that is too many.
    fn notices_excess(
        &self,
        shard: ShardId,
        endpoint: &str,
        kept_max: u32,
    ) -> BoxFuture<'_, Result<Option<Seq>, StoreError>>;

    /// Gives up to so many notices up, the oldest first: those that happened before that time, and all up to that record. How many.
    fn notices_expire(
        &self,
        shard: ShardId,
        endpoint: &str,
        before: Timestamp,
        until: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>>;

    /// The endpoint said that it is gone, and it stays so until its mark changes. What is due to it is given up by whoever says so.
    fn disable_endpoint(&self, endpoint: &str, at: Timestamp, error: &str) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A notice on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The same each time that it is sent.
    pub id: Arc<str>,
    /// When it is sent.
    pub at: Timestamp,
    /// JSON.
    pub body: Bytes,
}

/// What an endpoint said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It has it.
    Delivered,
    /// It is gone for good.
    Gone(String),
    /// It does not have it, for all that is known.
    Failed {
        /// Why, without what the endpoint answered.
        message: String,
        /// It asks to be left alone for so long.
        after: Option<Duration>,
        /// True if this is about the notice, and not about the endpoint.
        of_notice: bool,
    },
}

/// Whoever brings notices to one endpoint. It sends each once, and never longer than a few seconds.
pub trait Courier: Send + Sync {
    /// Sends a notice.
    fn send(&self, parcel: Parcel) -> BoxFuture<'static, Receipt>;
}
