//! Tasks that run before the plan that they stand in is whole.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn what_the_plan_holds_runs_before_its_planner_ends() {
    assert_snapshot!(trace("records on
        submit r1 p adds
        stream p p adds;x ahead=p
        ok x
        stream p p adds;x ahead=p;y ahead=p needs x
        say p plan=p made;x;y needs x + z needs y
        ok p
        ok y
        ok z"), @"
    0ms record 2 RunSubmitted
    0ms record 3 p dispatched #1 waited [] hold $0
    0ms dispatch r1/p#1 on t
    0ms record 4 TasksAhead
    0ms record 5 x dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms record 6 x finished: Succeed
    0ms record 7 TasksAhead
    0ms record 8 y entered
    0ms record 9 y dispatched #1 waited [] hold $0
    0ms dispatch r1/y#1 on t
    0ms record 10 p finished: Judge
    0ms record 11 TasksAdded
    0ms record 12 p judged
    0ms record 13 y finished: Succeed
    0ms record 14 z entered
    0ms record 15 z dispatched #1 waited [] hold $0
    0ms dispatch r1/z#1 on t
    0ms record 16 z finished: Succeed
    0ms record 17 Answered
    0ms record 18 Done
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn what_an_attempt_gave_is_withdrawn_with_it() {
    assert_snapshot!(trace("records on
        submit r1 p adds retry=2 on=unavailable; q needs p
        stream p p adds retry=2 on=unavailable; q needs p + x ahead=p;y ahead=p;z ahead=p needs x
        ok x
        fail p unavailable
        wait 1s
        // Nothing more of this task runs ahead.
        stream p p adds retry=2 on=unavailable; q needs p + x ahead=p;y ahead=p;z ahead=p needs x + v ahead=p
        say p plan=p made retry=2 on=unavailable; q needs p + x~p withdrawn=p;y~p withdrawn=p;z~p withdrawn=p needs x~p + x;y
        ok p
        ok q
        ok x
        ok y"), @"
       0ms record 2 RunSubmitted
       0ms record 3 p dispatched #1 waited [] hold $0
       0ms dispatch r1/p#1 on t
       0ms record 4 TasksAhead
       0ms record 5 x dispatched #1 waited [] hold $0
       0ms record 6 y dispatched #1 waited [] hold $0
       0ms dispatch r1/x#1 on t
       0ms dispatch r1/y#1 on t
       0ms record 7 x finished: Succeed
       0ms record 8 z entered
       0ms record 9 z dispatched #1 waited [] hold $0
       0ms dispatch r1/z#1 on t
       0ms record 10 p finished: Retry { at: Timestamp(200000) }
       0ms stop r1/y#1
       0ms stop r1/z#1
     200ms woken: a task may start
     200ms record 11 p dispatched #2 waited [] hold $0
     200ms dispatch r1/p#2 on t
    1000ms rejected: what an earlier attempt gave ahead of its plan was withdrawn: they wait for the whole plan
    1000ms record 12 p finished: Judge
    1000ms record 13 TasksAdded
    1000ms record 14 p judged
    1000ms record 15 x dispatched #1 waited [] hold $0
    1000ms record 16 y dispatched #1 waited [] hold $0
    1000ms dispatch r1/x#1 on t
    1000ms dispatch r1/y#1 on t
    1000ms record 17 q entered
    1000ms record 18 q dispatched #1 waited [] hold $0
    1000ms dispatch r1/q#1 on t
    1000ms record 19 q finished: Succeed
    1000ms record 20 x finished: Succeed
    1000ms record 21 y finished: Succeed
    1000ms record 22 Answered
    1000ms answer r1 succeeded
    ");
}

#[test]
fn a_plan_that_is_refused_takes_them_with_it() {
    assert_snapshot!(trace("say p plan=refused it holds no tasks
        submit r1 p adds catch=invalid_output:output; q needs p
        stream p p adds catch=invalid_output:output; q needs p + x ahead=p;y ahead=p needs x
        ok x
        ok p
        ok q
        why r1 alone"), @r#"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/y#1 on t
    0ms stop r1/y#1
    0ms dispatch r1/q#1 on t
    0ms answer r1 succeeded degraded
    0ms why r1: 0µs:; critical p → q
    0ms   p succeeded (Caught(InvalidOutput, "its tasks cannot be added: it holds no tasks")):
    0ms   q succeeded:
    0ms   x cancelled (Withdrawn("p")):
    0ms   y cancelled (Withdrawn("p")):
    "#);
}

#[test]
fn the_plan_takes_up_what_it_holds_and_no_more() {
    assert_snapshot!(trace("submit r1 p adds
        stream p p adds;x ahead=p;y ahead=p;z ahead=p needs y
        ok x
        say p plan=p made;x;y~p withdrawn=p;z~p withdrawn=p needs y~p + y
        ok p
        ok y
        why r1 alone"), @r#"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/y#1 on t
    0ms dispatch r1/x#1 on t
    0ms stop r1/y~p#1
    0ms dispatch r1/y#1 on t
    0ms answer r1 succeeded
    0ms why r1: 0µs:; critical y
    0ms   p succeeded:
    0ms   x succeeded:
    0ms   y~p cancelled (Withdrawn("p")):
    0ms   z~p cancelled (Withdrawn("p")):
    0ms   y succeeded:
    0ms   never sent: z~p 1 cancelled
    "#);
}

/// One of them fails: that decides nothing about the run, and with the plan they begin anew.
#[test]
fn a_failure_ahead_of_the_plan_withdraws_all() {
    assert_snapshot!(trace("records on
        submit r1 p adds
        stream p p adds;x ahead=p;y ahead=p needs x;z ahead=p
        fail x permanent
        say p plan=p made;x~p withdrawn=p;y~p withdrawn=p needs x~p;z~p withdrawn=p + x;y needs x;z
        ok p
        ok x
        ok y
        ok z"), @r#"
    0ms record 2 RunSubmitted
    0ms record 3 p dispatched #1 waited [] hold $0
    0ms dispatch r1/p#1 on t
    0ms record 4 TasksAhead
    0ms record 5 x dispatched #1 waited [] hold $0
    0ms record 6 z dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/z#1 on t
    0ms record 7 x finished: Fail(Failure { class: Permanent, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    0ms stop r1/z#1
    0ms record 8 p finished: Judge
    0ms record 9 TasksAdded
    0ms record 10 p judged
    0ms record 11 x dispatched #1 waited [] hold $0
    0ms record 12 z dispatched #1 waited [] hold $0
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/z#1 on t
    0ms record 13 x finished: Succeed
    0ms record 14 y entered
    0ms record 15 y dispatched #1 waited [] hold $0
    0ms dispatch r1/y#1 on t
    0ms record 16 y finished: Succeed
    0ms record 17 z finished: Succeed
    0ms record 18 Answered
    0ms answer r1 succeeded
    "#);
}

#[test]
fn a_crash_withdraws_what_the_lost_attempt_gave() {
    assert_snapshot!(dialogue("records on
        submit r1 p adds
        stream p p adds;x ahead=p;y ahead=p
        ok x
        restart
        wait 1s
        say p plan=p made;x~p withdrawn=p;y~p withdrawn=p + x;y
        ok p
        ok x
        ok y"), @"
       0ms record 2 RunSubmitted
       0ms record 3 p dispatched #1 waited [] hold $0
       0ms dispatch r1/p#1 on t
       0ms record 4 TasksAhead
       0ms record 5 x dispatched #1 waited [] hold $0
       0ms record 6 y dispatched #1 waited [] hold $0
       0ms dispatch r1/x#1 on t
       0ms dispatch r1/y#1 on t
       0ms > ok x
       0ms record 7 x finished: Succeed
       0ms restart
       0ms record 8 Opened
       0ms record 9 Crashed
       0ms record 10 p ended Lost: Retry { at: Timestamp(0) }
       0ms record 11 y abandoned
       0ms record 12 p dispatched #2 waited [] hold $0
       0ms dispatch r1/p#2 on t
    1000ms > ok p
    1000ms record 13 p finished: Judge
    1000ms record 14 TasksAdded
    1000ms record 15 p judged
    1000ms record 16 x dispatched #1 waited [] hold $0
    1000ms record 17 y dispatched #1 waited [] hold $0
    1000ms dispatch r1/x#1 on t
    1000ms dispatch r1/y#1 on t
    1000ms > ok x
    1000ms record 18 x finished: Succeed
    1000ms > ok y
    1000ms record 19 y finished: Succeed
    1000ms record 20 Answered
    1000ms record 21 Done
    1000ms answer r1 succeeded
    1000ms close r1
    ");
}

#[test]
fn what_may_do_harm_waits_for_the_whole_plan() {
    assert_snapshot!(trace("submit r1 p adds; g unread { a }; run: output
        stream p p adds; g unread { a }; run: output + x ahead=p effect=once
        stream p p adds; g unread { a }; run: output + x ahead=p live
        stream p p adds; g unread { a }; run: output + x ahead=p optional
        stream p p adds; g unread { a }; run: output + x
        stream p p adds; g { a }; run: output + x ahead=p
        ok g/a
        stream p p adds; g unread { a }; run: output + x ahead=p
        ok x
        say p plan=p made; g unread { a }; run: output + x
        ok p"), @r#"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/g/a#1 on t
    0ms rejected: not all of them are calls without an effect: they wait for the whole plan
    0ms rejected: not all of them are calls without an effect: they wait for the whole plan
    0ms rejected: not all of them are calls without an effect: they wait for the whole plan
    0ms rejected: not all of them are calls without an effect: they wait for the whole plan
    0ms rejected: they read what only a reader makes: they wait for the whole plan
    0ms dispatch r1/x#1 on t
    0ms answer r1 succeeded
    0ms close r1
    "#);
}

#[test]
fn a_run_that_is_cancelled_or_fails_takes_all_with_it() {
    assert_snapshot!(trace("submit r1 p adds; a
        stream p p adds; a;x ahead=p;y ahead=p
        ok x
        fail a permanent"), @"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/y#1 on t
    0ms stop r1/p#1
    0ms stop r1/y#1
    0ms answer r1 failed permanent in a: no luck
    ");
    assert_snapshot!(trace("submit r1 p adds
        stream p p adds;x ahead=p
        cancel r1"), @"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/x#1 on t
    0ms stop r1/p#1
    0ms stop r1/x#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    ");
}

/// A target that may do something to the outside serves them once their plan is read.
#[test]
fn a_target_with_an_effect_serves_no_task_ahead_of_its_plan() {
    assert_snapshot!(trace("targets t=1 odd=2:effect=once
        submit r1 p adds effect=none
        stream p p adds effect=none;x ahead=p;y ahead=p
        wait 10ms
        say p plan=p made effect=none;x;y
        ok p
        ok x
        ok y"), @"
     0ms dispatch r1/p#1 on t
    10ms dispatch r1/x#1 on t
    10ms dispatch r1/y#1 on odd
    10ms answer r1 succeeded
    10ms close r1
    ");
}
