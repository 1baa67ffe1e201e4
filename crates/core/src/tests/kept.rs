//! What of the results is kept, and what takes their place: refused, lower, cut or lost ones, and the last good copy.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn a_result_that_is_refused_is_neither_kept_nor_taken_again() {
    assert_snapshot!(dialogue("
        targets t=9
        say a fail_if=true
        submit r1 a cache=5s fail_if
        ok r1/a
        say a fail_if=false
        submit r2 a cache=5s fail_if
        ok r2/a
        say a fail_if=true
        submit r3 a cache=5s fail_if retry=2 on=invalid_output
        say a fail_if=false
        wait 1s
        submit r4 a cache=5s
        ok r3/a
        why r3
    "), @r#"
       0ms look up r1/a
       0ms dispatch r1/a#1 on t
       0ms > ok r1/a
       0ms answer r1 failed invalid_output in a: its result fulfils `fail_if`
       0ms close r1
       0ms look up r2/a
       0ms dispatch r2/a#1 on t
       0ms > ok r2/a
       0ms keep for default: of r2, t gave it for $0, tags ["tag"]
       0ms answer r2 succeeded
       0ms close r2
       0ms look up r3/a
       0ms look up r3/a
       0ms dispatch r3/a#1 on t
    1000ms > ok r3/a
    1000ms keep for default: of r3, t gave it for $0, tags ["tag"]
    1000ms look up r4/a
    1000ms answer r4 succeeded
    1000ms close r4
    1000ms answer r3 succeeded
    1000ms close r3
    1000ms why r3: 1s: running 1s; critical a
    1000ms   a succeeded: running 1s
    "#);
}

#[test]
fn what_a_race_finds_no_good_is_not_kept() {
    assert_snapshot!(dialogue("
        targets t=9
        say r/p good=false
        submit r1 r race=1 good { p cache=60s; q delay=1s }
        ok r/p
        wait 1s
        ok r/q
        submit r2 r race=1 good { p cache=60s; q delay=1s }
    "), @"
       0ms look up r1/r/p
       0ms dispatch r1/r/p#1 on t
       0ms > ok r/p
    1000ms woken: a task may start
    1000ms dispatch r1/r/q#1 on t
    1000ms > ok r/q
    1000ms answer r1 succeeded
    1000ms close r1
    1000ms look up r2/r/p
    1000ms dispatch r2/r/p#1 on t
    ");
}

#[test]
fn the_last_good_copy_serves_when_nothing_else_does() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 a cache=1s
        ok a
        wait 5s
        records on
        submit r2 a cache=1s retry=1 catch=any:cached
        fail r2/a unavailable
        store forgets
        submit r3 a cache=1s retry=1 catch=any:cached catch=unavailable:output
        fail r3/a unavailable
        submit r4 a cache=1s timeout=2s catch=any:cached catch=any:t
        wait 3s
        why r2
    "), @r#"
       0ms look up r1/a
       0ms dispatch r1/a#1 on t
       0ms > ok a
       0ms keep for default: of r1, t gave it for $0, tags ["tag"]
       0ms answer r1 succeeded
       0ms close r1
    5000ms record 7 RunSubmitted
    5000ms look up r2/a
    5000ms record 8 a dispatched #1 waited [] hold $0
    5000ms dispatch r2/a#1 on t
    5000ms > fail r2/a unavailable
    5000ms record 9 a finished: Rung { rung: 0, failure: Some(Failure { class: Unavailable, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) }) }
    5000ms look up r2/a
    5000ms record 10 a cached: stale, from r1, waited []
    5000ms record 11 Answered
    5000ms record 12 Done
    5000ms answer r2 succeeded degraded
    5000ms close r2
    5000ms > store forgets
    5000ms record 13 RunSubmitted
    5000ms look up r3/a
    5000ms record 14 a dispatched #1 waited [] hold $0
    5000ms dispatch r3/a#1 on t
    5000ms > fail r3/a unavailable
    5000ms record 15 a finished: Rung { rung: 0, failure: Some(Failure { class: Unavailable, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) }) }
    5000ms look up r3/a
    5000ms record 16 a ended NoCopy: Rung { rung: 1, failure: Some(Failure { class: Unavailable, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) }) }
    5000ms record 17 a caught
    5000ms record 18 Answered
    5000ms record 19 Done
    5000ms answer r3 succeeded degraded
    5000ms close r3
    5000ms record 20 RunSubmitted
    5000ms look up r4/a
    5000ms record 21 a dispatched #1 waited [] hold $0
    5000ms dispatch r4/a#1 on t
    7000ms woken: a task's time is over
    7000ms record 22 a ended Expired: Rung { rung: 0, failure: Some(Failure { class: Timeout, message: "no success within its timeout of 2s", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) }) }
    7000ms stop r4/a#1
    7000ms look up r4/a
    7000ms record 23 a ended NoCopy: Fail(Failure { class: Timeout, message: "no success within its timeout of 2s", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    7000ms record 24 Answered
    7000ms answer r4 failed timeout in a: no success within its timeout of 2s
    8000ms why r2: 0µs:; critical a
    8000ms   a succeeded (Caught(Unavailable, "no luck")):
    "#);
}

#[test]
fn what_may_have_taken_effect_is_not_done_again_for_want_of_a_copy() {
    assert_snapshot!(dialogue("
        targets t=9 u=9
        submit r1 a effect=once cache=5s catch=any:cached catch=any:u
        fail a timeout
        submit r2 a effect=once cache=5s fail_if catch=any:cached catch=any:u
        say a fail_if=true
        ok r2/a
        submit r3 a effect=once cache=5s catch=any:cached catch=any:u
        fail r3/a unavailable no_effect
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > fail a timeout
    0ms look up r1/a
    0ms answer r1 failed uncertain in a: no definite answer (timeout: no luck): the attempt may have taken effect
    0ms close r1
    0ms dispatch r2/a#1 on t
    0ms > ok r2/a
    0ms look up r2/a
    0ms answer r2 failed invalid_output in a: its result fulfils `fail_if`
    0ms close r2
    0ms dispatch r3/a#1 on t
    0ms > fail r3/a unavailable no_effect
    0ms look up r3/a
    0ms dispatch r3/a#2 on u
    ");
}

#[test]
fn without_a_fallback_no_last_copy_is_taken() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 a cache=1s
        ok a
        wait 5s
        submit r2 a cache=1s retry=1 no_fallback catch=any:cached
        fail r2/a unavailable
    "), @r#"
       0ms look up r1/a
       0ms dispatch r1/a#1 on t
       0ms > ok a
       0ms keep for default: of r1, t gave it for $0, tags ["tag"]
       0ms answer r1 succeeded
       0ms close r1
    5000ms look up r2/a
    5000ms dispatch r2/a#1 on t
    5000ms > fail r2/a unavailable
    5000ms answer r2 failed unavailable in a: no luck
    5000ms close r2
    "#);
}

#[test]
fn a_lower_result_is_not_kept() {
    assert_snapshot!(dialogue("
        targets t=1 u=9
        submit r1 z class=t
        submit r2 a cache=5s allow=t,u
        ok r2/a
        submit r3 a cache=5s retry=1 catch=any:t
        fail r3/a unavailable
        ok z
        ok r3/a
        submit r4 a cache=5s
    "), @"
    0ms dispatch r1/z#1 on t
    0ms look up r2/a
    0ms dispatch r2/a#1 on u
    0ms > ok r2/a
    0ms answer r2 succeeded degraded
    0ms close r2
    0ms look up r3/a
    0ms dispatch r3/a#1 on u
    0ms > fail r3/a unavailable
    0ms > ok z
    0ms dispatch r3/a#2 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms > ok r3/a
    0ms answer r3 succeeded degraded
    0ms close r3
    0ms look up r4/a
    0ms dispatch r4/a#1 on t
    ");
}

#[test]
fn a_store_that_fails_costs_an_attempt_and_nothing_else() {
    assert_snapshot!(dialogue("
        targets t=9
        store fails
        submit r1 a cache=5s
        submit r2 a cache=5s
        ok r1/a
        ok r2/a
        store works
        store slow
        submit r3 a cache=5s within=1s
        wait 2s
        store answers
        submit r4 a cache=5s
        store answers
        ok r4/a
    "), @r#"
       0ms > store fails
       0ms look up r1/a
       0ms dispatch r1/a#1 on t
       0ms > ok r1/a
       0ms keep for default: of r1, t gave it for $0, tags ["tag"]
       0ms look up r2/a
       0ms dispatch r2/a#1 on t
       0ms answer r1 succeeded
       0ms close r1
       0ms > ok r2/a
       0ms keep for default: of r2, t gave it for $0, tags ["tag"]
       0ms answer r2 succeeded
       0ms close r2
       0ms > store works
       0ms > store slow
       0ms look up r3/a
    1000ms woken: a task's time is over
    1000ms answer r3 failed deadline_exceeded in a: not settled within 1s
    1000ms close r3
    2000ms > store answers
    2000ms look up r4/a
    2000ms > store answers
    2000ms dispatch r4/a#1 on t
    2000ms > ok r4/a
    2000ms keep for default: of r4, t gave it for $0, tags ["tag"]
    2000ms answer r4 succeeded
    2000ms close r4
    "#);
}

#[test]
fn a_restart_looks_anew_and_what_goes_on_by_reference_keeps_its_turn() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 a cache=5s
        submit r2 a cache=5s
        reference a
        restart
        ok r1/a
        ok r2/a
        submit r3 a cache=5s
        store slow
        submit r4 a cache=6s
        restart
        store answers
    "), @r#"
    0ms look up r1/a
    0ms dispatch r1/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t again by reference
    0ms > ok r1/a
    0ms look up r2/a
    0ms dispatch r2/a#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms > ok r2/a
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    0ms look up r3/a
    0ms answer r3 succeeded
    0ms close r3
    0ms > store slow
    0ms look up r4/a
    0ms restart
    0ms look up r4/a
    0ms > store answers
    0ms answer r4 succeeded
    0ms close r4
    "#);
}

#[test]
fn a_target_that_leaves_an_effect_neither_gives_nor_takes() {
    assert_snapshot!(dialogue("
        targets t=9:effect=idempotent
        submit r1 a cache=5s
        submit r2 a cache=5s
        ok r1/a
        targets t=9:effect=idempotent u=9
        submit r3 a cache=5s allow=t,u
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r2/a#1 on t
    0ms > ok r1/a
    0ms answer r1 succeeded
    0ms close r1
    0ms look up r3/a
    0ms dispatch r3/a#1 on t
    ");
}

#[test]
fn an_output_that_was_cut_to_fit_the_budget_is_not_kept() {
    assert_snapshot!(dialogue("
        targets t=9:token=1c:cap=100
        submit r1 a cache=5s; run: budget=80c
        ok r1/a tokens=5
        submit r2 a cache=5s
        ok r2/a tokens=5
        submit r3 a cache=5s; run: budget=0c
    "), @r#"
    0ms look up r1/a
    0ms dispatch r1/a#1 on t cap=80
    0ms > ok r1/a tokens=5
    0ms answer r1 succeeded spent $0.0500
    0ms close r1
    0ms look up r2/a
    0ms dispatch r2/a#1 on t cap=100
    0ms > ok r2/a tokens=5
    0ms keep for default: of r2, t gave it for $0.0500, tags ["tag"]
    0ms answer r2 succeeded spent $0.0500
    0ms close r2
    0ms look up r3/a
    0ms answer r3 succeeded
    0ms close r3
    "#);
}

#[test]
fn items_and_rounds_share_what_they_ask_for() {
    assert_snapshot!(dialogue("
        targets t=9
        say e items=3
        submit r1 e foreach cache=5s
        ok r1/e[0]
        submit r2 g race=1 { p cache=9s class=t; q cache=9s class=t }
        ok r2/g/p
    "), @r#"
    0ms look up r1/e[0]
    0ms dispatch r1/e[0]#1 on t
    0ms > ok r1/e[0]
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms look up r1/e[1]
    0ms answer r1 succeeded
    0ms close r1
    0ms look up r2/g/p
    0ms dispatch r2/g/p#1 on t
    0ms > ok r2/g/p
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    "#);
}
