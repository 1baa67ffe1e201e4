//! What is not seen in a scenario: how many classes the queue keeps.

use agendum_types::graph::Priority;
use agendum_types::{RunId, TargetId, Timestamp};

use super::{IDLE_CLASSES, Queue, Rank};
use crate::run::{InstId, Slot};

#[test]
fn classes_without_tasks_are_given_back() {
    let mut queue = Queue::default();
    let now = Timestamp(0);
    let rank = Rank { latest_start: now, submitted: now, run: RunId(1), ready: now, slot: Slot(0), inst: InstId(0) };
    let used = queue.class(vec![TargetId(0)]);
    let ticket = queue.insert(used, Priority::Standard, rank, now);
    let generation = queue.generation();
    for other in 1..u16::MAX {
        queue.class(vec![TargetId(other), TargetId(0)]);
    }
    assert!(queue.generation() > generation, "what was remembered of a class is void");
    assert!(queue.classes.len() <= IDLE_CLASSES, "few classes are kept");
    assert!(queue.by_target[&TargetId(0)].len() <= IDLE_CLASSES, "a target wakes few");
    assert_eq!(queue.candidates(used), [TargetId(0)], "a class with tasks is kept");
    queue.leave(&ticket, now);
    assert_eq!(queue.len(), 0);
}
