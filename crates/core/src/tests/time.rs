//! Deadlines, delays, timeouts, pruning, pauses.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn a_run_without_answer_fails_at_its_deadline() {
    assert_snapshot!(dialogue("
        submit r1 a; run: deadline=1s
        wait 2s
        fail a cancelled
    "), @"
       0ms dispatch r1/a#1 on t
    1000ms woken: a run's deadline
    1000ms stop r1/a#1
    1000ms answer r1 failed deadline_exceeded: no answer within the deadline of 1s
    2000ms > fail a cancelled
    2000ms close r1
    ");
}

#[test]
fn a_delay_starts_when_the_needs_have_settled() {
    assert_snapshot!(dialogue("
        submit r1 a; b needs a delay=500ms
        ok a
        view r1
        wait 500ms
        ok b
    "), @"
      0ms dispatch r1/a#1 on t
      0ms > ok a
      0ms r1 is running, spent $0, held $0
      0ms   a succeeded
      0ms   b waiting on delay
    500ms woken: a task may start
    500ms dispatch r1/b#1 on t
    500ms > ok b
    500ms answer r1 succeeded
    500ms close r1
    ");
}

#[test]
fn a_task_may_wait_for_an_instant() {
    assert_snapshot!(dialogue("
        submit r1 a not_before=2s
        wait 3s
        ok a
    "), @"
    2000ms woken: a task may start
    2000ms dispatch r1/a#1 on t
    3000ms > ok a
    3000ms answer r1 succeeded
    3000ms close r1
    ");
}

#[test]
fn timeout_task_covers_attempts_and_pauses() {
    assert_snapshot!(dialogue("
        submit r1 a retry=9 timeout=300ms
        fail a unavailable
        wait 1s
        fail a cancelled
    "), @"
       0ms dispatch r1/a#1 on t
       0ms > fail a unavailable
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t
     300ms woken: a task's time is over
     300ms stop r1/a#2
     300ms answer r1 failed timeout in a: no success within its timeout of 300ms
    1000ms > fail a cancelled
    1000ms close r1
    ");
}

#[test]
fn within_is_a_deadline_of_the_task() {
    assert_snapshot!(dialogue("
        submit r1 a within=1s catch=deadline_exceeded:output
        wait 1s
        fail a cancelled
    "), @"
       0ms dispatch r1/a#1 on t
    1000ms woken: a task's time is over
    1000ms stop r1/a#1
    1000ms answer r1 succeeded degraded
    1000ms > fail a cancelled
    1000ms close r1
    ");
}

#[test]
fn an_optional_task_is_dropped_in_time_for_what_follows() {
    assert_snapshot!(dialogue("
        targets t=4:expected=400ms
        submit r1 a optional; b needs a; run: deadline=1s
        wait 700ms
        ok b
        fail a cancelled
    "), @"
      0ms dispatch r1/a#1 on t
    550ms woken: a task's time is over
    550ms stop r1/a#1
    550ms dispatch r1/b#1 on t
    700ms > ok b
    700ms answer r1 succeeded degraded
    700ms > fail a cancelled
    700ms close r1
    ");
}

#[test]
fn a_retry_that_would_come_too_late_is_not_waited_for() {
    assert_snapshot!(dialogue("
        submit r1 a retry=3 catch=any:output; run: deadline=1s
        fail a rate_limited after 30s
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a rate_limited after 30s
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_has_a_deadline_of_its_own() {
    assert_snapshot!(dialogue("
        submit r1 l loop=5 last loop_deadline=1s { x }
        ok l/loop#1/x
        wait 2s
        fail l/loop#2/x cancelled
    "), @"
       0ms dispatch r1/l/loop#1/x#1 on t
       0ms > ok l/loop#1/x
       0ms dispatch r1/l/loop#2/x#1 on t
    1000ms woken: a loop's deadline
    1000ms stop r1/l/loop#2/x#1
    1000ms answer r1 succeeded degraded
    2000ms > fail l/loop#2/x cancelled
    2000ms close r1
    ");
}

#[test]
fn a_paused_run_starts_nothing() {
    assert_snapshot!(dialogue("
        submit r1 a; b needs a
        pause r1
        ok a
        view r1
        resume r1
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > pause r1
    0ms > ok a
    0ms r1 is running, spent $0, held $0
    0ms   a succeeded
    0ms   b waiting on paused
    0ms > resume r1
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn after_tasks_run_when_the_answer_is_out() {
    assert_snapshot!(dialogue("
        submit r1 a; after: s; t needs s; finally: f
        ok a
        fail s permanent
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 succeeded
    0ms dispatch r1/s#1 on t
    0ms > fail s permanent
    0ms dispatch r1/f#1 on t
    0ms > ok f
    0ms close r1
    ");
}

#[test]
fn cancel_ends_a_run_and_not_its_finally_though_it_is_said_twice() {
    assert_snapshot!(dialogue("
        submit r1 a; b needs a; on_failure: no; finally: f
        cancel r1
        cancel r1
        fail a cancelled
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > cancel r1
    0ms stop r1/a#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms dispatch r1/f#1 on t
    0ms > cancel r1
    0ms > fail a cancelled
    0ms > ok f
    0ms close r1
    ");
}

#[test]
fn what_is_due_to_be_dropped_is_not_sent_first() {
    assert_snapshot!(dialogue("
        targets t=1:expected=400ms
        submit r1 a; b optional needs a; c needs b; run: deadline=1s
        wait 700ms
        ok a
        ok c
    "), @"
      0ms dispatch r1/a#1 on t
    700ms > ok a
    700ms dispatch r1/c#1 on t
    700ms > ok c
    700ms answer r1 succeeded degraded
    700ms close r1
    ");
}

#[test]
fn a_restart_knows_again_when_an_optional_task_must_be_dropped() {
    assert_snapshot!(dialogue("
        targets t=4:expected=400ms
        submit r1 a optional; b needs a; run: deadline=1s
        restart
        wait 700ms
        ok b
        fail a cancelled
    "), @"
      0ms dispatch r1/a#1 on t
      0ms restart
      0ms dispatch r1/a#2 on t
    550ms woken: a task's time is over
    550ms stop r1/a#2
    550ms dispatch r1/b#1 on t
    700ms > ok b
    700ms answer r1 succeeded degraded
    700ms > fail a cancelled
    700ms close r1
    ");
}

#[test]
fn what_is_optional_never_costs_the_answer() {
    assert_snapshot!(dialogue("
        targets t=4:expected=10ms
        submit r1 a optional; b; run: deadline=500ms
        ok b
        wait 1s
    "), @"
      0ms dispatch r1/a#1 on t
      0ms dispatch r1/b#1 on t
      0ms > ok b
    450ms woken: a task's time is over
    450ms stop r1/a#1
    450ms answer r1 succeeded degraded
    ");
}

#[test]
fn an_optional_task_inside_a_group_is_dropped_in_time_too() {
    assert_snapshot!(dialogue("
        submit r1 g { a; x optional; y needs x }; b needs g; run: deadline=1s
        ok g/a
        wait 650ms
        view r1
        wait 150ms
        ok g/y
        ok b
    "), @"
      0ms dispatch r1/g/x#1 on t
      0ms dispatch r1/g/a#1 on t
      0ms > ok g/a
    650ms r1 is running, spent $0, held $0
    650ms   g running
    650ms   g/a succeeded
    650ms   g/x running
    650ms   g/y waiting on dependency
    650ms   b waiting on dependency
    750ms woken: a task's time is over
    750ms stop r1/g/x#1
    750ms dispatch r1/g/y#1 on t
    800ms > ok g/y
    800ms dispatch r1/b#1 on t
    800ms > ok b
    800ms answer r1 succeeded degraded
    ");
}

#[test]
fn a_closed_target_is_waited_for_by_all_and_a_limit_by_who_is_next() {
    assert_snapshot!(trace("
        targets t=2
        submit r1 w optional; a optional; b; c; d
        fail w rate_limited after 3s
        wait 10ms
        fail a rate_limited after 3s
        wait 4s
        wait 100ms
        ok b
        ok c
        wait 100ms
        ok d
        why r1
    "), @r#"
       0ms dispatch r1/w#1 on t
       0ms dispatch r1/a#1 on t
    3010ms woken: a target reopens
    3010ms dispatch r1/b#1 on t
    3060ms woken: a target may have room for one more
    3060ms dispatch r1/c#1 on t
    3110ms woken: a target may have room for one more
    3160ms woken: a target may have room for one more
    4110ms dispatch r1/d#1 on t
    4160ms woken: a target may have room for one more
    4210ms answer r1 succeeded degraded
    4210ms close r1
    4210ms why r1: 4.21s: backoff 3.01s limit 1.05s running 100ms order 50ms; critical d
    4210ms   w failed (Failed(RateLimited, "no luck")):
    4210ms   a failed (Failed(RateLimited, "no luck")): running 10ms
    4210ms   b succeeded: backoff 3.01s running 1.1s
    4210ms   c succeeded: limit 50ms backoff 3.01s running 1.05s
    4210ms   d succeeded: order 50ms limit 1.05s backoff 3.01s running 100ms
    "#);
}

#[test]
fn a_failure_that_leaves_no_time_for_another_attempt_is_one_of_time() {
    assert_snapshot!(dialogue("
        policy failures=0
        submit r1 a within=300ms retry=9 catch=deadline_exceeded:output
        fail a unavailable
        wait 200ms
        fail a unavailable
        submit r2 a within=300ms retry=9 catch=unavailable:output
        fail r2/a unavailable
        wait 200ms
        fail r2/a unavailable
        submit r3 a retry=9; run: deadline=300ms
        fail r3/a unavailable
        wait 200ms
        fail r3/a unavailable
        submit r4 a timeout=300ms retry=2
        fail r4/a unavailable
        wait 200ms
        fail r4/a unavailable
        submit r5 a timeout=300ms retry=9
        fail r5/a unavailable
        wait 200ms
        fail r5/a unavailable
    "), @"
       0ms > policy failures=0
       0ms dispatch r1/a#1 on t
       0ms > fail a unavailable
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t
     200ms > fail a unavailable
     200ms answer r1 succeeded degraded
     200ms close r1
     200ms dispatch r2/a#1 on t
     200ms > fail r2/a unavailable
     400ms woken: a task may start
     400ms dispatch r2/a#2 on t
     400ms > fail r2/a unavailable
     400ms answer r2 succeeded degraded
     400ms close r2
     400ms dispatch r3/a#1 on t
     400ms > fail r3/a unavailable
     600ms woken: a task may start
     600ms dispatch r3/a#2 on t
     600ms > fail r3/a unavailable
     600ms answer r3 failed deadline_exceeded in a: no time is left for another attempt within the run's deadline: no luck
     600ms close r3
     600ms dispatch r4/a#1 on t
     600ms > fail r4/a unavailable
     800ms woken: a task may start
     800ms dispatch r4/a#2 on t
     800ms > fail r4/a unavailable
     800ms answer r4 failed unavailable in a: no luck
     800ms close r4
     800ms dispatch r5/a#1 on t
     800ms > fail r5/a unavailable
    1000ms woken: a task may start
    1000ms dispatch r5/a#2 on t
    1000ms > fail r5/a unavailable
    1000ms answer r5 failed timeout in a: no time is left for another attempt within its timeout of 300ms: no luck
    1000ms close r5
    ");
}
