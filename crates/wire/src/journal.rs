//! Records as bytes: a kind, a version of that kind, and a JSON body. Place, time, tenant, run and incarnation are the envelope's.

mod body;
mod from_core;
mod into_core;
#[cfg(test)]
mod tests;

use agendum_core::{Change, Entry, Record};
use agendum_types::{Hash, RunId, Seq, Tenant, Timestamp};

/// Which sort of record a row holds. The numbers are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// A life of the shard began.
    Opened = 1,
    /// The clock jumped forward.
    ClockJumped = 2,
    /// A run was accepted.
    RunSubmitted = 3,
    /// A run's graph grew.
    TasksAdded = 4,
    /// A caller cancelled the run.
    CancelRequested = 5,
    /// A caller paused the run.
    Paused = 6,
    /// A caller lifted the pause.
    Resumed = 7,
    /// The answer of a run is settled.
    Answered = 8,
    /// Nothing more will happen to the run.
    Done = 9,
    /// A life of the shard ended in good order.
    Closed = 10,
    /// The process crashed while something of the run was at work.
    Crashed = 11,
    /// A signal or a webhook came before its wait.
    SignalKept = 12,
    /// What a run has done was taken back.
    Compensated = 13,
    /// A person raised a budget, or refused to.
    Raised = 15,
    /// A run that waited for its turn begins.
    Begun = 14,
    /// A task was ready, and what had to be evaluated was.
    Entered = 16,
    /// An attempt was sent to a target.
    Dispatched = 17,
    /// A running attempt gave an external reference.
    Referenced = 18,
    /// The running attempt ended.
    Finished = 19,
    /// A result was judged.
    Judged = 20,
    /// A rung of `catch` gave an output.
    Caught = 21,
    /// A round of a loop was judged.
    RoundJudged = 22,
    /// An output was composed.
    Composed = 23,
    /// A decision ended a task.
    Ended = 24,
    /// An attempt that was not awaited any more ended.
    Abandoned = 25,
    /// Somebody told whether an attempt took effect.
    Resolved = 26,
    /// What a `wait` waited for has come.
    Waited = 27,
    /// Who is asked was reminded.
    Reminded = 28,
    /// A task gives what it gave in a run before.
    Reused = 32,
    /// A task takes a result that was kept.
    Cached = 33,
    /// A run's graph grew by the first tasks of a plan that is still being written.
    TasksAhead = 35,
    /// A task asks for more than the budget of its run.
    Pleaded = 38,
}

impl Kind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 32] = [
        Self::Opened,
        Self::ClockJumped,
        Self::RunSubmitted,
        Self::TasksAdded,
        Self::CancelRequested,
        Self::Paused,
        Self::Resumed,
        Self::Answered,
        Self::Done,
        Self::Closed,
        Self::Crashed,
        Self::SignalKept,
        Self::Compensated,
        Self::Raised,
        Self::Begun,
        Self::Entered,
        Self::Dispatched,
        Self::Referenced,
        Self::Finished,
        Self::Judged,
        Self::Caught,
        Self::RoundJudged,
        Self::Composed,
        Self::Ended,
        Self::Abandoned,
        Self::Resolved,
        Self::Waited,
        Self::Reminded,
        Self::Reused,
        Self::Cached,
        Self::TasksAhead,
        Self::Pleaded,
    ];

    /// The version of this kind that this release writes. It reads the earlier ones as well: see [`decode`].
    #[must_use]
    pub const fn version(self) -> u16 {
        1
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// The kind of a record.
    #[must_use]
    pub const fn of(record: &Record) -> Self {
        match record {
            Record::Opened { .. } => Self::Opened,
            Record::ClockJumped { .. } => Self::ClockJumped,
            Record::RunSubmitted(_) => Self::RunSubmitted,
            Record::TasksAdded { .. } => Self::TasksAdded,
            Record::TasksAhead { .. } => Self::TasksAhead,
            Record::CancelRequested { .. } => Self::CancelRequested,
            Record::Paused { .. } => Self::Paused,
            Record::Resumed { .. } => Self::Resumed,
            Record::Answered(_) => Self::Answered,
            Record::Done { .. } => Self::Done,
            Record::Closed => Self::Closed,
            Record::Crashed { .. } => Self::Crashed,
            Record::SignalKept(_) => Self::SignalKept,
            Record::Compensated(_) => Self::Compensated,
            Record::Raised(_) => Self::Raised,
            Record::Begun { .. } => Self::Begun,
            Record::Task { change, .. } => match change {
                Change::Entered(_) => Self::Entered,
                Change::Dispatched(_) => Self::Dispatched,
                Change::Referenced { .. } => Self::Referenced,
                Change::Finished(_) => Self::Finished,
                Change::Judged { .. } => Self::Judged,
                Change::Caught { .. } => Self::Caught,
                Change::RoundJudged { .. } => Self::RoundJudged,
                Change::Composed { .. } => Self::Composed,
                Change::Ended(_) => Self::Ended,
                Change::Abandoned { .. } => Self::Abandoned,
                Change::Resolved(_) => Self::Resolved,
                Change::Waited(_) => Self::Waited,
                Change::Reminded => Self::Reminded,
                Change::Reused { .. } => Self::Reused,
                Change::Cached(_) => Self::Cached,
                Change::Pleaded(_) => Self::Pleaded,
            },
        }
    }
}

