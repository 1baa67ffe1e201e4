//! The records of a run, read page by page and not kept: what they tell is far less than they are.

use std::sync::Arc;

use agendum_engine::ReadError;
use agendum_ports::{Row, RunRow};
use agendum_spec::NormalDocument;
use agendum_types::{Graph, PayloadRef, RunId, Seq};
use agendum_wire::journal::{Envelope, Kind, decode};
use agendum_wire::v1::{Reading, Told};

use crate::Service;
use crate::reply::Refused;

/// Rows of a page.
const PAGE: u32 = 1_024;

/// What there is to know of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Its graph and its answer.
    Answer,
    /// Its tasks as well.
    Tasks,
}

/// A run, read.
pub(crate) struct Scanned {
    /// Its line in the index.
    pub(crate) row: RunRow,
    /// Its graph, with all additions so far.
    pub(crate) graph: Arc<Graph>,
    /// Its document and its answer.
    pub(crate) told: Told,
    /// Its tasks, if they were wanted.
    pub(crate) reading: Reading,
}

/// Reads a run; `None` if the tenant has no such run.
pub(crate) async fn scan(service: &Service, run: RunId, wanted: Wanted) -> Result<Option<Scanned>, Refused> {
    let Some(row) = service.store.run(&service.tenant, run).await? else { return Ok(None) };
    let (mut told, mut reading) = (Told::default(), Reading::default());
    let mut graph: Option<Arc<Graph>> = None;
    let mut after = Seq(0);
    loop {
        let page = service.store.read_run(&service.tenant, run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in page.iter().filter(|row| wanted == Wanted::Tasks || tells(row)) {
            let entry = decode(&envelope(row), &row.body).map_err(ReadError::from)?;
            if told.take(&entry) {
                // Tasks are named by their place in the graph as it was then, and additions come at its end.
                graph = Some(load(service, run, told.document.as_ref()).await?);
            }
            if let Some(graph) = &graph {
                reading.take(graph, &entry);
            }
        }
    }
    Ok(graph.map(|graph| Scanned { row, graph, told, reading }))
}

/// True for records that say something about the graph or the answer.
fn tells(row: &Row) -> bool {
    matches!(Kind::from_number(row.kind), Some(Kind::RunSubmitted | Kind::TasksAdded | Kind::Answered))
}

fn envelope(row: &Row) -> Envelope {
    Envelope {
        seq: row.seq,
        at: row.at,
        tenant: row.tenant.clone(),
        run: row.run,
        kind: row.kind,
        version: row.version,
    }
}

async fn load(service: &Service, run: RunId, document: Option<&PayloadRef>) -> Result<Arc<Graph>, Refused> {
    let document = document.ok_or_else(|| ReadError::Payload("the run names no document".to_owned()))?;
    let bytes = service.reader.payload(&service.tenant, run, document).await?;
    let document = NormalDocument(String::from_utf8_lossy(&bytes).into());
    Ok(agendum_spec::load(&document, &service.stored_limits).map_err(|error| ReadError::Payload(error.to_string()))?)
}
