//! Units of pools that attempts hold beside their target.

use insta::assert_snapshot;

use super::{dialogue, sent, trace};

#[test]
fn an_attempt_takes_all_that_it_asks_for_or_nothing() {
    assert_snapshot!(dialogue("
        pools gpu=2 sandbox=1
        submit r1 a resources=gpu:1,sandbox:1; c resources=gpu:1
        submit r2 b resources=gpu:2
        view r1
        view r2
        view pools
        ok a
        view pools
        ok c
        ok b
        view pools
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/c#1 on t
    0ms r1 is running, spent $0, held $0
    0ms   a running
    0ms   c running
    0ms r2 is queued, spent $0, held $0
    0ms   b waiting on limit
    0ms pools: gpu 2/2 sandbox 1/1
    0ms > ok a
    0ms pools: gpu 1/2 sandbox 0/1
    0ms > ok c
    0ms dispatch r2/b#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms > ok b
    0ms answer r2 succeeded
    0ms close r2
    0ms pools: gpu 0/2 sandbox 0/1
    ");
}

#[test]
fn what_was_cancelled_holds_them_until_its_attempt_has_ended() {
    assert_snapshot!(dialogue("
        pools gpu=1
        submit r1 a resources=gpu:1; b resources=gpu:1
        cancel r1
        submit r2 c resources=gpu:1
        view r2
        ok a
        view pools
        ok c
        view pools
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > cancel r1
    0ms stop r1/a#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms r2 is queued, spent $0, held $0
    0ms   c waiting on limit
    0ms > ok a
    0ms close r1
    0ms dispatch r2/c#1 on t
    0ms pools: gpu 1/1
    0ms > ok c
    0ms answer r2 succeeded
    0ms close r2
    0ms pools: gpu 0/1
    ");
}

#[test]
fn a_failed_attempt_gives_them_back_while_it_backs_off() {
    assert_snapshot!(trace("
        pools gpu=1
        submit r1 a resources=gpu:1 retry=2; b resources=gpu:1
        wait 10ms
        fail a unavailable
        wait 1s
        ok b
        wait 10ms
        ok a
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
      10ms dispatch r1/b#1 on t
     210ms woken: a task may start
    1010ms dispatch r1/a#2 on t
    1020ms answer r1 succeeded
    1020ms close r1
    1020ms why r1: 1.02s: limit 800ms backoff 200ms running 20ms; critical a
    1020ms   a succeeded: running 20ms backoff 200ms limit 800ms
    1020ms   b succeeded: limit 10ms running 1s
    ");
}

#[test]
fn what_was_out_when_the_process_ended_holds_them_where_it_goes_on() {
    assert_snapshot!(dialogue("
        pools gpu=1
        submit r1 a resources=gpu:1 effect=once; b resources=gpu:1
        reference a
        restart
        view pools
        ok a
        ok b
        view pools
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t again by reference
    0ms pools: gpu 1/1
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    0ms pools: gpu 0/1
    ");
}

#[test]
fn what_asks_for_more_than_there_is_waits_until_there_is_more() {
    assert_snapshot!(dialogue("
        pools gpu=2
        submit r1 a resources=gpu:3; b resources=seat:1; c resources=gpu:2
        wait 10ms
        view r1
        why r1
        pools gpu=3 seat=1
        view pools
        ok c
        ok a
        pools
        view pools
        ok b
        view pools
    "), @"
     0ms dispatch r1/c#1 on t
    10ms r1 is running, spent $0, held $0
    10ms   a waiting on capacity
    10ms   b waiting on capacity
    10ms   c running
    10ms why r1: 10ms: running 10ms; critical c
    10ms   a waiting: capacity 10ms
    10ms   b waiting: capacity 10ms
    10ms   c running: running 10ms
    10ms   never sent: a 1 waiting
    10ms   never sent: b 1 waiting
    10ms dispatch r1/b#1 on t
    10ms pools: gpu 2/3 seat 1/1
    10ms > ok c
    10ms dispatch r1/a#1 on t
    10ms > ok a
    10ms pools: seat 1/0
    10ms > ok b
    10ms answer r1 succeeded
    10ms close r1
    10ms pools:
    ");
}

#[test]
fn who_lacks_units_holds_nobody_back() {
    assert_snapshot!(dialogue("
        targets t=3
        pools gpu=2
        submit r1 a resources=gpu:1
        submit r2 b resources=gpu:2; run: interactive
        submit r3 c resources=gpu:1; run: background
        submit r4 d
        ok a
        submit r5 e resources=gpu:1
        ok c
        ok e
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r3/c#1 on t
    0ms dispatch r4/d#1 on t
    0ms > ok a
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r5/e#1 on t
    0ms > ok c
    0ms answer r3 succeeded
    0ms close r3
    0ms > ok e
    0ms dispatch r2/b#1 on t
    0ms answer r5 succeeded
    0ms close r5
    ");
}

#[test]
fn a_free_target_is_of_no_use_to_who_lacks_units() {
    assert_snapshot!(dialogue("
        targets t=2
        pools gpu=1
        submit r1 a resources=gpu:1; x; b resources=gpu:1; y
        ok x
        view r1
        ok y
        view r1
        ok a
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/x#1 on t
    0ms > ok x
    0ms dispatch r1/y#1 on t
    0ms r1 is running, spent $0, held $0
    0ms   a running
    0ms   x succeeded
    0ms   b waiting on limit
    0ms   y running
    0ms > ok y
    0ms r1 is running, spent $0, held $0
    0ms   a running
    0ms   x succeeded
    0ms   b waiting on limit
    0ms   y succeeded
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn who_waits_for_money_of_a_window_waits_for_units_too() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=64 f=2:class=free
        windows hour=70c
        pools gpu=1
        submit r1 a class=t
        submit r2 b class=t resources=gpu:1
        submit r3 c class=free resources=gpu:1
        ok a tokens=1
        view r2
        ok c
        ok b
    "), @"
    0ms dispatch r1/a#1 on t cap=64
    0ms dispatch r3/c#1 on f
    0ms > ok a tokens=1
    0ms answer r1 succeeded spent $0.0100
    0ms close r1
    0ms r2 is queued, spent $0, held $0
    0ms   b waiting on budget
    0ms > ok c
    0ms dispatch r2/b#1 on t cap=64
    0ms answer r3 succeeded
    0ms close r3
    0ms > ok b
    0ms answer r2 succeeded spent $0.6400
    0ms close r2
    ");
}

/// What follows both takes as long; what follows `b` must wait for the one seat, as long as there is one.
#[test]
fn what_must_wait_for_units_later_is_begun_sooner() {
    let tasks =
        "a resources=gpu:1; b resources=gpu:1; c needs a; d needs b resources=seat:1; e needs b resources=seat:1";
    let first = |pools: &str, tasks: &str| {
        let told = dialogue(&format!("targets t=9\npools {pools}\nsubmit r1 {tasks}"));
        told.lines().next().map(|line| line.trim().to_owned()).unwrap_or_default()
    };
    assert_eq!(first("gpu=1 seat=1", tasks), "0ms dispatch r1/b#1 on t");
    assert_eq!(first("gpu=1 seat=2", tasks), "0ms dispatch r1/a#1 on t");
    // A group holds what its tasks hold, now this and now that: by the way to the end alone.
    let grouped = format!("{tasks}; g {{ x }}");
    assert_eq!(first("gpu=1 seat=1", &grouped), "0ms dispatch r1/a#1 on t");
}

#[test]
fn other_pools_and_what_was_learned_count_for_the_next_run() {
    let tasks =
        "a resources=gpu:1; b resources=gpu:1; c needs a; d needs b resources=seat:1; e needs b resources=seat:1";
    let next = |before: &str| {
        let told =
            dialogue(&format!("targets t=9\npools gpu=1 seat=2\nsubmit r1 {tasks}\n{before}\nsubmit r2 {tasks}"));
        told.lines().last().map(|line| line.trim().to_owned()).unwrap_or_default()
    };
    assert_eq!(next("cancel r1\nok a"), "0ms dispatch r2/a#1 on t");
    assert_eq!(next("cancel r1\nok a\npools gpu=1 seat=1"), "0ms dispatch r2/b#1 on t");
    // Now `b` is known to take longer than all others.
    assert_eq!(next("ok a\nok c\nwait 1s\nok b\nok d\nok e"), "1000ms dispatch r2/b#1 on t");
}

#[test]
fn what_ends_together_frees_together_what_it_held() {
    let then = |ends: &str| {
        sent(&format!(
            "
            targets t=9
            pools gpu=2
            submit r1 a resources=gpu:1; b resources=gpu:1
            submit r2 both resources=gpu:2
            submit r3 one resources=gpu:1
            {ends}
        "
        ))
    };
    assert_eq!(then("ok a\nok b"), "a b one");
    assert_eq!(then("more on\nok a\nmore off\nok b"), "a b both");
    assert_eq!(then("more on\nok a\nok b"), "a b");
}
