//! How `why` tells what ended without a record of its own.

use insta::assert_snapshot;

use super::trace;

#[test]
fn a_foreach_that_failed_is_told_as_failed() {
    assert_snapshot!(trace("
        targets t=9
        say g/e items=2
        submit r1 g catch=any:output { e foreach max=2 }; z needs g
        wait 10ms
        fail g/e[0] permanent
        wait 10ms
        fail g/e[1] cancelled
        ok z
        why r1
        say e items=2
        submit r2 e foreach max=2 optional; z needs e
        wait 10ms
        fail e[1] permanent
        wait 10ms
        fail e[0] cancelled
        ok z
        why r2
    "), @r#"
     0ms dispatch r1/g/e[0]#1 on t
     0ms dispatch r1/g/e[1]#1 on t
    10ms stop r1/g/e[1]#1
    10ms dispatch r1/z#1 on t
    20ms answer r1 succeeded degraded
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical g/e[0] → z
    20ms   g succeeded (Caught(Permanent, "no luck")): running 10ms
    20ms   g/e failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/e[0] failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/e[1] cancelled (for g/e[0] failed): running 10ms
    20ms   z succeeded: dependency 10ms running 10ms
    20ms dispatch r2/e[0]#1 on t
    20ms dispatch r2/e[1]#1 on t
    30ms stop r2/e[0]#1
    30ms dispatch r2/z#1 on t
    40ms answer r2 succeeded degraded
    40ms close r2
    40ms why r2: 20ms: running 20ms; critical e[1] → z
    40ms   e failed (Failed(Permanent, "no luck")): running 10ms
    40ms   e[0] cancelled (for e[1] failed): running 10ms
    40ms   e[1] failed (Failed(Permanent, "no luck")): running 10ms
    40ms   z succeeded: dependency 10ms running 10ms
    "#);
}

#[test]
fn what_nobody_reads_has_ended_with_what_is_inside() {
    assert_snapshot!(trace("
        targets t=9
        say e items=0
        submit r1 e unread foreach; a
        wait 20ms
        ok a
        why r1
        submit r2 r unread race=1 delay=1ms { p; q }; a
        wait 10ms
        ok r2/r/q
        wait 10ms
        fail r2/r/p cancelled
        ok r2/a
        why r2
        say e items=2
        submit r3 e unread foreach max=2; g unread { x }; a
        wait 10ms
        ok r3/e[0]
        ok r3/e[1]
        ok r3/g/x
        wait 10ms
        why r3
        fail r3/a permanent
        why r3
    "), @r#"
     0ms dispatch r1/a#1 on t
    20ms answer r1 succeeded
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical a
    20ms   a succeeded: running 20ms
    20ms dispatch r2/a#1 on t
    21ms woken: a task may start
    21ms dispatch r2/r/p#1 on t
    21ms dispatch r2/r/q#1 on t
    30ms stop r2/r/p#1
    40ms answer r2 succeeded
    40ms close r2
    40ms why r2: 20ms: running 20ms; critical a
    40ms   a succeeded: running 20ms
    40ms   r/p cancelled (EndedFirst(None)): dependency 1ms running 9ms
    40ms   r/q succeeded: dependency 1ms running 9ms
    40ms dispatch r3/a#1 on t
    40ms dispatch r3/g/x#1 on t
    40ms dispatch r3/e[0]#1 on t
    40ms dispatch r3/e[1]#1 on t
    60ms why r3: 20ms: running 20ms; critical a
    60ms   e[0] succeeded: running 10ms
    60ms   e[1] succeeded: running 10ms
    60ms   g/x succeeded: running 10ms
    60ms   a running: running 20ms
    60ms answer r3 failed permanent in a: no luck
    60ms close r3
    60ms why r3: 20ms: running 20ms; critical a
    60ms   e[0] succeeded: running 10ms
    60ms   e[1] succeeded: running 10ms
    60ms   g/x succeeded: running 10ms
    60ms   a failed (Failed(Permanent, "no luck")): running 20ms
    "#);
}

#[test]
fn what_fails_optionally_inside_leaves_the_rest() {
    assert_snapshot!(trace("
        targets t=9
        say g/e items=1
        submit r1 g { e foreach optional; h unread optional { y; k }; x unread }
        wait 10ms
        fail g/e[0] permanent
        fail g/h/y permanent
        wait 10ms
        fail g/h/k cancelled
        ok g/x
        why r1
    "), @r#"
     0ms dispatch r1/g/x#1 on t
     0ms dispatch r1/g/h/y#1 on t
     0ms dispatch r1/g/h/k#1 on t
     0ms dispatch r1/g/e[0]#1 on t
    10ms stop r1/g/h/k#1
    20ms answer r1 succeeded degraded
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical g/x
    20ms   g/e failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/e[0] failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/h failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/h/y failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/h/k cancelled (for g/h/y failed): running 10ms
    20ms   g/x succeeded: running 20ms
    "#);
}

#[test]
fn what_a_caller_called_off_may_end_later() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a; after: b { x; y }; c
        ok a
        wait 10ms
        cancel r1
        wait 5ms
        fail b/x cancelled
        fail b/y cancelled
        fail c cancelled
        why r1
        submit r2 a; on_failure: f; run: deadline=20ms
        wait 20ms
        cancel r2
        wait 5ms
        fail r2/a cancelled
        fail r2/f cancelled
        why r2
    "), @r"
     0ms dispatch r1/a#1 on t
     0ms answer r1 succeeded
     0ms dispatch r1/c#1 on t
     0ms dispatch r1/b/x#1 on t
     0ms dispatch r1/b/y#1 on t
    10ms stop r1/b/y#1
    10ms stop r1/b/x#1
    10ms stop r1/c#1
    15ms close r1
    15ms why r1: 0µs:; critical a
    15ms   a succeeded:
    15ms   b/x cancelled (CalledOff): running 15ms
    15ms   b/y cancelled (CalledOff): running 15ms
    15ms   c cancelled (CalledOff): running 15ms
    15ms dispatch r2/a#1 on t
    35ms woken: a run's deadline
    35ms stop r2/a#1
    35ms answer r2 failed deadline_exceeded: no answer within the deadline of 20ms
    35ms dispatch r2/f#1 on t
    35ms stop r2/f#1
    40ms close r2
    40ms why r2: 20ms: running 20ms; critical a
    40ms   a cancelled (CalledOff): running 20ms
    40ms   f cancelled (CalledOff): dependency 20ms running 5ms
    ");
}

#[test]
fn a_loop_that_ran_out_has_run_out_though_its_result_passed() {
    assert_snapshot!(trace("
        say l until=false fail_if=false
        submit r1 l loop=1 last fail_if { x }
        ok l/loop#1/x
        why r1
    "), @r"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms why r1: 0µs:; critical l/loop#1/x
    0ms   l succeeded (RanOut(Rounds, 1)):
    0ms   l/loop#1/x succeeded:
    ");
}
