//! What runs ahead of its plan: the tasks that an attempt gives while it still writes.
//!
//! They are tasks of the run, which count once the plan does: then those that it holds are as if they had come with it. Until then they
//! have no effect, decide nothing about the run, and nobody else reads them. When the attempt comes to nothing, or one of them fails,
//! they are withdrawn, and the task gives nothing ahead any more: what plans cost in vain has a bound.

use agendum_types::{AttemptNo, Booked};

use crate::run::InstId;

/// What an attempt has given ahead of its plan.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    pub(crate) attempt: AttemptNo,
    /// In the order in which they came.
    pub(crate) tasks: Vec<InstId>,
    /// What they have cost so far that would be waste without the plan.
    pub(crate) spent: Vec<(InstId, Booked)>,
    /// One of them has failed.
    pub(crate) failed: bool,
}
