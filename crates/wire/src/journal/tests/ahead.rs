//! The record of tasks that run ahead of their plan.

use agendum_core::Record;
use agendum_types::graph::NodeId;
use agendum_types::{AttemptNo, Hash, TaskPath};

use super::{RUN, payload};

pub(super) fn of_plans() -> [Record; 1] {
    let path = TaskPath::top(NodeId(2));
    [Record::TasksAhead { run: RUN, path, attempt: AttemptNo(3), graph: Hash([9; 32]), document: payload(8) }]
}
