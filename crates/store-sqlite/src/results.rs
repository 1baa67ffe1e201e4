//! Kept results: a row for each, with its bytes where they are few, and a row for each of its tags.

use std::sync::Arc;

use agendum_ports::{Dropped, KeptLine, KeptResult, Results, StoreError, WhichKept};
use agendum_types::{CachedCopy, Hash, Labels, MediaType, Money, PayloadRef, RunId, Tenant, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row as Line, params};

use crate::store::SqliteStore;
use crate::write::{signed, whole};

fn look_up(db: &Connection, tenant: &Tenant, key: Hash) -> rusqlite::Result<Option<KeptResult>> {
    let mut statement = db.prepare_cached(
        "SELECT capability, hash, size, media, labels, at, target, digest, run, cost, tags, bytes
         FROM results WHERE tenant = ?1 AND key = ?2",
    )?;
    let found = statement.query_row(params![&*tenant.0, key.0], |line| {
        let output = PayloadRef {
            hash: Hash(line.get(1)?),
            size: whole(line.get(2)?),
            media: MediaType::from_name(&line.get::<_, String>(3)?),
            labels: Labels::new(texts(line, 4)?),
        };
        let copy = CachedCopy {
            output,
            at: Timestamp(whole(line.get(5)?)),
            target: line.get(6)?,
            digest: Hash(line.get(7)?),
            run: RunId(u128::from_be_bytes(line.get(8)?)),
            cost: Money(whole(line.get(9)?)),
        };
        let (capability, tags) = (line.get(0)?, tags(line, 10)?);
        let bytes = line.get::<_, Option<Vec<u8>>>(11)?.map(Into::into);
        Ok(KeptResult { tenant: tenant.clone(), key, capability, copy, bytes, tags })
    });
    found.optional()
}

/// A list of texts, kept as JSON.
fn texts(line: &Line<'_>, place: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = line.get(place)?;
    let damaged = |error| rusqlite::Error::FromSqlConversionFailure(place, Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(damaged)
}

fn tags(line: &Line<'_>, place: usize) -> rusqlite::Result<Vec<Arc<str>>> {
    Ok(texts(line, place)?.into_iter().map(Arc::from).collect())
}

fn keep(db: &mut Connection, results: &[KeptResult]) -> rusqlite::Result<()> {
    let work = db.transaction()?;
    for kept in results {
        let KeptResult { tenant, key, capability, copy, bytes, tags } = kept;
        drop_one(&work, &tenant.0, &key.0)?;
        let PayloadRef { hash, size, media, labels } = &copy.output;
        work.prepare_cached(
            "INSERT INTO results (tenant, key, capability, hash, size, media, labels, at, target, digest, run, cost, tags, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            &*tenant.0,
            key.0,
            &**capability,
            hash.0,
            signed(*size),
            media.as_str(),
            json(labels.words()),
            signed(copy.at.0),
            &*copy.target,
            copy.digest.0,
            copy.run.0.to_be_bytes(),
            signed(copy.cost.0),
            json(tags),
            bytes.as_ref().map(|bytes| &bytes[..]),
        ])?;
        for tag in tags {
            let sql = "INSERT OR IGNORE INTO result_tags (tenant, tag, key) VALUES (?1, ?2, ?3)";
            work.prepare_cached(sql)?.execute(params![&*tenant.0, &**tag, key.0])?;
        }
        if bytes.is_none() {
            let sql = "DELETE FROM loose WHERE tenant = ?1 AND hash = ?2";
            work.prepare_cached(sql)?.execute(params![&*tenant.0, hash.0])?;
        }
    }
    work.commit()
}

pub(crate) fn json<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    serde_json::Value::from(texts).to_string()
}

