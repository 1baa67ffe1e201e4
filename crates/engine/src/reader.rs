//! Reading what the store holds, with an engine or without one: page by page, and not kept, for what records tell is far less than
//! they are.

use std::sync::Arc;

use agendum_core::why::Reading;
use agendum_core::{Answer, Compensated, Entry, Record, RunFailure};
use agendum_ports::{
    Blobs, EndpointRow, Feedback, FeedbackBy, FeedbackFilter, Judged, LostCalls, PlanRow, Row, RunFilter, RunRow,
    Spent, SpentBy, Store, StoreError, chain,
};
use agendum_spec::NormalDocument;
use agendum_types::{Graph, Limits, PayloadRef, RunId, Seq, ShardId, Tenant, Timestamp};
use agendum_wire::journal::{DecodeError, Kind};
use bytes::Bytes;

use crate::pages::Pages;
use crate::payloads::{PayloadError, Payloads};
use crate::rows;

/// Why a run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This tenant has no such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// It is damaged, and was left out when the journal was opened last: nothing more happens to it.
    #[error("run {0} is damaged and was left out")]
    LeftOut(RunId),
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

impl From<PayloadError> for ReadError {
    fn from(error: PayloadError) -> Self {
        Self::Payload(chain(&error))
    }
}

/// Records that say something about the graph or the answer.
const TELLING: [Kind; 5] = [Kind::RunSubmitted, Kind::TasksAdded, Kind::TasksAhead, Kind::Answered, Kind::Compensated];

/// What there is to know of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its graph and its answer.
    Answer,
    /// Its tasks as well.
    Tasks,
}

/// A run, read.
pub struct Scanned {
    /// Its line in the index.
    pub row: RunRow,
    /// Its graph, with all additions so far.
    pub graph: Arc<Graph>,
    /// Its document and its answer; the answer is there if and only if the line says so.
    pub told: Told,
    /// Its tasks, if they were wanted.
    pub reading: Reading,
}

/// How a run was answered, as far as its detail says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The output, if there is one.
    pub output: Option<PayloadRef>,
    /// Why there is none.
    pub failure: Option<RunFailure>,
}

/// What the records of a run say about its graph and its answer, one record at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The document, with all additions so far.
    pub document: Option<PayloadRef>,
    /// The answer, once there is one.
    pub ended: Option<Ended>,
    /// What it has done, if that is taken back.
    pub compensation: Option<Compensation>,
}

/// That what a run has done is taken back, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compensation {
    /// Since the answer.
    UnderWay,
    /// So far.
    Over(Box<Compensated>),
}

impl Compensation {
    /// What a record says of it, if it does.
    fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Answered(answered) => answered.compensating.then_some(Self::UnderWay),
            Record::Compensated(compensated) => Some(Self::Over(compensated.clone())),
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::RunSubmitted(_)
            | Record::TasksAdded { .. }
            | Record::TasksAhead { .. }
            | Record::CancelRequested { .. }
            | Record::Begun { .. }
            | Record::Paused { .. }
            | Record::Crashed { .. }
            | Record::Resumed { .. }
            | Record::Raised(_)
            | Record::SignalKept(_)
            | Record::Task { .. }
            | Record::Done { .. } => None,
        }
    }
}

impl Told {
    /// Takes the next record; true if the document is another one now.
    pub(crate) fn take(&mut self, entry: &Entry) -> bool {
        if let Record::Answered(answered) = &entry.record {
            let (output, failure) = (answered.output.clone(), answered.failure.clone());
            self.ended = Some(Ended { output, failure });
        }
        if let Some(compensation) = Compensation::of(&entry.record) {
            self.compensation = Some(compensation);
        }
        let Some((_, _, document)) = entry.record.names_graph() else { return false };
        self.document = Some(document.clone());
        true
    }
}

/// Reads runs of a store that some process owns, or none.
pub struct Reader {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) limits: Limits,
}

