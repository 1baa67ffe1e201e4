//! The index of runs: one statement for each run of an append, however much of its life lies in it.

use agendum_ports::{RunChange, RunUpdate};
use agendum_types::target::Bound;
use agendum_types::{Hash, Money, Parent, RunId, RunStatus, ShardId, Tenant, Timestamp};
use rusqlite::{Connection, params};

use crate::write::signed;

/// What an append says of one run.
#[derive(Default)]
struct Line<'a> {
    submitted: Option<(&'a str, Hash, Option<&'a str>, Timestamp)>,
    parent: Option<&'a Parent>,
    answered: Option<(RunStatus, bool, Timestamp)>,
    done: Option<Timestamp>,
    /// What it has spent, what of that was billed above what had been set aside, and whether its budget surely held.
    spent: Option<(Money, Money, Option<Bound>)>,
}

/// Writes the changes of an append.
pub(crate) fn update(work: &Connection, shard: ShardId, updates: &[RunUpdate]) -> rusqlite::Result<()> {
    let mut sorted: Vec<&RunUpdate> = updates.iter().collect();
    // Stable: changes of one run stay in their order.
    sorted.sort_by(|one, other| (one.run, &one.tenant).cmp(&(other.run, &other.tenant)));
    for changes in sorted.chunk_by(|one, other| one.run == other.run && one.tenant == other.tenant) {
        let Some(RunUpdate { tenant, run, .. }) = changes.first() else { continue };
        let mut line = Line::default();
        changes.iter().for_each(|update| line.take(&update.change));
        line.write(work, shard, tenant, *run)?;
    }
    Ok(())
}

impl<'a> Line<'a> {
    fn take(&mut self, change: &'a RunChange) {
        match change {
            RunChange::Submitted { graph, graph_hash, key, parent, at } => {
                self.parent = parent.as_ref();
                self.submitted = Some((graph, *graph_hash, key.as_deref(), *at));
            }
            RunChange::Answered { status, degraded, at, spent, over, bound } => {
                self.answered = Some((*status, *degraded, *at));
                self.spent = Some((*spent, *over, *bound));
            }
            RunChange::Done { at, spent, over, bound } => {
                self.done = Some(*at);
                self.spent = Some((*spent, *over, *bound));
            }
        }
    }

    fn write(&self, work: &Connection, shard: ShardId, tenant: &Tenant, run: RunId) -> rusqlite::Result<()> {
        let (tenant, partition, run) = (&*tenant.0, run.partition().0, run.0.to_be_bytes());
        let status = self.answered.map(|(status, ..)| status.word());
        let degraded = self.answered.map(|(_, degraded, _)| degraded);
        let answered = self.answered.map(|(.., at)| signed(at.0));
        let done = self.done.map(|at| signed(at.0));
        let spent = self.spent.map(|(spent, ..)| signed(spent.0));
        let above = self.spent.map(|(_, over, _)| signed(over.0));
        let bound = self.spent.and_then(|(.., bound)| bound).map(Bound::word);
        if let Some((graph, hash, key, at)) = self.submitted {
            let mut statement = work.prepare_cached(
                "INSERT INTO runs (tenant, run, partition, shard, graph, graph_hash, status, degraded, submitted,
                 answered, done, spent, key, above, bound, parent, parent_task)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?;
            let status = status.unwrap_or(RunStatus::Queued.word());
            let degraded = degraded.unwrap_or_default();
            let (spent, above) = (spent.unwrap_or_default(), above.unwrap_or_default());
            statement.execute(params![
                tenant,
                run,
                partition,
                shard.0,
                graph,
                hash.0,
                status,
                degraded,
                signed(at.0),
                answered,
                done,
                spent,
                key,
                above,
                bound,
                self.parent.map(|parent| parent.run.0.to_be_bytes()),
                self.parent.map(|parent| &*parent.task)
            ])?;
        } else {
            let mut statement = work.prepare_cached(
                "UPDATE runs SET status = ifnull(?3, status), degraded = ifnull(?4, degraded),
                 answered = ifnull(?5, answered), done = ifnull(?6, done), spent = ifnull(?7, spent),
                 above = ifnull(?8, above), bound = ifnull(?9, bound)
                 WHERE tenant = ?1 AND run = ?2",
            )?;
            statement.execute(params![tenant, run, status, degraded, answered, done, spent, above, bound])?;
        }
        Ok(())
    }
}