/// Drops what is kept under a key; its blob is loose if nothing else names it.
fn drop_one(work: &Connection, tenant: &str, key: &[u8; 32]) -> rusqlite::Result<Option<u64>> {
    let sql = "DELETE FROM results WHERE tenant = ?1 AND key = ?2 RETURNING hash, size, bytes IS NULL";
    let read = |line: &Line<'_>| Ok((line.get::<_, [u8; 32]>(0)?, whole(line.get(1)?), line.get::<_, bool>(2)?));
    let gone = work.prepare_cached(sql)?.query_row(params![tenant, key], read).optional()?;
    let Some((hash, size, is_blob)) = gone else { return Ok(None) };
    let sql = "DELETE FROM result_tags WHERE tenant = ?1 AND key = ?2";
    work.prepare_cached(sql)?.execute(params![tenant, key])?;
    if is_blob {
        let sql = "INSERT OR IGNORE INTO loose (tenant, hash) SELECT ?1, ?2
            WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE tenant = ?1 AND hash = ?2)
            AND NOT EXISTS (SELECT 1 FROM results WHERE tenant = ?1 AND hash = ?2 AND bytes IS NULL)";
        work.prepare_cached(sql)?.execute(params![tenant, hash])?;
    }
    Ok(Some(size))
}

fn drop_keys(work: &Connection, keys: &[(String, [u8; 32])]) -> rusqlite::Result<Dropped> {
    let mut dropped = Dropped::default();
    for (tenant, key) in keys {
        if let Some(size) = drop_one(work, tenant, key)? {
            dropped = Dropped { count: dropped.count + 1, bytes: dropped.bytes.saturating_add(size) };
        }
    }
    Ok(dropped)
}

fn drop_kept(db: &mut Connection, tenant: &Tenant, which: &WhichKept, count_max: u32) -> rusqlite::Result<Dropped> {
    let work = db.transaction()?;
    // In the order of an index: which go first makes no difference.
    let keys: Vec<[u8; 32]> = match which {
        WhichKept::Key(key) => vec![key.0],
        WhichKept::All => {
            let mut statement =
                work.prepare_cached("SELECT key FROM results WHERE tenant = ?1 ORDER BY key LIMIT ?2")?;
            statement.query_map(params![&*tenant.0, count_max], |line| line.get(0))?.collect::<Result<_, _>>()?
        }
        WhichKept::Tagged(tag) => {
            let sql = "SELECT key FROM result_tags WHERE tenant = ?1 AND tag = ?2 ORDER BY key LIMIT ?3";
            let mut statement = work.prepare_cached(sql)?;
            statement
                .query_map(params![&*tenant.0, &**tag, count_max], |line| line.get(0))?
                .collect::<Result<_, _>>()?
        }
    };
    let dropped = drop_keys(&work, &keys.into_iter().map(|key| (tenant.0.to_string(), key)).collect::<Vec<_>>())?;
    work.commit()?;
    Ok(dropped)
}

/// Which rows are meant: of the tenant `?1`, under the key `?2` and with the tag `?3` where these are given.
const MEANT: &str = "tenant = ?1 AND (?2 IS NULL OR key = ?2)
    AND (?3 IS NULL OR key IN (SELECT key FROM result_tags WHERE tenant = ?1 AND tag = ?3))";

/// The key and the tag that are meant.
fn named(which: &WhichKept) -> (Option<[u8; 32]>, Option<&str>) {
    match which {
        WhichKept::All => (None, None),
        WhichKept::Tagged(tag) => (None, Some(tag)),
        WhichKept::Key(key) => (Some(key.0), None),
    }
}

fn keys_within(
    db: &Connection,
    tenant: &Tenant,
    (first, last): (Hash, Hash),
    count_max: u32,
) -> rusqlite::Result<Vec<Hash>> {
    let sql = "SELECT key FROM results WHERE tenant = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let keys = statement.query_map(params![&*tenant.0, first.0, last.0, count_max], |line| Ok(Hash(line.get(0)?)))?;
    keys.collect()
}

/// The latest first.
fn keys_of(db: &Connection, tenant: &Tenant, which: &WhichKept, count_max: u32) -> rusqlite::Result<Vec<[u8; 32]>> {
    let (key, tag) = named(which);
    let sql = format!("SELECT key FROM results WHERE {MEANT} ORDER BY at DESC, key LIMIT ?4");
    let mut statement = db.prepare_cached(&sql)?;
    let keys = statement.query_map(params![&*tenant.0, key, tag, count_max], |line| line.get(0))?;
    keys.collect()
}

