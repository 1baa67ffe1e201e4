//! Results that are kept: who may take one, who computes, and what follows when that comes to nothing.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn what_was_paid_for_is_not_paid_for_twice() {
    assert_snapshot!(trace("
        targets t=9:call=2c
        records on
        submit r1 a cache=5s
        wait 10ms
        ok a
        wait 1s
        submit r2 a cache=5s; b needs a
        wait 10ms
        ok r2/b
        why r2
        wait 5s
        submit r3 a cache=5s
        why r3
    "), @r#"
       0ms record 2 RunSubmitted
       0ms look up r1/a
       0ms record 3 a dispatched #1 waited [] hold $0.0200
       0ms dispatch r1/a#1 on t
      10ms record 4 a finished: Succeed
      10ms keep for default: of r1, t gave it for $0.0200, tags ["tag"]
      10ms record 5 Answered
      10ms record 6 Done
      10ms answer r1 succeeded spent $0.0200
      10ms close r1
    1010ms record 7 RunSubmitted
    1010ms look up r2/a
    1010ms record 8 a cached: from r1, waited []
    1010ms record 9 b entered
    1010ms record 10 b dispatched #1 waited [] hold $0.0200
    1010ms dispatch r2/b#1 on t
    1020ms record 11 b finished: Succeed
    1020ms record 12 Answered
    1020ms record 13 Done
    1020ms answer r2 succeeded spent $0.0200
    1020ms close r2
    1020ms why r2: 10ms: running 10ms; critical a → b
    1020ms   a succeeded (Cached(RunId(1), Duration(1000000), Money(20000000000))):
    1020ms   b succeeded: running 10ms
    6020ms record 14 RunSubmitted
    6020ms look up r3/a
    6020ms record 15 a dispatched #1 waited [] hold $0.0200
    6020ms dispatch r3/a#1 on t
    6020ms why r3: 0µs:; critical a
    6020ms   a running:
    "#);
}

#[test]
fn one_computes_and_the_others_take_what_it_gives() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a cache=5s; b cache=5s
        submit r2 a cache=5s
        submit r3 tenant=other a cache=5s
        submit r4 a cache=5s:user; b cache=5s:run
        view r2
        wait 10ms
        ok r1/a
        why r1
        why r2
    "), @r#"
     0ms look up r1/a
     0ms dispatch r1/a#1 on t
     0ms look up r3/a
     0ms dispatch r3/a#1 on t
     0ms look up r4/a
     0ms look up r4/b
     0ms dispatch r4/a#1 on t
     0ms dispatch r4/b#1 on t
     0ms r2 is queued, spent $0, held $0
     0ms   a waiting on dependency
    10ms keep for default: of r1, t gave it for $0, tags ["tag"]
    10ms look up r1/b
    10ms answer r1 succeeded
    10ms close r1
    10ms answer r2 succeeded
    10ms close r2
    10ms why r1: 10ms: dependency 10ms; critical b
    10ms   a succeeded: running 10ms
    10ms   b succeeded (Cached(RunId(1), Duration(0), Money(0))): dependency 10ms
    10ms why r2: 10ms: dependency 10ms; critical a
    10ms   a succeeded (Cached(RunId(1), Duration(0), Money(0))): dependency 10ms
    "#);
}

