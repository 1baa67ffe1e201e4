//! Forgetting runs, as short transactions of the thread that writes.

use agendum_ports::{BlobName, Forgotten};
use agendum_types::{Hash, RunId, Seq, ShardId, SubmissionKey, Tenant, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row as Line, params};

use crate::place::{place, places, seq};
use crate::read::run_of_key;
use crate::write::{signed, whole};

/// Forgotten runs that are looked at in one transaction.
const RUNS_MAX: u32 = 64;

pub(crate) fn forget(
    db: &mut Connection,
    tenant: &Tenant,
    run: RunId,
    keyed_until: Timestamp,
) -> rusqlite::Result<Forgotten> {
    let (work, key) = (db.transaction()?, params![&*tenant.0, run.0.to_be_bytes()]);
    // The key of a child is the driver's: nobody sends it again.
    let sql = "SELECT done IS NOT NULL, iif(parent IS NULL, key, NULL), submitted,
        (SELECT around.run FROM runs AS around WHERE around.tenant = ?1 AND around.run = runs.parent)
        FROM runs WHERE tenant = ?1 AND run = ?2";
    let parent = |row: &Line<'_>| row.get::<_, Option<[u8; 16]>>(3);
    let read =
        |row: &Line<'_>| Ok((row.get(0)?, parent(row)?, row.get::<_, Option<String>>(1)?, row.get(2).map(whole)?));
    let forgotten = match work.query_row(sql, key, read).optional()? {
        None => Forgotten::NoRun,
        Some((false, ..)) => Forgotten::NotDone,
        Some((true, Some(parent), ..)) => Forgotten::Child(RunId(u128::from_be_bytes(parent))),
        Some((true, None, None, _)) => Forgotten::Yes,
        Some((true, None, Some(word), submitted)) => match retried(&work, tenant, &word)? {
            Some(before) => Forgotten::Retries(before),
            None if submitted > keyed_until.0 => Forgotten::Keyed(Timestamp(submitted)),
            None => Forgotten::Yes,
        },
    };
    let asks = if forgotten == Forgotten::Yes { asks_for_children(&work, tenant, run)? } else { None };
    let forgotten = asks.map_or(forgotten, Forgotten::WentOn);
    if forgotten == Forgotten::Yes {
        let sql = "INSERT OR IGNORE INTO forgotten (tenant, run, shard)
            SELECT tenant, run, shard FROM runs WHERE tenant = ?1 AND run = ?2";
        work.execute(sql, key)?;
        work.execute("DELETE FROM runs WHERE tenant = ?1 AND run = ?2", key)?;
        work.commit()?;
    }
    Ok(forgotten)
}

/// The run that was taken over under this key, if it is there.
fn retried(work: &Connection, tenant: &Tenant, key: &str) -> rusqlite::Result<Option<RunId>> {
    let Some(before) = SubmissionKey::retried(key) else { return Ok(None) };
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE tenant = ?1 AND run = ?2)";
    let is_there = work.query_row(sql, params![&*tenant.0, before.0.to_be_bytes()], |row| row.get(0))?;
    Ok(Some(before).filter(|_| is_there))
}

/// The retry of a run that had children, or a retry of that, if it is not done. Only then are the children looked for, among all runs.
fn asks_for_children(work: &Connection, tenant: &Tenant, run: RunId) -> rusqlite::Result<Option<RunId>> {
    let mut next = run;
    while let Some(other) = run_of_key(work, tenant, &SubmissionKey::retry_of(next).key)? {
        let of = |run: RunId| params_of(tenant, run);
        let sql = "SELECT done IS NULL FROM runs WHERE tenant = ?1 AND run = ?2";
        if work.query_row(sql, of(other), |row| row.get(0))? {
            let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE tenant = ?1 AND parent = ?2)";
            let has_children: bool = work.query_row(sql, of(run), |row| row.get(0))?;
            return Ok(Some(other).filter(|_| has_children));
        }
        next = other;
    }
    Ok(None)
}

fn params_of(tenant: &Tenant, run: RunId) -> (String, [u8; 16]) {
    (tenant.0.to_string(), run.0.to_be_bytes())
}

pub(crate) fn has_forgotten(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM forgotten) OR EXISTS (SELECT 1 FROM loose)", [], |row| row.get(0))
}

pub(crate) fn sweep(db: &mut Connection, shard: ShardId, count_max: u32) -> rusqlite::Result<bool> {
    let work = db.transaction()?;
    let all = places(shard, Seq(0));
    let sql = "SELECT max(place) FROM journal WHERE place BETWEEN ?1 AND ?2";
    let last: Option<i64> = work.query_row(sql, params![all.start(), all.end()], |row| row.get(0))?;
    let named = place(shard, named_until(&work, shard)?);
    let until = last.map_or(named, |last| named.min(last - 1));
    let (mut left, mut ended) = (count_max, false);
    for run in forgotten(&work, shard)? {
        left -= rows(&work, &run, until, left)?;
        if left > 0 && !has_rows(&work, &run)? {
            left -= names(&work, &run, left)?;
            if left > 0 {
                work.execute("DELETE FROM forgotten WHERE tenant = ?1 AND run = ?2", params![run.0, run.1])?;
                ended = true;
            }
        }
        if left == 0 {
            break;
        }
    }
    work.commit()?;
    Ok(ended || left < count_max)
}

