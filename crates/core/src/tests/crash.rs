//! Crashes of the process: who was at work in too many of them in a row is held.

use insta::assert_snapshot;

use super::trace;

#[test]
fn who_was_at_work_in_three_crashes_in_a_row_is_held_until_it_is_resumed() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a; b needs a
        submit r3 q delay=1m
        restart
        restart
        records on
        restart
        wait 1s
        view r1
        view r3
        why r1
        resume r1
        ok a
        restart
        view r1
    "), @"
       0ms dispatch r1/a#1 on t
       0ms restart
       0ms dispatch r1/a#2 on t
       0ms restart
       0ms dispatch r1/a#3 on t
       0ms restart
       0ms record 13 Opened
       0ms record 14 Crashed
       0ms record 15 a ended Lost: Retry { at: Timestamp(0) }
    1000ms r1 is running, spent $0, held $0
    1000ms   a waiting on paused
    1000ms   b waiting on dependency
    1000ms r3 is queued, spent $0, held $0
    1000ms   q waiting on delay
    1000ms why r1: 1s: paused 1s; critical a
    1000ms   a waiting: paused 1s
    1000ms   b waiting (needs a): dependency 1s
    1000ms   never sent: b 1 waiting
    1000ms record 16 Resumed
    1000ms record 17 a dispatched #4 waited [paused 1s] hold $0
    1000ms dispatch r1/a#4 on t
    1000ms record 18 a finished: Succeed
    1000ms record 19 b entered
    1000ms record 20 b dispatched #1 waited [] hold $0
    1000ms dispatch r1/b#1 on t
    1000ms restart
    1000ms record 21 Opened
    1000ms record 22 Crashed
    1000ms record 23 b ended Lost: Retry { at: Timestamp(1000000) }
    1000ms record 24 b dispatched #2 waited [] hold $0
    1000ms dispatch r1/b#2 on t
    1000ms r1 is running, spent $0, held $0
    1000ms   a succeeded
    1000ms   b running
    ");
}

#[test]
fn a_stop_in_good_order_ends_the_row() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a
        restart
        restart
        stopping
        stop
        restart
        restart
        view r1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms restart
    0ms dispatch r1/a#3 on t
    0ms stop
    0ms restart
    0ms dispatch r1/a#4 on t
    0ms restart
    0ms dispatch r1/a#5 on t
    0ms r1 is running, spent $0, held $0
    0ms   a running
    ");
}

#[test]
fn who_is_held_can_be_cancelled_and_its_last_tasks_wait() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; finally: f
        restart
        restart
        restart
        cancel r1
        view r1
        resume r1
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms restart
    0ms dispatch r1/a#3 on t
    0ms restart
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms r1 is cancelled, spent $0, held $0
    0ms   a cancelled
    0ms   f waiting on paused
    0ms dispatch r1/f#1 on t
    0ms close r1
    ");
}

#[test]
fn a_pause_holds_what_follows_a_failure_until_it_is_lifted() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once; on_failure: y; finally: z
        pause r1
        restart
        view r1
        resume r1
        ok y
        ok z
        submit r2 b; finally: f
        pause r2
        cancel r2
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms answer r1 failed uncertain in a: the process ended while attempt 1 on t was out: it may have taken effect
    0ms r1 is failed, spent $0, held $0
    0ms   a failed
    0ms   y waiting on paused
    0ms dispatch r1/y#1 on t
    0ms dispatch r1/z#1 on t
    0ms close r1
    0ms dispatch r2/b#1 on t
    0ms stop r2/b#1
    0ms answer r2 cancelled cancelled: cancelled by the caller
    0ms dispatch r2/f#1 on t
    ");
}

#[test]
fn who_is_held_is_got_rid_of_by_a_second_cancel() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; finally: f
        restart
        restart
        restart
        cancel r1
        cancel r1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms restart
    0ms dispatch r1/a#3 on t
    0ms restart
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms close r1
    ");
}
