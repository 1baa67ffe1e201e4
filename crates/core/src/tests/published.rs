//! Plans: they count for as long as they last, for the policy that they were made for, and the policy counts before and after.

use insta::assert_snapshot;

use super::{dialogue, sent};

/// Four runs with deadlines come at once, and one is sent at a time: by who came first under the policy, by who is due first under a plan.
fn order(words: &str) -> String {
    sent(&format!(
        "
        policy deadline=fifo
        targets t=1
        submit r1 w
        submit r2 a; run: deadline=60s
        submit r3 b; run: deadline=50s
        submit r4 c; run: deadline=40s
        submit r5 d; run: deadline=30s
        {words}
    "
    ))
}

#[test]
fn what_waits_is_ranked_anew_with_a_plan_and_when_it_is_over() {
    assert_eq!(order("drain 1s"), "w a b c d");
    assert_eq!(order("plan 10s deadline=edf\ndrain 1s"), "w d c b a");
    // It is over after the second has been sent.
    assert_eq!(order("plan 1500ms deadline=edf\ndrain 1s"), "w d a b c");
    assert_eq!(order("plan 10s deadline=edf\nwait 1s\nok w\nplan withdrawn\ndrain 1s"), "w d a b c");
    // A later one takes its place, also when it is over sooner.
    assert_eq!(order("plan 10s deadline=edf\nplan 1500ms deadline=slack hedge=0\ndrain 1s"), "w d a b c");
    assert_eq!(order("plan 0s deadline=edf\ndrain 1s"), "w a b c d", "it is over already");
}

#[test]
fn a_plan_is_for_its_policy() {
    assert_eq!(order("plan 10s of=other@00000000 deadline=edf\ndrain 1s"), "w a b c d");
    // Under another policy it counts for nothing, and does again under its own.
    let rules = "policy deadline=fifo";
    assert_eq!(order(&format!("plan 60s deadline=edf\npolicy deadline=slack\n{rules}\ndrain 1s")), "w d c b a");
}

#[test]
fn what_is_over_is_over_before_anything_else_of_that_instant() {
    let told = dialogue(
        "
        policy deadline=fifo
        targets t=1
        submit r1 w
        submit r2 a; run: deadline=60s
        submit r3 b; run: deadline=50s
        plan 1s deadline=edf
        wait 1s
        ok w
        ok a
        plan withdrawn
        ok b
        attempts r2
        attempts r3
    ",
    );
    assert_snapshot!(told.lines().filter(|line| line.contains("balanced") || line.contains("woken")).collect::<Vec<_>>().join("\n"), @"
    1000ms woken: a plan is over
    1000ms     balanced fifo 0µs, 0 ahead, 1 behind
    1000ms     balanced fifo 0µs, 1 ahead, 0 behind
    ");
}

#[test]
fn the_next_life_goes_by_it_too() {
    // What was out is sent again, last.
    assert_eq!(order("plan 10s deadline=edf\nrestart\ndrain 1s"), "w d c b a w");
}
