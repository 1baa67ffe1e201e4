//! The thread that reads, and its queries. All are keyset pages, so that no read takes long.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use agendum_ports::{InlinePayload, Row, RunFilter, RunRow};
use agendum_types::target::Bound;
use agendum_types::{Hash, Incarnation, Money, Parent, Partition, RunId, RunStatus, Seq, ShardId, Tenant, Timestamp};
use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row as Line, params};

use crate::place::{place, places, seq, shard};
use crate::write::{signed, whole};

/// Something to do with the reading connection.
pub(crate) type Query = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) fn serve(db: &Connection, queries: &Receiver<Query>) {
    while let Ok(query) = queries.recv() {
        query(db);
    }
}

const ROW: &str = "place, at, incarnation, tenant, run, kind, version, body, payload_hash, payload";

pub(crate) fn open_rows(db: &Connection, shard: ShardId, after: Seq, count_max: u32) -> rusqlite::Result<Vec<Row>> {
    let sql = format!(
        "SELECT {ROW} FROM journal WHERE place IN (
            SELECT journal.place FROM runs JOIN journal INDEXED BY journal_run
            ON journal.tenant = runs.tenant AND journal.run = runs.run
            WHERE runs.shard = ?1 AND runs.done IS NULL AND journal.place BETWEEN ?2 AND ?3
            ORDER BY journal.place LIMIT ?4) ORDER BY place"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let places = places(shard, after);
    let rows = statement.query_map(params![shard.0, places.start(), places.end(), count_max], journal_row)?;
    rows.collect()
}

pub(crate) fn all_rows(db: &Connection, shard: ShardId, after: Seq, count_max: u32) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("SELECT {ROW} FROM journal WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let places = places(shard, after);
    let rows = statement.query_map(params![places.start(), places.end(), count_max], journal_row)?;
    rows.collect()
}

