//! The journal and the index of runs.
//!
//! One totally ordered journal per shard; one writer at a time, known by its incarnation. Rows carry opaque bodies (`wire` reads
//! them) beside plain fields, so that a store can index without understanding.

use std::sync::Arc;

use agendum_types::target::Bound;
use agendum_types::{Hash, Incarnation, Money, Parent, Partition, RunId, RunStatus, Seq, ShardId, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::feedback::{Feedbacks, Judgement};
use crate::notices::{Noted, Notices};
use crate::plans::Plans;
use crate::results::Results;
use crate::retention::Retention;
use crate::spending::{Settled, Spending};

/// One record of the journal with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// The life of the shard that wrote it.
    pub incarnation: Incarnation,
    /// Whose it is; `None` for records of the shard itself.
    pub tenant: Option<Tenant>,
    /// The run it belongs to; `None` for records of the shard itself.
    pub run: Option<RunId>,
    /// Which kind of record, from `wire`'s table.
    pub kind: u16,
    /// The version of that kind.
    pub version: u16,
    /// The record, as `wire` wrote it.
    pub body: Bytes,
    /// A small payload that the record names, kept beside it.
    pub payload: Option<InlinePayload>,
}

/// A payload inside a journal row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlinePayload {
    /// Its address under the tenant's key.
    pub hash: Hash,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What the index of runs says; written at run boundaries in the transaction of the records that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunUpdate {
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// The change.
    pub change: RunChange,
}

/// A change of the index of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunChange {
    /// A run was accepted.
    Submitted {
        /// The name of its graph.
        graph: Arc<str>,
        /// The hash of its graph.
        graph_hash: Hash,
        /// The caller's key, under which [`Store::run_of_key`] finds it.
        key: Option<Arc<str>>,
        /// The task of another run for which it runs.
        parent: Option<Parent>,
        /// When.
        at: Timestamp,
    },
    /// Its answer is settled.
    Answered {
        /// How.
        status: RunStatus,
        /// True if it took a lower rung somewhere.
        degraded: bool,
        /// When.
        at: Timestamp,
        /// What it has spent so far.
        spent: Money,
        /// How much of that was billed above what had been set aside.
        over: Money,
        /// Of a run with a budget whether that surely held.
        bound: Option<Bound>,
    },
    /// Nothing more will happen: it is no longer open.
    Done {
        /// When.
        at: Timestamp,
        /// What it has spent in all.
        spent: Money,
        /// How much of that was billed above what had been set aside.
        over: Money,
        /// Of a run with a budget whether that surely held.
        bound: Option<Bound>,
    },
}

/// A run in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// The partition it is hashed into.
    pub partition: Partition,
    /// The shard that holds its journal.
    pub shard: ShardId,
    /// The name of its graph.
    pub graph: Arc<str>,
    /// The hash of its graph.
    pub graph_hash: Hash,
    /// How it stands: `Queued` until answered (a live run's finer status is known to its shard).
    pub status: RunStatus,
    /// True if it took a lower rung somewhere.
    pub degraded: bool,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// When nothing more was left to do.
    pub done: Option<Timestamp>,
    /// What it has spent.
    pub spent: Money,
    /// How much of that was billed above what had been set aside.
    pub over: Money,
    /// Of a run with a budget whether that surely held, once it is answered.
    pub bound: Option<Bound>,
    /// The task of another run for which it runs.
    pub parent: Option<Parent>,
    /// It was submitted under a key.
    pub keyed: bool,
}

/// Which runs to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this status.
    pub status: Option<RunStatus>,
    /// Only this graph name.
    pub graph: Option<String>,
    /// Only runs that are not done.
    pub open: bool,
    /// Only runs that are no child of another one, be it forgotten or not.
    pub no_child: bool,
    /// Only runs that were done before this.
    pub done_before: Option<Timestamp>,
    /// Only runs older than this one: the cursor of the next page.
    pub before: Option<RunId>,
    /// At most this many.
    pub count_max: u32,
}

