//! Order, joins, conditions, sections.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn a_chain_runs_in_order() {
    assert_snapshot!(dialogue("
        submit r1 a; b needs a
        ok a
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_join_waits_for_all_and_fires_once() {
    assert_snapshot!(dialogue("
        submit r1 a; b; c needs a,b
        ok b
        wait 10ms
        ok a
        ok c
    "), @"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/b#1 on t
     0ms > ok b
    10ms > ok a
    10ms dispatch r1/c#1 on t
    10ms > ok c
    10ms answer r1 succeeded
    10ms close r1
    ");
}

#[test]
fn a_skipped_task_counts_as_settled() {
    assert_snapshot!(dialogue("
        say a if=false
        submit r1 a if; b needs a
        ok b
    "), @"
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_failure_ends_the_run_and_stops_the_rest() {
    assert_snapshot!(dialogue("
        submit r1 a; b; c needs a,b; on_failure: tell; finally: clean
        fail a permanent
        fail b cancelled
        ok tell
        ok clean
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms > fail a permanent
    0ms stop r1/b#1
    0ms answer r1 failed permanent in a: no luck
    0ms dispatch r1/tell#1 on t
    0ms > fail b cancelled
    0ms > ok tell
    0ms dispatch r1/clean#1 on t
    0ms > ok clean
    0ms close r1
    ");
}

#[test]
fn what_comes_after_the_answer_can_be_stopped_section_by_section() {
    assert_snapshot!(dialogue("
        submit r1 a; after: s; finally: f
        ok a
        cancel r1
        cancel r1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 succeeded
    0ms dispatch r1/s#1 on t
    0ms > cancel r1
    0ms stop r1/s#1
    0ms dispatch r1/f#1 on t
    0ms > cancel r1
    0ms stop r1/f#1
    ");
}