/// The latest rows of a kind that are no run's, in the order of the journal.
pub(crate) fn own_rows(db: &Connection, shard: ShardId, kind: u16, count_max: u32) -> rusqlite::Result<Vec<Row>> {
    let sql = format!(
        "SELECT {ROW} FROM journal INDEXED BY journal_own
         WHERE run IS NULL AND kind = ?1 AND place BETWEEN ?2 AND ?3 ORDER BY place DESC LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let places = places(shard, Seq(0));
    let rows = statement.query_map(params![kind, places.start(), places.end(), count_max], journal_row)?;
    let mut latest = rows.collect::<rusqlite::Result<Vec<Row>>>()?;
    latest.reverse();
    Ok(latest)
}

/// What a shard had learned.
pub(crate) fn learned(db: &Connection, shard: ShardId) -> rusqlite::Result<Option<Bytes>> {
    let mut statement = db.prepare_cached("SELECT body FROM learned WHERE shard = ?1")?;
    let body = statement.query_row(params![shard.0], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(body.map(Bytes::from))
}

/// Place, time and kind of the last row.
pub(crate) fn latest(db: &Connection, shard: ShardId) -> rusqlite::Result<Option<(Seq, Timestamp, Option<u16>)>> {
    let sql = "SELECT place, at, kind FROM journal WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1";
    let places = places(shard, Seq(0));
    let latest = db.query_row(sql, params![places.start(), places.end()], |row| {
        Ok((seq(row.get(0)?), Timestamp(whole(row.get(1)?)), u16::try_from(row.get::<_, i64>(2)?).ok()))
    });
    latest.optional()
}

pub(crate) fn run_rows(
    db: &Connection,
    tenant: &Tenant,
    run: RunId,
    after: Seq,
    kinds: &[u16],
    count_max: u32,
) -> rusqlite::Result<Vec<Row>> {
    let Some(first) = first_place(db, tenant, run)? else { return Ok(Vec::new()) };
    let kinds: Vec<String> = kinds.iter().map(u16::to_string).collect();
    let of_kinds = if kinds.is_empty() { String::new() } else { format!("AND kind IN ({})", kinds.join(", ")) };
    let sql = format!(
        "SELECT {ROW} FROM journal INDEXED BY journal_run
         WHERE tenant = ?1 AND run = ?2 AND place > ?3 {of_kinds} ORDER BY place LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let after = place(shard(first), after);
    let rows = statement.query_map(params![&*tenant.0, run.0.to_be_bytes(), after, count_max], journal_row)?;
    rows.collect()
}

/// Where the rows of a run begin; a run lies in the journal of one shard.
fn first_place(db: &Connection, tenant: &Tenant, run: RunId) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        db.prepare_cached("SELECT min(place) FROM journal INDEXED BY journal_run WHERE tenant = ?1 AND run = ?2")?;
    statement.query_row(params![&*tenant.0, run.0.to_be_bytes()], |row| row.get(0))
}

/// The latest rows are looked at first: what a run reads is mostly what it has just made.
pub(crate) fn inline_payload(
    db: &Connection,
    tenant: &Tenant,
    run: RunId,
    hash: Hash,
) -> rusqlite::Result<Option<Bytes>> {
    let mut statement = db.prepare_cached(
        "SELECT payload FROM journal INDEXED BY journal_run
         WHERE tenant = ?1 AND run = ?2 AND payload_hash = ?3 ORDER BY place DESC LIMIT 1",
    )?;
    let key = params![&*tenant.0, run.0.to_be_bytes(), hash.0];
    let found: Option<Vec<u8>> = statement.query_row(key, |row| row.get(0)).optional()?;
    Ok(found.map(Bytes::from))
}

const RUN: &str = "tenant, run, partition, shard, graph, graph_hash, status, degraded, submitted, answered, done, spent, \
     above, bound, parent, parent_task, key IS NOT NULL";

pub(crate) fn one_run(db: &Connection, tenant: &Tenant, run: RunId) -> rusqlite::Result<Option<RunRow>> {
    let sql = format!("SELECT {RUN} FROM runs WHERE tenant = ?1 AND run = ?2");
    let mut statement = db.prepare_cached(&sql)?;
    statement.query_row(params![&*tenant.0, run.0.to_be_bytes()], run_row).optional()
}

pub(crate) fn run_of_key(db: &Connection, tenant: &Tenant, key: &str) -> rusqlite::Result<Option<RunId>> {
    let mut statement = db.prepare_cached(
        "SELECT run FROM runs INDEXED BY runs_key WHERE tenant = ?1 AND key = ?2 ORDER BY run LIMIT 1",
    )?;
    let run = |row: &Line<'_>| row.get(0).map(|bytes| RunId(u128::from_be_bytes(bytes)));
    statement.query_row(params![&*tenant.0, key], run).optional()
}

pub(crate) fn runs(db: &Connection, tenant: &Tenant, filter: &RunFilter) -> rusqlite::Result<Vec<RunRow>> {
    // Few runs are open, however many there were: they have an index of their own.
    let (index, open) = if filter.open { ("INDEXED BY runs_open", "AND done IS NULL") } else { ("", "") };
    let own = if filter.no_child { "AND parent IS NULL" } else { "" };
    let sql = format!(
        "SELECT {RUN} FROM runs {index} WHERE tenant = ?1 AND (?2 IS NULL OR run < ?2) AND (?3 IS NULL OR status = ?3)
         AND (?4 IS NULL OR graph = ?4) AND (?6 IS NULL OR done < ?6) {open} {own} ORDER BY run DESC LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            &*tenant.0,
            filter.before.map(|run| run.0.to_be_bytes()),
            filter.status.map(RunStatus::word),
            filter.graph,
            filter.count_max,
            filter.done_before.map(|before| signed(before.0))
        ],
        |line| Ok(run_row(line)),
    )?;
    rows.filter_map(|line| line.and_then(readable).transpose()).collect()
}

/// One damaged line must not hide the others.
fn readable(line: rusqlite::Result<RunRow>) -> rusqlite::Result<Option<RunRow>> {
    match line {
        Err(error) if is_damage(&error) => {
            tracing::error!(%error, "a line of the index of runs is damaged, and is left out of the list");
            Ok(None)
        }
        line => line.map(Some),
    }
}

/// True if what is in the database is not what was written there.
const fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

/// A row with a damaged field has no body: whoever decodes it says that it is damaged, and whose it is.
fn journal_row(line: &Line<'_>) -> rusqlite::Result<Row> {
    match whole_row(line) {
        Err(error) if is_damage(&error) => Ok(Row {
            seq: seq(line.get(0)?),
            at: Timestamp(0),
            incarnation: Incarnation(0),
            tenant: tenant(line).ok().flatten(),
            run: run(line).ok().flatten(),
            kind: line.get(5).unwrap_or_default(),
            version: line.get(6).unwrap_or_default(),
            body: Bytes::new(),
            payload: None,
        }),
        row => row,
    }
}

fn tenant(line: &Line<'_>) -> rusqlite::Result<Option<Tenant>> {
    Ok(line.get::<_, Option<Arc<str>>>(3)?.map(Tenant))
}

fn run(line: &Line<'_>) -> rusqlite::Result<Option<RunId>> {
    Ok(line.get::<_, Option<[u8; 16]>>(4)?.map(|run| RunId(u128::from_be_bytes(run))))
}

fn whole_row(line: &Line<'_>) -> rusqlite::Result<Row> {
    let hash: Option<[u8; 32]> = line.get(8)?;
    let payload: Option<Vec<u8>> = line.get(9)?;
    Ok(Row {
        seq: seq(line.get(0)?),
        at: Timestamp(whole(line.get(1)?)),
        incarnation: Incarnation(line.get(2)?),
        tenant: tenant(line)?,
        run: run(line)?,
        kind: line.get(5)?,
        version: line.get(6)?,
        body: line.get::<_, Vec<u8>>(7)?.into(),
        payload: hash.zip(payload).map(|(hash, bytes)| InlinePayload { hash: Hash(hash), bytes: bytes.into() }),
    })
}

fn run_row(line: &Line<'_>) -> rusqlite::Result<RunRow> {
    let status: String = line.get(6)?;
    let parent = line.get::<_, Option<[u8; 16]>>(14)?.map(|run| RunId(u128::from_be_bytes(run)));
    let unknown =
        || rusqlite::Error::FromSqlConversionFailure(6, Type::Text, format!("{status:?} is no status").into());
    Ok(RunRow {
        tenant: Tenant(line.get(0)?),
        run: RunId(u128::from_be_bytes(line.get(1)?)),
        partition: Partition(line.get(2)?),
        shard: ShardId(line.get(3)?),
        graph: line.get(4)?,
        graph_hash: Hash(line.get(5)?),
        status: RunStatus::from_word(&status).ok_or_else(unknown)?,
        degraded: line.get(7)?,
        submitted: Timestamp(whole(line.get(8)?)),
        answered: line.get::<_, Option<i64>>(9)?.map(|at| Timestamp(whole(at))),
        done: line.get::<_, Option<i64>>(10)?.map(|at| Timestamp(whole(at))),
        spent: Money(whole(line.get(11)?)),
        over: Money(whole(line.get(12)?)),
        bound: line.get::<_, Option<String>>(13)?.and_then(|word| Bound::from_word(&word)),
        parent: parent.zip(line.get(15)?).map(|(run, task)| Parent { run, task }),
        keyed: line.get(16)?,
    })
}
