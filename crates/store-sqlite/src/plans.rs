//! Plans that were published: a row for each, numbered as they came.

use std::sync::Arc;

use agendum_ports::{PAGE_BYTES, PLANS_MAX, PlanRow, Plans, StoreError, Withdrawal};
use agendum_types::{Hash, Principal, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use crate::store::SqliteStore;
use crate::write::{signed, whole};

fn keep(db: &mut Connection, plan: &PlanRow) -> rusqlite::Result<u64> {
    let work = db.transaction()?;
    work.execute(
        "INSERT INTO plans (name, hash, policy, document, changes, description, flags, principal, at, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            &*plan.name,
            plan.hash.0,
            &*plan.policy,
            &*plan.document,
            crate::results::json(&plan.changes),
            plan.description.as_deref(),
            crate::results::json(&plan.flags),
            &*plan.by.0,
            signed(plan.at.0),
            signed(plan.until.0),
        ],
    )?;
    let number = whole(work.last_insert_rowid());
    work.execute("DELETE FROM plans WHERE number <= ?1", params![signed(number.saturating_sub(PLANS_MAX))])?;
    work.commit()?;
    Ok(number)
}

fn withdraw(db: &mut Connection, number: u64, withdrawal: &Withdrawal) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE plans SET withdrawn = ?2, withdrawn_by = ?3, why = ?4 WHERE number = ?1 AND withdrawn IS NULL",
        params![signed(number), signed(withdrawal.at.0), &*withdrawal.by.0, withdrawal.why],
    )?;
    Ok(changed > 0)
}

fn list(db: &Connection, before: Option<u64>, count_max: u32) -> rusqlite::Result<Vec<PlanRow>> {
    let mut statement = db.prepare_cached(
        "SELECT number, name, hash, policy, document, description, principal, at, until, changes, flags, withdrawn,
         withdrawn_by, why FROM plans WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![before.map_or(i64::MAX, signed), count_max], |row| {
        let withdrawn: Option<(i64, String)> = row.get::<_, Option<i64>>(11)?.zip(row.get(12)?);
        let why = row.get(13)?;
        Ok(PlanRow {
            number: whole(row.get(0)?),
            name: row.get::<_, Arc<str>>(1)?,
            hash: Hash(row.get(2)?),
            policy: row.get::<_, Arc<str>>(3)?,
            document: row.get::<_, Arc<str>>(4)?,
            changes: texts(row, 9)?,
            description: row.get(5)?,
            flags: texts(row, 10)?,
            by: Principal(row.get(6)?),
            at: Timestamp(whole(row.get(7)?)),
            until: Timestamp(whole(row.get(8)?)),
            withdrawn: withdrawn.map(|(at, by)| Withdrawal { at: Timestamp(whole(at)), by: Principal(by.into()), why }),
        })
    })?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let row: PlanRow = row?;
        bytes += row.document.len();
        found.push(row);
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(found)
}

/// A list of texts, as JSON.
fn texts(row: &Row<'_>, place: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(place)?;
    let damaged = |error| rusqlite::Error::FromSqlConversionFailure(place, Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(damaged)
}

impl Plans for SqliteStore {
    fn keep_plan(&self, plan: PlanRow) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.change("keep a plan", move |db| keep(db, &plan))
    }

    fn withdraw_plan(&self, number: u64, withdrawal: Withdrawal) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("withdraw a plan", move |db| withdraw(db, number, &withdrawal))
    }

    fn plans(&self, before: Option<u64>, count_max: u32) -> BoxFuture<'_, Result<Vec<PlanRow>, StoreError>> {
        self.query("list plans", move |db| list(db, before, count_max))
    }
}
