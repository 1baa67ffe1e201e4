//! For whom a task was cancelled.

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
    40ms   g succeeded (Caught(Permanent, "")): running 10ms
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
    "), @"
     0ms dispatch r1/z#1 on t
     0ms dispatch r1/g/p#1 on t
     0ms dispatch r1/g/q#1 on t
    10ms stop r1/g/q#1
    20ms answer r1 failed permanent in z: no luck
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical z
    20ms   g/p succeeded: running 10ms
    20ms   g/q cancelled (EndedFirst(None)): running 10ms
    20ms   z failed (Failed(Permanent, \"no luck\")): running 20ms
    20ms   w cancelled (for z failed): dependency 20ms
    20ms   never sent: w 1 cancelled
    20ms dispatch r2/a#1 on t
    30ms stop r2/a#1
    30ms answer r2 cancelled cancelled: cancelled by the caller
    30ms why r2: 10ms: running 10ms; critical a
    30ms   a cancelled (EndedFirst(None)): running 10ms
    30ms   b cancelled (EndedFirst(None)): dependency 10ms
    30ms   never sent: b 1 cancelled
    ");
}
