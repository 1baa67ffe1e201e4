//! Attempts that may have taken effect: what is told of them, and who finds out.

use insta::assert_snapshot;

use super::trace;

#[test]
fn what_was_cancelled_says_whether_it_took_effect() {
    assert_snapshot!(trace("
        targets t=9
        records on
        submit r1 a effect=once; b effect=once; c effect=idempotent; d
        cancel r1
        ok a
        fail b cancelled
        fail c cancelled no_effect
        fail d cancelled
        why r1
        attempts r1
    "), @"
    0ms record 2 RunSubmitted
    0ms record 3 a dispatched #1 waited [] hold $0
    0ms record 4 b dispatched #1 waited [] hold $0
    0ms record 5 c dispatched #1 waited [] hold $0
    0ms record 6 d dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/c#1 on t
    0ms dispatch r1/d#1 on t
    0ms record 7 CancelRequested
    0ms record 8 Answered
    0ms stop r1/a#1
    0ms stop r1/b#1
    0ms stop r1/c#1
    0ms stop r1/d#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms record 9 a abandoned, effect taken
    0ms record 10 b abandoned, effect uncertain
    0ms record 11 c abandoned
    0ms record 12 d abandoned
    0ms record 13 Done
    0ms close r1
    0ms why r1: 0µs:; critical d
    0ms   a cancelled (CalledOff):
    0ms   b cancelled (CalledOff):
    0ms   c cancelled (CalledOff):
    0ms   d cancelled (CalledOff):
    0ms   attempt of a: $0, 0 tokens: cancelled: it was not wanted any more, and took effect
    0ms   attempt of b: $0, 0 tokens: uncertain: it was not wanted any more, and may have taken effect
    0ms   attempt of c: $0, 0 tokens
    0ms   attempt of d: $0, 0 tokens
    ");
}

#[test]
fn what_was_abandoned_when_the_process_ended_may_have_taken_effect() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once; b; finally: f
        cancel r1
        records on
        restart
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms stop r1/a#1
    0ms stop r1/b#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms dispatch r1/f#1 on t
    0ms restart
    0ms record 8 Opened
    0ms record 9 Crashed
    0ms record 10 f ended Lost: Retry { at: Timestamp(0) }
    0ms record 11 a abandoned, effect uncertain
    0ms record 12 b abandoned
    0ms record 13 f dispatched #2 waited [] hold $0
    0ms dispatch r1/f#2 on t
    ");
}

#[test]
fn a_check_finds_the_effect_and_its_output_counts() {
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        submit r1 look if; a effect=once doubt=check:look retry=3; b needs a
        fail a timeout
        ok a/look
        ok b
        why r1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/a/look#1 on t
    0ms dispatch r1/b#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms why r1: 0µs:; critical a → b
    0ms   look skipped (Condition):
    0ms   a succeeded:
    0ms   a/look succeeded:
    0ms   b succeeded:
    ");
}

#[test]
fn a_check_that_finds_nothing_lets_it_run_again() {
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        say a/look good=false
        submit r1 look if delay=300ms; a effect=once doubt=check:look retry=2
        fail a timeout
        wait 300ms
        ok a/look
        wait 1s
        fail a timeout
        wait 300ms
        ok a/look
    "), @"
       0ms dispatch r1/a#1 on t
     300ms woken: a task may start
     300ms dispatch r1/a/look#1 on t
     500ms woken: a task may start
     500ms dispatch r1/a#2 on t
    1600ms woken: a task may start
    1600ms dispatch r1/a/look#2 on t
    1600ms answer r1 failed unavailable in a: it was found to have had no effect: no definite answer (timeout: no luck): the attempt may have taken effect
    1600ms close r1
    ");
}

#[test]
fn a_check_that_fails_leaves_it_uncertain() {
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        submit r1 look if retry=2; a effect=once doubt=check:look catch=uncertain:output
        fail a timeout
        fail a/look unavailable
        wait 1s
        fail a/look unavailable
        say b/look good=false
        submit r2 look if catch=permanent:output; b effect=once doubt=check:look retry=2
        fail b timeout
        fail b/look permanent
        wait 1s
        ok b
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/a/look#1 on t
     200ms woken: a task may start
     200ms dispatch r1/a/look#2 on t
    1000ms answer r1 succeeded degraded
    1000ms close r1
    1000ms dispatch r2/b#1 on t
    1000ms dispatch r2/b/look#1 on t
    1200ms woken: a task may start
    1200ms dispatch r2/b#2 on t
    2000ms answer r2 succeeded
    2000ms close r2
    ");
}

#[test]
fn a_check_survives_a_crash_and_ends_with_what_it_checks() {
    assert_snapshot!(trace("
        targets t=9
        say look if=false
        submit r1 look if; a effect=once doubt=check:look
        restart
        restart
        ok a/look
        say look if=false
        say g/peek if=false
        submit r2 look if; g within=1s { peek if; x effect=once doubt=check:peek }
        fail g/x timeout
        wait 2s
        ok g/x/peek
    "), @"
       0ms dispatch r1/a#1 on t
       0ms restart
       0ms dispatch r1/a/look#1 on t
       0ms restart
       0ms dispatch r1/a/look#2 on t
       0ms answer r1 succeeded
       0ms close r1
       0ms dispatch r2/g/x#1 on t
       0ms dispatch r2/g/x/peek#1 on t
    1000ms woken: a task's time is over
    1000ms stop r2/g/x/peek#1
    1000ms answer r2 failed uncertain in g: not settled within 1s: the attempt that was out may have taken effect
    2000ms close r2
    ");
}

#[test]
fn a_person_tells_what_nobody_knows() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once doubt=ask retry=2
        fail a timeout
        wait 1s
        view r1
        restart
        tell r1/a no
        wait 1s
        fail a timeout
        tell r1/a yes
        tell r1/a no
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
    1000ms r1 is running, spent $0, held $0
    1000ms   a waiting on person
    1000ms restart
    1200ms woken: a task may start
    1200ms dispatch r1/a#2 on t
    2000ms answer r1 succeeded
    2000ms close r1
    2000ms rejected: run 00000000000000000000000001 is over: nothing in it waits
    2000ms why r1: 2s: person 1s running 800ms backoff 200ms; critical a
    2000ms   a succeeded: person 1s backoff 200ms running 800ms
    ");
}

#[test]
fn a_person_who_does_not_know_either_fails_it() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once doubt=ask
        fail a timeout
        tell r1/a unknown
        submit r2 a effect=once doubt=ask within=1s
        fail r2/a timeout
        wait 2s
    "), @"
       0ms dispatch r1/a#1 on t
       0ms answer r1 failed uncertain in a: no definite answer (timeout: no luck): the attempt may have taken effect
       0ms close r1
       0ms dispatch r2/a#1 on t
    1000ms woken: a task's time is over
    1000ms answer r2 failed uncertain in a: not settled within 1s: the attempt that was out may have taken effect
    1000ms close r2
    ");
}

#[test]
fn what_is_told_of_an_earlier_attempt_is_not_taken_for_this_one() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once doubt=ask retry=3
        fail a timeout
        tell r1/a#1 no
        wait 1s
        restart
        tell r1/a#1 no
        tell r1/a#2 yes
    "), @r#"
       0ms dispatch r1/a#1 on t
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t
    1000ms restart
    1000ms rejected: attempt 2 of task "a" is in doubt, not attempt 1
    1000ms answer r1 succeeded
    1000ms close r1
    "#);
}

