//! The store: two threads behind the port.

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};

use agendum_ports::{Append, Appended, Opened, Row, RunFilter, RunRow, Store, StoreError};
use agendum_types::{Hash, RunId, Seq, ShardId, Tenant, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::directory::{Directory, room};
use crate::read::{self, Query};
use crate::schema::{self, failed};
use crate::write::{self, Job};

/// The journal and the index of runs in one SQLite database.
#[derive(Debug)]
pub struct SqliteStore {
    jobs: Option<Sender<Job>>,
    queries: Sender<Query>,
    directory: PathBuf,
}

impl SqliteStore {
    /// Opens the database of a directory: for writing if this process owns the directory, else for reading only.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, was written by a later release, or is damaged.
    pub fn open(directory: &Directory) -> Result<Self, StoreError> {
        let path = directory.database();
        let jobs = if directory.is_owned() {
            // Before there is a database: a secret that is missing beside one is lost.
            directory.secret()?;
            directory.has_not_lost_its_journal()?;
            let db = schema::open(&path)?;
            let (jobs, receiver) = mpsc::channel();
            thread("store-writer", move || write::run(db, &receiver))?;
            Some(jobs)
        } else {
            None
        };
        let db = schema::open_read_only(&path)?;
        let (queries, receiver) = mpsc::channel();
        thread("store-reader", move || read::serve(&db, &receiver))?;
        Ok(Self { jobs, queries, directory: directory.path().to_owned() })
    }

    pub(crate) fn query<T: Send + 'static>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queries.send(Box::new(move |db| {
            let _gone = reply.send(query(db));
        }));
        async move {
            match answer.await {
                Ok(answer) if sent.is_ok() => answer.map_err(failed(doing)),
                Ok(_) | Err(_) => Err(ended(doing)),
            }
        }
        .boxed()
    }
}

impl SqliteStore {
    /// A transaction on the thread that writes, between the groups of appends.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Change(Box::new(move |db| {
            let _gone = reply.send(change(db));
        }));
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        async move {
            match answer.await {
                Ok(answer) if sent => answer.map_err(failed(doing)),
                Ok(_) | Err(_) => Err(ended(doing)),
            }
        }
        .boxed()
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|source| StoreError::Io { doing: "start its thread", source: Box::new(source) })
}

fn ended(doing: &'static str) -> StoreError {
    StoreError::Io { doing, source: "its thread has ended".into() }
}

impl Store for SqliteStore {
    fn open(&self, shard: ShardId) -> BoxFuture<'_, Result<Opened, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Job::Open(shard, reply)).is_ok());
        if !sent {
            let source = "the data directory was opened for reading only".into();
            return ready(Err(StoreError::Io { doing: "open the journal", source })).boxed();
        }
        async move { answer.await.unwrap_or_else(|_| Err(ended("open the journal"))) }.boxed()
    }

    fn append(&self, batch: Append) -> BoxFuture<'static, Appended> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Job::Append(Box::new(batch), reply)).is_ok());
        if !sent {
            let message = "the store does not write".to_owned();
            return ready(Appended::Failed { message, disk_full: false }).boxed();
        }
        async move { answer.await.unwrap_or_else(|_| Appended::Unknown("the writing thread has ended".to_owned())) }
            .boxed()
    }

    fn read_open(&self, shard: ShardId, after: Seq, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.query("read open runs", move |db| read::open_rows(db, shard, after, count_max))
    }

    fn read_own(&self, shard: ShardId, kind: u16, count_max: u32) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.query("read the shard's own rows", move |db| read::own_rows(db, shard, kind, count_max))
    }

    fn learned(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.query("read what was learned", move |db| read::learned(db, shard))
    }

    fn last_at(&self, shard: ShardId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.query("read the end of the journal", move |db| Ok(read::latest(db, shard)?.map(|(_, at, _)| at)))
    }

    fn read_run(
        &self,
        tenant: &Tenant,
        run: RunId,
        after: Seq,
        kinds: &[u16],
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let (tenant, kinds) = (tenant.clone(), kinds.to_vec());
        self.query("read a run", move |db| read::run_rows(db, &tenant, run, after, &kinds, count_max))
    }

    fn inline_payload(
        &self,
        tenant: &Tenant,
        run: RunId,
        hash: Hash,
    ) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let tenant = tenant.clone();
        self.query("read a payload", move |db| read::inline_payload(db, &tenant, run, hash))
    }

    fn run(&self, tenant: &Tenant, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        let tenant = tenant.clone();
        self.query("look a run up", move |db| read::one_run(db, &tenant, run))
    }

    fn run_of_key(&self, tenant: &Tenant, key: &str) -> BoxFuture<'_, Result<Option<RunId>, StoreError>> {
        let (tenant, key) = (tenant.clone(), key.to_owned());
        self.query("look a key up", move |db| read::run_of_key(db, &tenant, &key))
    }

    fn room(&self) -> Option<u64> {
        let looked = room(&self.directory);
        looked.inspect_err(|error| tracing::debug!(%error, "the file system does not say how much room is left")).ok()
    }

    fn runs(&self, tenant: &Tenant, filter: RunFilter) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        let tenant = tenant.clone();
        self.query("list runs", move |db| read::runs(db, &tenant, &filter))
    }
}
