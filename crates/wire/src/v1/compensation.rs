//! How far what a run has done was taken back.

use agendum_core::{Answered, Compensated};
use agendum_types::Graph;
use serde::{Deserialize, Serialize};

/// What a run without an output has done is being taken back, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compensation {
    /// `compensating`, `compensated` or `compensation_failed`.
    pub status: String,
    /// Effects that were taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u32,
    /// Effects that are still there, or may be; the first of them, if there are very many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_count: u32,
}

/// An effect that was not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The path of the task that had it.
    pub task: String,
    /// Why it is still there.
    pub why: String,
}

/// The status of a run some of whose effects were not taken back.
pub const COMPENSATION_FAILED: &str = "compensation_failed";

impl Compensation {
    /// While it goes on.
    #[must_use]
    pub fn under_way() -> Self {
        Self { status: "compensating".to_owned(), ..Self::default() }
    }

    /// As the answer of a run tells it; `None` if there is nothing to take back.
    #[must_use]
    pub fn of_answer(answered: &Answered) -> Option<Self> {
        answered.compensating.then(Self::under_way)
    }

    /// When nothing more is taken back.
    #[must_use]
    pub fn of(graph: &Graph, compensated: &Compensated) -> Self {
        let left: Vec<Left> = compensated
            .left
            .iter()
            .map(|(path, failure)| Left {
                task: graph.path_text(path),
                why: format!("{}: {}", failure.class, failure.message),
            })
            .collect();
        Self { left, ..Self::of_count(compensated.count, compensated.left_count) }
    }

    /// The same without what is left.
    #[must_use]
    pub fn of_count(count: u32, left_count: u32) -> Self {
        let status = if left_count > 0 { COMPENSATION_FAILED } else { "compensated" };
        Self { status: status.to_owned(), count, left: Vec::new(), left_count }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
