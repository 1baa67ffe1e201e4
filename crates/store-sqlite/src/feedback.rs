//! What was said of runs: a row for each time, added up when it is asked for.

use agendum_ports::{Feedback, FeedbackBy, Feedbacks, Judged, StoreError};
use agendum_types::{Hash, Tenant, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, params};

use crate::store::SqliteStore;
use crate::write::{signed, whole};

fn keep(db: &mut Connection, told: &Feedback, of_run_max: u32) -> rusqlite::Result<bool> {
    let work = db.transaction()?;
    let (tenant, run) = (&*told.tenant.0, told.run.0.to_be_bytes());
    let sql = "SELECT count(*) FROM feedback WHERE tenant = ?1 AND run = ?2";
    let count: u32 = work.query_row(sql, params![tenant, run], |row| row.get(0))?;
    if count >= of_run_max {
        return Ok(false);
    }
    work.execute(
        "INSERT INTO feedback (tenant, run, task, graph, graph_hash, target, policy, principal, at, score, label, comment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            tenant,
            run,
            told.task,
            &*told.graph,
            told.graph_hash.0,
            told.target,
            told.policy,
            &*told.principal.0,
            signed(told.at.0),
            told.score,
            told.label,
            told.comment,
        ],
    )?;
    work.commit()?;
    Ok(true)
}

fn judged(
    db: &Connection,
    tenant: &Tenant,
    graph: Option<&str>,
    by: FeedbackBy,
    count_max: u32,
) -> rusqlite::Result<Vec<Judged>> {
    let (name, version) = match by {
        FeedbackBy::Graph => ("graph", "NULL"),
        FeedbackBy::Version => ("graph", "graph_hash"),
        FeedbackBy::Target => ("ifnull(target, '')", "NULL"),
        FeedbackBy::Label => ("ifnull(label, '')", "NULL"),
    };
    let sql = format!(
        "SELECT {name}, {version}, count(*), sum(score), min(score), max(score) FROM feedback
         WHERE tenant = ?1 AND (?2 IS NULL OR graph = ?2) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![&*tenant.0, graph, count_max], |row| {
        Ok(Judged {
            name: row.get(0)?,
            version: row.get::<_, Option<[u8; 32]>>(1)?.map(Hash),
            count: whole(row.get(2)?),
            sum: whole(row.get(3)?),
            min: row.get(4)?,
            max: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn forget(db: &mut Connection, before: Timestamp, count_max: u32) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM feedback WHERE number IN (SELECT number FROM feedback WHERE at < ?1 LIMIT ?2)";
    Ok(db.execute(sql, params![signed(before.0), count_max])? == count_max as usize)
}

impl Feedbacks for SqliteStore {
    fn keep_feedback(&self, feedback: Feedback, of_run_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("keep feedback", move |db| keep(db, &feedback, of_run_max))
    }

    fn feedback(
        &self,
        tenant: &Tenant,
        graph: Option<&str>,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>> {
        let (tenant, graph) = (tenant.clone(), graph.map(str::to_owned));
        self.query("add up feedback", move |db| judged(db, &tenant, graph.as_deref(), by, count_max))
    }

    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("forget feedback", move |db| forget(db, before, count_max))
    }
}