fn kept(
    db: &Connection,
    tenant: &Tenant,
    which: &WhichKept,
    count_max: u32,
) -> rusqlite::Result<(Vec<KeptLine>, Dropped)> {
    let mut lines = Vec::new();
    for key in keys_of(db, tenant, which, count_max)? {
        let mut statement = db.prepare_cached(
            "SELECT capability, target, run, at, cost, size, tags FROM results WHERE tenant = ?1 AND key = ?2",
        )?;
        lines.push(statement.query_row(params![&*tenant.0, key], |line| {
            Ok(KeptLine {
                key: Hash(key),
                capability: line.get(0)?,
                target: line.get(1)?,
                run: RunId(u128::from_be_bytes(line.get(2)?)),
                at: Timestamp(whole(line.get(3)?)),
                cost: Money(whole(line.get(4)?)),
                size: whole(line.get(5)?),
                tags: tags(line, 6)?,
            })
        })?);
    }
    let (key, tag) = named(which);
    let sql = format!("SELECT count(*), ifnull(sum(size), 0) FROM results WHERE {MEANT}");
    let all = db.prepare_cached(&sql)?.query_row(params![&*tenant.0, key, tag], |line| {
        Ok(Dropped { count: whole(line.get(0)?), bytes: whole(line.get(1)?) })
    })?;
    Ok((lines, all))
}

fn kept_bytes(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT ifnull(sum(size), 0) FROM results")?.query_row([], |line| line.get(0).map(whole))
}

fn trim(db: &mut Connection, before: Timestamp, bytes_over: u64, count_max: u32) -> rusqlite::Result<Dropped> {
    let work = db.transaction()?;
    let (mut bytes, mut keys) = (0_u64, Vec::new());
    {
        let sql = "SELECT tenant, key, size, at FROM results ORDER BY at, tenant, key LIMIT ?1";
        let mut statement = work.prepare_cached(sql)?;
        let mut rows = statement.query(params![count_max])?;
        while let Some(row) = rows.next()? {
            let (size, at) = (whole(row.get(2)?), Timestamp(whole(row.get(3)?)));
            if at >= before && bytes >= bytes_over {
                break;
            }
            bytes = bytes.saturating_add(size);
            keys.push((row.get(0)?, row.get(1)?));
        }
    }
    let dropped = drop_keys(&work, &keys)?;
    work.commit()?;
    Ok(dropped)
}

impl Results for SqliteStore {
    fn look_up(&self, tenant: &Tenant, key: Hash) -> BoxFuture<'_, Result<Option<KeptResult>, StoreError>> {
        let tenant = tenant.clone();
        self.query("look a kept result up", move |db| look_up(db, &tenant, key))
    }

    fn keys_within(
        &self,
        tenant: &Tenant,
        within: (Hash, Hash),
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Hash>, StoreError>> {
        let tenant = tenant.clone();
        self.query("look for keys of kept results", move |db| keys_within(db, &tenant, within, count_max))
    }

    fn keep(&self, results: Vec<KeptResult>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change("keep results", move |db| keep(db, &results))
    }

    fn drop_kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        let tenant = tenant.clone();
        self.change("drop kept results", move |db| drop_kept(db, &tenant, &which, count_max))
    }

    fn kept(
        &self,
        tenant: &Tenant,
        which: WhichKept,
        count_max: u32,
    ) -> BoxFuture<'_, Result<(Vec<KeptLine>, Dropped), StoreError>> {
        let tenant = tenant.clone();
        self.query("list kept results", move |db| kept(db, &tenant, &which, count_max))
    }

    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.query("add up kept results", kept_bytes)
    }

    fn trim(&self, before: Timestamp, bytes_over: u64, count_max: u32) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        self.change("drop old results", move |db| trim(db, before, bytes_over, count_max))
    }
}
