//! Child runs: for which task one runs, and which one nothing more is begun of.

use serde::{Deserialize, Serialize};

/// The task of another run for which a run runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run: String,
    /// The path of the task there.
    pub task: String,
}

impl Parent {
    /// In the API's words.
    #[must_use]
    pub fn of(parent: &agendum_types::Parent) -> Self {
        Self { run: parent.run.to_string(), task: parent.task.to_string() }
    }
}

/// A run of which nothing more is begun until it is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The run.
    pub run: String,
    /// True if it is in quarantine; else somebody paused it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
    /// True if the run that tells of it waits for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl Stopped {
    /// In the API's words.
    #[must_use]
    pub fn of(stopped: agendum_core::Stopped) -> Self {
        Self { run: stopped.run.to_string(), quarantined: stopped.quarantined, alone: stopped.alone }
    }
}
