//! The thread that writes: one transaction, and one fsync, for all the appends that have gathered.

use std::collections::HashSet;
use std::sync::mpsc::Receiver;

use agendum_ports::{Append, Appended, Opened, Row, RunChange, RunUpdate, StoreError};
use agendum_types::{Incarnation, Seq, ShardId, Timestamp};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use tokio::sync::oneshot;

use crate::schema::failed;

/// Appends in one transaction at most.
const GROUP_MAX: usize = 64;

/// What the writer is asked for.
pub(crate) enum Job {
    Open(ShardId, oneshot::Sender<Result<Opened, StoreError>>),
    Append(Box<Append>, oneshot::Sender<Appended>),
}

/// Writes until nobody can ask any more.
pub(crate) fn run(mut db: Connection, jobs: &Receiver<Job>) {
    let mut poisoned = HashSet::new();
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Open(shard, reply) => {
                let opened = open(&mut db, shard);
                if opened.is_ok() {
                    poisoned.remove(&shard);
                }
                let _gone = reply.send(opened);
            }
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
                write(&mut db, group, &mut poisoned);
            }
        }
    }
}

fn open(db: &mut Connection, shard: ShardId) -> Result<Opened, StoreError> {
    let io = failed("open the journal");
    let work = db.transaction().map_err(&io)?;
    let sql = "INSERT INTO shards (shard, incarnation, last, high_water) VALUES (?1, 1, 0, 0)
        ON CONFLICT (shard) DO UPDATE SET incarnation = incarnation + 1 RETURNING incarnation, last, high_water";
    let opened = work.query_row(sql, params![shard.0], |row| {
        Ok(Opened {
            incarnation: Incarnation(row.get(0)?),
            last: Seq(whole(row.get(1)?)),
            high_water: Timestamp(whole(row.get(2)?)),
        })
    });
    let opened = opened.map_err(&io)?;
    work.commit().map_err(&io)?;
    Ok(opened)
}

/// Writes a group; every append of it gets its answer.
fn write(db: &mut Connection, group: Vec<(Box<Append>, oneshot::Sender<Appended>)>, poisoned: &mut HashSet<ShardId>) {
    let mut answers = Vec::with_capacity(group.len());
    let outcome = transaction(db, &group, poisoned, &mut answers);
    for (place, (append, reply)) in group.into_iter().enumerate() {
        let answer = match (&outcome, answers.get(place)) {
            (_, Some(Appended::Fenced(reason))) => Appended::Fenced(reason.clone()),
            (Ok(()), _) => Appended::Durable,
            (Err(failure), _) => failure.clone(),
        };
        if answer != Appended::Durable {
            poisoned.insert(append.shard);
        }
        let _gone = reply.send(answer);
    }
}

fn transaction(
    db: &mut Connection,
    group: &[(Box<Append>, oneshot::Sender<Appended>)],
    poisoned: &mut HashSet<ShardId>,
    answers: &mut Vec<Appended>,
) -> Result<(), Appended> {
    let nothing_written = |error: rusqlite::Error| Appended::Failed {
        message: error.to_string(),
        disk_full: error.sqlite_error_code() == Some(ErrorCode::DiskFull),
    };
    let work = db.transaction().map_err(nothing_written)?;
    for (append, _) in group {
        let fence = if poisoned.contains(&append.shard) {
            Some("an earlier append of this incarnation failed".to_owned())
        } else {
            fence(&work, append).map_err(nothing_written)?
        };
        if let Some(reason) = fence {
            poisoned.insert(append.shard);
            answers.push(Appended::Fenced(reason));
            continue;
        }
        insert(&work, append).map_err(nothing_written)?;
        answers.push(Appended::Durable);
    }
    // After a failed sync nobody knows what the disk holds.
    work.commit().map_err(|error| Appended::Unknown(error.to_string()))
}

/// Why this append may not be written, if it may not.
fn fence(work: &Connection, append: &Append) -> rusqlite::Result<Option<String>> {
    let mut statement = work.prepare_cached("SELECT incarnation, last FROM shards WHERE shard = ?1")?;
    let found = statement.query_row(params![append.shard.0], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?)));
    Ok(match found.optional()? {
        Some((incarnation, last)) if incarnation == append.incarnation.0 => {
            let next = Seq(whole(last)).next();
            (next != append.expected).then(|| format!("row {} was expected, the journal is at {next}", append.expected))
        }
        Some((incarnation, _)) => {
            Some(format!("incarnation {} may not append: the journal is at {incarnation}", append.incarnation))
        }
        None => Some(format!("shard {} was never opened", append.shard)),
    })
}

fn insert(work: &Connection, append: &Append) -> rusqlite::Result<()> {
    let mut statement = work.prepare_cached(
        "INSERT INTO journal (shard, seq, at, incarnation, tenant, run, kind, version, body, payload_hash, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for Row { seq, at, incarnation, tenant, run, kind, version, body, payload } in &append.rows {
        statement.execute(params![
            append.shard.0,
            signed(seq.0),
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
    if let (Some(last), Some(latest)) = (append.rows.last(), append.rows.iter().map(|row| row.at).max()) {
        let mut statement =
            work.prepare_cached("UPDATE shards SET last = ?2, high_water = max(high_water, ?3) WHERE shard = ?1")?;
        statement.execute(params![append.shard.0, signed(last.seq.0), signed(latest.0)])?;
    }
    append.runs.iter().try_for_each(|update| index(work, append.shard, update))
}

fn index(work: &Connection, shard: ShardId, update: &RunUpdate) -> rusqlite::Result<()> {
    let run = update.run.0.to_be_bytes();
    let tenant = &*update.tenant.0;
    match &update.change {
        RunChange::Submitted { graph, graph_hash, at } => work
            .prepare_cached(
                "INSERT INTO runs (tenant, run, partition, shard, graph, graph_hash, status, degraded, submitted, spent)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', 0, ?7, 0)",
            )?
            .execute(params![tenant, run, update.run.partition().0, shard.0, graph, graph_hash.0, signed(at.0)])?,
        RunChange::Answered { status, degraded, at, spent } => work
            .prepare_cached(
                "UPDATE runs SET status = ?3, degraded = ?4, answered = ?5, spent = ?6 WHERE tenant = ?1 AND run = ?2",
            )?
            .execute(params![tenant, run, status.word(), degraded, signed(at.0), signed(spent.0)])?,
        RunChange::Done { at, spent } => work
            .prepare_cached("UPDATE runs SET done = ?3, spent = ?4 WHERE tenant = ?1 AND run = ?2")?
            .execute(params![tenant, run, signed(at.0), signed(spent.0)])?,
    };
    Ok(())
}

/// SQLite's integers are signed; what we keep never comes near the end of them.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
