//! Group commit: records gather while earlier ones are on their way to the disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration as Span, Instant};

use agendum_core::{Deed, Entry};
use agendum_ports::{Append, Judgement, Noted, Row, RunUpdate, Settled};
use agendum_types::{AttemptId, Incarnation, RunId, Seq, ShardId};
use bytes::Bytes;

use crate::payloads::Pinned;

/// Batches on their way at once.
const APPENDS_MAX: usize = 4;
/// Rows gathered before they are sent off although nothing waits for them.
const ROWS_MAX: usize = 2_048;
/// The longest that a record is kept back although nothing waits for it.
const AGE_MAX: Span = Span::from_millis(2);

/// Records that may wait for the disk before nothing more is begun: a slow disk slows the work, it does not fill the memory.
const AHEAD_MAX: usize = 8_192;

/// What waits for the disk.
pub(super) struct Commit {
    shard: ShardId,
    incarnation: Incarnation,
    next: Seq,
    rows: Vec<Row>,
    runs: Vec<RunUpdate>,
    settled: Vec<Settled>,
    noted: Vec<Noted>,
    judged: Vec<Judgement>,
    /// What was learned, to go with the next rows; and whether it goes although there are none.
    learned: Option<(Seq, Bytes)>,
    learned_alone: bool,
    /// Up to which record what was learned is on its way, or there.
    learned_until: Seq,
    since: Option<Instant>,
    /// Something waits for the last gathered row.
    wanted: bool,
    appends: usize,
    undurable: VecDeque<Undurable>,
    gates: BTreeMap<Seq, Vec<Deed>>,
    durable: Seq,
}

/// A record whose row is not durable yet.
pub(super) struct Undurable {
    pub(super) entry: Entry,
    /// Readable from memory until the row is.
    _payload: Option<Arc<Pinned>>,
}

impl Commit {
    pub(super) fn new(shard: ShardId, incarnation: Incarnation, last: Seq) -> Self {
        Self {
            shard,
            incarnation,
            next: last.next(),
            rows: Vec::new(),
            runs: Vec::new(),
            settled: Vec::new(),
            noted: Vec::new(),
            judged: Vec::new(),
            learned: None,
            learned_alone: false,
            learned_until: last,
            since: None,
            wanted: false,
            appends: 0,
            undurable: VecDeque::new(),
            gates: BTreeMap::new(),
            durable: last,
        }
    }

    /// Gathers a record.
    pub(super) fn push(
        &mut self,
        entry: Entry,
        payload: Option<Arc<Pinned>>,
        run: Option<RunUpdate>,
        noted: Vec<Noted>,
    ) {
        let carried = payload.as_ref().map(|pinned| pinned.payload.clone());
        self.rows.push(crate::rows::row(&entry, self.incarnation, carried));
        self.runs.extend(run);
        self.settled.extend(crate::rows::settled(&entry));
        self.noted.extend(noted);
        self.judged.extend(crate::rows::judgement(&entry));
        self.since.get_or_insert_with(Instant::now);
        self.undurable.push_back(Undurable { entry, _payload: payload });
    }

    /// Keeps the deed until its record is durable; gives it back if it may be done now.
    pub(super) fn gate(&mut self, after: Option<Seq>, deed: Deed) -> Option<Deed> {
        let begins = matches!(deed, Deed::Dispatch(_) | Deed::Evaluate(_));
        let latest = self.undurable.back().filter(|_| begins && self.undurable.len() >= AHEAD_MAX);
        match latest.map(|latest| latest.entry.seq).or(after) {
            Some(seq) if seq > self.durable => {
                self.gates.entry(seq).or_default().push(deed);
                self.wanted = true;
                None
            }
            Some(_) | None => Some(deed),
        }
    }

    /// Takes back an attempt that waits for its record; true if it had not left yet.
    pub(super) fn withdraw(&mut self, attempt: &AttemptId) -> bool {
        let waits = |deed: &Deed| matches!(deed, Deed::Dispatch(dispatch) if dispatch.attempt == *attempt);
        let found = self.gates.values_mut().find_map(|deeds| {
            let place = deeds.iter().position(waits)?;
            Some(deeds.remove(place))
        });
        found.is_some()
    }

    /// True if the answer of this run waits for its record.
    pub(super) fn holds_answer(&self, run: RunId) -> bool {
        self.gates.values().flatten().any(|deed| matches!(deed, Deed::Answer(answer) if answer.run == run))
    }

    /// A caller waits for everything gathered so far.
    pub(super) const fn want(&mut self) {
        self.wanted = true;
    }

    /// What was learned goes with the next rows. Of all that it knows the records have been gathered, or are on their way.
    pub(super) fn learned(&mut self, until: Seq, learned: Bytes) {
        if until > self.learned_until && self.learned.as_ref().is_none_or(|(of, _)| *of < until) {
            self.learned = Some((until, learned));
        }
    }

    /// Up to which record what was learned has gone.
    pub(super) const fn learned_until(&self) -> Seq {
        self.learned_until
    }

    /// The same without rows, if there are none: nothing comes after it.
    pub(super) fn learned_at_last(&mut self, until: Seq, learned: Bytes) {
        self.learned = Some((until, learned));
        self.learned_alone = self.rows.is_empty();
        self.wanted = true;
    }

    /// The next batch, if it is time and there is room.
    pub(super) fn batch(&mut self) -> Option<Append> {
        let due = self.wanted || self.rows.len() >= ROWS_MAX || self.since?.elapsed() >= AGE_MAX;
        if self.rows.is_empty() && !self.learned_alone || !due || self.appends >= APPENDS_MAX {
            return None;
        }
        self.learned_alone = false;
        let learned = self.learned.take().map(|(seq, bytes)| {
            self.learned_until = seq;
            bytes
        });
        let rows = std::mem::take(&mut self.rows);
        let expected = self.next;
        self.next = rows.last().map_or(expected, |row| row.seq.next());
        self.since = None;
        self.wanted = false;
        self.appends += 1;
        Some(Append {
            shard: self.shard,
            incarnation: self.incarnation,
            expected,
            rows,
            runs: std::mem::take(&mut self.runs),
            settled: std::mem::take(&mut self.settled),
            noted: std::mem::take(&mut self.noted),
            judged: std::mem::take(&mut self.judged),
            learned,
        })
    }

    /// When gathered records must go although nothing waits for them.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.filter(|_| self.appends < APPENDS_MAX).map(|since| since + AGE_MAX)
    }

    /// A batch is durable: its records in order, each with the deeds that waited for it.
    pub(super) fn durable(&mut self, last: Seq) -> Vec<(Undurable, Vec<Deed>)> {
        self.appends -= 1;
        self.durable = last;
        let count = self.undurable.partition_point(|undurable| undurable.entry.seq <= last);
        let records = self.undurable.drain(..count);
        let freed = |record: Undurable| {
            let deeds = self.gates.remove(&record.entry.seq).unwrap_or_default();
            (record, deeds)
        };
        records.map(freed).collect()
    }

    /// True if nothing is gathered or on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.rows.is_empty() && !self.learned_alone && self.appends == 0
    }
}