/// What a row says besides its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Its place.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// Whose it is.
    pub tenant: Option<Tenant>,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// The number of its [`Kind`].
    pub kind: u16,
    /// The version of that kind.
    pub version: u16,
}

/// A row that this release cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A later release wrote it.
    #[error(
        "journal row {seq} has kind {kind} version {version}, which this release does not know: use a newer agendum"
    )]
    Unknown {
        /// Which row.
        seq: Seq,
        /// Its kind.
        kind: u16,
        /// Its version.
        version: u16,
    },
    /// The body is not what its kind says.
    #[error("journal row {seq} ({kind:?}) is damaged: {message}")]
    Damaged {
        /// Which row.
        seq: Seq,
        /// Its kind.
        kind: Kind,
        /// What is wrong.
        message: String,
    },
}

/// The body of a record: JSON, without line breaks.
#[must_use]
pub fn encode(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    let written = from_core::write(entry, &mut bytes);
    written.expect("a record is plain data: writing it to memory cannot fail");
    bytes
}

/// Every payload that a row names, with its size: whatever its kind is, what looks like a payload in its body is one.
///
/// # Errors
///
/// If the kind is unknown, or the body is damaged.
pub fn payloads(envelope: &Envelope, body: &[u8]) -> Result<Vec<(Hash, u64)>, DecodeError> {
    let Envelope { seq, kind, version, .. } = *envelope;
    let kind = Kind::from_number(kind).ok_or(DecodeError::Unknown { seq, kind, version })?;
    let body = serde_json::from_slice(body);
    let body = body.map_err(|error| DecodeError::Damaged { seq, kind, message: error.to_string() })?;
    let mut named = Vec::new();
    into_core::payloads(&body, &mut named);
    Ok(named)
}

/// Reads a row.
///
/// # Errors
///
/// If the kind or its version is unknown, or the body is damaged.
pub fn decode(envelope: &Envelope, body: &[u8]) -> Result<Entry, DecodeError> {
    let unknown = || DecodeError::Unknown { seq: envelope.seq, kind: envelope.kind, version: envelope.version };
    let kind = Kind::from_number(envelope.kind).ok_or_else(unknown)?;
    // An earlier version of a kind keeps its arm here, and its line in the golden journal, when a new one is written.
    let read = match (kind, envelope.version) {
        (_, 1) => into_core::read(kind, envelope.run, body),
        _ => return Err(unknown()),
    };
    let (record, (unsent, booked)) =
        read.map_err(|message| DecodeError::Damaged { seq: envelope.seq, kind, message })?;
    let (seq, at, tenant) = (envelope.seq, envelope.at, envelope.tenant.clone());
    Ok(Entry { seq, at, tenant, record, unsent, booked, wasted: Box::default(), verdict: None })
}
