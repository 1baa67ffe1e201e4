//! The reasons behind a run, for machines and for the terminal.

use std::collections::BTreeMap;

use agendum_core::why::{NodeReasons, TaskReasons};
use agendum_core::{Reason, Reasons};
use agendum_types::{Cause, Duration, Graph};
use serde::{Deserialize, Serialize};

use super::choice::{Choice, choice};
use super::preempted::{Preempted, gave_way, preempted};
use super::queueing::{Queueing, queueing};
use super::sentence::{failure, reason, sentence};
use super::{Compensation, Stopped, dollars, instant, millis};

/// The reasons behind a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The run.
    pub run: String,
    /// In one sentence.
    pub sentence: String,
    /// Why there is no output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How far what it has done is taken back, if it has no output and has done something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// A child run that it waits for, at any depth, of which nothing more is begun until that is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_resume: Option<Stopped>,
    /// From acceptance to the answer, or to now.
    pub wall_ms: f64,
    /// The run's time by cause; adds up to `wall_ms`.
    pub parts: Vec<Part>,
    /// The chain of tasks that the answer waited for.
    pub critical_path: Vec<String>,
    /// Calls one by one, in the order of becoming ready: a page of them.
    pub tasks: Vec<WhyTask>,
    /// Where the next page begins (`?from=`), if there are more calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
    /// All calls, by task of the document: items and rounds together; and the tasks that never started.
    #[serde(default)]
    pub nodes: Vec<WhyNode>,
}

/// The reasons behind all items and rounds of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyNode {
    /// The names on the way to it: `polish/review`.
    pub task: String,
    /// How many there were.
    pub count: u64,
    /// How many stand how.
    pub statuses: BTreeMap<String, u64>,
    /// How many were caught.
    #[serde(default)]
    pub caught: u64,
    /// When the first was ready, from the run's acceptance.
    pub ready_ms: f64,
    /// When the last settled; absent while one goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<f64>,
    /// Attempts of all of them.
    pub attempts: u64,
    /// The time of all attempts that have ended, one after the other.
    pub ran_ms: f64,
    /// The attempt in the middle.
    pub p50_ms: f64,
    /// What 95 of 100 attempts do not exceed.
    pub p95_ms: f64,
    /// The longest attempt.
    pub max_ms: f64,
    /// Their time since each was ready, by cause, summed over all of them.
    pub parts: Vec<Part>,
    /// What they cost.
    pub cost_usd: f64,
    /// All tokens they used.
    pub tokens: u64,
}

/// A share of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Why it passed.
    pub cause: String,
    /// How much.
    pub ms: f64,
}

/// The reasons behind a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyTask {
    /// Its path.
    pub task: String,
    /// Its status.
    pub status: String,
    /// True if a rung of `catch` gave its output.
    pub caught: bool,
    /// Why it stands so, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a cancelled task: the one that failed first and ended what both belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// When it was ready, from the run's acceptance.
    pub ready_ms: f64,
    /// When it ended, from the run's acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<f64>,
    /// From the run's acceptance, or from its own addition, to its end.
    pub wall_ms: f64,
    /// Its time since then by cause; adds up to `wall_ms`.
    pub parts: Vec<Part>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// How it stands in the queue, if it waits to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queueing: Option<Queueing>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Where it went.
    pub target: String,
    /// True if a preferred target was passed over.
    pub lower: bool,
    /// True if it was sent beside one that was slow: whichever succeeded first counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// When it was sent.
    pub started: String,
    /// How long it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// Class and message of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What it cost.
    pub cost_usd: f64,
    /// How much of that was billed above the hold: what had been set aside for it.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub over_usd: f64,
    /// All tokens it used.
    pub tokens: u64,
    /// How long it was expected to take, where enough had been seen of its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<f64>,
    /// Why it was sent then and there, where something else could have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// The task of which an attempt was stopped for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preempted: Option<Preempted>,
    /// The task that it was stopped for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_way: Option<Preempted>,
    /// The child run that it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
}

