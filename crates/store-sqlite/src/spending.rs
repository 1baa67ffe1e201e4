//! The counters of what was spent: a row for each hour, graph, target and waste.
//!
//! Sums are made here and not by SQLite, whose integers are signed and do not saturate: a provider may bill any number.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use agendum_ports::{
    HourSpent, Invoice, LostCalls, Reconciliation, Settled, Spending, Spent, SpentBy, StoreError, part,
};
use agendum_types::{Money, Tenant, Timestamp, Waste, Window};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::SqliteStore;
use crate::write::{signed, whole};

/// Adds a row to the one that there is.
macro_rules! sum {
    () => {
        "ON CONFLICT (tenant, hour, graph, target, waste) DO UPDATE SET attempts = attempts + excluded.attempts,
         cost = min(cost + excluded.cost, 9223372036854775807),
         above = min(above + excluded.above, 9223372036854775807),
         tokens = min(tokens + excluded.tokens, 9223372036854775807),
         released = min(released + excluded.released, 9223372036854775807),
         released_tokens = min(released_tokens + excluded.released_tokens, 9223372036854775807)"
    };
}

/// Adds up what an append settles. The graph is that of the run, whose row is there: it is live.
pub(crate) fn add(work: &Connection, settled: &[Settled]) -> rusqlite::Result<()> {
    let mut statement = work.prepare_cached(concat!(
        "INSERT INTO spent (tenant, hour, graph, target, waste, attempts, cost, above, tokens)
         VALUES (?1, ?2, ifnull((SELECT graph FROM runs WHERE tenant = ?1 AND run = ?3), ''), ?4, ?5, 1, ?6, ?7, ?8) ",
        sum!()
    ))?;
    let mut less = work.prepare_cached(
        "UPDATE spent SET attempts = max(attempts - 1, 0), cost = max(cost - ?5, 0), above = max(above - ?6, 0),
         tokens = max(tokens - ?7, 0)
         WHERE tenant = ?1 AND hour = ?2 AND graph = ifnull((SELECT graph FROM runs WHERE tenant = ?1 AND run = ?3), '')
         AND target = ?4 AND waste = ''",
    )?;
    for Settled { tenant, run, booked, moved } in settled {
        if *moved {
            less.execute(params![
                &*tenant.0,
                signed(Window::Hour.start(booked.taken).0),
                run.0.to_be_bytes(),
                &*booked.target,
                signed(booked.cost.0),
                signed(booked.over.0),
                signed(booked.tokens),
            ])?;
        }
        statement.execute(params![
            &*tenant.0,
            signed(Window::Hour.start(booked.taken).0),
            run.0.to_be_bytes(),
            &*booked.target,
            booked.waste.map_or("", |waste| waste.word()),
            signed(booked.cost.0),
            signed(booked.over.0),
            signed(booked.tokens),
        ])?;
    }
    Ok(())
}

/// The tenants of whom something is counted. Each is found by the primary key, behind the one before.
fn tenants(db: &Connection) -> rusqlite::Result<Vec<Tenant>> {
    let mut statement = db.prepare_cached("SELECT tenant FROM spent WHERE tenant > ?1 ORDER BY tenant LIMIT 1")?;
    let (mut found, mut last) = (Vec::new(), Arc::<str>::from(""));
    while let Some(tenant) = statement.query_row(params![&*last], |row| row.get::<_, Arc<str>>(0)).optional()? {
        found.push(Tenant(Arc::clone(&tenant)));
        last = tenant;
    }
    Ok(found)
}

fn since_of_all(db: &Connection, since: Timestamp) -> rusqlite::Result<Vec<HourSpent>> {
    let sql = "SELECT hour, cost, tokens FROM spent WHERE tenant = ?1 AND hour >= ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut spent = Vec::new();
    for tenant in tenants(db)? {
        let mut rows = statement.query(params![&*tenant.0, signed(since.0)])?;
        let mut hours = BTreeMap::<u64, (Money, u64)>::new();
        while let Some(row) = rows.next()? {
            let sum = hours.entry(whole(row.get(0)?)).or_default();
            *sum = (sum.0.plus(Money(whole(row.get(1)?))), sum.1.saturating_add(whole(row.get(2)?)));
        }
        let hours = hours.into_iter();
        spent.extend(hours.map(|(hour, (money, tokens))| (tenant.clone(), Timestamp(hour), money, tokens)));
    }
    Ok(spent)
}