/// A run by its key.
type Run = (String, [u8; 16]);

/// Removes up to so many of its rows; gives how many.
fn rows(work: &Connection, (tenant, run): &Run, until: i64, count_max: u32) -> rusqlite::Result<u32> {
    let mut statement = work.prepare_cached(
        "DELETE FROM journal WHERE place IN (SELECT place FROM journal INDEXED BY journal_run
         WHERE tenant = ?1 AND run = ?2 AND place <= ?3 ORDER BY place LIMIT ?4)",
    )?;
    Ok(statement.execute(params![tenant, run, until, count_max])? as u32)
}

fn has_rows(work: &Connection, (tenant, run): &Run) -> rusqlite::Result<bool> {
    let mut statement = work.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM journal INDEXED BY journal_run WHERE tenant = ?1 AND run = ?2)",
    )?;
    statement.query_row(params![tenant, run], |row| row.get(0))
}

/// Takes up to so many of its names from blobs, which are loose where that was the last; gives how many.
fn names(work: &Connection, (tenant, run): &Run, count_max: u32) -> rusqlite::Result<u32> {
    let sql = "SELECT hash FROM blobs INDEXED BY blobs_run WHERE tenant = ?1 AND run = ?2 LIMIT ?3";
    let mut statement = work.prepare_cached(sql)?;
    let hashes = statement.query_map(params![tenant, run, count_max], |row| row.get(0))?;
    let hashes: Vec<[u8; 32]> = hashes.collect::<Result<_, _>>()?;
    for hash in &hashes {
        let name = "DELETE FROM blobs WHERE tenant = ?1 AND hash = ?2 AND run = ?3";
        work.prepare_cached(name)?.execute(params![tenant, hash, run])?;
        let loose = "INSERT OR IGNORE INTO loose (tenant, hash) SELECT ?1, ?2
            WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE tenant = ?1 AND hash = ?2)
            AND NOT EXISTS (SELECT 1 FROM results WHERE tenant = ?1 AND hash = ?2 AND bytes IS NULL)";
        work.prepare_cached(loose)?.execute(params![tenant, hash])?;
    }
    Ok(hashes.len() as u32)
}

fn forgotten(db: &Connection, shard: ShardId) -> rusqlite::Result<Vec<Run>> {
    let mut statement = db.prepare_cached("SELECT tenant, run FROM forgotten WHERE shard = ?1 LIMIT ?2")?;
    let runs = statement.query_map(params![shard.0, RUNS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
    runs.collect()
}

pub(crate) fn named_until(db: &Connection, shard: ShardId) -> rusqlite::Result<Seq> {
    let named =
        db.query_row("SELECT named FROM shards WHERE shard = ?1", params![shard.0], |row| row.get(0)).optional()?;
    Ok(seq(named.unwrap_or(0)))
}

pub(crate) fn name_blobs(db: &mut Connection, shard: ShardId, until: Seq, names: &[BlobName]) -> rusqlite::Result<()> {
    let work = db.transaction()?;
    for BlobName { tenant, hash, run } in names {
        let mut statement =
            work.prepare_cached("INSERT OR IGNORE INTO blobs (tenant, hash, run) VALUES (?1, ?2, ?3)")?;
        statement.execute(params![&*tenant.0, hash.0, run.0.to_be_bytes()])?;
        let mut statement = work.prepare_cached("DELETE FROM loose WHERE tenant = ?1 AND hash = ?2")?;
        statement.execute(params![&*tenant.0, hash.0])?;
    }
    let sql = "UPDATE shards SET named = max(named, ?2) WHERE shard = ?1";
    work.execute(sql, params![shard.0, signed(until.0)])?;
    work.commit()
}

pub(crate) fn loose_blobs(
    db: &Connection,
    after: Option<(Tenant, Hash)>,
    count_max: u32,
) -> rusqlite::Result<Vec<(Tenant, Hash)>> {
    let (tenant, hash) =
        after.map_or_else(|| (String::new(), Vec::new()), |(tenant, hash)| (tenant.0.to_string(), hash.0.to_vec()));
    let mut statement = db.prepare_cached(
        "SELECT tenant, hash FROM loose WHERE (tenant, hash) > (?1, ?2) ORDER BY tenant, hash LIMIT ?3",
    )?;
    let blobs =
        statement.query_map(params![tenant, hash, count_max], |row| Ok((Tenant(row.get(0)?), Hash(row.get(1)?))))?;
    blobs.collect()
}

pub(crate) fn drop_loose(db: &mut Connection, blobs: &[(Tenant, Hash)]) -> rusqlite::Result<()> {
    let work = db.transaction()?;
    for (tenant, hash) in blobs {
        let mut statement = work.prepare_cached("DELETE FROM loose WHERE tenant = ?1 AND hash = ?2")?;
        statement.execute(params![&*tenant.0, hash.0])?;
    }
    work.commit()
}
