//! A run record by record, with what its records settle: for whoever takes it elsewhere.

use agendum_core::{Entry, Record};
use agendum_types::{PayloadRef, RunId, Seq, TaskPath, Tenant};

use crate::reader::{ReadError, Reader};
use crate::rows;

/// Records of a page.
const PAGE: u32 = 256;

/// A record of a run.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The record.
    pub entry: Entry,
    /// What it settles, and whose it is.
    pub settles: Option<(Settles, PayloadRef)>,
}

/// What a payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settles {
    /// The inputs of the run.
    Inputs,
    /// An output of a task: of an attempt, put together from others, or in the place of one. A later one of the same task replaces it.
    Task(TaskPath),
    /// The output of the run.
    Run,
}

impl Reader {
    /// A page of a run's records after that one; none behind the last.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or what it holds is damaged.
    pub async fn export(&self, tenant: &Tenant, run: RunId, after: Seq) -> Result<Vec<Exported>, ReadError> {
        let rows = self.rows(tenant, run, after, PAGE).await?;
        let exported = |row| {
            let entry = rows::entry(row)?;
            Ok(Exported { settles: settles(&entry.record), entry })
        };
        rows.iter().map(exported).collect()
    }
}

fn settles(record: &Record) -> Option<(Settles, PayloadRef)> {
    match record {
        Record::RunSubmitted(submitted) => Some((Settles::Inputs, submitted.inputs.clone())),
        Record::Answered(answered) => answered.output.clone().map(|output| (Settles::Run, output)),
        Record::Task { path, change, .. } => {
            change.output().map(|output| (Settles::Task(path.clone()), output.clone()))
        }
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::TasksAdded { .. }
        | Record::TasksAhead { .. }
        | Record::CancelRequested { .. }
        | Record::Begun { .. }
        | Record::Paused { .. }
        | Record::Compensated(_)
        | Record::Raised(_)
        | Record::SignalKept(_)
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::Done { .. } => None,
    }
}
