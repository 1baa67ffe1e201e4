//! Retries, the ladder of `catch`, and effects.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn what_is_lost_in_every_life_is_not_sent_without_end() {
    assert_snapshot!(dialogue("
        limit attempts_max=2
        submit r1 a retry=9
        restart
        restart
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms restart
    0ms answer r1 failed unavailable in a: the process ended while it was out
    0ms close r1
    ");
}

#[test]
fn the_limit_on_attempts_is_that_of_all_rungs_together() {
    assert_snapshot!(dialogue("
        targets t=1 u=1
        limit attempts_max=2
        submit r1 a allow=t retry=9 catch=any:u catch=any:output
        fail a unavailable
        wait 1s
        fail a unavailable
    "), @"
       0ms dispatch r1/a#1 on t
       0ms > fail a unavailable
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t
    1000ms > fail a unavailable
    1000ms answer r1 succeeded degraded
    1000ms close r1
    ");
}

#[test]
fn a_transient_failure_is_tried_again_after_growing_pauses_until_its_attempts_are_used_up() {
    assert_snapshot!(dialogue("
        submit r1 a retry=3
        fail a unavailable
        wait 200ms
        fail a timeout
        wait 399ms
        view r1
        wait 1ms
        fail a unavailable
    "), @"
      0ms dispatch r1/a#1 on t
      0ms > fail a unavailable
    200ms woken: a task may start
    200ms dispatch r1/a#2 on t
    200ms > fail a timeout
    599ms r1 is running, spent $0, held $0
    599ms   a backing_off on backoff
    600ms woken: a task may start
    600ms dispatch r1/a#3 on t
    600ms > fail a unavailable
    600ms answer r1 failed unavailable in a: no luck
    600ms close r1
    ");
}

#[test]
fn what_cannot_succeed_is_not_tried_again() {
    assert_snapshot!(dialogue("
        submit r1 a retry=3
        fail a permanent
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a permanent
    0ms answer r1 failed permanent in a: no luck
    0ms close r1
    ");
}

#[test]
fn a_provider_s_delay_is_kept_and_closes_the_target() {
    assert_snapshot!(dialogue("
        targets t=2
        submit r1 a retry=2; b
        fail a rate_limited after 3s
        ok b
        submit r2 c
        wait 3s
        wait 100ms
        ok a
        ok c
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on t
       0ms > fail a rate_limited after 3s
       0ms > ok b
    3000ms woken: a task may start
    3000ms dispatch r1/a#2 on t
    3050ms woken: a target may have room for one more
    3050ms dispatch r2/c#1 on t
    3100ms woken: a target may have room for one more
    3100ms > ok a
    3100ms answer r1 succeeded
    3100ms close r1
    3100ms > ok c
    3100ms answer r2 succeeded
    3100ms close r2
    ");
}

#[test]
fn an_overloaded_target_is_passed_over() {
    assert_snapshot!(dialogue("
        targets t=1 u=1
        submit r1 a retry=2 allow=t,u
        fail a overloaded after 5s
        wait 1s
        ok a
    "), @"
       0ms dispatch r1/a#1 on t
       0ms > fail a overloaded after 5s
     200ms woken: a task may start
     200ms dispatch r1/a#2 on u
    1000ms > ok a
    1000ms answer r1 succeeded degraded
    1000ms close r1
    ");
}

#[test]
fn rungs_are_taken_in_order() {
    assert_snapshot!(dialogue("
        targets t=1 u=1
        submit r1 a allow=t catch=unavailable:u catch=any:output; b needs a
        fail a unavailable
        fail a unavailable
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a unavailable
    0ms dispatch r1/a#2 on u
    0ms > fail a unavailable
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_rung_takes_only_its_classes() {
    assert_snapshot!(dialogue("
        submit r1 a catch=timeout:output
        fail a permanent
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a permanent
    0ms answer r1 failed permanent in a: no luck
    0ms close r1
    ");
}

#[test]
fn no_fallback_forbids_rungs() {
    assert_snapshot!(dialogue("
        submit r1 a no_fallback catch=any:output
        fail a permanent
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a permanent
    0ms answer r1 failed permanent in a: no luck
    0ms close r1
    ");
}

#[test]
fn an_optional_task_may_fail() {
    assert_snapshot!(dialogue("
        submit r1 a optional; b needs a
        fail a permanent
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a permanent
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_result_may_be_a_failure() {
    assert_snapshot!(dialogue("
        say a fail_if=true
        submit r1 a fail_if=content_blocked
        ok a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 failed content_blocked in a: its result fulfils `fail_if`
    0ms close r1
    ");
}

#[test]
fn a_refused_result_may_be_tried_again() {
    assert_snapshot!(dialogue("
        say a fail_if=true
        submit r1 a fail_if retry=2 on=invalid_output
        ok a
        say a fail_if=false
        wait 1s
        ok a
    "), @r#"
       0ms dispatch r1/a#1 on t
       0ms > ok a
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t told "its result fulfils `fail_if`"
    1000ms > ok a
    1000ms answer r1 succeeded
    1000ms close r1
    "#);
}

#[test]
fn an_expression_that_fails_fails_the_task() {
    assert_snapshot!(dialogue("
        say b error=yes
        submit r1 a; b needs a
        ok a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 failed permanent in b: division by zero
    0ms close r1
    ");
}

#[test]
fn a_once_task_without_an_answer_is_uncertain() {
    assert_snapshot!(dialogue("
        submit r1 a effect=once retry=3
        fail a timeout
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a timeout
    0ms answer r1 failed uncertain in a: no definite answer (timeout: no luck): the attempt may have taken effect
    0ms close r1
    ");
}

#[test]
fn a_once_task_is_tried_again_on_proof() {
    assert_snapshot!(dialogue("
        submit r1 a effect=once retry=3
        fail a unavailable no_effect
        wait 1s
        ok a
    "), @"
       0ms dispatch r1/a#1 on t
       0ms > fail a unavailable no_effect
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t
    1000ms > ok a
    1000ms answer r1 succeeded
    1000ms close r1
    ");
}

#[test]
fn a_once_task_that_was_out_at_a_crash_never_runs_again() {
    assert_snapshot!(dialogue("
        submit r1 a effect=once retry=3
        restart
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms answer r1 failed uncertain in a: the process ended while attempt 1 on t was out: it may have taken effect
    0ms close r1
    ");
}

#[test]
fn an_uncertain_task_may_be_caught_by_an_output_only() {
    assert_snapshot!(dialogue("
        targets t=1 u=1
        submit r1 a effect=once catch=any:u catch=uncertain:output
        fail a timeout
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a timeout
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_task_without_effect_runs_again_after_a_crash() {
    assert_snapshot!(dialogue("
        submit r1 a; b needs a
        ok a
        restart
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms restart
    0ms dispatch r1/b#2 on t
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn an_attempt_with_a_reference_is_taken_up_again() {
    assert_snapshot!(dialogue("
        submit r1 a effect=once
        reference a
        restart
        ok a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t again by reference
    0ms > ok a
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_late_outcome_is_fenced_off_and_booked() {
    assert_snapshot!(dialogue("
        targets t=1:token=1c:cap=10
        submit r1 a; finally: f
        cancel r1
        view r1
        fail a cancelled tokens=3
        view r1
        ok f
    "), @"
    0ms dispatch r1/a#1 on t cap=10
    0ms > cancel r1
    0ms stop r1/a#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms r1 is cancelled, spent $0, held $0.1000
    0ms   a cancelled
    0ms   f waiting on limit
    0ms > fail a cancelled tokens=3
    0ms dispatch r1/f#1 on t cap=10
    0ms r1 is cancelled, spent $0.0300, held $0.1000
    0ms   a cancelled
    0ms   f running
    0ms > ok f
    0ms close r1
    ");
}

#[test]
fn what_has_taken_effect_is_not_done_again_though_its_result_is_refused() {
    assert_snapshot!(dialogue("
        say a fail_if=true
        targets t=1:effect=once
        submit r1 a fail_if retry=3 on=invalid_output
        ok a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 failed invalid_output in a: its result fulfils `fail_if`
    0ms close r1
    ");
}

#[test]
fn an_attempt_that_was_taken_up_again_and_abandoned_is_awaited() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=10
        submit r1 a; b effect=once
        reference a
        restart
        view r1
        fail a cancelled tokens=3
    "), @"
    0ms dispatch r1/a#1 on t cap=10
    0ms dispatch r1/b#1 on t cap=10
    0ms restart
    0ms dispatch r1/a#2 on t again by reference
    0ms stop r1/a#2
    0ms answer r1 failed spent $0.1000 uncertain in b: the process ended while attempt 1 on t was out: it may have taken effect
    0ms r1 is failed, spent $0.1000, held $0.1000
    0ms   a cancelled
    0ms   b failed
    0ms > fail a cancelled tokens=3
    0ms close r1
    ");
}

#[test]
fn targets_of_one_quota_group_are_left_alone_for_as_long_as_the_provider_says_or_else_a_second() {
    assert_snapshot!(dialogue("
        targets t=1:group=g u=1:group=g
        submit r1 a retry=3
        fail a rate_limited
        submit r2 b
        wait 1s
        fail r1/a rate_limited after 3s
        ok r2/b
        submit r3 c
        wait 3s
        ok r1/a
        ok r3/c
    "), @"
       0ms dispatch r1/a#1 on t
       0ms > fail a rate_limited
    1000ms woken: a task may start
    1000ms dispatch r1/a#2 on t
    1000ms dispatch r2/b#1 on u
    1000ms > fail r1/a rate_limited after 3s
    1000ms > ok r2/b
    1000ms answer r2 succeeded
    1000ms close r2
    4000ms woken: a task may start
    4000ms dispatch r1/a#3 on u
    4000ms dispatch r3/c#1 on t
    4000ms > ok r1/a
    4000ms answer r1 succeeded
    4000ms close r1
    4000ms > ok r3/c
    4000ms answer r3 succeeded
    4000ms close r3
    ");
}

#[test]
fn a_named_target_catches_data_that_nobody_else_may_see() {
    assert_snapshot!(dialogue("
        targets us=1:class=small eu=1:clearance=region=eu
        submit r1 a class=small catch=permanent:eu; run: labels=region=eu
        ok a
    "), @"
    0ms dispatch r1/a#1 on eu
    0ms > ok a
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_once_attempt_inside_is_uncertain_when_the_time_around_it_is_over() {
    assert_snapshot!(dialogue("
        submit r1 g within=1s catch=deadline_exceeded:output { x effect=once }
        submit r2 l loop=2 loop_deadline=1s effect=once catch=deadline_exceeded:output
        wait 1s
        fail g/x cancelled
        fail l/loop#1 cancelled
    "), @"
       0ms dispatch r1/g/x#1 on t
       0ms dispatch r2/l/loop#1#1 on t
    1000ms woken: a task's time is over
    1000ms stop r1/g/x#1
    1000ms answer r1 failed uncertain in g: not settled within 1s: the attempt that was out may have taken effect
    1000ms stop r2/l/loop#1#1
    1000ms answer r2 failed uncertain in l: the loop's deadline has passed: the attempt that was out may have taken effect
    1000ms > fail g/x cancelled
    1000ms close r1
    1000ms > fail l/loop#1 cancelled
    1000ms close r2
    ");
}
