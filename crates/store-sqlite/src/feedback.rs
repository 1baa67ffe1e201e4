//! What was said of runs: a row for each time, added up when it is asked for; and what judges said that is still to be read.

use std::sync::Arc;

use agendum_ports::{
    BUILT_IN_POLICY, Feedback, FeedbackBy, FeedbackFilter, FeedbackSource, Feedbacks, Judged, Judgement, StoreError,
    Unread,
};
use agendum_types::graph::Fields;
use agendum_types::{Hash, Labels, MediaType, PayloadRef, Principal, RunId, Seq, ShardId, Tenant, Timestamp};
use futures_util::future::BoxFuture;
use rusqlite::types::Type;
use rusqlite::{Connection, Row as Line, params};

use crate::place::{place, places, seq};
use crate::store::SqliteStore;
use crate::write::{signed, whole};

/// Keeps that the verdicts of an append are to be read. The graph is read from the index, which the append has changed before.
pub(crate) fn judge(work: &Connection, shard: ShardId, judged: &[Judgement]) -> rusqlite::Result<()> {
    if judged.is_empty() {
        return Ok(());
    }
    let mut statement = work.prepare_cached(
        "INSERT INTO verdicts (place, tenant, run, graph, graph_hash, judge, task, target, principal, at,
         hash, size, media, labels, score, label, comment)
         SELECT ?1, tenant, run, graph, graph_hash, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
         FROM runs WHERE tenant = ?2 AND run = ?3",
    )?;
    for Judgement { seq, at, tenant, run, verdict } in judged {
        let PayloadRef { hash, size, media, labels } = &verdict.output;
        let Fields { score, label, comment } = &verdict.fields;
        statement.execute(params![
            place(shard, *seq),
            &*tenant.0,
            run.0.to_be_bytes(),
            verdict.judge,
            verdict.task,
            verdict.target.as_deref(),
            &*verdict.by.0,
            signed(at.0),
            hash.0,
            signed(*size),
            media.as_str(),
            crate::results::json(labels.words()),
            &**score,
            &**label,
            &**comment,
        ])?;
    }
    Ok(())
}

fn unread(db: &Connection, shard: ShardId, count_max: u32) -> rusqlite::Result<Vec<Unread>> {
    let places = places(shard, Seq(0));
    let mut statement = db.prepare_cached(
        "SELECT place, tenant, run, graph, graph_hash, judge, task, target, principal, at, hash, size, media, labels,
         score, label, comment FROM verdicts WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3",
    )?;
    let rows = statement.query_map(params![places.start(), places.end(), count_max], |line| {
        let labels: String = line.get(13)?;
        let damaged = |error| rusqlite::Error::FromSqlConversionFailure(13, Type::Text, Box::new(error));
        let labels: Vec<String> = serde_json::from_str(&labels).map_err(damaged)?;
        let feedback = Feedback {
            tenant: Tenant(line.get(1)?),
            run: run_id(line, 2)?,
            graph: line.get(3)?,
            graph_hash: Hash(line.get(4)?),
            judge: Some(line.get(5)?),
            task: Some(line.get(6)?),
            target: line.get(7)?,
            policy: BUILT_IN_POLICY.to_owned(),
            principal: Principal(line.get(8)?),
            at: Timestamp(whole(line.get(9)?)),
            score: 0,
            label: None,
            comment: None,
        };
        let output = PayloadRef {
            hash: Hash(line.get(10)?),
            size: whole(line.get(11)?),
            media: MediaType::from_name(&line.get::<_, String>(12)?),
            labels: Labels::new(labels),
        };
        let fields = Fields { score: line.get(14)?, label: line.get(15)?, comment: line.get(16)? };
        Ok(Unread { seq: seq(line.get(0)?), feedback, output, fields })
    })?;
    rows.collect()
}

fn run_id(line: &Line<'_>, place: usize) -> rusqlite::Result<RunId> {
    Ok(RunId(u128::from_be_bytes(line.get(place)?)))
}

fn read(db: &mut Connection, shard: ShardId, read: &[(Seq, Option<Feedback>)]) -> rusqlite::Result<()> {
    let work = db.transaction()?;
    for (seq, feedback) in read {
        let gone = work.execute("DELETE FROM verdicts WHERE place = ?1", params![place(shard, *seq)])?;
        if let Some(feedback) = feedback.as_ref().filter(|_| gone > 0) {
            insert(&work, feedback)?;
        }
    }
    work.commit()
}

/// Of a judge the first counts.
fn insert(work: &Connection, told: &Feedback) -> rusqlite::Result<()> {
    let mut statement = work.prepare_cached(
        "INSERT INTO feedback (tenant, run, task, graph, graph_hash, target, policy, principal, judge, at, score, label, comment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (tenant, run, judge) WHERE judge IS NOT NULL DO NOTHING",
    )?;
    statement.execute(params![
        &*told.tenant.0,
        told.run.0.to_be_bytes(),
        told.task,
        &*told.graph,
        told.graph_hash.0,
        told.target,
        told.policy,
        &*told.principal.0,
        told.judge,
        signed(told.at.0),
        told.score,
        told.label,
        told.comment,
    ])?;
    Ok(())
}