fn by_name(db: &Connection, tenant: &Tenant, since: Timestamp, by: SpentBy) -> rusqlite::Result<Vec<Spent>> {
    let mut statement = db.prepare_cached(
        "SELECT hour, graph, target, waste, attempts, cost, above, tokens FROM spent WHERE tenant = ?1 AND hour >= ?2",
    )?;
    let mut rows = statement.query(params![&*tenant.0, signed(Window::Hour.start(since).0)])?;
    let mut spent = BTreeMap::<String, Spent>::new();
    while let Some(row) = rows.next()? {
        let waste: String = row.get(3)?;
        let cost = Money(whole(row.get(5)?));
        let wasted = if waste.is_empty() { Money::ZERO } else { cost };
        let name = match by {
            SpentBy::Graph => row.get(1)?,
            SpentBy::Target => row.get(2)?,
            SpentBy::Day => Timestamp(whole(row.get(0)?)).to_string()[..10].to_owned(),
            SpentBy::Tenant => tenant.0.to_string(),
            SpentBy::Waste => waste,
        };
        let line = Spent {
            name: String::new(),
            attempts: whole(row.get(4)?),
            cost,
            wasted,
            over: Money(whole(row.get(6)?)),
            tokens: whole(row.get(7)?),
        };
        spent.entry(name.clone()).or_insert_with(|| Spent { name, ..Spent::default() }).add(&line);
    }
    Ok(spent.into_values().collect())
}

/// Puts hours together to days, of one tenant after the other: in each the oldest rows are found by the primary key.
fn fold(db: &mut Connection, before: Timestamp, count_max: u32) -> rusqlite::Result<bool> {
    let work = db.transaction()?;
    let mut left = count_max;
    for tenant in tenants(&work)? {
        left -= fold_of(&work, &tenant, before, left)?;
        if left == 0 {
            break;
        }
    }
    work.commit()?;
    Ok(left == 0)
}

fn fold_of(work: &Connection, tenant: &Tenant, before: Timestamp, count_max: u32) -> rusqlite::Result<u32> {
    let sql = "SELECT hour, graph, target, waste FROM spent
        WHERE tenant = ?1 AND hour < ?2 AND hour % 86400000000 <> 0 ORDER BY hour LIMIT ?3";
    let mut statement = work.prepare_cached(sql)?;
    let rows = statement.query_map(params![&*tenant.0, signed(before.0), count_max], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    })?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    let mut add = work.prepare_cached(concat!(
        "INSERT INTO spent (tenant, hour, graph, target, waste, attempts, cost, above, tokens, released, released_tokens)
         SELECT tenant, hour / 86400000000 * 86400000000, graph, target, waste, attempts, cost, above, tokens, released, released_tokens
         FROM spent WHERE tenant = ?1 AND hour = ?2 AND graph = ?3 AND target = ?4 AND waste = ?5 ",
        sum!()
    ))?;
    let sql = "DELETE FROM spent WHERE tenant = ?1 AND hour = ?2 AND graph = ?3 AND target = ?4 AND waste = ?5";
    let mut take = work.prepare_cached(sql)?;
    for (hour, graph, target, waste) in &rows {
        let of_row = params![&*tenant.0, hour, graph, target, waste];
        add.execute(of_row)?;
        take.execute(of_row)?;
    }
    Ok(rows.len() as u32)
}

/// What the counters say of the days of a tenant, those that begin in this range, on which calls were lost.
fn lost_in(db: &Connection, tenant: &Tenant, begin: &Range<Timestamp>) -> rusqlite::Result<Vec<LostCalls>> {
    let mut statement = db.prepare_cached(
        "SELECT hour, target, waste, attempts, cost, tokens, released, released_tokens FROM spent
         WHERE tenant = ?1 AND hour >= ?2 AND hour < ?3",
    )?;
    let mut rows = statement.query(params![&*tenant.0, signed(begin.start.0), signed(begin.end.0)])?;
    let mut days = BTreeMap::<(Timestamp, Arc<str>), LostCalls>::new();
    while let Some(row) = rows.next()? {
        let (day, target): (_, Arc<str>) = (Window::Day.start(Timestamp(whole(row.get(0)?))), row.get(1)?);
        let told = |money, tokens| Ok::<_, rusqlite::Error>((Money(whole(row.get(money)?)), whole(row.get(tokens)?)));
        let of = days.entry((day, target)).or_default();
        of.counted = both(of.counted, told(4, 5)?);
        if row.get_ref(2)?.as_str()? == Waste::Lost.word() {
            of.attempts = of.attempts.saturating_add(whole(row.get(3)?));
            (of.lost, of.released) = (both(of.lost, told(4, 5)?), both(of.released, told(6, 7)?));
        }
    }
    let lost = days.into_iter().filter(|(_, of)| of.attempts > 0);
    Ok(lost.map(|((day, target), of)| LostCalls { day, target, ..of }).collect())
}

