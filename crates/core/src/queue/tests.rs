//! What is not seen in a scenario: how many classes the queue keeps.

use std::sync::Arc;

use agendum_types::graph::Priority;
use agendum_types::{Duration, Policy, RunId, TargetId, Tenant, Timestamp};

use super::pockets::Ranked;
use super::{IDLE_CLASSES, Queue, Rank};
use crate::run::{InstId, Slot};

fn rank(index: u64) -> Rank {
    let (now, tail) = (Timestamp(0), std::cmp::Reverse(Duration::ZERO));
    let (slot, inst, takes, latest) = (Slot(0), InstId(0), Duration::ZERO, Timestamp::MAX);
    Rank { risky: false, index, submitted: now, run: RunId(1), tail, ready: now, slot, inst, takes, latest }
}

#[test]
fn classes_without_tasks_are_given_back() {
    let mut queue = Queue::new(&Policy::default());
    let now = Timestamp(0);
    let task = rank(0);
    let tenant = queue.tenant(&Tenant::default(), &Policy::default());
    let used = queue.class(vec![TargetId(0)], &Arc::default());
    let ticket = queue.insert(used, (Priority::Standard, tenant), task, now);
    let generation = queue.generation();
    for other in 1..u16::MAX {
        queue.class(vec![TargetId(other), TargetId(0)], &Arc::default());
    }
    assert!(queue.generation() > generation, "what was remembered of a class is void");
    assert!(queue.classes.len() <= IDLE_CLASSES, "few classes are kept");
    assert!(queue.by_target[&TargetId(0)].len() <= IDLE_CLASSES, "a target wakes few");
    assert_eq!(queue.candidates(used), [TargetId(0)], "a class with tasks is kept");
    queue.leave(&ticket, now);
    assert_eq!(queue.len(), 0);
}

/// The tree against a list that is looked through from end to end.
#[test]
fn the_first_that_is_covered_is_found() {
    let (mut tree, mut list) = (Ranked::default(), std::collections::BTreeMap::new());
    let mut number = 7_u64;
    let mut below = |end: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % end
    };
    for _ in 0..20_000 {
        let index = below(300);
        let rank = rank(index);
        if below(5) < 3 && !list.contains_key(&rank) {
            let bytes = below(1_000);
            tree.insert(rank, bytes);
            list.insert(rank, bytes);
        } else {
            assert_eq!(tree.remove(&rank), list.remove(&rank).is_some());
        }
        let most = below(1_000);
        let expected = list.iter().find(|(_, bytes)| **bytes <= most).map(|(rank, _)| *rank);
        assert_eq!(tree.first(|bytes| bytes <= most), expected);
        assert_eq!(tree.all().len(), list.len());
        assert_eq!(tree.is_empty(), list.is_empty());
        assert!(list.is_empty() || Some(tree.least()) == list.values().min().copied());
    }
    assert!(tree.all().iter().map(|(rank, _)| rank).eq(list.keys()), "in the order of ranks");
    assert!(tree.depth() < 40, "about the logarithm: {}", tree.depth());
}
