//! The thread that writes: one transaction, and one fsync, for all the appends that have gathered.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use agendum_ports::{Append, Appended, Opened, Row, StoreError};
use agendum_types::{Incarnation, Seq, ShardId, Timestamp};
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::oneshot;

use crate::place::{SHARDS_MAX, place};
use crate::read::latest;
use crate::schema::failed;
use crate::spending;
use crate::{feedback, index, notices};

/// Appends in one transaction at most.
const GROUP_MAX: usize = 64;

/// What the writer is asked for.
pub(crate) enum Job {
    Open(ShardId, oneshot::Sender<Result<Opened, StoreError>>),
    Append(Box<Append>, oneshot::Sender<Appended>),
    Change(Change),
}

/// A short transaction beside the journal's own.
pub(crate) type Change = Box<dyn FnOnce(&mut Connection) + Send>;

type Asked = (Box<Append>, oneshot::Sender<Appended>);

/// The only one who writes to this database: the directory has one owner, and the owner one writer. So the fence is kept in memory.
struct Writer {
    db: Connection,
    journals: BTreeMap<ShardId, Journal>,
}

/// Where an open journal stands.
struct Journal {
    incarnation: Incarnation,
    last: Seq,
    /// An append has failed: the rest of this incarnation fails too.
    poisoned: bool,
}

/// Writes until nobody can ask any more.
pub(crate) fn run(db: Connection, jobs: &Receiver<Job>) {
    let mut writer = Writer { db, journals: BTreeMap::new() };
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Open(shard, reply) => {
                let _gone = reply.send(writer.open(shard));
            }
            Job::Change(change) => change(&mut writer.db),
            Job::Append(append, reply) => {
                let mut group = vec![(append, reply)];
                while group.len() < GROUP_MAX {
                    match jobs.try_recv() {
                        Ok(Job::Append(append, reply)) => group.push((append, reply)),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                writer.write(group);
            }
        }
    }
}

impl Writer {
    fn open(&mut self, shard: ShardId) -> Result<Opened, StoreError> {
        let io = failed("open the journal");
        if shard.0 >= SHARDS_MAX {
            let source = format!("shard {shard} is one too many: the limit is {SHARDS_MAX}").into();
            return Err(StoreError::Io { doing: "open the journal", source });
        }
        let work = self.db.transaction().map_err(&io)?;
        let sql = "INSERT INTO shards (shard, incarnation) VALUES (?1, 1)
            ON CONFLICT (shard) DO UPDATE SET incarnation = incarnation + 1 RETURNING incarnation";
        let incarnation = work.query_row(sql, params![shard.0], |row| row.get(0).map(Incarnation)).map_err(&io)?;
        let latest = latest(&work, shard).map_err(&io)?;
        let (last, high_water) = latest.map_or((Seq(0), Timestamp(0)), |(last, at, _)| (last, at));
        let last_kind = latest.and_then(|(_, _, kind)| kind);
        work.commit().map_err(&io)?;
        self.journals.insert(shard, Journal { incarnation, last, poisoned: false });
        Ok(Opened { incarnation, last, high_water, last_kind })
    }

    /// Writes a group; every append of it gets its answer.
    fn write(&mut self, group: Vec<Asked>) {
        let mut fenced = Vec::with_capacity(group.len());
        let outcome = self.transaction(&group, &mut fenced);
        let mut fenced = fenced.into_iter();
        for (append, reply) in group {
            let answer = match (&outcome, fenced.next().flatten()) {
                (_, Some(reason)) => Appended::Fenced(reason),
                (Ok(()), None) => Appended::Durable,
                (Err(failure), None) => failure.clone(),
            };
            // What an earlier incarnation is refused is nothing to the one of now.
            let journal = self.journals.get_mut(&append.shard);
            if let Some(journal) = journal.filter(|journal| journal.incarnation == append.incarnation) {
                journal.poisoned |= answer != Appended::Durable;
            }
            let _gone = reply.send(answer);
        }
    }

    /// One transaction for the group; `fenced` says of each append why it was left out, if it was.
    fn transaction(&mut self, group: &[Asked], fenced: &mut Vec<Option<String>>) -> Result<(), Appended> {
        let nothing_written = |error: rusqlite::Error| Appended::Failed {
            message: error.to_string(),
            disk_full: error.sqlite_error_code() == Some(ErrorCode::DiskFull),
        };
        let work = self.db.transaction().map_err(nothing_written)?;
        for (append, _) in group {
            let reason = match self.journals.get_mut(&append.shard) {
                Some(journal) => journal.admit(append),
                None => Some(format!("shard {} was never opened", append.shard)),
            };
            let is_admitted = reason.is_none();
            fenced.push(reason);
            if is_admitted {
                insert(&work, append).map_err(nothing_written)?;
            }
        }
        // After a failed sync nobody knows what the disk holds.
        work.commit().map_err(|error| Appended::Unknown(error.to_string()))
    }
}

impl Journal {
    /// Why this append may not be written, if it may not. A failure later on poisons the journal, so that it may move on at once.
    fn admit(&mut self, append: &Append) -> Option<String> {
        if append.incarnation != self.incarnation {
            return Some(format!(
                "incarnation {} may not append: the journal is at {}",
                append.incarnation, self.incarnation
            ));
        }
        if self.poisoned {
            return Some("an earlier append of this incarnation failed".to_owned());
        }
        let next = self.last.next();
        if next != append.expected {
            self.poisoned = true;
            return Some(format!("row {} was expected, the journal is at {next}", append.expected));
        }
        self.last = append.rows.last().map_or(self.last, |row| row.seq);
        None
    }
}

fn insert(work: &Connection, append: &Append) -> rusqlite::Result<()> {
    let mut statement = work.prepare_cached(
        "INSERT INTO journal (place, at, incarnation, tenant, run, kind, version, body, payload_hash, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for Row { seq, at, incarnation, tenant, run, kind, version, body, payload } in &append.rows {
        statement.execute(params![
            place(append.shard, *seq),
            signed(at.0),
            incarnation.0,
            tenant.as_ref().map(|tenant| &*tenant.0),
            run.map(|run| run.0.to_be_bytes()),
            kind,
            version,
            &body[..],
            payload.as_ref().map(|payload| payload.hash.0),
            payload.as_ref().map(|payload| &payload.bytes[..]),
        ])?;
    }
    index::update(work, append.shard, &append.runs)?;
    spending::add(work, &append.settled)?;
    feedback::judge(work, append.shard, &append.judged)?;
    if let Some(learned) = &append.learned {
        let mut statement = work.prepare_cached("INSERT OR REPLACE INTO learned (shard, body) VALUES (?1, ?2)")?;
        statement.execute(params![append.shard.0, &learned[..]])?;
    }
    notices::keep(work, append.shard, &append.noted)
}

/// SQLite's integers are signed; what we keep never comes near the end of them.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
