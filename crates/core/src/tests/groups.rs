//! Groups, items, rounds, races.

use insta::assert_snapshot;

use super::trace;

#[test]
fn a_group_opens_when_it_is_ready_and_settles_with_its_last_task() {
    assert_snapshot!(trace("
        submit r1 a; g needs a { x; y needs x }; z needs g
        ok a
        ok g/x
        ok g/y
        ok z
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/g/x#1 on t
    0ms dispatch r1/g/y#1 on t
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_failure_inside_a_group_fails_the_group_and_may_be_caught_there() {
    assert_snapshot!(trace("
        submit r1 g catch=permanent:output { x; y }; z needs g
        fail g/x permanent
        ok z
        fail g/y cancelled
    "), @"
    0ms dispatch r1/g/x#1 on t
    0ms dispatch r1/g/y#1 on t
    0ms stop r1/g/y#1
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn items_run_in_a_window() {
    assert_snapshot!(trace("
        say e items=3
        submit r1 e foreach max=2
        ok e[1]
        ok e[0]
        ok e[2]
    "), @"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms dispatch r1/e[2]#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn some_items_may_fail() {
    assert_snapshot!(trace("
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
    0ms dispatch r1/e[2]#1 on t
    0ms dispatch r1/e[3]#1 on t
    0ms dispatch r1/e[4]#1 on t
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn one_failure_too_many_ends_the_items() {
    assert_snapshot!(trace("
        say e items=4
        submit r1 e foreach max=2 tolerate=1
        fail e[0] permanent
        fail e[1] permanent
        fail e[2] cancelled
    "), @"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms dispatch r1/e[2]#1 on t
    0ms stop r1/e[2]#1
    0ms answer r1 failed degraded permanent in e: no luck
    0ms close r1
    ");
}

#[test]
fn no_items_is_an_empty_list() {
    assert_snapshot!(trace("
        say e items=0
        submit r1 e foreach; z needs e
        ok z
    "), @"
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn items_may_hold_groups() {
    assert_snapshot!(trace("
        say e items=2
        submit r1 e foreach max=1 { x; y needs x }
        ok e[0]/x
        ok e[0]/y
        ok e[1]/x
        ok e[1]/y
    "), @"
    0ms dispatch r1/e[0]/x#1 on t
    0ms dispatch r1/e[0]/y#1 on t
    0ms dispatch r1/e[1]/x#1 on t
    0ms dispatch r1/e[1]/y#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_loop_ends_when_until_is_true() {
    assert_snapshot!(trace("
        submit r1 l loop=3 { x }
        ok l/loop#1/x
        say l until=true
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_loop_that_runs_out_fails() {
    assert_snapshot!(trace("
        submit r1 l loop=2 { x }
        ok l/loop#1/x
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms answer r1 failed permanent in l: `until` was not true after 2 rounds
    0ms close r1
    ");
}

#[test]
fn a_loop_that_runs_out_may_use_its_last_round() {
    assert_snapshot!(trace("
        submit r1 l loop=2 last { x }; z needs l
        ok l/loop#1/x
        ok l/loop#2/x
        ok z
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_that_makes_no_progress_runs_out_early() {
    assert_snapshot!(trace("
        submit r1 l loop=9 last same { x }
        ok l/loop#1/x
        ok l/loop#2/x
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_loop_without_until_may_escalate() {
    assert_snapshot!(trace("
        submit r1 on_failure: other; person; tasks: l loop=1 escalate=person { x }
        ok l/loop#1/x
        ok person
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms answer r1 failed permanent in l: `until` was not true after 1 rounds
    0ms dispatch r1/person#1 on t
    0ms close r1
    ");
}

#[test]
fn a_loop_that_the_run_survives_asks_for_nothing() {
    assert_snapshot!(trace("
        submit r1 on_failure: other; person; tasks: l optional loop=1 escalate=person { x }; b needs l
        ok l/loop#1/x
        fail b permanent
        ok other
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/b#1 on t
    0ms answer r1 failed degraded permanent in b: no luck
    0ms dispatch r1/other#1 on t
    0ms close r1
    ");
}

#[test]
fn a_loop_that_lost_the_last_race_asks() {
    assert_snapshot!(trace("
        submit r1 on_failure: other; person; tasks: r race=1 { l loop=1 escalate=person { x }; y needs l }
        ok r/l/loop#1/x
        ok person
    "), @"
    0ms dispatch r1/r/l/loop#1/x#1 on t
    0ms answer r1 failed permanent in r: the race wants 1 good results; 0 came and no more can
    0ms dispatch r1/person#1 on t
    0ms close r1
    ");
}

#[test]
fn a_call_may_loop() {
    assert_snapshot!(trace("
        submit r1 l loop=3 last
        ok l/loop#1
        say l until=true
        ok l/loop#2
    "), @"
    0ms dispatch r1/l/loop#1#1 on t
    0ms dispatch r1/l/loop#2#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn items_may_loop() {
    assert_snapshot!(trace("
        say e items=2
        submit r1 e foreach max=2 loop=2 last { x }
        ok e[1]/loop#1/x
        ok e[0]/loop#1/x
        ok e[0]/loop#2/x
        ok e[1]/loop#2/x
    "), @"
    0ms dispatch r1/e[0]/loop#1/x#1 on t
    0ms dispatch r1/e[1]/loop#1/x#1 on t
    0ms dispatch r1/e[1]/loop#2/x#1 on t
    0ms dispatch r1/e[0]/loop#2/x#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn the_first_good_result_wins_a_race() {
    assert_snapshot!(trace("
        submit r1 r race=1 { p; q }; z needs r
        ok r/q
        ok z
        fail r/p cancelled
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms stop r1/r/p#1
    0ms dispatch r1/z#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_result_that_is_not_good_does_not_win() {
    assert_snapshot!(trace("
        say r/p good=false
        submit r1 r race=1 good { p; q }
        ok r/p
        ok r/q
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_race_that_nobody_can_win_fails() {
    assert_snapshot!(trace("
        submit r1 r race=2 { p; q; s }
        fail r/p permanent
        ok r/q
        fail r/s permanent
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms dispatch r1/r/s#1 on t
    0ms answer r1 failed permanent in r: the race wants 2 good results; 1 came and no more can
    0ms close r1
    ");
}

#[test]
fn a_race_may_let_the_others_end() {
    assert_snapshot!(trace("
        submit r1 r race=1 keep { p; q }
        ok r/p
        ok r/q
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn groups_nest() {
    assert_snapshot!(trace("
        submit r1 g { h { x }; y needs h }
        ok g/h/x
        ok g/y
    "), @"
    0ms dispatch r1/g/h/x#1 on t
    0ms dispatch r1/g/y#1 on t
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_race_judges_what_a_group_gave_though_nobody_else_reads_it() {
    assert_snapshot!(trace("
        submit r1 r race=1 good unread { g unread { x unread }; p unread }
        ok r/g/x
        fail r/p cancelled
    "), @"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/g/x#1 on t
    0ms stop r1/r/p#1
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_race_judges_the_list_of_a_foreach() {
    assert_snapshot!(trace("
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
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_loop_that_is_done_keeps_its_deadline() {
    assert_snapshot!(trace("
        disk slow
        say l until=true
        submit r1 strict l loop=3 last loop_deadline=1s fail_if { x }
        durable
        durable
        ok l/loop#1/x
        durable
        durable
        view r1
        wait 2s
        durable
        durable
        durable
    "), @"
       0ms dispatch r1/l/loop#1/x#1 on t
       0ms r1 is running, spent $0, held $0
       0ms   l running on scheduler
    2000ms answer r1 succeeded
    2000ms close r1
    ");
}

#[test]
fn a_task_that_takes_the_place_of_a_dropped_one_is_its_own() {
    assert_snapshot!(trace("
        submit r1 a; on_failure: r race=2 { x; y needs x }; finally: e; f
        fail a permanent
        fail r/x permanent
        view r1
        ok e
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms answer r1 failed permanent in a: no luck
    0ms dispatch r1/r/x#1 on t
    0ms dispatch r1/e#1 on t
    0ms dispatch r1/f#1 on t
    0ms r1 is failed, spent $0, held $0
    0ms   a failed
    0ms   r failed
    0ms   e running
    0ms   f running
    0ms close r1
    ");
}

#[test]
fn a_loop_spends_what_its_own_rounds_cost() {
    assert_snapshot!(trace("
        submit r1 a; l loop=4 last loop_tokens=10 { x }
        ok a tokens=100
        ok l/loop#1/x tokens=4
        ok l/loop#2/x tokens=5
        ok l/loop#3/x tokens=1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms dispatch r1/l/loop#3/x#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn each_item_has_the_whole_budget_of_its_loop() {
    assert_snapshot!(trace("
        say e items=2
        submit r1 e foreach loop=3 last loop_tokens=10 { x }
        ok e[0]/loop#1/x tokens=9
        ok e[1]/loop#1/x tokens=9
        ok e[0]/loop#2/x tokens=1
        ok e[1]/loop#2/x tokens=1
    "), @"
    0ms dispatch r1/e[0]/loop#1/x#1 on t
    0ms dispatch r1/e[1]/loop#1/x#1 on t
    0ms dispatch r1/e[0]/loop#2/x#1 on t
    0ms dispatch r1/e[1]/loop#2/x#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn what_a_loop_abandoned_counts_for_it() {
    assert_snapshot!(trace("
        submit r1 l loop=4 last loop_tokens=10 { r race=1 { x; y } }
        ok l/loop#1/r/x tokens=1
        fail l/loop#1/r/y cancelled tokens=9
        ok l/loop#2/r/x tokens=1
        fail l/loop#2/r/y cancelled
    "), @"
    0ms dispatch r1/l/loop#1/r/x#1 on t
    0ms dispatch r1/l/loop#1/r/y#1 on t
    0ms stop r1/l/loop#1/r/y#1
    0ms dispatch r1/l/loop#2/r/x#1 on t
    0ms dispatch r1/l/loop#2/r/y#1 on t
    0ms stop r1/l/loop#2/r/y#1
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}
