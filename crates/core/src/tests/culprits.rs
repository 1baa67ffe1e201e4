//! For whom a task was cancelled, and what of the run's time it counts for.

use insta::assert_snapshot;

use super::trace;

#[test]
fn who_was_cancelled_says_for_whom() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 g { draft; other; x needs other }; b; c needs b
        wait 10ms
        fail g/draft permanent
        wait 10ms
        why r1
        submit r2 g catch=any:output { p; q; s needs q }; z needs g
        wait 10ms
        fail r2/g/p permanent
        fail r2/g/q cancelled
        wait 10ms
        ok r2/z
        why r2
        submit r3 e foreach max=3; y
        wait 10ms
        fail r3/e[1] permanent
        why r3
    "), @r#"
     0ms dispatch r1/b#1 on t
     0ms dispatch r1/g/other#1 on t
     0ms dispatch r1/g/draft#1 on t
    10ms stop r1/g/other#1
    10ms stop r1/b#1
    10ms answer r1 failed permanent in g: no luck
    20ms why r1: 10ms: running 10ms; critical g/draft
    20ms   g failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/draft failed (Failed(Permanent, "no luck")): running 10ms
    20ms   g/other cancelled (for g/draft failed): running 10ms
    20ms   b cancelled (for g/draft failed): running 10ms
    20ms   c cancelled (for g/draft failed): dependency 10ms
    20ms   never sent: c 1 cancelled
    20ms dispatch r2/g/q#1 on t
    20ms dispatch r2/g/p#1 on t
    30ms stop r2/g/q#1
    30ms dispatch r2/z#1 on t
    40ms answer r2 succeeded degraded
    40ms close r2
    40ms why r2: 20ms: running 20ms; critical g/p → z
    40ms   g succeeded (Caught(Permanent, "no luck")): running 10ms
    40ms   g/p failed (Failed(Permanent, "no luck")): running 10ms
    40ms   g/q cancelled (for g/p failed): running 10ms
    40ms   z succeeded: dependency 10ms running 10ms
    40ms dispatch r3/y#1 on t
    40ms dispatch r3/e[0]#1 on t
    40ms dispatch r3/e[1]#1 on t
    40ms dispatch r3/e[2]#1 on t
    50ms stop r3/e[2]#1
    50ms stop r3/e[0]#1
    50ms stop r3/y#1
    50ms answer r3 failed permanent in e: no luck
    50ms why r3: 10ms: running 10ms; critical e[1]
    50ms   e failed (Failed(Permanent, "no luck")): running 10ms
    50ms   e[0] cancelled (for e[1] failed): running 10ms
    50ms   e[1] failed (Failed(Permanent, "no luck")): running 10ms
    50ms   e[2] cancelled (for e[1] failed): running 10ms
    50ms   y cancelled (for e[1] failed): running 10ms
    "#);
}

#[test]
fn the_rest_of_a_race_was_not_cancelled_for_what_failed_later() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 g race=1 { p; q }; z; w needs z
        wait 10ms
        ok g/p
        fail g/q cancelled
        wait 10ms
        fail z permanent
        why r1
        submit r2 a; b needs a
        wait 10ms
        cancel r2
        why r2
    "), @r#"
     0ms dispatch r1/z#1 on t
     0ms dispatch r1/g/p#1 on t
     0ms dispatch r1/g/q#1 on t
    10ms stop r1/g/q#1
    20ms answer r1 failed permanent in z: no luck
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical z
    20ms   g/p succeeded: running 10ms
    20ms   g/q cancelled (EndedFirst(None)): running 10ms
    20ms   z failed (Failed(Permanent, "no luck")): running 20ms
    20ms   w cancelled (for z failed): dependency 20ms
    20ms   never sent: w 1 cancelled
    20ms dispatch r2/a#1 on t
    30ms stop r2/a#1
    30ms answer r2 cancelled cancelled: cancelled by the caller
    30ms why r2: 10ms: running 10ms; critical a
    30ms   a cancelled (CalledOff): running 10ms
    30ms   b cancelled (CalledOff): dependency 10ms
    30ms   never sent: b 1 cancelled
    "#);
}

