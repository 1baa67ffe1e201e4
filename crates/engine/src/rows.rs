//! Records into journal rows and back.

use std::sync::Arc;

use agendum_core::{Change, Deed, Entry, Record};
use agendum_ports::{InlinePayload, Judgement, Row, RunChange, RunUpdate, Settled};
use agendum_types::target::Bound;
use agendum_types::{Hash, Incarnation, Money, Outcome, RunId, Target};
use agendum_wire::journal::{DecodeError, Envelope, Kind, decode, encode, payloads};

/// The row of a record.
pub(crate) fn row(entry: &Entry, incarnation: Incarnation, payload: Option<InlinePayload>) -> Row {
    Row {
        seq: entry.seq,
        at: entry.at,
        incarnation,
        tenant: entry.tenant.clone(),
        run: entry.record.run(),
        kind: Kind::of(&entry.record) as u16,
        version: Kind::of(&entry.record).version(),
        body: encode(entry).into(),
        payload,
    }
}

/// The record of a row.
pub(crate) fn entry(row: &Row) -> Result<Entry, DecodeError> {
    decode(&envelope(row), &row.body)
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

/// What a run has spent, told beside the records that end it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bill {
    pub(crate) spent: Money,
    pub(crate) over: Money,
    pub(crate) bound: Option<Bound>,
}

impl Bill {
    /// What the deed tells of a run, if it ends it.
    pub(crate) fn of(deed: &Deed) -> Option<(RunId, Self)> {
        match deed {
            Deed::Answer(answer) => {
                Some((answer.run, Self { spent: answer.spent, over: answer.over, bound: answer.bound }))
            }
            Deed::Close { run, spent, over, bound, .. } => {
                Some((*run, Self { spent: *spent, over: *over, bound: *bound }))
            }
            Deed::Append(_)
            | Deed::Evaluate(_)
            | Deed::LookUp(_)
            | Deed::Keep(_)
            | Deed::Dispatch(_)
            | Deed::CancelAttempt(_)
            | Deed::Publish { .. } => None,
        }
    }
}

/// What the record adds to the counters of what was spent, and what of that is waste by now.
pub(crate) fn settled(entry: &Entry) -> impl Iterator<Item = Settled> {
    // What a child run has cost, its own attempts have settled.
    let booked = entry.booked.as_deref().filter(|booked| *booked.target != *Target::CHILD);
    let all = booked.map(|booked| (booked, false)).into_iter().chain(entry.wasted.iter().map(|booked| (booked, true)));
    all.filter_map(|(booked, moved)| {
        let (tenant, run) = (entry.tenant.clone()?, entry.record.run()?);
        Some(Settled { tenant, run, booked: booked.clone(), moved })
    })
}

/// The verdict that is to be read once the record is durable.
pub(crate) fn judgement(entry: &Entry) -> Option<Judgement> {
    let verdict = entry.verdict.as_deref().cloned()?;
    let (tenant, run) = (entry.tenant.clone()?, entry.record.run()?);
    Some(Judgement { seq: entry.seq, at: entry.at, tenant, run, verdict })
}

/// What the record changes in the index of runs.
pub(crate) fn run_update(entry: &Entry, bill: Bill) -> Option<RunUpdate> {
    let Bill { spent, over, bound } = bill;
    let change = match &entry.record {
        Record::RunSubmitted(submitted) => {
            let key = submitted.key.as_ref().map(|key| Arc::clone(&key.key));
            RunChange::Submitted {
                graph: submitted.graph_name.clone(),
                graph_hash: submitted.graph,
                key,
                parent: submitted.parent.as_deref().cloned(),
                at: entry.at,
            }
        }
        Record::Answered(answered) => RunChange::Answered {
            status: answered.status,
            degraded: answered.degraded,
            at: entry.at,
            spent,
            over,
            bound,
        },
        Record::Done { .. } => RunChange::Done { at: entry.at, spent, over, bound },
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::TasksAdded { .. }
        | Record::TasksAhead { .. }
        | Record::CancelRequested { .. }
        | Record::Begun { .. }
        | Record::Paused { .. }
        | Record::Compensated(_)
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::Raised(_)
        | Record::SignalKept(_)
        | Record::Task { .. } => return None,
    };
    Some(RunUpdate { tenant: entry.tenant.clone()?, run: entry.record.run()?, change })
}

/// What no release has ever kept inside a row is larger.
const INLINE_BYTES: u64 = 16 << 10;

/// The blobs that a row names, be they what they may: a document, inputs, an output, a part of one. Payloads that lie in rows are left out
/// where that is sure.
pub(crate) fn blobs(row: &Row) -> Result<Vec<Hash>, DecodeError> {
    let kinds = [Kind::RunSubmitted as u16, Kind::TasksAdded as u16, Kind::TasksAhead as u16];
    let bytes_min = if kinds.contains(&row.kind) { 0 } else { INLINE_BYTES };
    let named = payloads(&envelope(row), &row.body)?;
    Ok(named.into_iter().filter(|(_, size)| *size > bytes_min).map(|(hash, _)| hash).collect())
}

/// The payload that may travel in the row of this record.
pub(crate) fn named_payload(record: &Record) -> Option<Hash> {
    let reference = match record {
        Record::RunSubmitted(submitted) => Some(&submitted.inputs),
        Record::Answered(answered) => answered.output.as_ref(),
        Record::SignalKept(kept) => Some(&kept.payload),
        Record::Task { change, .. } => match change {
            Change::Entered(evaluation)
            | Change::Judged { evaluation, .. }
            | Change::RoundJudged { evaluation, .. } => evaluation.payload.as_ref(),
            Change::Finished(finished) => match &finished.outcome {
                Outcome::Succeeded(success) => Some(&success.output),
                Outcome::Failed(failure) => failure.partial.as_ref(),
            },
            Change::Caught { output, .. } | Change::Composed { output } => Some(&**output),
            Change::Resolved(resolved) => resolved.output.as_ref(),
            Change::Waited(waited) => Some(&*waited.output),
            Change::Cached(cached) => Some(&*cached.output),
            Change::Abandoned { output, .. } => output.as_deref(),
            Change::Dispatched(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Reused { .. }
            | Change::Referenced { .. }
            | Change::Ended(_) => None,
        },
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::TasksAdded { .. }
        | Record::TasksAhead { .. }
        | Record::CancelRequested { .. }
        | Record::Begun { .. }
        | Record::Paused { .. }
        | Record::Raised(_)
        | Record::Compensated(_)
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::Done { .. } => None,
    };
    reference.map(|reference| reference.hash)
}
