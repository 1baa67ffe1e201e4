//! Tasks that a task's output adds, and tasks that are replaced before they start.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn a_plan_joins_the_run_with_the_success_of_its_task() {
    assert_snapshot!(trace("records on
        say p plan=p made;x needs p;y needs p;z needs x,y
        submit r1 p adds
        ok p
        ok x
        ok y
        ok z"), @"
    0ms record 2 RunSubmitted
    0ms record 3 p dispatched #1 waited [] hold $0
    0ms dispatch r1/p#1 on t
    0ms record 4 p finished: Judge
    0ms record 5 TasksAdded
    0ms record 6 p judged
    0ms record 7 x entered
    0ms record 8 x dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms record 9 y entered
    0ms record 10 y dispatched #1 waited [] hold $0
    0ms dispatch r1/y#1 on t
    0ms record 11 x finished: Succeed
    0ms record 12 y finished: Succeed
    0ms record 13 z entered
    0ms record 14 z dispatched #1 waited [] hold $0
    0ms dispatch r1/z#1 on t
    0ms record 15 z finished: Succeed
    0ms record 16 Answered
    0ms record 17 Done
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_plan_that_is_refused_is_told_to_the_next_attempt() {
    assert_snapshot!(trace("records on
        say p plan=refused 1:9 `uses` knows no `chta`
        submit r1 p adds retry=2 on=invalid_output
        ok p
        restart
        wait 1s
        say p plan=p made retry=2 on=invalid_output;x
        ok p
        ok x"), @r#"
       0ms record 2 RunSubmitted
       0ms record 3 p dispatched #1 waited [] hold $0
       0ms dispatch r1/p#1 on t
       0ms record 4 p finished: Judge
       0ms record 5 p judged
       0ms restart
       0ms record 6 Opened
     200ms woken: a task may start
     200ms record 7 p dispatched #2 waited [] hold $0
     200ms dispatch r1/p#2 on t told "1:9 `uses` knows no `chta`"
    1000ms record 8 p finished: Judge
    1000ms record 9 TasksAdded
    1000ms record 10 p judged
    1000ms record 11 x dispatched #1 waited [] hold $0
    1000ms dispatch r1/x#1 on t
    1000ms record 12 x finished: Succeed
    1000ms record 13 Answered
    1000ms record 14 Done
    1000ms answer r1 succeeded
    1000ms close r1
    "#);
}

#[test]
fn what_a_schema_refuses_is_told_too_and_other_failures_change_nothing_of_that() {
    assert_snapshot!(trace("submit r1 a retry=4 on=invalid_output,unavailable; b effect=none
        ok b
        fail a invalid_output
        wait 1s
        fail a unavailable
        wait 1s
        ok a"), @r#"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on t
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t told "no luck"
    1400ms woken: a task may start
    1400ms dispatch r1/a#3 on t told "no luck"
    2000ms answer r1 succeeded
    2000ms close r1
    "#);
}

#[test]
fn without_another_attempt_a_refused_plan_fails_its_task() {
    assert_snapshot!(trace("say p plan=refused it holds no tasks
        submit r1 p adds
        ok p"), @"
    0ms dispatch r1/p#1 on t
    0ms answer r1 failed invalid_output in p: its tasks cannot be added: it holds no tasks
    0ms close r1
    ");
    assert_snapshot!(trace("say p plan=refused it holds no tasks
        submit r1 p adds catch=invalid_output:output; q needs p
        ok p
        ok q"), @"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/q#1 on t
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_plan_that_another_addition_overtakes_is_read_anew() {
    assert_snapshot!(dialogue("disk slow
        evaluations on
        submit r1 p adds; a
        durable
        ok p
        say p plan=p made; a; b; x
        add r1 p adds; a; b
        durable
        durable
        ok a
        ok b
        ok x
        durable"), @"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/a#1 on t
    0ms > durable
    0ms > ok p
    0ms dispatch r1/b#1 on t
    0ms > durable
    0ms evaluate r1/p
    0ms evaluate r1/p
    0ms dispatch r1/x#1 on t
    0ms > durable
    0ms > ok a
    0ms > ok b
    0ms > ok x
    0ms evaluate r1/
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_crash_before_its_record_is_durable_reads_the_plan_again_and_one_after_it_does_not() {
    assert_snapshot!(dialogue("disk slow
        records on
        evaluations on
        say p plan=p made;x
        submit r1 p adds
        durable
        ok p
        restart
        ok p
        durable
        restart
        durable
        ok x
        durable"), @"
    0ms record 2 RunSubmitted
    0ms record 3 p dispatched #1 waited [] hold $0
    0ms dispatch r1/p#1 on t
    0ms > durable
    0ms > ok p
    0ms record 4 p finished: Judge
    0ms restart
    0ms record 4 Opened
    0ms record 5 Crashed
    0ms record 6 p ended Lost: Retry { at: Timestamp(0) }
    0ms record 7 p dispatched #2 waited [] hold $0
    0ms dispatch r1/p#2 on t
    0ms > ok p
    0ms record 8 p finished: Judge
    0ms > durable
    0ms evaluate r1/p
    0ms record 9 TasksAdded
    0ms record 10 p judged
    0ms record 11 x dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms restart
    0ms record 9 Opened
    0ms record 10 Crashed
    0ms > durable
    0ms evaluate r1/p
    0ms record 11 TasksAdded
    0ms record 12 p judged
    0ms record 13 x dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms > ok x
    0ms record 14 x finished: Succeed
    0ms evaluate r1/
    0ms record 15 Answered
    0ms record 16 Done
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn what_no_target_can_serve_is_refused_as_a_plan() {
    assert_snapshot!(trace("targets small=1:class=small
        say p plan=p made class=small;x class=large
        submit r1 p adds class=small
        ok p"), @r#"
    0ms dispatch r1/p#1 on small
    0ms answer r1 failed invalid_output in p: its tasks cannot be added: no target can serve task "x": no target of class "large" can chat
    0ms close r1
    "#);
}

#[test]
fn a_verdict_against_the_result_comes_before_its_plan() {
    assert_snapshot!(trace("say p fail_if=true
        say p plan=p made fail_if;x
        submit r1 p adds fail_if
        ok p"), @"
    0ms dispatch r1/p#1 on t
    0ms answer r1 failed invalid_output in p: its result fulfils `fail_if`
    0ms close r1
    ");
}

#[test]
fn what_has_not_started_can_be_replaced() {
    assert_snapshot!(trace("targets t=1
        records on
        submit r2 z
        submit r1 b; c needs b; d needs c; run: output
        wait 5ms
        add r1 b replaced; c replaced needs b; d replaced needs c; run: output + e
        ok z
        ok e
        why r1 alone"), @r#"
    0ms record 2 RunSubmitted
    0ms record 3 z dispatched #1 waited [] hold $0
    0ms dispatch r2/z#1 on t
    0ms record 4 RunSubmitted
    5ms record 5 TasksAdded
    5ms   ended b waited [limit 5ms]
    5ms record 6 z finished: Succeed
    5ms record 7 e dispatched #1 waited [] hold $0
    5ms dispatch r1/e#1 on t
    5ms record 8 Answered
    5ms record 9 Done
    5ms answer r2 succeeded
    5ms close r2
    5ms record 10 e finished: Succeed
    5ms record 11 Answered
    5ms record 12 Done
    5ms answer r1 succeeded
    5ms close r1
    5ms why r1: 5ms: limit 5ms; critical b → e
    5ms   b skipped (Replaced("an addition")): limit 5ms
    5ms   c skipped (Replaced("an addition")): dependency 5ms
    5ms   d skipped (Replaced("an addition")): dependency 5ms
    5ms   e succeeded:
    "#);
}

#[test]
fn what_has_started_or_ended_cannot_be_replaced() {
    assert_snapshot!(trace("targets t=2
        submit r1 a; b; c needs a
        add r1 a replaced; b; c needs a + d
        ok b
        add r1 a; b replaced; c needs a + d
        add r1 a; b; c replaced needs a + d
        ok a
        ok d"), @r#"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms rejected: task "a" has started or ended: only tasks that have not started can be replaced
    0ms rejected: task "b" has started or ended: only tasks that have not started can be replaced
    0ms dispatch r1/d#1 on t
    0ms answer r1 succeeded
    0ms close r1
    "#);
}

#[test]
fn a_run_that_waits_for_its_turn_skips_what_was_replaced_when_it_begins() {
    assert_snapshot!(trace("submit r1 group=k,limit=1 a
        submit r2 group=k,limit=1 b; c needs b; d
        add r2 b replaced; c replaced needs b; d + e
        ok a
        ok d
        ok e"), @"
    0ms dispatch r1/a#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/d#1 on t
    0ms dispatch r2/e#1 on t
    0ms answer r2 succeeded
    0ms close r2
    ");
}

#[test]
fn a_plan_of_a_plan_replaces_what_the_first_one_added() {
    assert_snapshot!(trace("targets t=1
        say p plan=p made + x needs p adds;y needs x;z needs y
        submit r1 p adds
        ok p
        say x plan=p made + x needs p made;y replaced needs x;z replaced needs y + v needs x
        ok x
        restart
        wait 1s
        ok v"), @"
       0ms dispatch r1/p#1 on t
       0ms dispatch r1/x#1 on t
       0ms dispatch r1/v#1 on t
       0ms restart
       0ms dispatch r1/v#2 on t
    1000ms answer r1 succeeded
    1000ms close r1
    ");
}

#[test]
fn what_is_told_counts_in_what_is_set_aside() {
    assert_snapshot!(dialogue("targets t=1:in=1c:token=1c
        submit r1 a retry=3 on=invalid_output cap=10; run: budget=900c wait
        fail a invalid_output
        purse
        wait 1s
        purse
        ok a"), @r#"
       0ms dispatch r1/a#1 on t cap=10
       0ms > fail a invalid_output
       0ms hour spent $0.1200 held $0
       0ms day spent $0.1200 held $0
       0ms month spent $0.1200 held $0
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t cap=10 told "no luck"
    1000ms hour spent $0.1200 held $0.9900
    1000ms day spent $0.1200 held $0.9900
    1000ms month spent $0.1200 held $0.9900
    1000ms > ok a
    1000ms answer r1 succeeded spent $1.11
    1000ms close r1
    "#);
}
