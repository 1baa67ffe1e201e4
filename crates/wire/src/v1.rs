//! What the HTTP API and `--json` speak: version 1.
//!
//! Money is a number of US dollars, times are RFC 3339 or milliseconds, tasks are named by path, words are those of the vocabulary.
//! Readers ignore fields they do not know; a field never changes its meaning.

mod cache;
mod child;
mod choice;
mod compensation;
mod event;
mod feedback;
mod notice;
mod plan;
mod preempted;
mod queueing;
mod sentence;
mod spend;
mod targets;
mod turn;
mod wait;
mod why;

use agendum_core::why::TaskReasons;
use agendum_core::{Reason, RunFailure, Standing};
use agendum_types::{Cause, Duration, Failure, Graph, Money, RunId, RunStatus, TaskStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use cache::{Cache, CacheForgotten, CacheLine};
pub use child::{Parent, Stopped};
pub use choice::{Choice, Passed};
pub use compensation::{COMPENSATION_FAILED, Compensation, Left};
pub use event::{Event, TASKS_ADDED, TASKS_AHEAD, event, text};
pub use feedback::{Feedback, FeedbackLine, FeedbackReport, Opinion, Opinions};
pub use notice::{About, Endpoints, Notice, NoticeDetail, NoticeLine, PING, Pinged};
pub use plan::{PlanLine, Plans, Publish, Withdrawn};
pub use preempted::Preempted;
pub use queueing::{Prospect, Queueing};
pub use spend::{Lost, LostDay, Reconcile, Reconciled, Spend, SpendLine, SpendWindow};
pub use targets::{LatelyLine, PoolLine, QuantilesLine, TargetLine, Targets};
pub use turn::Turn;
pub use wait::{Asks, Awaits, Decision, Raise, Signal, Told, WaitLine, Waits};
pub use why::{Attempt, Part, Why, WhyNode, WhyTask, why};

/// A run to be submitted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The graph document: its text (YAML or JSON), or the object itself.
    pub document: Json,
    /// The inputs.
    #[serde(default)]
    pub inputs: Json,
    /// `interactive`, `standard` or `background`; the graph's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Milliseconds from submission to answer; the graph's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// US dollars that the run may spend; the graph's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// True: every step is committed before the next begins.
    #[serde(default)]
    pub strict: bool,
    /// The idempotency key: sent as a header, `Idempotency-Key`.
    #[serde(skip)]
    pub key: Option<String>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The name of its graph.
    pub graph: String,
    /// `queued`, `running`, `paused`, `succeeded`, `failed`, `cancelled`.
    pub status: String,
    /// True if it took a lower rung somewhere.
    pub degraded: bool,
    /// When it was accepted.
    pub submitted: String,
    /// From acceptance to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<f64>,
    /// True if nothing more will happen.
    pub done: bool,
    /// What it has spent.
    pub spent_usd: f64,
    /// What attempts that are out may yet spend.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_usd: f64,
    /// True if it is live and an attempt is out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub under_way: bool,
    /// True if it is live and all that it still waits for is a target that its host does not have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_target: bool,
    /// True if it was at work in too many crashes in a row: nothing of it is begun until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
    /// True if it is live and all that it still waits for is a person, a signal or a webhook.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_person: bool,
    /// Where all that it still waits for is money: when the next window of the tenant's budget begins in which it may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_window: Option<String>,
    /// Of one that waits for its turn in its group: what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_turn: Option<Turn>,
    /// A child run that it waits for, at any depth, of which nothing more is begun until that is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_resume: Option<Stopped>,
    /// True if it is live and paused; its answer may have come before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// True if it was left out when its data directory was opened, because what is kept of it is damaged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    /// How far what it has done is taken back, if it has no output and has done something; in a list without what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// The task of another run for which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// True if it was submitted under a key, for which it is kept for a day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
}

/// A run with what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDetail {
    /// As in a list.
    #[serde(flatten)]
    pub run: Run,
    /// Its output, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// Why it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// How much of what it has spent was billed above what had been set aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub over_usd: f64,
    /// Of a run with a budget: `hard` if it cannot have been exceeded but for that, `estimated` if a target's cost has no sure bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// The last of its retries, which went on from here, and from what it left to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_on: Option<String>,
    /// Its tasks: a page of them.
    pub tasks: Vec<TaskLine>,
    /// Where the next page begins (`?from=`), if there are more tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
}

fn is_zero(usd: &f64) -> bool {
    *usd == 0.0
}

/// A task in a run's detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskLine {
    /// Its path.
    pub task: String,
    /// Its status.
    pub status: String,
    /// Why it does not run, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<String>,
    /// Why it stands so, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// The run that its last attempt is, or was, if that is a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
}

impl TaskLine {
    /// The line of a task as its records tell it.
    #[must_use]
    pub fn told(graph: &Graph, task: &TaskReasons) -> Self {
        Self {
            task: graph.path_text(&task.path),
            status: task.status.word().to_owned(),
            waiting_on: waiting_on(task).map(|cause| cause.word().to_owned()),
            reason: sentence::reason(graph, task),
            attempts: u32::try_from(task.attempts.len()).unwrap_or(u32::MAX),
            child: task.attempts.last().and_then(|attempt| attempt.child).map(|run| run.to_string()),
        }
    }
}

/// What a task waits for that its shard does not show: nobody works on it, or it is newer than what is shown.
fn waiting_on(task: &TaskReasons) -> Option<Cause> {
    match (task.status, &task.reason) {
        (TaskStatus::Waiting, Some(Reason::Needs(_) | Reason::Turn)) => Some(Cause::Dependency),
        (TaskStatus::Waiting, Some(Reason::Held)) => Some(Cause::Limit),
        (TaskStatus::Waiting, _) => Some(Cause::Downtime),
        (TaskStatus::BackingOff, _) => Some(Cause::Backoff),
        _ => None,
    }
}

