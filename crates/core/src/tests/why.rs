//! Where the time went.

use insta::assert_snapshot;

use super::trace;

#[test]
fn causes_add_up_over_waiting_running_and_backing_off() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b retry=3; c needs a,b
        wait 100ms
        ok a
        wait 50ms
        fail b unavailable
        wait 2s
        ok b
        wait 10ms
        ok c
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
     100ms dispatch r1/b#1 on t
     350ms woken: a task may start
     350ms dispatch r1/b#2 on t
    2150ms dispatch r1/c#1 on t
    2160ms answer r1 succeeded
    2160ms close r1
    2160ms why r1: 2.16s: running 1.86s backoff 200ms limit 100ms; critical b → c
    2160ms   a succeeded: running 100ms
    2160ms   b succeeded: limit 100ms running 1.85s backoff 200ms
    2160ms   c succeeded: dependency 2.15s running 10ms
    ");
}

#[test]
fn items_rounds_and_a_restart_are_accounted_for() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 e foreach max=2; l needs e loop=3 { x }
        wait 10ms
        ok e[0]
        wait 10ms
        restart
        wait 10ms
        why r1
    "), @"
     0ms dispatch r1/e[0]#1 on t
    10ms dispatch r1/e[1]#1 on t
    20ms restart
    20ms dispatch r1/e[1]#2 on t
    30ms why r1: 30ms: running 10ms limit 10ms downtime 10ms; critical e[1]
    30ms   e[0] succeeded: running 10ms
    30ms   e[1] running: limit 10ms downtime 10ms running 10ms
    30ms   l waiting (needs e): dependency 30ms
    ");
}

#[test]
fn skipped_caught_dropped_and_exhausted_are_said() {
    assert_snapshot!(trace("
        targets t=4
        say s if=false
        say l until=false
        submit r1 s if; c catch=any:output; l loop=2 best { x }; d needs c
        fail c permanent
        wait 10ms
        ok l/loop#1/x
        wait 10ms
        ok l/loop#2/x
        wait 10ms
        ok d
        why r1
    "), @"
     0ms dispatch r1/c#1 on t
     0ms dispatch r1/l/loop#1/x#1 on t
     0ms dispatch r1/d#1 on t
    10ms dispatch r1/l/loop#2/x#1 on t
    30ms answer r1 succeeded degraded
    30ms close r1
    30ms why r1: 30ms: running 30ms; critical c → d
    30ms   s skipped (Condition):
    30ms   c succeeded (Caught(Permanent, \"no luck\")):
    30ms   l succeeded (Exhausted(2)): running 20ms
    30ms   l/loop#1/x succeeded: running 10ms
    30ms   d succeeded: running 30ms
    30ms   l/loop#2/x succeeded: dependency 10ms running 10ms
    ");
}

#[test]
fn a_run_that_fails_names_the_task_and_what_never_started() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; c needs a,b
        wait 10ms
        fail a permanent
        wait 5ms
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    10ms answer r1 failed permanent in a: no luck
    10ms close r1
    15ms why r1: 10ms: running 10ms; critical a
    15ms   a failed (Failed(Permanent, \"no luck\")): running 10ms
    15ms   b cancelled (EndedFirst): dependency 10ms
    15ms   c cancelled (EndedFirst): dependency 10ms
    ");
}

#[test]
fn a_deadline_is_put_down_to_what_went_on() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b needs a; run: deadline=50ms
        wait 20ms
        ok a
        wait 40ms
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    20ms dispatch r1/b#1 on t
    50ms woken: a run's deadline
    50ms stop r1/b#1
    50ms answer r1 failed deadline_exceeded: no answer within the deadline of 50ms
    60ms why r1: 50ms: running 50ms; critical a → b
    60ms   a succeeded: running 20ms
    60ms   b cancelled (EndedFirst): dependency 20ms running 30ms
    ");
}

#[test]
fn waiting_for_money_and_for_a_person_who_paused() {
    assert_snapshot!(trace("
        targets t=2:token=1c:cap=100
        submit r1 a; b; c needs a,b; run: budget=110c wait
        wait 10ms
        ok a tokens=5
        wait 10ms
        ok b tokens=5
        ok c tokens=5
        submit r2 a; b needs a
        wait 10ms
        pause r2
        ok r2/a
        wait 30ms
        resume r2
        wait 10ms
        ok r2/b
        why r1
        why r2
    "), @"
     0ms dispatch r1/a#1 on t cap=100
    10ms dispatch r1/b#1 on t cap=100
    20ms dispatch r1/c#1 on t cap=100
    20ms answer r1 succeeded spent $0.1500
    20ms close r1
    20ms dispatch r2/a#1 on t cap=100
    60ms dispatch r2/b#1 on t cap=100
    70ms answer r2 succeeded spent $2.00
    70ms close r2
    70ms why r1: 20ms: running 10ms budget 10ms; critical b → c
    70ms   a succeeded: running 10ms
    70ms   b succeeded: budget 10ms running 10ms
    70ms   c succeeded: dependency 20ms
    70ms why r2: 50ms: paused 30ms running 20ms; critical a → b
    70ms   a succeeded: running 10ms
    70ms   b succeeded: dependency 10ms paused 30ms running 10ms
    ");
}

#[test]
fn a_live_run_says_what_waits_for_what() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; c needs a,b delay=20ms
        wait 10ms
        ok a
        wait 10ms
        why r1
        ok b
        wait 10ms
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    10ms dispatch r1/b#1 on t
    20ms why r1: 20ms: running 10ms limit 10ms; critical b
    20ms   a succeeded: running 10ms
    20ms   b running: limit 10ms running 10ms
    20ms   c waiting (needs b): dependency 20ms
    30ms why r1: 30ms: running 10ms limit 10ms paused 10ms; critical b → c
    30ms   a succeeded: running 10ms
    30ms   b succeeded: limit 10ms running 10ms
    30ms   c waiting: dependency 20ms paused 10ms
    ");
}
