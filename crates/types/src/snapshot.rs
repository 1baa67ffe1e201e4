//! What the planner and the dashboard read of a shard: numbers and names, no payloads.

use std::sync::Arc;

use crate::cause::Cause;
use crate::graph::Budget;
use crate::graph::child::Parent;
use crate::id::{RunId, Tenant};
use crate::money::Money;
use crate::payload::PayloadRef;
use crate::policy::Index;
use crate::pool::Need;
use crate::status::{RunStatus, TaskStatus};
use crate::target::{Bound, Rate};
use crate::time::{Duration, Timestamp};
use crate::wait::Wait;
use crate::window::Window;

/// A shard at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Runs alive.
    pub runs: u64,
    /// Task instances alive.
    pub tasks: u64,
    /// Attempts in flight.
    pub attempts: u32,
    /// By which rules it decides: the policy's version, and behind a + that of a plan.
    pub rules: Arc<str>,
    /// Ready tasks that wait for a target.
    pub queued: u64,
    /// One entry for each target, in the order of the table.
    pub targets: Vec<TargetLoad>,
    /// One entry for each pool that there is, or of which something is held, in the order of their names.
    pub pools: Vec<PoolLoad>,
}

/// How a target is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetLoad {
    /// Its name.
    pub name: Arc<str>,
    /// Attempts in flight.
    pub running: u32,
    /// Attempts it may run at once.
    pub concurrency_max: u32,
    /// It turns some away: as many as it gets at once for that, where those are fewer.
    pub learned: Option<u32>,
    /// More at once take longer, and no more is done: as many as it gets at once for that, where those are fewer.
    pub does_most_with: Option<u32>,
    /// It takes nothing before this instant.
    pub closed_until: Option<Timestamp>,
    /// Too many of its latest attempts failed: it takes nothing before this instant, and then one attempt that tries it.
    pub broken_until: Option<Timestamp>,
    /// What its provider lets through in a minute.
    pub rate: Rate,
    /// What of that the configuration does not say, and the provider says with its answers.
    pub stated: Rate,
    /// What its provider lets through in a minute is used up until then.
    pub paced_until: Option<Timestamp>,
    /// The expected time of an attempt, as configured.
    pub expected: Duration,
    /// What attempts of this life have come to lately: of all, and then by size; empty before there were any.
    pub lately: Vec<Lately>,
}

/// What attempts on a target have come to, about the last 256 of them. Quantiles are of those that succeeded: a half are no greater, and 95 of a hundred; it
/// may be up to a quarter less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lately {
    /// How many bytes they were given, from and to; `None`: of all.
    pub bytes: Option<(u64, u64)>,
    /// How many have ended.
    pub attempts: u32,
    /// How many of them failed; those that were told to stop count nowhere.
    pub failed: u32,
    /// How long they took.
    pub took: [Duration; 2],
    /// Their tokens, in and out.
    pub tokens: [u64; 2],
    /// Their cost.
    pub cost: [Money; 2],
}

/// How a pool is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLoad {
    /// Its name.
    pub name: Arc<str>,
    /// Units that there are.
    pub units: u32,
    /// Units that attempts hold. More than there are once the pool was made smaller.
    pub held: u64,
}

/// A live run, as `runs show` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunView {
    /// The moment it shows.
    pub at: Timestamp,
    /// Which run.
    pub id: RunId,
    /// Whose.
    pub tenant: Tenant,
    /// The graph's name.
    pub graph: Arc<str>,
    /// How it stands.
    pub status: RunStatus,
    /// True if a caller paused it, or it is in quarantine.
    pub paused: bool,
    /// True if it was at work in too many crashes in a row: nothing of it is begun until it is resumed.
    pub quarantined: bool,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// When its answer is due.
    pub deadline: Option<Timestamp>,
    /// What it has spent.
    pub spent: Money,
    /// What running attempts may yet spend.
    pub held: Money,
    /// How much of what it has spent was billed above what had been set aside.
    pub over: Money,
    /// Of a run with a budget whether that surely holds, so far.
    pub bound: Option<Bound>,
    /// Every live or settled task instance that the core still knows.
    pub tasks: Vec<TaskView>,
}

/// A task instance, as `runs show` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// The path as text.
    pub path: String,
    /// How it stands.
    pub status: TaskStatus,
    /// Why it does not run, if it waits.
    pub waiting_on: Option<Cause>,
    /// What it has waited for since it could have been sent, in the order it passed; empty if it does not wait to be sent.
    pub waits: Vec<(Cause, Duration)>,
    /// Attempts so far.
    pub attempts: u32,
    /// If it waits for the next window of the tenant's budget: which, and when that begins.
    pub window: Option<(Window, Timestamp)>,
    /// If it waits for what attempts in a loop around it hold: the path of that loop as text.
    pub purse: Option<String>,
    /// If it pauses before its next attempt: until when; true if that is its last, and made sooner where a target is well again.
    pub pause: Option<(Timestamp, bool)>,
    /// How it stands in the queue, of the first that are queued.
    pub queueing: Option<Box<Queueing>>,
}

/// How a task that waits to be sent stands at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// The policy in force: its name, and the beginning of its hash.
    pub policy: Arc<str>,
    /// The rule that orders its run among those of its tenant.
    pub index: Index,
    /// What the rule said when it was queued, in microseconds: an instant, and smaller is sooner. Of one that is risky how long it takes on average.
    pub rank: u64,
    /// True if its run may be late, and so stands behind the others.
    pub risky: bool,
    /// Tasks for the same targets that went before it since it was queued.
    pub ahead: u64,
    /// Tasks for the same targets that wait too.
    pub beside: u64,
    /// The targets that would do, the best first.
    pub targets: Vec<Prospect>,
    /// The target that it waits for alone, and until when.
    pub held: Option<(Arc<str>, Timestamp)>,
    /// The units of a pool that are not there.
    pub lacks: Option<Need>,
    /// How long an attempt is expected to take; `None` before enough was seen.
    pub expected: Option<Duration>,
}

/// A target that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// Its name.
    pub target: Arc<str>,
    /// Why it takes no attempt of this task now, in the word of a choice; `None` of one that would.
    pub shut: Option<&'static str>,
    /// What an attempt is thought to cost there, money counted as time; `None` where the graph says in which order they are taken.
    pub score: Option<Duration>,
}

/// A task that waits for a person or a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitView {
    /// Its run.
    pub run: RunId,
    /// Of a child run: the task for which it runs.
    pub parent: Option<Arc<Parent>>,
    /// The graph's name.
    pub graph: Arc<str>,
    /// The path as text.
    pub task: String,
    /// What it waits for.
    pub wait: Wait,
    /// Since when.
    pub since: Timestamp,
    /// When it ends without: by its own time, or the run's.
    pub expires: Option<Timestamp>,
    /// What its `with` gave.
    pub input: Option<PayloadRef>,
    /// Of an attempt in doubt: which.
    pub attempt: u32,
    /// And why nobody knows.
    pub doubt: Option<Arc<str>>,
    /// Of a task that waits for money: how much.
    pub plea: Option<Plea>,
}

/// What a task asks a person for, which the budget of its run does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plea {
    /// What its next attempt may cost at least: with the least output that is of use.
    pub needs: Money,
    /// And use at least in tokens.
    pub needs_tokens: u64,
    /// The limits of the budget as they are now.
    pub budget: Budget,
    /// What is neither spent nor held of the money.
    pub left: Money,
    /// And of the tokens.
    pub left_tokens: u64,
}