fn keep(db: &mut Connection, told: &Feedback, of_run_max: u32) -> rusqlite::Result<bool> {
    let work = db.transaction()?;
    let sql = "SELECT count(*) FROM feedback WHERE tenant = ?1 AND run = ?2 AND judge IS NULL";
    let of = params![&*told.tenant.0, told.run.0.to_be_bytes()];
    let count: u32 = work.query_row(sql, of, |row| row.get(0))?;
    if count >= of_run_max {
        return Ok(false);
    }
    insert(&work, told)?;
    work.commit()?;
    Ok(true)
}

/// What a filter asks for, with parameters 1 to 5: plain terms where it says something, so that an index serves them.
fn terms(of: &FeedbackFilter) -> String {
    let term = |says: bool, place: u32, term: &str| if says { term.to_owned() } else { format!("?{place} IS NULL") };
    let graph = term(of.graph.is_some(), 2, "graph = ?2");
    let run = term(of.run.is_some(), 3, "run = ?3");
    let source = term(of.source.is_some(), 4, "(judge IS NOT NULL) = ?4");
    let before = term(of.before.is_some(), 5, "number < ?5");
    format!("tenant = ?1 AND {graph} AND {run} AND {source} AND {before}")
}

fn judged(
    db: &Connection,
    tenant: &Tenant,
    of: &FeedbackFilter,
    by: FeedbackBy,
    count_max: u32,
) -> rusqlite::Result<Vec<Judged>> {
    let (people, judge) = (FeedbackSource::People.word(), FeedbackSource::Judge.word());
    let source = format!("iif(judge IS NULL, '{people}', '{judge}')");
    let (name, version) = match by {
        FeedbackBy::Graph => ("graph", "NULL"),
        FeedbackBy::Version => ("graph", "graph_hash"),
        FeedbackBy::Target => ("ifnull(target, '')", "NULL"),
        FeedbackBy::Label => ("ifnull(label, '')", "NULL"),
        FeedbackBy::Source => (&*source, "NULL"),
    };
    let of = FeedbackFilter { before: None, ..of.clone() };
    let terms = terms(&of);
    let sql = format!(
        "SELECT {name}, {version}, count(*), sum(score), min(score), max(score) FROM feedback
         WHERE {terms} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?6"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let (run, source) = wanted(&of);
    let rows = statement.query_map(params![&*tenant.0, of.graph, run, source, None::<i64>, count_max], |row| {
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

fn wanted(of: &FeedbackFilter) -> (Option<[u8; 16]>, Option<bool>) {
    (of.run.map(|run| run.0.to_be_bytes()), of.source.map(|source| source == FeedbackSource::Judge))
}

fn opinions(
    db: &Connection,
    tenant: &Tenant,
    of: &FeedbackFilter,
    count_max: u32,
) -> rusqlite::Result<Vec<(u64, Feedback)>> {
    let terms = terms(of);
    let sql = format!(
        "SELECT number, run, task, graph, graph_hash, target, policy, principal, judge, at, score, label, comment
         FROM feedback WHERE {terms} ORDER BY number DESC LIMIT ?6"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let (run, source) = wanted(of);
    let wanted = params![&*tenant.0, of.graph, run, source, of.before.map(signed), count_max];
    let rows = statement.query_map(wanted, |row| {
        let feedback = Feedback {
            tenant: tenant.clone(),
            run: run_id(row, 1)?,
            task: row.get(2)?,
            graph: row.get::<_, Arc<str>>(3)?,
            graph_hash: Hash(row.get(4)?),
            target: row.get(5)?,
            policy: row.get(6)?,
            principal: Principal(row.get(7)?),
            judge: row.get(8)?,
            at: Timestamp(whole(row.get(9)?)),
            score: row.get(10)?,
            label: row.get(11)?,
            comment: row.get(12)?,
        };
        Ok((whole(row.get(0)?), feedback))
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
        of: &FeedbackFilter,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>> {
        let (tenant, of) = (tenant.clone(), of.clone());
        self.query("add up feedback", move |db| judged(db, &tenant, &of, by, count_max))
    }

    fn opinions(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, Feedback)>, StoreError>> {
        let (tenant, of) = (tenant.clone(), of.clone());
        self.query("list feedback", move |db| opinions(db, &tenant, &of, count_max))
    }

    fn unread(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<Vec<Unread>, StoreError>> {
        self.query("read what judges gave", move |db| unread(db, shard, count_max))
    }

    fn verdicts_read(
        &self,
        shard: ShardId,
        verdicts: Vec<(Seq, Option<Feedback>)>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change("keep what judges said", move |db| read(db, shard, &verdicts))
    }

    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("forget feedback", move |db| forget(db, before, count_max))
    }
}
