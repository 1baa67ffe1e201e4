//! Groups, items, races.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn a_group_opens_when_it_is_ready_and_settles_with_its_last_task() {
    assert_snapshot!(dialogue("
        submit r1 a; g needs a { x; y needs x }; z needs g
        ok a
        ok g/x
        ok g/y
        ok z
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/g/x#1 on t
    0ms > ok g/x
    0ms dispatch r1/g/y#1 on t
    0ms > ok g/y
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_failure_inside_a_group_fails_the_group_and_may_be_caught_there() {
    assert_snapshot!(dialogue("
        submit r1 g catch=permanent:output { x; y }; z needs g
        fail g/x permanent
        ok z
        fail g/y cancelled
    "), @"
    0ms dispatch r1/g/x#1 on t
    0ms dispatch r1/g/y#1 on t
    0ms > fail g/x permanent
    0ms stop r1/g/y#1
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded degraded
    0ms > fail g/y cancelled
    0ms close r1
    ");
}

#[test]
fn items_run_in_a_window() {
    assert_snapshot!(dialogue("
        say e items=3
        submit r1 e foreach max=2
        ok e[1]
        ok e[0]
        ok e[2]
    "), @"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms > ok e[1]
    0ms dispatch r1/e[2]#1 on t
    0ms > ok e[0]
    0ms > ok e[2]
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn some_items_may_fail() {
    assert_snapshot!(dialogue("
        say e items=5
        submit r1 e foreach max=2 tolerate=1; z needs e
        ok e[0]
        fail e[1] permanent
        ok e[2]
        ok e[3]
        ok e[4]
        ok z
    "), @"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms > ok e[0]
    0ms dispatch r1/e[2]#1 on t
    0ms > fail e[1] permanent
    0ms dispatch r1/e[3]#1 on t
    0ms > ok e[2]
    0ms dispatch r1/e[4]#1 on t
    0ms > ok e[3]
    0ms > ok e[4]
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn one_failure_too_many_ends_the_items() {
    assert_snapshot!(dialogue("
        say e items=4
        submit r1 e foreach max=2 tolerate=1
        fail e[0] permanent
        fail e[1] permanent
        fail e[2] cancelled
    "), @"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms > fail e[0] permanent
    0ms dispatch r1/e[2]#1 on t
    0ms > fail e[1] permanent
    0ms stop r1/e[2]#1
    0ms answer r1 failed degraded permanent in e: no luck
    0ms > fail e[2] cancelled
    0ms close r1
    ");
}

#[test]
fn no_items_is_an_empty_list() {
    assert_snapshot!(dialogue("
        say e items=0
        submit r1 e foreach; z needs e
        ok z
    "), @"
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn items_may_hold_groups() {
    assert_snapshot!(dialogue("
        say e items=2
        submit r1 e foreach max=1 { x; y needs x }
        ok e[0]/x
        ok e[0]/y
        ok e[1]/x
        ok e[1]/y
    "), @"
    0ms dispatch r1/e[0]/x#1 on t
    0ms > ok e[0]/x
    0ms dispatch r1/e[0]/y#1 on t
    0ms > ok e[0]/y
    0ms dispatch r1/e[1]/x#1 on t
    0ms > ok e[1]/x
    0ms dispatch r1/e[1]/y#1 on t
    0ms > ok e[1]/y
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn the_first_good_result_wins_a_race() {
    assert_snapshot!(dialogue("
        submit r1 r race=1 { p; q }; z needs r
        ok r/q
        ok z
        fail r/p cancelled
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms > ok r/q
    0ms stop r1/r/p#1
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded
    0ms > fail r/p cancelled
    0ms close r1
    ");
}

#[test]
fn a_result_that_is_not_good_does_not_win() {
    assert_snapshot!(dialogue("
        say r/p good=false
        submit r1 r race=1 good { p; q }
        ok r/p
        ok r/q
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms > ok r/p
    0ms > ok r/q
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_race_that_nobody_can_win_fails() {
    assert_snapshot!(dialogue("
        submit r1 r race=2 { p; q; s }
        fail r/p permanent
        ok r/q
        fail r/s permanent
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms dispatch r1/r/s#1 on t
    0ms > fail r/p permanent
    0ms > ok r/q
    0ms > fail r/s permanent
    0ms answer r1 failed permanent in r: the race wants 2 good results; 1 came and no more can
    0ms close r1
    ");
}

#[test]
fn a_race_may_let_the_others_end() {
    assert_snapshot!(dialogue("
        submit r1 r race=1 keep { p; q }
        ok r/p
        ok r/q
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms > ok r/p
    0ms > ok r/q
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn groups_nest() {
    assert_snapshot!(dialogue("
        submit r1 g { h { x }; y needs h }
        ok g/h/x
        ok g/y
    "), @"
    0ms dispatch r1/g/h/x#1 on t
    0ms > ok g/h/x
    0ms dispatch r1/g/y#1 on t
    0ms > ok g/y
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_race_judges_what_a_group_gave_though_nobody_else_reads_it() {
    assert_snapshot!(dialogue("
        submit r1 r race=1 good unread { g unread { x unread }; p unread }
        ok r/g/x
        fail r/p cancelled
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/g/x#1 on t
    0ms > ok r/g/x
    0ms stop r1/r/p#1
    0ms answer r1 succeeded
    0ms > fail r/p cancelled
    0ms close r1
    ");
}

#[test]
fn a_race_judges_the_list_of_a_foreach() {
    assert_snapshot!(dialogue("
        say r/q items=2
        say r/q good=false
        submit r1 r race=1 good { p; q foreach }
        ok r/q[0]
        ok r/q[1]
        ok r/p
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q[0]#1 on t
    0ms dispatch r1/r/q[1]#1 on t
    0ms > ok r/q[0]
    0ms > ok r/q[1]
    0ms > ok r/p
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_task_that_takes_the_place_of_a_dropped_one_is_its_own() {
    assert_snapshot!(dialogue("
        submit r1 a; on_failure: r race=2 { x; y needs x }; finally: e; f
        fail a permanent
        fail r/x permanent
        view r1
        ok e
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a permanent
    0ms answer r1 failed permanent in a: no luck
    0ms dispatch r1/r/x#1 on t
    0ms > fail r/x permanent
    0ms dispatch r1/e#1 on t
    0ms dispatch r1/f#1 on t
    0ms r1 is failed, spent $0, held $0
    0ms   a failed
    0ms   r failed
    0ms   e running
    0ms   f running
    0ms > ok e
    0ms > ok f
    0ms close r1
    ");
}
