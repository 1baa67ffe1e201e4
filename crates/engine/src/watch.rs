//! Reading a run: what the journal holds, then what happens.

use std::collections::VecDeque;
use std::sync::Arc;

use agendum_core::{Answer, Entry, Record};
use agendum_ports::{Store, StoreError};
use agendum_spec::NormalDocument;
use agendum_types::{Graph, Limits, PayloadRef, RunId, Seq, Tenant};
use agendum_wire::journal::DecodeError;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::feed::Notice;
use crate::payloads::{PayloadError, Payloads};
use crate::reader::Stored;
use crate::rows;
use crate::shard::Surroundings;

const PAGE: u32 = 1_024;

/// Why a run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This tenant has no such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A payload cannot be read.
    #[error("{0}")]
    Payload(String),
}

impl ReadError {
    pub(crate) fn payload(error: PayloadError) -> Self {
        Self::Payload(error.to_string())
    }
}

/// The notices of one run, from a place in its journal to its end.
pub struct Watch {
    around: Arc<Surroundings>,
    tenant: Tenant,
    run: RunId,
    /// The last record that was handed out.
    after: Seq,
    ready: VecDeque<Notice>,
    live: Option<Receiver<Notice>>,
    texts: Vec<Notice>,
    ended: bool,
}

impl Watch {
    pub(crate) async fn begin(
        around: Arc<Surroundings>,
        tenant: Tenant,
        run: RunId,
        after: Seq,
    ) -> Result<Self, ReadError> {
        let row = around.store.run(&tenant, run).await?.ok_or(ReadError::NoRun(run))?;
        let mut watch =
            Self { around, tenant, run, after, ready: VecDeque::new(), live: None, texts: Vec::new(), ended: false };
        if row.done.is_none() {
            watch.subscribe();
        }
        watch.read_journal().await?;
        Ok(watch)
    }

    fn subscribe(&mut self) {
        let (live, texts) = self.around.feed.subscribe(self.run);
        (self.live, self.texts) = (Some(live), texts);
    }

    async fn read_journal(&mut self) -> Result<(), ReadError> {
        loop {
            let page = self.around.store.read_run(&self.tenant, self.run, self.after, PAGE).await?;
            let Some(last) = page.last() else { break };
            self.after = last.seq;
            for row in &page {
                self.ready.push_back(Notice::Entry(Arc::new(rows::entry(row)?)));
            }
        }
        self.ready.extend(self.texts.drain(..));
        Ok(())
    }

    /// The next notice; `None` after the run's last.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<Notice>, ReadError> {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                if let Notice::Entry(entry) = &notice {
                    self.ended = matches!(entry.record, Record::Done { .. });
                }
                return Ok(Some(notice));
            }
            let Some(live) = self.live.as_mut().filter(|_| !self.ended) else {
                self.forget_unless_live();
                return Ok(None);
            };
            match live.recv().await {
                Ok(Notice::Entry(entry)) if entry.seq <= self.after => {}
                Ok(notice) => {
                    if let Notice::Entry(entry) = &notice {
                        self.after = entry.seq;
                    }
                    self.ready.push_back(notice);
                }
                Err(RecvError::Lagged(_)) => self.read_journal().await?,
                Err(RecvError::Closed) => {
                    // The run has ended, or the shard began a new life: the journal knows which.
                    self.live = None;
                    self.read_journal().await?;
                    let done =
                        self.around.store.run(&self.tenant, self.run).await?.is_none_or(|row| row.done.is_some());
                    if !done {
                        self.subscribe();
                        self.read_journal().await?;
                    }
                }
            }
        }
    }

    /// A subscription to a run that ended before it was made would stay in the feed for ever.
    fn forget_unless_live(&mut self) {
        if self.live.take().is_some() && self.ended {
            self.around.feed.forget(self.run);
        }
    }
}

/// All records of a run; empty if this tenant has no such run.
pub(crate) async fn entries(store: &dyn Store, tenant: &Tenant, run: RunId) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let mut after = Seq(0);
    loop {
        let page = store.read_run(tenant, run, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        after = last.seq;
        for row in &page {
            entries.push(rows::entry(row)?);
        }
    }
}

pub(crate) async fn stored(
    payloads: &Payloads,
    store: &dyn Store,
    limits: &Limits,
    tenant: &Tenant,
    run: RunId,
) -> Result<Option<Stored>, ReadError> {
    let Some(row) = store.run(tenant, run).await? else { return Ok(None) };
    let entries = entries(store, tenant, run).await?;
    let Some(document) = entries.iter().rev().find_map(|entry| document(&entry.record)) else { return Ok(None) };
    let bytes = payloads.blob(tenant, document).await.map_err(ReadError::payload)?;
    let document = NormalDocument(String::from_utf8_lossy(&bytes).into());
    let graph: Arc<Graph> =
        agendum_spec::load(&document, limits).map_err(|error| ReadError::Payload(error.to_string()))?;
    Ok(Some(Stored { row, graph, document, entries }))
}

fn document(record: &Record) -> Option<&PayloadRef> {
    match record {
        Record::RunSubmitted(submitted) => Some(&submitted.document),
        Record::TasksAdded { document, .. } => Some(document),
        Record::Opened { .. }
        | Record::ClockJumped { .. }
        | Record::CancelRequested { .. }
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::Task { .. }
        | Record::Answered(_)
        | Record::Done { .. } => None,
    }
}

/// The answer of a run that is not live any more.
pub(crate) async fn stored_answer(store: &dyn Store, tenant: &Tenant, run: RunId) -> Result<Option<Answer>, ReadError> {
    let Some(row) = store.run(tenant, run).await? else { return Ok(None) };
    let entries = entries(store, tenant, run).await?;
    Ok(entries.iter().find_map(|entry| match &entry.record {
        Record::Answered(answered) => Some(Answer {
            run,
            tenant: tenant.clone(),
            at: entry.at,
            status: answered.status,
            output: answered.output.clone(),
            failure: answered.failure.clone(),
            degraded: answered.degraded,
            spent: row.spent,
            tokens: 0,
            elapsed: entry.at.since(row.submitted),
        }),
        Record::Opened { .. }
        | Record::ClockJumped { .. }
        | Record::RunSubmitted(_)
        | Record::TasksAdded { .. }
        | Record::CancelRequested { .. }
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::Task { .. }
        | Record::Done { .. } => None,
    }))
}
