//! Tasks that judge others: whom a verdict is about, and that there is one of each.

use insta::assert_snapshot;

use super::trace;

#[test]
fn a_verdict_says_which_target_gave_what_is_judged() {
    assert_snapshot!(trace("
        policy dollar=0s crowd=0
        targets t=9 u=9
        submit r1 a retry=2 catch=permanent:u; j needs a judges=a; k needs a judges=a
        fail r1/a unavailable
        wait 5s
        fail r1/a permanent
        ok r1/a
        ok r1/k
        ok r1/j
        submit r2 a cache=5s; j needs a judges=a cache=5s
        ok r2/a
        ok r2/j
        submit r3 a cache=5s; j needs a judges=a cache=5s
    "), @r#"
       0ms dispatch r1/a#1 on t
     200ms woken: a task may start
     200ms dispatch r1/a#2 on u
    5000ms dispatch r1/a#3 on u
    5000ms dispatch r1/j#1 on t
    5000ms dispatch r1/k#1 on t
    5000ms verdict r1/k on a of u
    5000ms verdict r1/j on a of u
    5000ms answer r1 succeeded degraded
    5000ms close r1
    5000ms look up r2/a
    5000ms dispatch r2/a#1 on t
    5000ms keep for default: of r2, t gave it for $0, tags ["tag"]
    5000ms look up r2/j
    5000ms dispatch r2/j#1 on t
    5000ms verdict r2/j on a of t
    5000ms keep for default: of r2, t gave it for $0, tags ["tag"]
    5000ms answer r2 succeeded
    5000ms close r2
    5000ms look up r3/a
    5000ms look up r3/j
    5000ms verdict r3/j on a of t
    5000ms answer r3 succeeded
    5000ms close r3
    "#);
}

#[test]
fn each_item_and_round_has_its_own() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 e foreach max=2 { x; j needs x judges=x }
        ok r1/e[0]/x; r1/e[1]/x
        ok r1/e[1]/j; r1/e[0]/j
        submit r2 x; j foreach needs x judges=x
        ok r2/x
        ok r2/j[0]; r2/j[1]
        submit r3 g loop=2 last { x; j needs x judges=x }; k needs g judges=g
        say g until=false
        ok r3/g/loop#1/x
        ok r3/g/loop#1/j
        ok r3/g/loop#2/x
        ok r3/g/loop#2/j
        ok r3/k
        submit r4 x loop=2 last; j loop=2 last needs x judges=x
        ok r4/x/loop#1
        ok r4/x/loop#2
        ok r4/j/loop#1
        ok r4/j/loop#2
    "), @"
    0ms dispatch r1/e[0]/x#1 on t
    0ms dispatch r1/e[1]/x#1 on t
    0ms dispatch r1/e[0]/j#1 on t
    0ms dispatch r1/e[1]/j#1 on t
    0ms verdict r1/e[1]/j on e[1]/x of t
    0ms dispatch r1/e[2]/x#1 on t
    0ms verdict r1/e[0]/j on e[0]/x of t
    0ms dispatch r2/x#1 on t
    0ms dispatch r2/j[0]#1 on t
    0ms dispatch r2/j[1]#1 on t
    0ms dispatch r2/j[2]#1 on t
    0ms verdict r2/j[0] on x of t
    0ms verdict r2/j[1] on x of t
    0ms dispatch r3/g/loop#1/x#1 on t
    0ms dispatch r3/g/loop#1/j#1 on t
    0ms verdict r3/g/loop#1/j on g/loop#1/x of t
    0ms dispatch r3/g/loop#2/x#1 on t
    0ms dispatch r3/g/loop#2/j#1 on t
    0ms verdict r3/g/loop#2/j on g/loop#2/x of t
    0ms dispatch r3/k#1 on t
    0ms verdict r3/k on g of no target
    0ms answer r3 succeeded degraded
    0ms close r3
    0ms dispatch r4/x/loop#1#1 on t
    0ms dispatch r4/x/loop#2#1 on t
    0ms dispatch r4/j/loop#1#1 on t
    0ms dispatch r4/j/loop#2#1 on t
    0ms verdict r4/j on x of t
    0ms answer r4 succeeded degraded
    0ms close r4
    ");
}

#[test]
fn what_fail_if_refuses_is_none_and_a_restart_gives_none_again() {
    assert_snapshot!(trace("
        targets t=9
        records on
        submit r1 a; j needs a fail_if retry=2 on=invalid_output judges=a; b needs j
        ok a
        say j fail_if=true
        ok j
        wait 5s
        say j fail_if=false
        ok j
        restart
        ok b
    "), @r#"
       0ms record 2 RunSubmitted
       0ms record 3 a dispatched #1 waited [] hold $0
       0ms dispatch r1/a#1 on t
       0ms record 4 a finished: Succeed
       0ms record 5 j entered
       0ms record 6 j dispatched #1 waited [] hold $0
       0ms dispatch r1/j#1 on t
       0ms record 7 j finished: Judge
       0ms record 8 j judged
     200ms woken: a task may start
     200ms record 9 j dispatched #2 waited [] hold $0
     200ms dispatch r1/j#2 on t told "its result fulfils `fail_if`"
    5000ms record 10 j finished: Judge
    5000ms verdict r1/j on a of t
    5000ms record 11 j judged
    5000ms record 12 b entered
    5000ms record 13 b dispatched #1 waited [] hold $0
    5000ms dispatch r1/b#1 on t
    5000ms restart
    5000ms record 14 Opened
    5000ms record 15 Crashed
    5000ms record 16 b ended Lost: Retry { at: Timestamp(5000000) }
    5000ms record 17 b dispatched #2 waited [] hold $0
    5000ms dispatch r1/b#2 on t
    5000ms record 18 b finished: Succeed
    5000ms record 19 Answered
    5000ms record 20 Done
    5000ms answer r1 succeeded
    5000ms close r1
    "#);
}

#[test]
fn nobody_judges_what_is_not_there() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a optional; j needs a judges=a
        fail a permanent
        ok j
        submit r2 a; j needs a judges=a catch=any:output
        ok r2/a
        fail r2/j permanent
        submit r3 a catch=any:output; j needs a judges=a
        fail r3/a permanent
        ok r3/j
        submit r4 a; j needs a judges=a; b needs j
        ok r4/a
        ok r4/j
        fail r4/b permanent
        again r5 r4
        ok r5/b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/j#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms dispatch r2/a#1 on t
    0ms dispatch r2/j#1 on t
    0ms answer r2 succeeded degraded
    0ms close r2
    0ms dispatch r3/a#1 on t
    0ms dispatch r3/j#1 on t
    0ms verdict r3/j on a of no target
    0ms answer r3 succeeded degraded
    0ms close r3
    0ms dispatch r4/a#1 on t
    0ms dispatch r4/j#1 on t
    0ms verdict r4/j on a of t
    0ms dispatch r4/b#1 on t
    0ms answer r4 failed permanent in b: no luck
    0ms close r4
    0ms dispatch r5/b#1 on t key of r4
    0ms answer r5 succeeded
    0ms close r5
    ");
}

#[test]
fn a_task_behind_the_answer_judges_it() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a; after: j judges=a
        ok a
        ok j
    "), @"
    0ms dispatch r1/a#1 on t
    0ms answer r1 succeeded
    0ms dispatch r1/j#1 on t
    0ms verdict r1/j on a of t
    0ms close r1
    ");
}
