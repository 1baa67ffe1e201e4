//! An attempt that was stopped for a more urgent task.

use std::sync::Arc;

use agendum_types::{Duration, RunId};

/// The other of the two tasks of which one gave way: of an attempt that was stopped for whom, of one that was sent which was stopped for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preempted {
    /// Its run.
    pub run: RunId,
    /// Its place there, as text.
    pub task: Arc<str>,
    /// True if another tenant's: nobody is told more than that.
    pub is_foreign: bool,
    /// How long the attempt had run that was stopped: so much of the time of its target came to nothing.
    pub lost: Duration,
}
