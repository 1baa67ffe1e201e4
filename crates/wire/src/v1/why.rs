//! The reasons behind a run, for machines and for the terminal.

use agendum_core::{Entry, Reason, Reasons, Seen};
use agendum_types::{Cause, Duration, Graph};
use serde::{Deserialize, Serialize};

use super::sentence::{failure, reason, sentence};
use super::{dollars, instant, millis};

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
    /// From acceptance to the answer, or to now.
    pub wall_ms: f64,
    /// The run's time by cause; adds up to `wall_ms`.
    pub parts: Vec<Part>,
    /// The chain of tasks that the answer waited for.
    pub critical_path: Vec<String>,
    /// Every call.
    pub tasks: Vec<WhyTask>,
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
    /// When it was ready, from the run's acceptance.
    pub ready_ms: f64,
    /// When it ended, from the run's acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<f64>,
    /// From the run's acceptance to its end.
    pub wall_ms: f64,
    /// Its time by cause; adds up to `wall_ms`.
    pub parts: Vec<Part>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Where it went.
    pub target: String,
    /// True if a preferred target was passed over.
    pub lower: bool,
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
    /// All tokens it used.
    pub tokens: u64,
}

/// The reasons behind the run whose records these are; `None` if they do not begin with its submission.
#[must_use]
pub fn why(graph: &Graph, entries: &[Entry], seen: Seen<'_>) -> Option<Why> {
    agendum_core::why::reasons(graph, entries, seen).map(|reasons| named(graph, &reasons))
}

fn named(graph: &Graph, reasons: &Reasons) -> Why {
    let parts = |parts: &[(Cause, Duration)]| -> Vec<Part> {
        parts.iter().map(|(cause, span)| Part { cause: cause.word().to_owned(), ms: millis(*span) }).collect()
    };
    let tasks = reasons.tasks.iter().map(|task| WhyTask {
        task: graph.path_text(&task.path),
        status: task.status.word().to_owned(),
        caught: matches!(task.reason, Some(Reason::Caught(..))),
        reason: task.reason.as_ref().map(|why| reason(graph, why)),
        ready_ms: millis(task.ready.since(reasons.submitted)),
        ended_ms: task.ended.map(|ended| millis(ended.since(reasons.submitted))),
        wall_ms: millis(task.wall),
        parts: parts(&task.parts),
        attempts: task
            .attempts
            .iter()
            .map(|attempt| Attempt {
                target: attempt.target.to_string(),
                lower: attempt.lower,
                started: instant(attempt.started),
                ms: attempt.ended.map(|ended| millis(ended.since(attempt.started))),
                failed: attempt.failed.as_ref().map(|(class, message)| format!("{class}: {message}")),
                cost_usd: dollars(attempt.cost),
                tokens: attempt.tokens,
            })
            .collect(),
    });
    Why {
        run: reasons.run.to_string(),
        sentence: sentence(graph, reasons),
        failure: reasons.failure.as_ref().map(|failed| failure(graph, failed)),
        wall_ms: millis(reasons.wall),
        parts: parts(&reasons.parts),
        critical_path: reasons.critical.iter().map(|path| graph.path_text(path)).collect(),
        tasks: tasks.collect(),
    }
}
