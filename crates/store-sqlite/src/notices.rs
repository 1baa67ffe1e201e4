//! Notices that are due, and how their endpoints stand.

use std::sync::Arc;

use agendum_ports::{DUE_COUNTED_MAX, Due, EndpointRow, Noted, Notices, Sent, StoreError};
use agendum_types::{RunId, RunStatus, Seq, ShardId, Tenant, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row as Line, params};

use crate::place::{place, places, seq};
use crate::store::SqliteStore;
use crate::write::{signed, whole};

/// Keeps the notices of an append. How the run stands is read from the index, which the append has changed before.
pub(crate) fn keep(work: &Connection, shard: ShardId, noted: &[Noted]) -> rusqlite::Result<()> {
    if noted.is_empty() {
        return Ok(());
    }
    let mut statement = work.prepare_cached(
        "INSERT INTO notices (endpoint, place, id, tenant, run, graph, status, degraded, at, kind, detail)
         SELECT ?1, ?2, ?3, tenant, run, graph, status, degraded, ?6, ?7, ?8
         FROM runs WHERE tenant = ?4 AND run = ?5 AND (?9 IS NULL OR graph = ?9)",
    )?;
    for Noted { endpoint, graph, seq, id, tenant, run, at, kind, detail } in noted {
        statement.execute(params![
            &**endpoint,
            place(shard, *seq),
            &**id,
            &*tenant.0,
            run.0.to_be_bytes(),
            signed(at.0),
            &**kind,
            &**detail,
            graph.as_deref(),
        ])?;
    }
    Ok(())
}

fn set_endpoints(
    db: &mut Connection,
    known: &[(Arc<str>, String)],
    before: Timestamp,
) -> rusqlite::Result<Vec<EndpointRow>> {
    let work = db.transaction()?;
    work.execute("DELETE FROM notices WHERE endpoint IN (SELECT name FROM endpoints WHERE disabled)", [])?;
    for name in names(&work)? {
        if known.iter().any(|(known, _)| **known == *name) {
            continue;
        }
        work.execute("DELETE FROM notices WHERE endpoint = ?1 AND at < ?2", params![name, signed(before.0)])?;
        let sql = "DELETE FROM endpoints WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM notices WHERE endpoint = ?1)";
        work.execute(sql, params![name])?;
    }
    for (name, mark) in known {
        work.execute(
            "INSERT INTO endpoints (name, mark) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET disabled = disabled AND mark = excluded.mark, mark = excluded.mark",
            params![&**name, mark],
        )?;
    }
    let rows = endpoints(&work)?;
    work.commit()?;
    Ok(rows)
}

fn names(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare("SELECT name FROM endpoints")?.query_map([], |row| row.get(0))?.collect()
}

fn endpoints(db: &Connection) -> rusqlite::Result<Vec<EndpointRow>> {
    let mut statement = db.prepare_cached(
        "SELECT name, disabled, delivered, given_up, delivered_at, failed_at, error,
         (SELECT count(*) FROM (SELECT 1 FROM notices WHERE endpoint = name LIMIT ?1)),
         (SELECT at FROM notices WHERE endpoint = name ORDER BY place LIMIT 1)
         FROM endpoints ORDER BY name",
    )?;
    let instant = |row: &Line<'_>, place| row.get::<_, Option<i64>>(place).map(|at| at.map(|at| Timestamp(whole(at))));
    let rows = statement.query_map(params![DUE_COUNTED_MAX], |row| {
        Ok(EndpointRow {
            name: row.get(0)?,
            disabled: row.get(1)?,
            delivered: whole(row.get(2)?),
            given_up: whole(row.get(3)?),
            delivered_at: instant(row, 4)?,
            failed_at: instant(row, 5)?,
            error: row.get(6)?,
            due: whole(row.get(7)?),
            oldest: instant(row, 8)?,
        })
    })?;
    rows.collect()
}

const DUE: &str = "place, id, tenant, run, graph, status, degraded, at, kind, detail, attempts, next";