fn both(one: (Money, u64), other: (Money, u64)) -> (Money, u64) {
    (one.0.plus(other.0), one.1.saturating_add(other.1))
}

/// A counter of lost calls.
struct LostRow {
    hour: i64,
    graph: String,
    cost: (Money, u64),
    released: (Money, u64),
}

fn lost_rows(db: &Connection, tenant: &Tenant, invoice: &Invoice) -> rusqlite::Result<Vec<LostRow>> {
    let (from, to) = (signed(invoice.day.0), signed(Window::Day.end(invoice.day).0));
    let mut find = db.prepare_cached(
        "SELECT hour, graph, cost, tokens, released, released_tokens FROM spent
         WHERE tenant = ?1 AND hour >= ?2 AND hour < ?3 AND target = ?4 AND waste = ?5 ORDER BY hour, graph",
    )?;
    let rows = find.query_map(params![&*tenant.0, from, to, &*invoice.target, Waste::Lost.word()], |row| {
        let (cost, tokens) = (Money(whole(row.get(2)?)), whole(row.get(3)?));
        let released = (Money(whole(row.get(4)?)), whole(row.get(5)?));
        Ok(LostRow { hour: row.get(0)?, graph: row.get(1)?, cost: (cost, tokens), released })
    })?;
    rows.collect()
}

fn reconcile(db: &mut Connection, tenant: &Tenant, invoice: &Invoice) -> rusqlite::Result<Option<Reconciliation>> {
    const NOTHING: (Money, u64) = (Money::ZERO, 0);
    let work = db.transaction()?;
    let days = lost_in(&work, tenant, &(invoice.day..Window::Day.end(invoice.day)))?;
    let Some(mut day) = days.into_iter().find(|of| of.target == invoice.target) else { return Ok(None) };
    let (mut over, mut under) = (day.over(invoice), day.under(invoice));
    let (mut released, mut recharged) = (Vec::new(), Vec::new());
    let rows = lost_rows(&work, tenant, invoice)?;
    let mut lower = work.prepare_cached(
        "UPDATE spent SET cost = min(cost - ?6, 9223372036854775807), released = min(released + ?6, 9223372036854775807),
         tokens = min(tokens - ?7, 9223372036854775807), released_tokens = min(released_tokens + ?7, 9223372036854775807)
         WHERE tenant = ?1 AND hour = ?2 AND graph = ?3 AND target = ?4 AND waste = ?5",
    )?;
    let mut changed = |row: &LostRow, [money, tokens]: [i64; 2]| {
        let (LostRow { hour, graph, .. }, lost) = (row, Waste::Lost.word());
        lower.execute(params![&*tenant.0, hour, graph, &*invoice.target, lost, money, tokens]).map(drop)
    };
    let told = |row: &LostRow, (money, tokens)| (Timestamp(whole(row.hour)), money, tokens);
    for row in &rows {
        let of = part(&mut over, row.cost);
        if of != NOTHING {
            changed(row, [signed(of.0.0), signed(of.1)])?;
            day.release(of);
            released.push(told(row, of));
        }
    }
    for row in rows.iter().rev() {
        let of = part(&mut under, row.released);
        if of != NOTHING {
            changed(row, [-signed(of.0.0), -signed(of.1)])?;
            day.recharge(of);
            recharged.push(told(row, of));
        }
    }
    drop(lower);
    work.commit()?;
    Ok(Some(Reconciliation { released, recharged, day }))
}

impl Spending for SqliteStore {
    fn spent_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourSpent>, StoreError>> {
        self.query("add up what was spent", move |db| since_of_all(db, since))
    }

    fn spent(&self, tenant: &Tenant, since: Timestamp, by: SpentBy) -> BoxFuture<'_, Result<Vec<Spent>, StoreError>> {
        let tenant = tenant.clone();
        self.query("add up what was spent", move |db| by_name(db, &tenant, since, by))
    }

    fn fold_spent(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change("put together what was spent", move |db| fold(db, before, count_max))
    }

    fn lost(&self, tenant: &Tenant, since: Timestamp) -> BoxFuture<'_, Result<Vec<LostCalls>, StoreError>> {
        let tenant = tenant.clone();
        self.query("look for what was lost", move |db| {
            lost_in(db, &tenant, &(Window::Day.start(since)..Timestamp(u64::MAX)))
        })
    }

    fn reconcile(
        &self,
        tenant: &Tenant,
        invoice: Invoice,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        let tenant = tenant.clone();
        self.change("compare what was spent with a bill", move |db| reconcile(db, &tenant, &invoice))
    }
}