/// A batch of rows for one shard's journal, all or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose journal.
    pub shard: ShardId,
    /// The life of the shard that writes.
    pub incarnation: Incarnation,
    /// The sequence that the first row must get: one more than the last row in the journal (earlier batches in flight included).
    pub expected: Seq,
    /// The rows, in order, without gaps; their times never go back.
    pub rows: Vec<Row>,
    /// Changes of the index of runs in the same transaction.
    pub runs: Vec<RunUpdate>,
    /// What the rows settle, for the counters of what was spent, in the same transaction.
    pub settled: Vec<Settled>,
    /// Notices of the rows, kept for their endpoints in the same transaction, behind the changes of the index.
    pub noted: Vec<Noted>,
    /// Verdicts of the rows, kept to be read in the same transaction, behind the changes of the index.
    pub judged: Vec<Judgement>,
    /// What the shard has learned by then, instead of what was written before: opaque bytes, read by [`Store::learned`].
    pub learned: Option<Bytes>,
}

/// What came of an append. All but `Durable` end the incarnation: the shard drops its memory and opens the journal anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It survives a power loss.
    Durable,
    /// Another incarnation owns the journal, or the sequence does not fit; nothing was written.
    Fenced(String),
    /// Nothing was written.
    Failed {
        /// What the store said.
        message: String,
        /// True if the disk was seen to be full before anything was written.
        disk_full: bool,
    },
    /// Nobody knows whether it was written.
    Unknown(String),
}

/// A journal, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The new life of the shard, committed.
    pub incarnation: Incarnation,
    /// The last row in the journal; 0 if there is none.
    pub last: Seq,
    /// The greatest time in the journal: "now" never goes back behind it.
    pub high_water: Timestamp,
    /// The kind of the last row.
    pub last_kind: Option<u16>,
}

/// The durable state of an installation.
pub trait Store: Retention + Results + Spending + Notices + Feedbacks + Plans {
    /// Counts the shard's incarnation up, commits it and fences off earlier ones.
    fn open(&self, shard: ShardId) -> BoxFuture<'_, Result<Opened, StoreError>>;

    /// Appends a batch. Several may be in flight; they are written in the order of the calls, and a batch after one that failed fails.
    /// The call hands the batch over at once; only the answer is awaited.
    fn append(&self, batch: Append) -> BoxFuture<'static, Appended>;

    /// A page of the rows of runs that are not done, in the order of the journal, after `after`: what a restart applies.
    fn read_open(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// The latest rows of this kind that are the shard's own and no run's, at most so many, in the order of the journal.
    fn read_own(&self, shard: ShardId, kind: u16, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// What a shard had learned when that was appended last; `None` if it never was.
    fn learned(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// When the last row of a shard's journal was written; `None` if it has none.
    fn last_at(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// A page of one run's rows of these kinds (of all where there are none), in the order of the journal, after `after`.
    fn read_run(
        &self,
        tenant: &Tenant,
        run: RunId,
        after: Seq,
        kinds: &[u16],
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// A payload that travelled inside a row of this run. May look through the rows of the run, latest first.
    fn inline_payload(
        &self,
        tenant: &Tenant,
        run: RunId,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// One run of the index.
    fn run(&self, tenant: &Tenant, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>>;

    /// The run that was submitted under this key; the first, should there be several.
    fn run_of_key(&self, tenant: &Tenant, key: &str) -> BoxFuture<'_, Result<Option<RunId>, StoreError>>;

    /// Bytes that may still be written where the store is; `None` where that has no bound, or nobody knows. Answers at once.
    fn room(&self) -> Option<u64>;

    /// A page of the index, newest first.
    fn runs(&self, tenant: &Tenant, filter: RunFilter) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;
}

/// Why a store could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data directory open.
    #[error("the data directory {path} is in use by process {pid}: stop it, or use it through its address ({address})")]
    Owned {
        /// The directory.
        path: String,
        /// Who has it.
        pid: String,
        /// Where it listens.
        address: String,
    },
    /// Something was to be written where something is.
    #[error("{path} is no empty folder{but}: name one that is missing or empty")]
    NotEmpty {
        /// The folder.
        path: String,
        /// What it is instead, where that is known.
        but: String,
    },
    /// A later version of Agendum wrote it.
    #[error("the data in {path} has schema version {found}; this release reads up to {known}: use a newer agendum")]
    TooNew {
        /// Which file.
        path: String,
        /// The version in the file.
        found: u32,
        /// The latest version this release knows.
        known: u32,
    },
    /// The file is not what it should be.
    #[error("the store in {path} is corrupt: {message}")]
    Corrupt {
        /// Which file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Any other failure.
    #[error("the store failed to {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the library or the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
