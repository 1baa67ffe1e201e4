//! Tasks that wait for the money of windows: who goes when some comes free, and what is done for those who cannot.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn what_was_looked_for_in_vain_is_not_looked_for_again_with_each_settlement() {
    let runs: String = (1..=9).map(|run| format!("submit r{run} a cache=60m:run\n")).collect();
    let ends: String = (1..=9).map(|run| format!("ok r{run}/a tokens=10\n")).collect();
    let whole = trace(&format!("windows hour=200c\ntargets t=9:token=1c:cap=100\n{runs}{ends}"));
    let count = |what: &str| whole.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("look up"), count("dispatch"), count("succeeded")), (9, 9, 9), "{whole}");
}

#[test]
fn whoever_waits_for_the_money_to_compute_what_another_gives_takes_that() {
    assert_snapshot!(dialogue("
        windows hour=150c
        targets t=9:token=1c:cap=100
        submit r1 b
        submit r2 a cache=60m
        submit r3 a cache=60m
        view r3
        ok b tokens=10
        view r3
        ok r2/a tokens=10
    "), @r#"
    0ms dispatch r1/b#1 on t cap=100
    0ms look up r2/a
    0ms look up r3/a
    0ms r3 is queued, spent $0, held $0
    0ms   a waiting on budget
    0ms > ok b tokens=10
    0ms dispatch r2/a#1 on t cap=100
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    0ms r3 is queued, spent $0, held $0
    0ms   a waiting on budget
    0ms > ok r2/a tokens=10
    0ms keep for default: of r2, t gave it for $0.1000, tags ["tag"]
    0ms look up r3/a
    0ms answer r3 succeeded
    0ms close r3
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    "#);
}

#[test]
fn the_first_that_is_covered_goes_and_no_other() {
    assert_snapshot!(dialogue("
        windows hour=250c
        targets t=9:token=1c
        submit r1 a cap=100
        submit r2 b cap=100
        submit r3 dear cap=150
        submit r4 c cap=70
        submit r5 d cap=60
        submit r6 e cap=90; run: interactive
        ok a tokens=60
        ok b tokens=10
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms dispatch r2/b#1 on t cap=100
    0ms > ok a tokens=60
    0ms dispatch r6/e#1 on t cap=90
    0ms answer r1 succeeded spent $0.6000
    0ms close r1
    0ms > ok b tokens=10
    0ms dispatch r3/dear#1 on t cap=90
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    0ms hour spent $0.7000 held $1.80
    0ms day spent $0.7000 held $1.80
    0ms month spent $0.7000 held $1.80
    ");
}

#[test]
fn a_target_that_comes_free_is_for_whoever_the_money_covers() {
    assert_snapshot!(dialogue("
        windows hour=250c
        targets t=1:token=1c:cap=100 u=1:token=2c:cap=100:class=u
        submit r1 a class=u
        submit r2 b class=u
        submit r3 c
        view r3
        ok a tokens=10
        view r2
        view r3
        ok b tokens=1
        ok c tokens=1
    "), @"
    0ms dispatch r1/a#1 on u cap=100
    0ms r3 is queued, spent $0, held $0
    0ms   c waiting on budget
    0ms > ok a tokens=10
    0ms dispatch r2/b#1 on u cap=100
    0ms answer r1 succeeded spent $0.2000
    0ms close r1
    0ms r2 is running, spent $0, held $2.00
    0ms   b running
    0ms r3 is queued, spent $0, held $0
    0ms   c waiting on budget
    0ms > ok b tokens=1
    0ms dispatch r3/c#1 on t cap=100
    0ms answer r2 succeeded spent $0.0200
    0ms close r2
    0ms > ok c tokens=1
    0ms answer r3 succeeded spent $0.0100
    0ms close r3
    ");
}

#[test]
fn a_pause_and_another_table_of_targets_take_up_those_that_wait() {
    assert_snapshot!(dialogue("
        windows hour=150c
        targets t=9:token=1c:cap=100
        submit r1 a
        submit r2 b
        submit r3 c
        pause r2
        view r2
        ok a tokens=10
        resume r2
        view r2
        targets t=9:token=2c:cap=100
        ok c tokens=5
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > pause r2
    0ms r2 is queued, spent $0, held $0
    0ms   b waiting on paused
    0ms > ok a tokens=10
    0ms dispatch r3/c#1 on t cap=100
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    0ms > resume r2
    0ms r2 is queued, spent $0, held $0
    0ms   b waiting on budget
    0ms > ok c tokens=5
    0ms dispatch r2/b#1 on t cap=67
    0ms answer r3 succeeded spent $0.0500
    0ms close r3
    ");
}
