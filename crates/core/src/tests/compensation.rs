//! What a run has done is taken back: what, when, in which order, and what is told of it.

use insta::assert_snapshot;

use super::trace;

#[test]
fn the_reverse_of_dependency_and_side_by_side_where_none_is() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once compensate; b effect=once compensate needs a; c effect=once compensate needs a; x needs b,c; d effect=once compensate needs x; e needs d
        ok a; b; c; x; d
        records on
        fail e permanent
        ok d/compensate
        ok b/compensate
        view r1
        ok c/compensate
        ok a/compensate
        why r1
    "), @r#"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/c#1 on t
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/d#1 on t
    0ms dispatch r1/e#1 on t
    0ms record 19 e finished: Fail(Failure { class: Permanent, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    0ms record 20 Answered
    0ms answer r1 failed permanent in e: no luck
    0ms record 21 d/compensate entered
    0ms record 22 d/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/d/compensate#1 on t
    0ms record 23 d/compensate finished: Succeed
    0ms record 24 c/compensate entered
    0ms record 25 c/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/c/compensate#1 on t
    0ms record 26 b/compensate entered
    0ms record 27 b/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/b/compensate#1 on t
    0ms record 28 b/compensate finished: Succeed
    0ms r1 is failed, spent $0, held $0
    0ms   a succeeded
    0ms   b compensated
    0ms   c succeeded
    0ms   x succeeded
    0ms   d compensated
    0ms   e failed
    0ms   c/compensate running
    0ms record 29 c/compensate finished: Succeed
    0ms record 30 a/compensate entered
    0ms record 31 a/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/a/compensate#1 on t
    0ms record 32 a/compensate finished: Succeed
    0ms record 33 Compensated 4, left 0
    0ms record 34 Done
    0ms close r1
    0ms why r1: 0µs:; critical a → c → x → d → e
    0ms   a compensated:
    0ms   a/compensate succeeded:
    0ms   b compensated:
    0ms   b/compensate succeeded:
    0ms   c compensated:
    0ms   c/compensate succeeded:
    0ms   x succeeded:
    0ms   d compensated:
    0ms   d/compensate succeeded:
    0ms   e failed (Failed(Permanent, "no luck")):
    "#);
}

#[test]
fn nothing_is_taken_back_of_a_run_that_succeeds() {
    assert_snapshot!(trace("
        submit r1 a effect=once compensate; b needs a; finally: f
        ok a; b; f
    "), @r"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms answer r1 succeeded
    0ms dispatch r1/f#1 on t
    0ms close r1
    ");
}

#[test]
fn a_cancelled_run_waits_for_the_fate_of_what_is_out() {
    assert_snapshot!(trace("
        targets t=9
        evaluations on
        records on
        submit r1 a effect=once compensate; b effect=once compensate needs a; c effect=once compensate needs a; on_failure: o; finally: f
        ok a
        cancel r1
        ok b
        cancel r1
        fail c timeout
        ok b/compensate
        ok a/compensate
        ok f
    "), @r"
    0ms record 2 RunSubmitted
    0ms record 3 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms record 4 a finished: Succeed
    0ms evaluate r1/b
    0ms evaluate r1/c
    0ms record 5 b entered
    0ms record 6 b dispatched #1 waited [] hold $0
    0ms dispatch r1/b#1 on t
    0ms record 7 c entered
    0ms record 8 c dispatched #1 waited [] hold $0
    0ms dispatch r1/c#1 on t
    0ms record 9 CancelRequested
    0ms record 10 Answered
    0ms stop r1/b#1
    0ms stop r1/c#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms record 11 b abandoned, effect taken
    0ms record 12 c abandoned, effect uncertain
    0ms evaluate r1/b/compensate
    0ms record 13 b/compensate entered
    0ms record 14 b/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/b/compensate#1 on t
    0ms record 15 b/compensate finished: Succeed
    0ms evaluate r1/a/compensate
    0ms record 16 a/compensate entered
    0ms record 17 a/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/a/compensate#1 on t
    0ms record 18 a/compensate finished: Succeed
    0ms record 19 Compensated 2, left 1 c (uncertain: it may have taken effect, and nobody knows)
    0ms record 20 f dispatched #1 waited [] hold $0
    0ms dispatch r1/f#1 on t
    0ms record 21 f finished: Succeed
    0ms record 22 Done
    0ms close r1
    ");
}

#[test]
fn each_item_and_each_round_is_taken_back() {
    assert_snapshot!(trace("
        targets t=9
        say l until=false
        submit r1 e foreach max=2 tolerate=3 effect=once compensate; l loop=2 last effect=once compensate needs e; z needs l
        ok e[0]; e[1]
        fail e[2] permanent
        ok l/loop#1; l/loop#2
        fail z permanent
        ok l/loop#2/compensate; l/loop#1/compensate
        ok e[1]/compensate; e[0]/compensate
    "), @r"
    0ms dispatch r1/e[0]#1 on t
    0ms dispatch r1/e[1]#1 on t
    0ms dispatch r1/e[2]#1 on t
    0ms dispatch r1/l/loop#1#1 on t
    0ms dispatch r1/l/loop#2#1 on t
    0ms dispatch r1/z#1 on t
    0ms answer r1 failed degraded permanent in z: no luck
    0ms dispatch r1/l/loop#2/compensate#1 on t
    0ms dispatch r1/l/loop#1/compensate#1 on t
    0ms dispatch r1/e[1]/compensate#1 on t
    0ms dispatch r1/e[0]/compensate#1 on t
    0ms close r1
    ");
}

#[test]
fn what_a_race_dropped_and_what_a_loop_did_before_counts_too() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 r race=1 { p effect=once compensate; q effect=once compensate }; z needs r
        ok r/p
        ok r/q
        fail z permanent
        ok r/q/compensate; r/p/compensate
    "), @r"
    0ms dispatch r1/r/p#1 on t
    0ms dispatch r1/r/q#1 on t
    0ms stop r1/r/q#1
    0ms dispatch r1/z#1 on t
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/r/q/compensate#1 on t
    0ms dispatch r1/r/p/compensate#1 on t
    0ms close r1
    ");
}

#[test]
fn one_that_fails_for_good_holds_no_other_back_and_is_told() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once compensate; b effect=once compensate=2 needs a; z needs b; on_failure: o
        ok a; b
        fail z permanent
        fail b/compensate unavailable
        wait 1s
        fail b/compensate unavailable
        records on
        ok a/compensate
        ok o
    "), @r"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on t
       0ms dispatch r1/z#1 on t
       0ms answer r1 failed permanent in z: no luck
       0ms dispatch r1/b/compensate#1 on t
    1000ms woken: a task may start
    1000ms dispatch r1/b/compensate#2 on t
    1000ms dispatch r1/a/compensate#1 on t
    1000ms record 19 a/compensate finished: Succeed
    1000ms record 20 Compensated 1, left 1 b (unavailable: no luck)
    1000ms record 21 o dispatched #1 waited [] hold $0
    1000ms dispatch r1/o#1 on t
    1000ms record 22 o finished: Succeed
    1000ms record 23 Done
    1000ms close r1
    ");
}

#[test]
fn a_crash_in_the_middle_begins_none_twice_and_ends_all() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once compensate; b effect=once compensate; c effect=once compensate needs a,b; z needs c
        ok a; b; c
        fail z permanent
        ok c/compensate
        ok b/compensate
        records on
        restart
        view r1
        ok a/compensate
    "), @r"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/c#1 on t
    0ms dispatch r1/z#1 on t
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/c/compensate#1 on t
    0ms dispatch r1/b/compensate#1 on t
    0ms dispatch r1/a/compensate#1 on t
    0ms restart
    0ms record 22 Opened
    0ms record 23 Crashed
    0ms record 24 a/compensate ended Lost: Retry { at: Timestamp(0) }
    0ms record 25 a/compensate dispatched #2 waited [] hold $0
    0ms dispatch r1/a/compensate#2 on t
    0ms r1 is failed, spent $0, held $0
    0ms   a succeeded
    0ms   b compensated
    0ms   c compensated
    0ms   z failed
    0ms   a/compensate running
    0ms record 26 a/compensate finished: Succeed
    0ms record 27 Compensated 3, left 0
    0ms record 28 Done
    0ms close r1
    ");
}

#[test]
fn an_abandoned_attempt_of_an_earlier_life_is_left() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once compensate; b effect=idempotent compensate
        ok a
        cancel r1
        records on
        restart
        ok a/compensate
    "), @r"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms stop r1/b#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms restart
    0ms record 8 Opened
    0ms record 9 Crashed
    0ms record 10 b abandoned, effect uncertain
    0ms record 11 a/compensate entered
    0ms record 12 a/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/a/compensate#1 on t
    0ms record 13 a/compensate finished: Succeed
    0ms record 14 Compensated 1, left 1 b (uncertain: it may have taken effect, and nobody knows)
    0ms record 15 Done
    0ms close r1
    ");
}

#[test]
fn what_nobody_knows_of_is_left_and_what_a_check_found_is_taken_back() {
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        submit r1 look if; a effect=once compensate doubt=check:look; b effect=once compensate; z needs a,b
        fail a timeout
        ok a/look
        records on
        fail b timeout
        ok a/compensate
    "), @r#"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/a/look#1 on t
    0ms record 11 b finished: Fail(Failure { class: Uncertain, message: "no definite answer (timeout: no luck): the attempt may have taken effect", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    0ms record 12 Answered
    0ms answer r1 failed uncertain in b: no definite answer (timeout: no luck): the attempt may have taken effect
    0ms record 13 a/compensate entered
    0ms record 14 a/compensate dispatched #1 waited [] hold $0
    0ms dispatch r1/a/compensate#1 on t
    0ms record 15 a/compensate finished: Succeed
    0ms record 16 Compensated 1, left 1 b (uncertain: it may have taken effect, and nobody knows)
    0ms record 17 Done
    0ms close r1
    "#);
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        say a/look good=false
        submit r1 look if; a effect=once compensate doubt=check:look
        fail a timeout
        records on
        ok a/look
    "), @r"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/a/look#1 on t
    0ms record 7 a/look finished: Judge
    0ms record 8 a/look judged
    0ms record 9 a resolved
    0ms record 10 Answered
    0ms record 11 Done
    0ms answer r1 failed unavailable in a: it was found to have had no effect: no definite answer (timeout: no luck): the attempt may have taken effect
    0ms close r1
    ");
}

#[test]
fn a_pause_holds_it_and_its_own_time_bounds_it() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once compensate=9 compensate_timeout=5s; z needs a; run: deadline=1s
        ok a
        fail z permanent
        fail a/compensate unavailable
        pause r1
        wait 1s
        view r1
        resume r1
        records on
        wait 4s
        ok a/compensate
    "), @r#"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/z#1 on t
       0ms answer r1 failed permanent in z: no luck
       0ms dispatch r1/a/compensate#1 on t
    1000ms woken: a task may start
    1000ms r1 is failed, spent $0, held $0
    1000ms   a succeeded
    1000ms   z failed
    1000ms   a/compensate waiting on paused
    1000ms dispatch r1/a/compensate#2 on t
    5000ms woken: a task's time is over
    5000ms record 15 a/compensate ended Expired: Fail(Failure { class: Timeout, message: "no success within its timeout of 5s", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    5000ms record 16 Compensated 0, left 1 a (timeout: no success within its timeout of 5s)
    5000ms stop r1/a/compensate#2
    5000ms record 17 a/compensate abandoned, effect taken
    5000ms record 18 Done
    5000ms close r1
    "#);
}

#[test]
fn only_the_work_of_the_main_tasks_ends_by_deadline_and_budget() {
    assert_snapshot!(trace("
        targets t=9:call=3c
        submit r1 a effect=once compensate cap=1; z needs a cap=1; run: deadline=1s budget=6c fail
        ok a
        wait 1s
        ok a/compensate
    "), @r"
       0ms dispatch r1/a#1 on t cap=1
       0ms dispatch r1/z#1 on t cap=1
    1000ms woken: a run's deadline
    1000ms stop r1/z#1
    1000ms answer r1 failed spent $0.0300 deadline_exceeded: no answer within the deadline of 1s
    1000ms dispatch r1/a/compensate#1 on t
    ");
}
