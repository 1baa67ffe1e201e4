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
    2160ms why r1: 2.16s: running 1.96s backoff 200ms; critical b → c
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
    10ms dispatch r1/e[2]#1 on t
    20ms restart
    20ms dispatch r1/e[2]#2 on t
    30ms why r1: 30ms: running 30ms; critical e[0]
    30ms   e[0] succeeded: running 10ms
    30ms   e[2] running: dependency 10ms running 20ms
    ");
}