#[test]
fn a_crash_counts_as_a_try_of_what_was_in_doubt() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once doubt=ask
        restart
        tell r1/a no
    "), @"
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms answer r1 failed unavailable in a: it was found to have had no effect: the process ended while attempt 1 on t was out: it may have taken effect
    0ms close r1
    ");
}

#[test]
fn what_is_given_up_with_an_uncertain_sibling_was_out_until_the_process_ended() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a effect=once; b effect=once; c
        wait 500ms
        ok c
        wait 1s
        restart
        why r1
        attempts r1
    "), @r#"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on t
       0ms dispatch r1/c#1 on t
    1500ms restart
    1500ms answer r1 failed uncertain in a: the process ended while attempt 1 on t was out: it may have taken effect
    1500ms close r1
    1500ms why r1: 1.5s: downtime 1s running 500ms; critical a
    1500ms   a failed (Failed(Uncertain, "the process ended while attempt 1 on t was out: it may have taken effect")): running 500ms downtime 1s
    1500ms   b cancelled (for a failed): running 500ms downtime 1s
    1500ms   c succeeded: running 500ms
    1500ms   attempt of a: $0, 0 tokens: uncertain: the process ended while attempt 1 on t was out: it may have taken effect
    1500ms   attempt of b: $0, 0 tokens: uncertain: the process ended while it was out: it may have taken effect
    1500ms   attempt of c: $0, 0 tokens
    "#);
}
