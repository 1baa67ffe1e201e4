//! What a task waited for that was not sent, or has not been sent yet.

use insta::assert_snapshot;

use super::trace;

#[test]
fn who_queued_when_the_run_was_cancelled_says_for_what() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; c needs b
        wait 10ms
        cancel r1
        wait 5ms
        why r1
    "), @"
     0ms dispatch r1/b#1 on t
    10ms stop r1/b#1
    10ms answer r1 cancelled cancelled: cancelled by the caller
    15ms why r1: 10ms: running 10ms; critical b
    15ms   a cancelled (CalledOff): limit 10ms
    15ms   b cancelled (CalledOff): running 10ms
    15ms   c cancelled (CalledOff): dependency 10ms
    15ms   never sent: a 1 cancelled
    15ms   never sent: c 1 cancelled
    ");
}

#[test]
fn who_queued_when_the_run_failed_or_was_late_says_for_what() {
    assert_snapshot!(trace("
        targets t=1 u=1:class=u
        submit r1 a; b; g { x; y needs x }; c needs a,b
        wait 10ms
        fail a permanent
        why r1
        submit r2 a class=u; b class=u; run: deadline=30ms
        wait 40ms
        why r2
    "), @r#"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/b#1 on u
    10ms stop r1/b#1
    10ms answer r1 failed permanent in a: no luck
    10ms why r1: 10ms: running 10ms; critical a
    10ms   a failed (Failed(Permanent, "no luck")): running 10ms
    10ms   b cancelled (for a failed): running 10ms
    10ms   g/x cancelled (for a failed): limit 10ms
    10ms   c cancelled (for a failed): dependency 10ms
    10ms   never sent: g/x 1 cancelled
    10ms   never sent: c 1 cancelled
    40ms woken: a run's deadline
    40ms answer r2 failed deadline_exceeded: no answer within the deadline of 30ms
    40ms close r2
    50ms why r2: 30ms: limit 30ms; critical b
    50ms   a cancelled (EndedFirst(None)): limit 30ms
    50ms   b cancelled (EndedFirst(None)): limit 30ms
    50ms   never sent: a 1 cancelled
    50ms   never sent: b 1 cancelled
    "#);
}

#[test]
fn who_waited_for_money_or_for_another_try_says_so() {
    assert_snapshot!(trace("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=110c wait
        wait 10ms
        cancel r1
        why r1
        targets t=1
        ok r1/a
        submit r2 a retry=3
        wait 10ms
        fail r2/a unavailable
        submit r3 x
        wait 300ms
        cancel r2
        why r2
    "), @"
      0ms dispatch r1/a#1 on t cap=100
     10ms stop r1/a#1
     10ms answer r1 cancelled cancelled: cancelled by the caller
     10ms why r1: 10ms: budget 10ms; critical b
     10ms   a cancelled (CalledOff): running 10ms
     10ms   b cancelled (CalledOff): budget 10ms
     10ms   never sent: b 1 cancelled
     10ms close r1
     10ms dispatch r2/a#1 on t
     20ms dispatch r3/x#1 on t
    220ms woken: a task may start
    320ms answer r2 cancelled cancelled: cancelled by the caller
    320ms close r2
    320ms why r2: 310ms: backoff 200ms limit 100ms running 10ms; critical a
    320ms   a cancelled (CalledOff): running 10ms backoff 200ms limit 100ms
    ");
}

#[test]
fn who_waited_for_its_start_says_so_however_the_run_ends() {
    assert_snapshot!(trace("
        targets t=4
        submit r1 a delay=20ms
        wait 20ms
        ok r1/a
        why r1
        submit r2 a; b delay=1s; g delay=1s { x }
        wait 10ms
        fail r2/a permanent
        why r2
        submit r3 a delay=1s
        wait 10ms
        cancel r3
        why r3
        submit r4 a delay=1s
        wait 10ms
        view r4
        why r4
    "), @r#"
    20ms woken: a task may start
    20ms dispatch r1/a#1 on t
    20ms answer r1 succeeded
    20ms close r1
    20ms why r1: 20ms: delay 20ms; critical a
    20ms   a succeeded: delay 20ms
    20ms dispatch r2/a#1 on t
    30ms answer r2 failed permanent in a: no luck
    30ms close r2
    30ms why r2: 10ms: running 10ms; critical a
    30ms   a failed (Failed(Permanent, "no luck")): running 10ms
    30ms   b cancelled (for a failed): delay 10ms
    30ms   g cancelled (for a failed): delay 10ms
    30ms   never sent: b 1 cancelled
    30ms   never sent: g 1 cancelled
    40ms answer r3 cancelled cancelled: cancelled by the caller
    40ms close r3
    40ms why r3: 10ms: delay 10ms; critical a
    40ms   a cancelled (CalledOff): delay 10ms
    40ms   never sent: a 1 cancelled
    50ms r4 is queued, spent $0, held $0
    50ms   a waiting on delay
    50ms why r4: 10ms: delay 10ms; critical a
    50ms   a waiting: delay 10ms
    50ms   never sent: a 1 waiting
    "#);
}

#[test]
fn a_pause_takes_no_time_that_passed_before_it() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; e foreach max=2
        wait 10ms
        pause r1
        wait 20ms
        why r1
        cancel r1
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    30ms why r1: 30ms: paused 20ms limit 10ms; critical e[1]
    30ms   a running: running 30ms
    30ms   b waiting: limit 10ms paused 20ms
    30ms   e[0] waiting: limit 10ms paused 20ms
    30ms   e[1] waiting: limit 10ms paused 20ms
    30ms   never sent: b 1 waiting
    30ms   never sent: e 2 waiting
    30ms stop r1/a#1
    30ms answer r1 cancelled cancelled: cancelled by the caller
    30ms why r1: 30ms: paused 20ms limit 10ms; critical e[1]
    30ms   a cancelled (CalledOff): running 30ms
    30ms   b cancelled (CalledOff): limit 10ms paused 20ms
    30ms   e cancelled (CalledOff): limit 10ms paused 20ms
    30ms   e[0] cancelled (CalledOff): limit 10ms paused 20ms
    30ms   e[1] cancelled (CalledOff): limit 10ms paused 20ms
    30ms   never sent: b 1 cancelled
    30ms   never sent: e 2 cancelled
    ");
}

#[test]
fn what_still_queues_inside_says_for_what() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; e foreach max=2; g { x; y needs x }
        wait 10ms
        why r1
        restart
        why r1
        wait 10ms
        why r1
    "), @r"
     0ms dispatch r1/g/x#1 on t
    10ms why r1: 10ms: running 10ms; critical g/x
    10ms   a waiting: limit 10ms
    10ms   e[0] waiting: order 10ms
    10ms   e[1] waiting: order 10ms
    10ms   g/x running: running 10ms
    10ms   g/y waiting (needs x): dependency 10ms
    10ms   never sent: a 1 waiting
    10ms   never sent: e 2 waiting
    10ms   never sent: g/y 1 waiting
    10ms restart
    10ms dispatch r1/g/x#2 on t
    10ms why r1: 10ms: downtime 10ms; critical g/x
    10ms   a waiting: downtime 10ms
    10ms   e[0] waiting: downtime 10ms
    10ms   e[1] waiting: downtime 10ms
    10ms   g/x running: downtime 10ms
    10ms   g/y waiting (needs x): dependency 10ms
    10ms   never sent: a 1 waiting
    10ms   never sent: e 2 waiting
    10ms   never sent: g/y 1 waiting
    20ms why r1: 20ms: running 10ms downtime 10ms; critical g/x
    20ms   a waiting: downtime 10ms limit 10ms
    20ms   e[0] waiting: downtime 10ms order 10ms
    20ms   e[1] waiting: downtime 10ms order 10ms
    20ms   g/x running: downtime 10ms running 10ms
    20ms   g/y waiting (needs x): dependency 20ms
    20ms   never sent: a 1 waiting
    20ms   never sent: e 2 waiting
    20ms   never sent: g/y 1 waiting
    ");
}

#[test]
fn a_loop_that_ends_while_its_round_queues_says_for_what_it_did() {
    assert_snapshot!(trace("
        targets t=1 x=1:class=x
        say l until=false
        submit r1 l loop=3 class=x optional; c needs l; run: deadline=1s
        wait 100ms
        submit r0 a class=x; run: interactive
        ok r1/l/loop#1
        wait 800ms
        ok r1/c
        why r1
        ok r0/a
        submit r2 l loop=3 class=x last loop_deadline=50ms
        wait 10ms
        submit r3 a class=x; run: interactive
        ok r2/l/loop#1
        wait 50ms
        why r2
    "), @"
      0ms dispatch r1/l/loop#1#1 on x
    100ms dispatch r0/a#1 on x
    850ms woken: a task's time is over
    850ms dispatch r1/c#1 on t
    900ms answer r1 succeeded degraded
    900ms close r1
    900ms why r1: 900ms: limit 750ms running 150ms; critical l/loop#1 → l/loop#2 → c
    900ms   l pruned (Dropped): running 100ms limit 750ms
    900ms   l/loop#1 succeeded: running 100ms
    900ms   l/loop#2 cancelled (EndedFirst(None)): dependency 100ms limit 750ms
    900ms   c succeeded: dependency 850ms running 50ms
    900ms answer r0 succeeded
    900ms close r0
    900ms dispatch r2/l/loop#1#1 on x
    910ms dispatch r3/a#1 on x
    950ms woken: a loop's deadline
    950ms answer r2 succeeded degraded
    950ms close r2
    960ms why r2: 50ms: limit 40ms running 10ms; critical l/loop#1 → l/loop#2
    960ms   l succeeded (RanOut(Deadline, 2)): running 10ms limit 40ms
    960ms   l/loop#1 succeeded: running 10ms
    960ms   l/loop#2 cancelled (EndedFirst(None)): dependency 10ms limit 40ms
    ");
}

#[test]
fn a_foreach_that_ends_while_items_queue_says_for_what_they_did() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 e foreach max=3; c needs e
        wait 10ms
        fail e[0] permanent
        why r1
    "), @r#"
     0ms dispatch r1/e[0]#1 on t
    10ms answer r1 failed permanent in e: no luck
    10ms close r1
    10ms why r1: 10ms: running 10ms; critical e[0]
    10ms   e failed (Failed(Permanent, "no luck")): running 10ms
    10ms   e[0] failed (Failed(Permanent, "no luck")): running 10ms
    10ms   e[1] cancelled (for e[0] failed): limit 10ms
    10ms   e[2] cancelled (for e[0] failed): order 10ms
    10ms   c cancelled (for e[0] failed): dependency 10ms
    10ms   never sent: c 1 cancelled
    "#);
}

#[test]
fn a_race_that_is_decided_says_for_what_the_others_queued() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 r race=1 { p; q }
        wait 10ms
        ok r/p
        why r1
    "), @"
     0ms dispatch r1/r/p#1 on t
    10ms answer r1 succeeded
    10ms close r1
    10ms why r1: 10ms: running 10ms; critical r/p
    10ms   r/p succeeded: running 10ms
    10ms   r/q cancelled (EndedFirst(None)): limit 10ms
    10ms   never sent: r/q 1 cancelled
    ");
}

#[test]
fn what_a_record_ended_unsent_is_in_it() {
    assert_snapshot!(trace("
        records on
        targets t=1
        submit r1 a; b; c needs b
        wait 10ms
        cancel r1
    "), @"
     0ms record 2 RunSubmitted
     0ms record 3 b dispatched #1 waited [] hold $0
     0ms dispatch r1/b#1 on t
    10ms record 4 CancelRequested
    10ms   ended a waited [limit 10ms]
    10ms record 5 Answered
    10ms stop r1/b#1
    10ms answer r1 cancelled cancelled: cancelled by the caller
    ");
}

#[test]
fn what_a_group_waits_for_before_it_starts_is_its_delay() {
    assert_snapshot!(trace("
        submit r1 a; g needs a delay=50ms { x }
        wait 10ms
        ok a
        wait 60ms
        ok g/x
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    60ms woken: a task may start
    60ms dispatch r1/g/x#1 on t
    70ms answer r1 succeeded
    70ms close r1
    70ms why r1: 70ms: delay 50ms running 20ms; critical a → g/x
    70ms   a succeeded: running 10ms
    70ms   g/x succeeded: dependency 60ms running 10ms
    ");
}

#[test]
fn what_a_group_waits_for_that_never_starts_is_told_of_what_it_stands_in() {
    assert_snapshot!(trace("
        submit r1 o timeout=30ms { a; g delay=1s { x } }
        wait 10ms
        ok o/a
        wait 30ms
        why r1
    "), @r#"
     0ms dispatch r1/o/a#1 on t
    30ms woken: a task's time is over
    30ms answer r1 failed timeout in o: no success within its timeout of 30ms
    30ms close r1
    40ms why r1: 30ms: delay 30ms; critical o/g
    40ms   o failed (Failed(Timeout, "no success within its timeout of 30ms")): running 10ms delay 20ms
    40ms   o/a succeeded: running 10ms
    40ms   o/g cancelled (for o failed): delay 30ms
    40ms   never sent: o/g 1 cancelled
    "#);
}

#[test]
fn what_nothing_reads_has_ended_with_what_is_in_it() {
    assert_snapshot!(trace("
        say e items=2
        submit r1 e unread foreach max=2; a
        ok e[0]
        wait 10ms
        ok e[1]
        wait 10ms
        ok a
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/e[0]#1 on t
     0ms dispatch r1/e[1]#1 on t
    20ms answer r1 succeeded
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical a
    20ms   e[0] succeeded:
    20ms   e[1] succeeded: running 10ms
    20ms   a succeeded: running 20ms
    ");
}
