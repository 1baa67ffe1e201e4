//! A verdict: how good one task found what another gave.

use std::sync::Arc;

use crate::graph::Fields;
use crate::id::Principal;
use crate::payload::PayloadRef;

/// That a task whose work is to judge has succeeded. What it said stands in its output, which is read once this is durable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verdict {
    /// The path of the task that judges, as people read it.
    pub judge: String,
    /// The path of the task that is judged.
    pub task: String,
    /// The target that gave what is judged; `None` where no single one did, or that was before the run.
    pub target: Option<Arc<str>>,
    /// On whose behalf the run is.
    pub by: Principal,
    /// What the judge gave.
    pub output: PayloadRef,
    /// Where in it the score stands, and what else it says.
    pub fields: Fields,
}