#[test]
fn what_ran_inside_until_it_was_dropped_is_what_the_answer_waited_for() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 l optional loop=2 { x }; d needs l; run: deadline=2s
        wait 500ms
        ok r1/l/loop#1/x
        wait 1400ms
        fail r1/l/loop#2/x cancelled
        ok r1/d
        why r1
        submit r2 g optional { h { x }; y needs h }; d needs g; run: deadline=2s
        wait 1900ms
        ok r2/d
        why r2
        fail r2/g/h/x cancelled
        submit r3 e foreach max=2 optional; d needs e; run: deadline=2s
        wait 10ms
        ok r3/e[1]
        wait 1900ms
        fail r3/e[0] cancelled
        ok r3/d
        why r3
    "), @"
       0ms dispatch r1/l/loop#1/x#1 on t
     500ms dispatch r1/l/loop#2/x#1 on t
    1850ms woken: a task's time is over
    1850ms stop r1/l/loop#2/x#1
    1850ms dispatch r1/d#1 on t
    1900ms answer r1 succeeded degraded
    1900ms close r1
    1900ms why r1: 1.9s: running 1.9s; critical l/loop#1/x → l/loop#2/x → d
    1900ms   l pruned (Dropped): running 1.85s
    1900ms   l/loop#1/x succeeded: running 500ms
    1900ms   l/loop#2/x cancelled (EndedFirst(None)): dependency 500ms running 1.35s
    1900ms   d succeeded: dependency 1.85s running 50ms
    1900ms dispatch r2/g/h/x#1 on t
    3750ms woken: a task's time is over
    3750ms stop r2/g/h/x#1
    3750ms dispatch r2/d#1 on t
    3800ms answer r2 succeeded degraded
    3800ms why r2: 1.9s: running 1.9s; critical g/h/x → d
    3800ms   g pruned (Dropped): running 1.85s
    3800ms   g/h/x cancelled (EndedFirst(None)): running 1.85s
    3800ms   d succeeded: dependency 1.85s running 50ms
    3800ms close r2
    3800ms dispatch r3/e[0]#1 on t
    3800ms dispatch r3/e[1]#1 on t
    3810ms dispatch r3/e[2]#1 on t
    5650ms woken: a task's time is over
    5650ms stop r3/e[2]#1
    5650ms stop r3/e[0]#1
    5650ms dispatch r3/d#1 on t
    5710ms answer r3 succeeded degraded
    5710ms why r3: 1.91s: running 1.91s; critical e[1] → e[2] → d
    5710ms   e pruned (Dropped): running 1.85s
    5710ms   e[0] cancelled (EndedFirst(None)): running 1.85s
    5710ms   e[1] succeeded: running 10ms
    5710ms   e[2] cancelled (EndedFirst(None)): dependency 10ms running 1.84s
    5710ms   d succeeded: dependency 1.85s running 60ms
    ");
}

