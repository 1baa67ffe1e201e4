//! What is not seen in a scenario: which plans are kept.

use std::sync::Arc;

use agendum_testkit::script;

use super::{IDLE_MAX, Plans};

#[test]
fn what_was_run_last_is_kept() {
    let mut plans = Plans::default();
    let graph = |number: usize| Arc::new(script::graph(&format!("a{number}")));
    let often = graph(0);
    for number in 1..2 * IDLE_MAX {
        for graph in [&often, &graph(number)] {
            let plan = plans.intern(graph);
            plans.take(plan);
            plans.release(plan);
        }
    }
    assert!(plans.find(often.hash).is_some(), "a graph that is run again and again");
    assert!(plans.find(graph(2 * IDLE_MAX - 1).hash).is_some(), "the last");
    assert!(plans.find(graph(1).hash).is_none(), "one that was run once, long ago");
    assert_eq!(plans.idle.len(), IDLE_MAX);
    assert!(plans.plans.len() <= IDLE_MAX + 1, "few places are used");
}

#[test]
fn a_graph_in_use_is_kept() {
    let mut plans = Plans::default();
    let used = Arc::new(script::graph("used"));
    let plan = plans.intern(&used);
    plans.take(plan);
    plans.take(plan);
    plans.release(plan);
    for number in 0..2 * IDLE_MAX {
        let other = plans.intern(&Arc::new(script::graph(&format!("a{number}"))));
        plans.take(other);
        plans.release(other);
    }
    assert_eq!(plans.find(used.hash), Some(plan));
}