fn due(db: &Connection, of: &Asked, which: &str) -> rusqlite::Result<Vec<Due>> {
    let sql = format!(
        "SELECT {DUE} FROM notices WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3 AND {which} ORDER BY place LIMIT ?4"
    );
    let places = places(of.shard, of.after);
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![of.endpoint, places.start(), places.end(), of.count_max], due_row)?;
    rows.collect()
}

fn due_row(line: &Line<'_>) -> rusqlite::Result<Due> {
    let status: String = line.get(5)?;
    let unknown =
        || rusqlite::Error::FromSqlConversionFailure(5, Type::Text, format!("{status:?} is no status").into());
    Ok(Due {
        seq: seq(line.get(0)?),
        id: line.get(1)?,
        tenant: Tenant(line.get(2)?),
        run: RunId(u128::from_be_bytes(line.get(3)?)),
        graph: line.get(4)?,
        status: RunStatus::from_word(&status).ok_or_else(unknown)?,
        degraded: line.get(6)?,
        at: Timestamp(whole(line.get(7)?)),
        kind: line.get(8)?,
        detail: line.get(9)?,
        attempts: line.get(10)?,
        next: Timestamp(whole(line.get(11)?)),
    })
}

fn sent(
    db: &mut Connection,
    of: &Asked,
    at: Timestamp,
    sent: &[(Seq, Sent)],
    error: Option<&str>,
) -> rusqlite::Result<()> {
    let work = db.transaction()?;
    let (mut delivered, mut given_up) = (0_u64, 0_u64);
    for (seq, sent) in sent {
        let place = place(of.shard, *seq);
        match sent {
            Sent::Delivered => delivered += gone(&work, &of.endpoint, place)?,
            Sent::GivenUp => given_up += gone(&work, &of.endpoint, place)?,
            Sent::Later { attempts, next } => {
                let sql = "UPDATE notices SET attempts = ?3, next = ?4 WHERE endpoint = ?1 AND place = ?2";
                work.execute(sql, params![of.endpoint, place, attempts, signed(next.0)])?;
            }
        }
    }
    if sent.iter().any(|(_, sent)| *sent == Sent::Delivered) {
        let sql = "UPDATE endpoints SET delivered_at = ?2, error = NULL WHERE name = ?1";
        work.execute(sql, params![of.endpoint, signed(at.0)])?;
    }
    let sql = "UPDATE endpoints SET delivered = delivered + ?2, given_up = given_up + ?3 WHERE name = ?1";
    work.execute(sql, params![of.endpoint, signed(delivered), signed(given_up)])?;
    if let Some(error) = error {
        let sql = "UPDATE endpoints SET failed_at = ?2, error = ?3 WHERE name = ?1";
        work.execute(sql, params![of.endpoint, signed(at.0), error])?;
    }
    work.commit()
}

fn gone(work: &Connection, endpoint: &str, place: i64) -> rusqlite::Result<u64> {
    let gone = work.execute("DELETE FROM notices WHERE endpoint = ?1 AND place = ?2", params![endpoint, place])?;
    Ok(gone as u64)
}

fn excess(db: &Connection, of: &Asked, kept_max: u32) -> rusqlite::Result<Option<Seq>> {
    let all = places(of.shard, Seq(0));
    // Counting reads each of them: where first and last are nearer than that there are not so many.
    let sql = "SELECT ifnull((SELECT max(place) FROM notices WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3)
        - (SELECT min(place) FROM notices WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3) >= ?4, 0)";
    let of_all = params![of.endpoint, all.start(), all.end(), kept_max];
    if !db.prepare_cached(sql)?.query_row(of_all, |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    let sql = "SELECT place FROM notices WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3 ORDER BY place DESC LIMIT 1 OFFSET ?4";
    db.prepare_cached(sql)?.query_row(of_all, |row| row.get(0).map(seq)).optional()
}

