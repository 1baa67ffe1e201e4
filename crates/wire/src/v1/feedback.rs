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

/// What was said, one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Opinions {
    /// Latest first.
    pub opinions: Vec<Opinion>,
    /// The `before` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What somebody, or a task that judges others, thinks of a run or of one of its tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// `people` or `judge`.
    pub source: String,
    /// Who says so; of a judge, on whose behalf its run is.
    pub by: String,
    /// Of a judge: the path of the task that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// When.
    pub at: String,
    /// Of which run.
    pub run: String,
    /// Of which of its tasks; of the run as a whole where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The name of the graph.
    pub graph: String,
    /// Its hash.
    pub version: String,
    /// The target that gave what is judged, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The policy that decided in the run.
    pub policy: String,
    /// From 0, of no use, to 1.
    pub score: f64,
    /// A word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
