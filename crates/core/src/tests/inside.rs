//! Child runs as their parents tell of them: what holds them up, what they waited for, who does again what they did.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn what_a_child_would_do_again_is_done_again_by_a_retry_of_the_outermost_run() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        say pay input=7
        submit r1 pay effect=once input
        ok pay
        submit r2 a child
        submit r3 parent=r2:each[2]/a a child
        say pay input=9
        again r4 r1 other parent=r3
    "), @"
    0ms dispatch r1/pay#1 on t
    0ms > ok pay
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/a#1 on graph as its try 1
    0ms dispatch r3/a#1 on graph as its try 1
    0ms answer r4 failed permanent in pay: it took effect before with another input (run 00000000000000000000000001): `agendum runs retry 00000000000000000000000002 --again each` does all of this child run again
    0ms close r4
    ");
}

#[test]
fn a_parent_tells_of_a_child_of_which_nothing_is_begun() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child
        submit r2 parent=r1 a child; b
        reference r1/a r2
        submit r3 parent=r2 c; d needs c
        reference r2/a r3
        pause r3
        view r1
        ok c
        view r1
        ok b
        view r1
        view r2
        resume r3
        view r1
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms dispatch r2/a#1 on graph as its try 1
    0ms dispatch r2/b#1 on t
    0ms dispatch r3/c#1 on t
    0ms > pause r3
    0ms r1 is running, spent $0, held $0, waits for r3 that is paused
    0ms   a running
    0ms > ok c
    0ms r1 is running, spent $0, held $0, waits for r3 that is paused
    0ms   a running
    0ms > ok b
    0ms r1 is running, spent $0, held $0, waits for r3 that is paused, and for nothing else
    0ms   a running
    0ms r2 is running, spent $0, held $0, waits for r3 that is paused, and for nothing else
    0ms   a running
    0ms   b succeeded
    0ms > resume r3
    0ms dispatch r3/d#1 on t
    0ms r1 is running, spent $0, held $0
    0ms   a running
    ");
}

#[test]
fn a_parent_tells_of_a_child_in_quarantine() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child
        submit r2 parent=r1 inside
        restart
        restart
        restart
        reference a r2
        view r1
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms dispatch r2/inside#1 on t
    0ms restart
    0ms dispatch r1/a#2 on graph as its try 1 again by reference
    0ms dispatch r2/inside#2 on t
    0ms restart
    0ms dispatch r1/a#3 on graph as its try 1 again by reference
    0ms dispatch r2/inside#3 on t
    0ms restart
    0ms dispatch r1/a#4 on graph as its try 1 again by reference
    0ms r1 is running, spent $0, held $0, waits for r2 that is in quarantine, and for nothing else
    0ms   a running
    ");
}

#[test]
fn the_time_of_a_child_is_what_it_waited_for() {
    assert_snapshot!(dialogue("
        targets t=1 graph=9:child
        submit r1 a child; b needs a
        wait 1s
        submit r2 parent=r1 w wait=signal:go; x needs w retry=2 on=unavailable
        reference a r2
        wait 2s
        signal r2 go
        wait 500ms
        fail x unavailable
        wait 1s
        why r1
        ok x
        wait 1s
        end a
        wait 1s
        ok b
        why r1
        why r2
    "), @"
       0ms dispatch r1/a#1 on graph as its try 1
    3000ms > signal r2 go
    3000ms dispatch r2/x#1 on t
    3500ms > fail x unavailable
    3700ms woken: a task may start
    3700ms dispatch r2/x#2 on t
    4500ms why r1: 4.5s: running 2.3s person 2s backoff 200ms; critical a
    4500ms   a running: running 2.3s person 2s backoff 200ms
    4500ms   b waiting (needs a): dependency 4.5s
    4500ms   never sent: b 1 waiting
    4500ms > ok x
    4500ms answer r2 succeeded
    4500ms close r2
    5500ms dispatch r1/b#1 on t
    6500ms > ok b
    6500ms answer r1 succeeded
    6500ms close r1
    6500ms why r1: 6.5s: running 4.3s person 2s backoff 200ms; critical a → b
    6500ms   a succeeded: running 3.3s person 2s backoff 200ms
    6500ms   b succeeded: dependency 5.5s running 1s
    6500ms why r2: 3.5s: person 2s running 1.3s backoff 200ms; critical w → x
    6500ms   w succeeded (sent by test after 2s): person 2s
    6500ms   x succeeded: dependency 2s running 1.3s backoff 200ms
    ");
}