fn expire(db: &mut Connection, of: &Asked, before: Timestamp, until: Seq) -> rusqlite::Result<u32> {
    let work = db.transaction()?;
    let all = places(of.shard, Seq(0));
    // Times never go back in a journal: the first that is young enough ends it.
    let sql = "SELECT min(place) FROM (SELECT place, at FROM notices WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3
        ORDER BY place LIMIT ?4) WHERE at >= ?5";
    let young: Option<i64> =
        work.query_row(sql, params![of.endpoint, all.start(), all.end(), of.count_max, signed(before.0)], |row| {
            row.get(0)
        })?;
    let until = young.map_or_else(|| *all.end(), |young| young - 1).max(place(of.shard, until));
    let sql = "DELETE FROM notices WHERE endpoint = ?1 AND place IN (SELECT place FROM notices
        WHERE endpoint = ?1 AND place BETWEEN ?2 AND ?3 ORDER BY place LIMIT ?4)";
    let count = work.execute(sql, params![of.endpoint, all.start(), until, of.count_max])?;
    if count > 0 {
        work.execute(
            "UPDATE endpoints SET given_up = given_up + ?2 WHERE name = ?1",
            params![of.endpoint, signed(count as u64)],
        )?;
    }
    work.commit()?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn disable(db: &mut Connection, endpoint: &str, at: Timestamp, error: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE endpoints SET disabled = 1, failed_at = ?2, error = ?3 WHERE name = ?1";
    db.execute(sql, params![endpoint, signed(at.0), error]).map(drop)
}

/// Which notices.
struct Asked {
    shard: ShardId,
    endpoint: String,
    after: Seq,
    count_max: u32,
}

impl Asked {
    fn of(shard: ShardId, endpoint: &str, after: Seq, count_max: u32) -> Self {
        Self { shard, endpoint: endpoint.to_owned(), after, count_max }
    }
}

impl Notices for SqliteStore {
    fn set_endpoints(
        &self,
        known: Vec<(Arc<str>, String)>,
        before: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>> {
        self.change("note which endpoints there are", move |db| set_endpoints(db, &known, before))
    }

    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<EndpointRow>, StoreError>> {
        self.query("read how endpoints stand", endpoints)
    }

    fn notices_fresh(
        &self,
        shard: ShardId,
        endpoint: &str,
        after: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        let of = Asked::of(shard, endpoint, after, count_max);
        self.query("read notices", move |db| due(db, &of, "attempts = 0"))
    }

    fn notices_tried(
        &self,
        shard: ShardId,
        endpoint: &str,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        let of = Asked::of(shard, endpoint, Seq(0), count_max);
        self.query("read notices", move |db| due(db, &of, "attempts > 0"))
    }

    fn notices_sent(
        &self,
        shard: ShardId,
        endpoint: &str,
        at: Timestamp,
        told: Vec<(Seq, Sent)>,
        error: Option<String>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let of = Asked::of(shard, endpoint, Seq(0), 0);
        self.change("note which notices were sent", move |db| sent(db, &of, at, &told, error.as_deref()))
    }

    fn notices_excess(
        &self,
        shard: ShardId,
        endpoint: &str,
        kept_max: u32,
    ) -> BoxFuture<'_, Result<Option<Seq>, StoreError>> {
        let of = Asked::of(shard, endpoint, Seq(0), 0);
        self.query("count notices", move |db| excess(db, &of, kept_max))
    }

    fn notices_expire(
        &self,
        shard: ShardId,
        endpoint: &str,
        before: Timestamp,
        until: Seq,
        count_max: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        let of = Asked::of(shard, endpoint, Seq(0), count_max);
        self.change("give notices up", move |db| expire(db, &of, before, until))
    }

    fn disable_endpoint(&self, endpoint: &str, at: Timestamp, error: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let (endpoint, error) = (endpoint.to_owned(), error.to_owned());
        self.change("note that an endpoint is gone", move |db| disable(db, &endpoint, at, &error))
    }
}