/// Why a run has no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// One of the closed table of classes.
    pub class: String,
    /// A line for people.
    pub message: String,
    /// The task that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// After how long it may be worth trying again, in milliseconds: what the provider said, or when what waits will have gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// An error of the API: RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable, for machines.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What, where, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Everything there is to say about a document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Json>,
    /// True if there are more than these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl RunError {
    /// Of a run's failure.
    #[must_use]
    pub fn of(graph: &Graph, failure: &RunFailure) -> Self {
        Self { task: failure.task.as_ref().map(|path| graph.path_text(path)), ..Self::plain(&failure.failure) }
    }

    /// Of a failure whose task is known otherwise.
    #[must_use]
    pub fn plain(failure: &Failure) -> Self {
        Self {
            class: failure.class.to_string(),
            message: failure.message.to_string(),
            task: None,
            retry_after_ms: failure.retry_after.map(|span| span.as_micros().div_ceil(1_000)),
        }
    }
}

impl Run {
    /// Of an id and the rest.
    #[must_use]
    pub fn new(id: RunId, graph: &str, status: RunStatus, submitted: Timestamp) -> Self {
        Self {
            id: id.to_string(),
            graph: graph.to_owned(),
            status: status.word().to_owned(),
            degraded: false,
            submitted: instant(submitted),
            elapsed_ms: None,
            done: false,
            spent_usd: 0.0,
            held_usd: 0.0,
            under_way: false,
            waits_for_target: false,
            quarantined: false,
            waits_for_person: false,
            waits_for_window: None,
            waits_for_turn: None,
            waits_for_resume: None,
            paused: false,
            damaged: false,
            compensation: None,
            parent: None,
            keyed: false,
        }
    }

    /// Takes in what only its shard knows. An answer that is decided but not durable has not happened: the run goes on.
    pub fn stands(&mut self, standing: &Standing) {
        if !RunStatus::from_word(&self.status).is_some_and(|status| status.is_answered()) {
            let goes_on = if standing.status.is_answered() { RunStatus::Running } else { standing.status };
            self.status = if standing.paused { "paused".to_owned() } else { goes_on.word().to_owned() };
        }
        (self.spent_usd, self.held_usd) = (dollars(standing.spent), dollars(standing.held));
        (self.under_way, self.waits_for_target) = (standing.under_way, standing.waits_for_target);
        self.quarantined = standing.quarantined;
        self.waits_for_person = standing.waits_for_person;
        self.waits_for_window = standing.waits_for_window.map(instant);
        self.waits_for_turn = standing.turn.map(Turn::of);
        self.waits_for_resume = standing.stopped.map(Stopped::of);
        self.paused = standing.paused;
    }

    /// Takes in that its shard does not have it: it was left out as damaged, or its answer is decided and about to be durable.
    pub fn is_gone(&mut self, damaged: bool) {
        self.damaged = damaged;
        if !damaged && !RunStatus::from_word(&self.status).is_some_and(|status| status.is_answered()) {
            RunStatus::Running.word().clone_into(&mut self.status);
        }
    }
}

/// The names on the way to a task, without items and rounds: `studio[3]/loop#2/render` gives `studio/render`, which is the name of
/// all of them in [`WhyNode::task`].
#[must_use]
pub fn names(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.starts_with("loop#"));
    parts.map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join("/")
}

/// RFC 3339, to the millisecond.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    let mut text = at.to_string();
    // Of `…00.123456Z` the microseconds go.
    text.replace_range(text.len() - 4..text.len() - 1, "");
    text
}

/// Milliseconds, to the microsecond.
#[must_use]
pub fn millis(span: Duration) -> f64 {
    span.0 as f64 / 1_000.0
}

/// US dollars.
#[must_use]
pub fn dollars(money: Money) -> f64 {
    money.dollars()
}

#[cfg(test)]
mod tests {
    use agendum_core::Standing;
    use agendum_types::{Money, RunId, RunStatus, Timestamp};

    use super::Run;

    #[test]
    fn an_answer_that_is_not_durable_is_not_told() {
        use RunStatus::{Failed, Queued, Running, Succeeded};
        // How the index has it, how its shard has it, whether it is paused, what is said.
        let cases = [
            (Queued, Queued, false, "queued"),
            (Queued, Running, false, "running"),
            (Queued, Running, true, "paused"),
            (Queued, Succeeded, false, "running"),
            (Queued, Failed, true, "paused"),
            (Succeeded, Succeeded, false, "succeeded"),
            (Succeeded, Succeeded, true, "succeeded"),
        ];
        for (durable, status, paused, said) in cases {
            let mut run = Run::new(RunId(1), "g", durable, Timestamp(0));
            let (quarantined, under_way, waits_for_target, waits_for_person) = (false, false, false, false);
            let spent = Money::ZERO;
            let held = Money::ZERO;
            run.stands(&Standing {
                status,
                paused,
                quarantined,
                spent,
                held,
                over: Money::ZERO,
                bound: None,
                under_way,
                waits_for_target,
                waits_for_person,
                waits_for_window: None,
                stopped: None,
                turn: None,
            });
            assert_eq!(run.status, said, "{durable:?} {status:?} {paused}");
        }
        for (durable, damaged, said) in
            [(Queued, false, "running"), (Queued, true, "queued"), (Failed, false, "failed")]
        {
            let mut run = Run::new(RunId(1), "g", durable, Timestamp(0));
            run.is_gone(damaged);
            assert_eq!((&*run.status, run.damaged), (said, damaged), "{durable:?}");
        }
    }
}