#[test]
fn what_ran_inside_until_its_time_was_over_is_what_the_answer_waited_for() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 g timeout=30ms catch=timeout:output { x; y needs x }; d needs g
        wait 20ms
        ok r1/g/x
        wait 20ms
        fail r1/g/y cancelled
        ok r1/d
        why r1
        submit r2 l loop=3 last loop_deadline=30ms { x }; d needs l
        wait 20ms
        ok r2/l/loop#1/x
        wait 20ms
        fail r2/l/loop#2/x cancelled
        ok r2/d
        why r2
        submit r3 g optional { a; r race=1 { p; q }; z needs r }; d needs g; run: deadline=2s
        wait 10ms
        ok r3/g/r/p
        wait 10ms
        fail r3/g/z permanent
        fail r3/g/r/q cancelled
        fail r3/g/a cancelled
        wait 10ms
        ok r3/d
        why r3
    "), @r#"
      0ms dispatch r1/g/x#1 on t
     20ms dispatch r1/g/y#1 on t
     30ms woken: a task's time is over
     30ms stop r1/g/y#1
     30ms dispatch r1/d#1 on t
     40ms answer r1 succeeded degraded
     40ms close r1
     40ms why r1: 40ms: running 40ms; critical g/x → g/y → d
     40ms   g succeeded (Caught(Timeout, "no success within its timeout of 30ms")): running 30ms
     40ms   g/x succeeded: running 20ms
     40ms   g/y cancelled (for g failed): dependency 20ms running 10ms
     40ms   d succeeded: dependency 30ms running 10ms
     40ms dispatch r2/l/loop#1/x#1 on t
     60ms dispatch r2/l/loop#2/x#1 on t
     70ms woken: a loop's deadline
     70ms stop r2/l/loop#2/x#1
     70ms dispatch r2/d#1 on t
     80ms answer r2 succeeded degraded
     80ms close r2
     80ms why r2: 40ms: running 40ms; critical l/loop#1/x → l/loop#2/x → d
     80ms   l succeeded (RanOut(Deadline, 2)): running 30ms
     80ms   l/loop#1/x succeeded: running 20ms
     80ms   l/loop#2/x cancelled (EndedFirst(None)): dependency 20ms running 10ms
     80ms   d succeeded: dependency 30ms running 10ms
     80ms dispatch r3/g/r/p#1 on t
     80ms dispatch r3/g/r/q#1 on t
     80ms dispatch r3/g/a#1 on t
     90ms stop r3/g/r/q#1
     90ms dispatch r3/g/z#1 on t
    100ms stop r3/g/a#1
    100ms dispatch r3/d#1 on t
    110ms answer r3 succeeded degraded
    110ms close r3
    110ms why r3: 30ms: running 30ms; critical g/r/p → g/z → d
    110ms   g failed (Failed(Permanent, "no luck")): running 20ms
    110ms   g/a cancelled (for g/z failed): running 20ms
    110ms   g/r/p succeeded: running 10ms
    110ms   g/r/q cancelled (EndedFirst(None)): running 10ms
    110ms   g/z failed (Failed(Permanent, "no luck")): dependency 10ms running 10ms
    110ms   d succeeded: dependency 20ms running 10ms
    "#);
}

