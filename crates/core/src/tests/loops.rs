//! Rounds: when they end, and what they may spend.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn a_loop_ends_when_until_is_true() {
    assert_snapshot!(dialogue("
        submit r1 l loop=3 { x }
        ok l/loop#1/x
        say l until=true
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok l/loop#2/x
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_loop_that_runs_out_fails() {
    assert_snapshot!(dialogue("
        submit r1 l loop=2 { x }
        ok l/loop#1/x
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok l/loop#2/x
    0ms answer r1 failed permanent in l: `until` was not true after 2 rounds
    0ms close r1
    ");
}

#[test]
fn a_loop_that_runs_out_may_use_its_last_round() {
    assert_snapshot!(dialogue("
        submit r1 l loop=2 last { x }; z needs l
        ok l/loop#1/x
        ok l/loop#2/x
        ok z
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok l/loop#2/x
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_that_makes_no_progress_runs_out_early() {
    assert_snapshot!(dialogue("
        submit r1 l loop=9 last same { x }
        ok l/loop#1/x
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok l/loop#2/x
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_without_until_may_escalate() {
    assert_snapshot!(dialogue("
        submit r1 on_failure: other; person; tasks: l loop=1 escalate=person { x }
        ok l/loop#1/x
        ok person
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms answer r1 failed permanent in l: `until` was not true after 1 rounds
    0ms dispatch r1/person#1 on t
    0ms > ok person
    0ms close r1
    ");
}

#[test]
fn a_loop_that_the_run_survives_asks_for_nothing() {
    assert_snapshot!(dialogue("
        submit r1 on_failure: other; person; tasks: l optional loop=1 escalate=person { x }; b needs l
        ok l/loop#1/x
        fail b permanent
        ok other
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/b#1 on t
    0ms > fail b permanent
    0ms answer r1 failed degraded permanent in b: no luck
    0ms dispatch r1/other#1 on t
    0ms > ok other
    0ms close r1
    ");
}

#[test]
fn a_loop_that_lost_the_last_race_asks() {
    assert_snapshot!(dialogue("
        submit r1 on_failure: other; person; tasks: r race=1 { l loop=1 escalate=person { x }; y needs l }
        ok r/l/loop#1/x
        ok person
    "), @"
    0ms dispatch r1/r/l/loop#1/x#1 on t
    0ms > ok r/l/loop#1/x
    0ms answer r1 failed permanent in r: the race wants 1 good results; 0 came and no more can
    0ms dispatch r1/person#1 on t
    0ms > ok person
    0ms close r1
    ");
}

#[test]
fn a_call_may_loop() {
    assert_snapshot!(dialogue("
        submit r1 l loop=3 last
        ok l/loop#1
        say l until=true
        ok l/loop#2
    "), @"
    0ms dispatch r1/l/loop#1#1 on t
    0ms > ok l/loop#1
    0ms dispatch r1/l/loop#2#1 on t
    0ms > ok l/loop#2
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn items_may_loop() {
    assert_snapshot!(dialogue("
        say e items=2
        submit r1 e foreach max=2 loop=2 last { x }
        ok e[1]/loop#1/x
        ok e[0]/loop#1/x
        ok e[0]/loop#2/x
        ok e[1]/loop#2/x
    "), @"
    0ms dispatch r1/e[0]/loop#1/x#1 on t
    0ms dispatch r1/e[1]/loop#1/x#1 on t
    0ms > ok e[1]/loop#1/x
    0ms dispatch r1/e[1]/loop#2/x#1 on t
    0ms > ok e[0]/loop#1/x
    0ms dispatch r1/e[0]/loop#2/x#1 on t
    0ms > ok e[0]/loop#2/x
    0ms > ok e[1]/loop#2/x
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_spends_what_its_own_rounds_cost() {
    assert_snapshot!(dialogue("
        submit r1 a; l loop=4 last loop_tokens=10 { x }
        ok a tokens=100
        ok l/loop#1/x tokens=4
        ok l/loop#2/x tokens=5
        ok l/loop#3/x tokens=1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms > ok a tokens=100
    0ms > ok l/loop#1/x tokens=4
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok l/loop#2/x tokens=5
    0ms dispatch r1/l/loop#3/x#1 on t
    0ms > ok l/loop#3/x tokens=1
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn each_item_has_the_whole_budget_of_its_loop() {
    assert_snapshot!(dialogue("
        say e items=2
        submit r1 e foreach loop=3 last loop_tokens=10 { x }
        ok e[0]/loop#1/x tokens=9
        ok e[1]/loop#1/x tokens=9
        ok e[0]/loop#2/x tokens=1
        ok e[1]/loop#2/x tokens=1
    "), @"
    0ms dispatch r1/e[0]/loop#1/x#1 on t
    0ms dispatch r1/e[1]/loop#1/x#1 on t
    0ms > ok e[0]/loop#1/x tokens=9
    0ms dispatch r1/e[0]/loop#2/x#1 on t
    0ms > ok e[1]/loop#1/x tokens=9
    0ms dispatch r1/e[1]/loop#2/x#1 on t
    0ms > ok e[0]/loop#2/x tokens=1
    0ms > ok e[1]/loop#2/x tokens=1
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn what_a_loop_abandoned_counts_for_it() {
    assert_snapshot!(dialogue("
        submit r1 l loop=4 last loop_tokens=10 { r race=1 { x; y } }
        ok l/loop#1/r/x tokens=1
        fail l/loop#1/r/y cancelled tokens=9
        ok l/loop#2/r/x tokens=1
        fail l/loop#2/r/y cancelled
    "), @"
    0ms dispatch r1/l/loop#1/r/x#1 on t
    0ms dispatch r1/l/loop#1/r/y#1 on t
    0ms > ok l/loop#1/r/x tokens=1
    0ms stop r1/l/loop#1/r/y#1
    0ms dispatch r1/l/loop#2/r/x#1 on t
    0ms dispatch r1/l/loop#2/r/y#1 on t
    0ms > fail l/loop#1/r/y cancelled tokens=9
    0ms > ok l/loop#2/r/x tokens=1
    0ms stop r1/l/loop#2/r/y#1
    0ms answer r1 succeeded degraded
    0ms > fail l/loop#2/r/y cancelled
    0ms close r1
    ");
}