/// A run's reasons in the API's words; its page of tasks begins at `from`.
#[must_use]
pub fn why(graph: &Graph, reasons: &Reasons, from: usize) -> Why {
    Why {
        run: reasons.run.to_string(),
        sentence: sentence(graph, reasons),
        failure: reasons.failure.as_ref().map(|failed| failure(graph, failed)),
        compensation: None,
        waits_for_resume: None,
        wall_ms: millis(reasons.wall),
        parts: parts(&reasons.parts),
        critical_path: reasons.critical.iter().map(|path| graph.path_text(path)).collect(),
        tasks: reasons.tasks.iter().map(|of| task(graph, reasons, of)).collect(),
        next: (reasons.tasks_left > 0 && !reasons.tasks.is_empty()).then_some(from + reasons.tasks.len()),
        nodes: reasons.nodes.iter().map(|of| node(graph, reasons, of)).collect(),
    }
}

fn parts(parts: &[(Cause, Duration)]) -> Vec<Part> {
    parts.iter().map(|(cause, span)| Part { cause: cause.word().to_owned(), ms: millis(*span) }).collect()
}

fn task(graph: &Graph, reasons: &Reasons, task: &TaskReasons) -> WhyTask {
    let attempts = task.attempts.iter().map(|attempt| Attempt {
        target: attempt.target.to_string(),
        lower: attempt.lower,
        beside: attempt.beside,
        started: instant(attempt.started),
        ms: attempt.ended.map(|ended| millis(ended.since(attempt.started))),
        failed: attempt.failed.as_ref().map(|(class, message)| format!("{class}: {message}")),
        cost_usd: dollars(attempt.cost),
        over_usd: dollars(attempt.over),
        tokens: attempt.tokens,
        expected_ms: attempt.expected.map(millis),
        choice: attempt.choice.as_deref().map(|of| choice(of, attempt.started)),
        preempted: attempt.preempted.as_deref().map(preempted),
        gave_way: attempt.gave_way.as_deref().map(gave_way),
        child: attempt.child.map(|run| run.to_string()),
    });
    // A run that is answered and works on is looked at later than its answer: what is said of its queue is then seen from there.
    let now = reasons.submitted.after(reasons.wall);
    WhyTask {
        task: graph.path_text(&task.path),
        status: task.status.word().to_owned(),
        caught: matches!(task.reason, Some(Reason::Caught(..))),
        reason: reason(graph, task),
        culprit: match &task.reason {
            Some(Reason::EndedFirst(Some(culprit))) => Some(graph.path_text(culprit)),
            Some(_) | None => None,
        },
        ready_ms: millis(task.ready.since(reasons.submitted)),
        ended_ms: task.ended.map(|ended| millis(ended.since(reasons.submitted))),
        wall_ms: millis(task.wall),
        parts: parts(&task.parts),
        attempts: attempts.collect(),
        queueing: task.queueing.as_deref().map(|stands| queueing(stands, now)),
    }
}

fn node(graph: &Graph, reasons: &Reasons, node: &NodeReasons) -> WhyNode {
    let names: Vec<&str> = node.way.iter().map(|node| &*graph.task(*node).name).collect();
    WhyNode {
        task: names.join("/"),
        count: node.statuses.iter().map(|(_, count)| count).sum(),
        statuses: node.statuses.iter().map(|(status, count)| (status.word().to_owned(), *count)).collect(),
        caught: node.caught,
        ready_ms: millis(node.ready.since(reasons.submitted)),
        ended_ms: node.ended.map(|ended| millis(ended.since(reasons.submitted))),
        attempts: node.attempts,
        ran_ms: millis(node.ran),
        p50_ms: millis(node.quantiles[0]),
        p95_ms: millis(node.quantiles[1]),
        max_ms: millis(node.quantiles[2]),
        parts: parts(&node.parts),
        cost_usd: dollars(node.cost),
        tokens: node.tokens,
    }
}