#[test]
fn an_attempt_says_what_it_cost_and_why_it_gave_no_result() {
    assert_snapshot!(trace("
        targets t=2:token=1c:cap=100
        submit r1 a retry=3
        restart
        fail a permanent
        attempts r1
        targets t=1
        say b fail_if=true
        submit r2 b fail_if=overloaded
        ok r2/b
        attempts r2
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms restart
    0ms dispatch r1/a#2 on t cap=100
    0ms answer r1 failed spent $2.00 permanent in a: no luck
    0ms close r1
    0ms   attempt of a: $1.00, 102 tokens: unavailable: the process ended while it was out
    0ms   attempt of a: $1.00, 102 tokens: permanent: no luck
    0ms dispatch r2/b#1 on t
    0ms answer r2 failed overloaded in b: its result fulfils `fail_if`
    0ms close r2
    0ms   attempt of b: $0, 0 tokens: overloaded: its result fulfils `fail_if`
    ");
}

#[test]
fn what_was_caught_is_told_by_its_own_failure() {
    assert_snapshot!(trace("
        say l until=false
        submit r1 l loop=1 catch=any:output { x }
        ok r1/l/loop#1/x
        why r1
        submit r2 g within=30ms catch=any:output { x }
        wait 30ms
        why r2
        submit r3 g catch=any:output { r race=1 { p } }
        fail r3/g/r/p permanent
        why r3
    "), @r#"
     0ms dispatch r1/l/loop#1/x#1 on t
     0ms answer r1 succeeded degraded
     0ms close r1
     0ms why r1: 0µs:; critical l/loop#1/x
     0ms   l succeeded (Caught(Permanent, "`until` was not true after 1 rounds")):
     0ms   l/loop#1/x succeeded:
     0ms dispatch r2/g/x#1 on t
    30ms woken: a task's time is over
    30ms stop r2/g/x#1
    30ms answer r2 failed deadline_exceeded in g: not settled within 30ms
    30ms why r2: 30ms: running 30ms; critical g/x
    30ms   g failed (Failed(DeadlineExceeded, "not settled within 30ms")): running 30ms
    30ms   g/x cancelled (for g failed): running 30ms
    30ms dispatch r3/g/r/p#1 on t
    30ms answer r3 succeeded degraded
    30ms close r3
    30ms why r3: 0µs:; critical g/r/p
    30ms   g succeeded (Caught(Permanent, "the race wants 1 good results; 0 came and no more can")):
    30ms   g/r/p failed (Failed(Permanent, "no luck")):
    "#);
}

#[test]
fn a_pause_of_an_earlier_life_and_an_attempt_by_reference_go_on() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b
        wait 10ms
        pause r1
        wait 10ms
        restart
        wait 10ms
        resume r1
        why r1
        targets t=9
        submit r2 c effect=once
        reference c
        wait 10ms
        restart
        wait 10ms
        ok r2/c
        why r2
        attempts r2
    "), @"
     0ms dispatch r1/a#1 on t
    20ms restart
    30ms dispatch r1/a#2 on t
    30ms why r1: 30ms: paused 20ms scheduler 10ms; critical b
    30ms   a running: running 10ms downtime 10ms paused 10ms
    30ms   b waiting: paused 20ms scheduler 10ms
    30ms   never sent: b 1 waiting
    30ms dispatch r1/b#1 on t
    30ms dispatch r2/c#1 on t
    40ms restart
    40ms dispatch r2/c#2 on t again by reference
    40ms dispatch r1/a#3 on t
    40ms dispatch r1/b#2 on t
    50ms answer r2 succeeded
    50ms close r2
    50ms why r2: 20ms: running 20ms; critical c
    50ms   c succeeded: running 20ms
    50ms   attempt of c: $0, 0 tokens
    ");
}

#[test]
fn what_another_target_made_after_a_failure_says_so() {
    assert_snapshot!(trace("
        policy dollar=0s crowd=0
        targets t=9 spare=9:class=spare
        submit r1 a allow=t catch=any:spare; b allow=t catch=any:spare; c fail_if=overloaded allow=t catch=any:spare; d needs a
        say c fail_if=true
        fail a permanent
        fail b permanent
        ok c
        wait 10ms
        say c fail_if=false
        ok a; c
        fail b timeout
        why r1
        submit r2 g catch=any:output { x allow=t catch=any:spare; y needs x }; d needs g
        fail r2/g/x permanent
        wait 10ms
        ok r2/g/x
        wait 10ms
        fail r2/g/y permanent
        ok r2/d
        why r2
    "), @r#"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/b#1 on t
     0ms dispatch r1/c#1 on t
     0ms dispatch r1/a#2 on spare
     0ms dispatch r1/b#2 on spare
     0ms dispatch r1/c#2 on spare
    10ms dispatch r1/d#1 on t
    10ms stop r1/d#1
    10ms answer r1 failed degraded timeout in b: no luck
    10ms why r1: 10ms: running 10ms; critical b
    10ms   a succeeded (Caught(Permanent, "no luck")): running 10ms
    10ms   b failed (Failed(Timeout, "no luck")): running 10ms
    10ms   c succeeded (Caught(Overloaded, "its result fulfils `fail_if`")): running 10ms
    10ms   d cancelled (for b failed): dependency 10ms
    10ms dispatch r2/g/x#1 on t
    10ms dispatch r2/g/x#2 on spare
    20ms dispatch r2/g/y#1 on t
    30ms dispatch r2/d#1 on t
    30ms answer r2 succeeded degraded
    30ms close r2
    30ms why r2: 20ms: running 20ms; critical g/x → g/y → d
    30ms   g succeeded (Caught(Permanent, "no luck")): running 20ms
    30ms   g/x succeeded (Caught(Permanent, "no luck")): running 10ms
    30ms   g/y failed (Failed(Permanent, "no luck")): dependency 10ms running 10ms
    30ms   d succeeded: dependency 20ms
    "#);
}