impl Reader {
    /// A reader over these. The limits are those under which documents were taken in.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, limits: Limits) -> Self {
        let payloads = Arc::new(Payloads::new(Arc::clone(&store), blobs, &limits));
        Self::over(store, payloads, limits)
    }

    pub(crate) const fn over(store: Arc<dyn Store>, payloads: Arc<Payloads>, limits: Limits) -> Self {
        Self { store, payloads, limits }
    }

    /// A page of the index of runs.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.store.runs(tenant, filter).await
    }

    /// What a tenant has spent since this instant, by name: that of runs that were forgotten included.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn spent(&self, tenant: &Tenant, since: Timestamp, by: SpentBy) -> Result<Vec<Spent>, StoreError> {
        self.store.spent(tenant, since, by).await
    }

    /// The days, from that of this instant on, and targets of a tenant on which calls were lost in a crash.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn lost(&self, tenant: &Tenant, since: Timestamp) -> Result<Vec<LostCalls>, StoreError> {
        self.store.lost(tenant, since).await
    }

    /// What was said of a tenant's runs, of one graph or of all, by name.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn feedback(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        by: FeedbackBy,
        count_max: u32,
    ) -> Result<Vec<Judged>, StoreError> {
        self.store.feedback(tenant, of, by, count_max).await
    }

    /// The same one by one, latest first, up to so many, each with its number.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn opinions(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        count_max: u32,
    ) -> Result<Vec<(u64, Feedback)>, StoreError> {
        self.store.opinions(tenant, of, count_max).await
    }

    /// Plans that were published, latest first, up to so many, with numbers below that.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn plans(&self, before: Option<u64>, count_max: u32) -> Result<Vec<PlanRow>, StoreError> {
        self.store.plans(before, count_max).await
    }

    /// How the endpoints of notices stand, by name.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        self.store.endpoints().await
    }

    /// A line of the index of runs; `None` if this tenant has no such run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn run(&self, tenant: &Tenant, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.store.run(tenant, run).await
    }

    /// How far what a run has done is taken back; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or what it holds is damaged.
    pub async fn compensation(&self, tenant: &Tenant, run: RunId) -> Result<Option<Compensation>, ReadError> {
        let kinds = [Kind::Answered, Kind::Compensated];
        let mut pages = Pages::new(&*self.store, tenant, run, &kinds);
        let mut known = None;
        while let Some(page) = pages.next().await? {
            for row in &page {
                known = Compensation::of(&rows::entry(row)?.record).or(known);
            }
        }
        Ok(known)
    }

    /// Until when some process is known to have worked on the runs of a shard.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn worked_until(&self, shard: ShardId) -> Result<Option<Timestamp>, StoreError> {
        self.store.last_at(shard).await
    }

    /// A run, live or not; `None` if this tenant has no such run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or what it holds is damaged.
    pub async fn scan(&self, tenant: &Tenant, run: RunId, wanted: Wanted) -> Result<Option<Scanned>, ReadError> {
        let Some(mut row) = self.run(tenant, run).await? else { return Ok(None) };
        let (mut told, mut reading) = (Told::default(), Reading::default());
        let mut graph: Option<Arc<Graph>> = None;
        let kinds: &[Kind] = if wanted == Wanted::Tasks { &[] } else { &TELLING };
        let mut pages = Pages::new(&*self.store, tenant, run, kinds);
        while let Some(page) = pages.next().await? {
            for row in &page {
                let entry = rows::entry(row)?;
                if told.take(&entry) {
                    // Tasks are named by their place in the graph as it was then, and additions come at its end.
                    graph = None;
                }
                if wanted == Wanted::Tasks {
                    reading.take(self.learn(tenant, &told, &mut graph).await?, &entry);
                }
            }
        }
        if told.ended.is_some() && row.answered.is_none() {
            // It was answered between the two.
            row = self.run(tenant, run).await?.ok_or(ReadError::NoRun(run))?;
        }
        let graph = Arc::clone(self.learn(tenant, &told, &mut graph).await?);
        Ok(Some(Scanned { row, graph, told, reading }))
    }

    /// The graph of the document that was told of last.
    pub(crate) async fn learn<'g>(
        &self,
        tenant: &Tenant,
        told: &Told,
        graph: &'g mut Option<Arc<Graph>>,
    ) -> Result<&'g Arc<Graph>, ReadError> {
        let learned = match graph.take() {
            Some(graph) => graph,
            None => {
                let document = self.document_told(tenant, told).await?;
                agendum_spec::load(&document, &self.limits).map_err(|error| ReadError::Payload(chain(&error)))?
            }
        };
        Ok(graph.insert(learned))
    }

    pub(crate) async fn rows(
        &self,
        tenant: &Tenant,
        run: RunId,
        after: Seq,
        count_max: u32,
    ) -> Result<Vec<Row>, StoreError> {
        self.store.read_run(tenant, run, after, &[], count_max).await
    }

    /// The document of a run, with all additions so far; `None` if this tenant has no such run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or what it holds is damaged.
    pub async fn document(&self, tenant: &Tenant, run: RunId) -> Result<Option<NormalDocument>, ReadError> {
        let mut told = Told::default();
        let mut pages = Pages::new(&*self.store, tenant, run, &TELLING);
        while let Some(page) = pages.next().await? {
            for row in &page {
                told.take(&rows::entry(row)?);
            }
        }
        if told.document.is_none() {
            return Ok(None);
        }
        self.document_told(tenant, &told).await.map(Some)
    }

    /// The document that was told of last.
    ///
    /// # Errors
    ///
    /// If no record told of one, or it cannot be read.
    pub async fn document_told(&self, tenant: &Tenant, told: &Told) -> Result<NormalDocument, ReadError> {
        let document = told.document.as_ref();
        let document = document.ok_or_else(|| ReadError::Payload("the run names no document".to_owned()))?;
        Ok(self.payloads.document(tenant, document).await?)
    }

    /// The bytes of a payload that a record of this run names.
    ///
    /// # Errors
    ///
    /// If the tenant has no such payload or it cannot be read.
    pub async fn payload(&self, tenant: &Tenant, run: RunId, reference: &PayloadRef) -> Result<Bytes, ReadError> {
        Ok(self.payloads.bytes(tenant, run, reference).await?)
    }
}

/// The answer of a run that is not live any more.
pub(crate) async fn stored_answer(store: &dyn Store, tenant: &Tenant, run: RunId) -> Result<Option<Answer>, ReadError> {
    let Some(row) = store.run(tenant, run).await? else { return Ok(None) };
    let page = Pages::new(store, tenant, run, &[Kind::Answered]).next().await?;
    let Some(entry) = page.iter().flatten().next().map(rows::entry).transpose()? else { return Ok(None) };
    let Record::Answered(answered) = entry.record else { return Ok(None) };
    Ok(Some(Answer {
        run,
        tenant: tenant.clone(),
        at: entry.at,
        status: answered.status,
        output: answered.output,
        failure: answered.failure,
        degraded: answered.degraded,
        spent: row.spent,
        over: row.over,
        bound: row.bound,
        tokens: 0,
        elapsed: entry.at.since(row.submitted),
    }))
}