#[test]
fn a_copy_is_there_for_others_once_its_record_is_durable() {
    assert_snapshot!(dialogue("
        targets t=9
        disk slow
        submit r1 a cache=5s
        durable
        submit r2 a cache=5s
        ok r1/a
        view r2
        durable
        durable
    "), @r#"
    0ms look up r1/a
    0ms dispatch r1/a#1 on t
    0ms > durable
    0ms > ok r1/a
    0ms r2 is queued, spent $0, held $0
    0ms   a waiting on dependency
    0ms > durable
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms answer r1 succeeded
    0ms close r1
    0ms look up r2/a
    0ms > durable
    0ms answer r2 succeeded
    0ms close r2
    "#);
}

#[test]
fn when_it_comes_to_nothing_the_next_in_line_computes() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 a cache=5s retry=2
        submit r2 a cache=5s
        submit r3 a cache=5s
        submit r4 a cache=5s
        fail r1/a unavailable
        cancel r2
        wait 1s
        pause r3
        ok r3/a
    "), @r#"
       0ms look up r1/a
       0ms dispatch r1/a#1 on t
       0ms > fail r1/a unavailable
       0ms look up r2/a
       0ms dispatch r2/a#1 on t
       0ms > cancel r2
       0ms look up r3/a
       0ms stop r2/a#1
       0ms answer r2 cancelled cancelled: cancelled by the caller
       0ms dispatch r3/a#1 on t
     200ms woken: a task may start
    1000ms > pause r3
    1000ms > ok r3/a
    1000ms keep for default: of r3, t gave it for $0, tags ["tag"]
    1000ms look up r4/a
    1000ms answer r4 succeeded
    1000ms close r4
    1000ms answer r1 succeeded
    1000ms close r1
    1000ms answer r3 succeeded
    1000ms close r3
    "#);
}

#[test]
fn whoever_is_held_up_gives_the_turn_away() {
    assert_snapshot!(dialogue("
        targets t=1
        submit r0 z
        submit r1 a cache=5s
        submit r2 a cache=5s
        pause r1
        ok z
        ok r2/a
        resume r1
    "), @r#"
    0ms dispatch r0/z#1 on t
    0ms look up r1/a
    0ms > pause r1
    0ms look up r2/a
    0ms > ok z
    0ms dispatch r2/a#1 on t
    0ms answer r0 succeeded
    0ms close r0
    0ms > ok r2/a
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    0ms > resume r1
    0ms look up r1/a
    0ms answer r1 succeeded
    0ms close r1
    "#);
}

#[test]
fn a_copy_counts_while_its_target_is_what_it_was_and_would_do() {
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets t=9:digest=1 u=9:digest=1
        submit r1 a cache=5s
        ok r1/a
        targets t=9:digest=2 u=9:digest=1
        submit r2 a cache=5s
        ok r2/a
        targets u=9:digest=1
        submit r3 a cache=5s
        ok r3/a
        targets t=9:digest=2:clearance=region u=9:digest=1
        submit r4 a cache=5s; run: labels=region
        submit r5 a cache=5s class=t
        submit r6 a cache=5s cap=5
        submit r7 a cache=5s input
    "), @r#"
    0ms > policy dollar=0s crowd=0
    0ms look up r1/a
    0ms dispatch r1/a#1 on t
    0ms > ok r1/a
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms answer r1 succeeded
    0ms close r1
    0ms look up r2/a
    0ms dispatch r2/a#1 on t
    0ms > ok r2/a
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    0ms look up r3/a
    0ms dispatch r3/a#1 on u
    0ms > ok r3/a
    0ms keep for default: of r3, u gave it for $0, tags ["tag"]
    0ms answer r3 succeeded
    0ms close r3
    0ms look up r4/a
    0ms dispatch r4/a#1 on t
    0ms look up r5/a
    0ms dispatch r5/a#1 on t
    0ms look up r6/a
    0ms dispatch r6/a#1 on t cap=5
    0ms look up r7/a
    0ms dispatch r7/a#1 on t
    "#);
}

#[test]
fn what_depends_on_the_run_serves_no_other() {
    assert_snapshot!(trace("
        targets t=9:per_run=yes
        submit r1 a cache=5s; b cache=5s
        wait 10ms
        ok r1/a
        submit r2 a cache=5s
        view r2
    "), @r#"
     0ms look up r1/a
     0ms dispatch r1/a#1 on t
    10ms keep for default: of r1, t gave it for $0, tags ["tag"]
    10ms look up r1/b
    10ms answer r1 succeeded
    10ms close r1
    10ms look up r2/a
    10ms dispatch r2/a#1 on t
    10ms r2 is running, spent $0, held $0
    10ms   a running
    "#);
}

#[test]
fn a_copy_brings_no_labels_in() {
    assert_snapshot!(dialogue("
        targets t=9:clearance=region
        submit r1 a cache=5s; run: labels=region
        submit r2 a cache=5s
        submit r3 a cache=5s; run: labels=region
        ok r1/a
        ok r2/a
    "), @r#"
    0ms look up r1/a
    0ms dispatch r1/a#1 on t
    0ms > ok r1/a
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms look up r2/a
    0ms dispatch r2/a#1 on t
    0ms answer r3 succeeded
    0ms close r3
    0ms answer r1 succeeded
    0ms close r1
    0ms > ok r2/a
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    "#);
}

#[test]
fn a_copy_that_is_refused_is_computed_anew_whatever_is_retried() {
    assert_snapshot!(trace("
        targets t=9
        records on
        submit r1 a cache=5s
        ok r1/a
        say a fail_if=true
        submit r2 a cache=5s fail_if=overloaded retry=1
        say a fail_if=false
        ok r2/a
    "), @r#"
    0ms record 2 RunSubmitted
    0ms look up r1/a
    0ms record 3 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms record 4 a finished: Succeed
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms record 5 Answered
    0ms record 6 Done
    0ms answer r1 succeeded
    0ms close r1
    0ms record 7 RunSubmitted
    0ms look up r2/a
    0ms record 8 a cached: from r1, waited []
    0ms record 9 a judged
    0ms look up r2/a
    0ms record 10 a dispatched #1 waited [] hold $0
    0ms dispatch r2/a#1 on t
    0ms record 11 a finished: Judge
    0ms record 12 a judged
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms record 13 Answered
    0ms record 14 Done
    0ms answer r2 succeeded
    0ms close r2
    "#);
}
