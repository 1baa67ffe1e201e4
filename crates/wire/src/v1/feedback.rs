//! Feedback: how good an answer was.

use serde::{Deserialize, Serialize};

/// What somebody thinks of a run that is answered, or of one of its tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// From 0, of no use, to 1.
    pub score: f64,
    /// A word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The path of a task; the run as a whole where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What was said so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedbackReport {
    /// `graph`, `version`, `target` or `label`.
    pub by: String,
    /// By name, those with most of it first.
    pub lines: Vec<FeedbackLine>,
}

/// What was said under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedbackLine {
    /// The graph, the target or the label; empty where there was none.
    pub name: String,
    /// Of a version: the hash of the graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How often.
    pub count: u64,
    /// The mean of the scores.
    pub mean: f64,
    /// The lowest score.
    pub min: f64,
    /// The highest.
    pub max: f64,
}
