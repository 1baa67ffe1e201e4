//! Second attempts beside slow ones.

use insta::assert_snapshot;

use super::dialogue;

/// Runs of one task that take a second each, so many that it is known what is slow and a second attempt is saved up. Then this; told is what comes after
/// that.
fn after(scenario: &str) -> String {
    after_many("a", scenario)
}

/// The same of runs of this script.
fn after_many(script: &str, scenario: &str) -> String {
    let before: String = (101..=112).map(|run| format!("submit r{run} {script}\ndrain 1s\n")).collect();
    let told = dialogue(&format!("policy hedge=95 share=50\ntargets t=4 u=4\n{before}{scenario}"));
    let from = told.lines().position(|line| line.contains("dispatch r9/")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_succeeds_first_counts() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        ok r9/a!1
        fail r9/a!2 cancelled
        attempts r9
        submit r10 a
        wait 4s
        ok r10/a!2
        fail r10/a!1 cancelled
        attempts r10
        why r10
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > ok r9/a!1
    15000ms stop r9/a#2
    15000ms answer r9 succeeded
    15000ms > fail r9/a!2 cancelled
    15000ms close r9
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1s
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 1s, u 1s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1s
    15000ms dispatch r10/a#1 on t
    18145ms woken: an attempt is slow
    18145ms dispatch r10/a#2 on u
    19000ms > ok r10/a!2
    19000ms stop r10/a#1
    19000ms answer r10 succeeded
    19000ms > fail r10/a!1 cancelled
    19000ms close r10
    19000ms   attempt of a: $0, 0 tokens
    19000ms     expected 1.15s
    19000ms     balanced gittins 15s, 0 ahead, 0 behind, t 1.15s, u 1.15s
    19000ms   attempt of a: $0, 0 tokens
    19000ms     expected 1.15s
    19000ms why r10: 4s: running 4s; critical a
    19000ms   a succeeded: running 4s
    ");
}

#[test]
fn one_that_comes_to_nothing_leaves_the_other() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        fail r9/a!1 unavailable
        ok r9/a!2
        submit r10 a
        wait 3s
        fail r10/a!2 unavailable
        fail r10/a!1 permanent
        attempts r10
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > fail r9/a!1 unavailable
    15000ms > ok r9/a!2
    15000ms answer r9 succeeded
    15000ms close r9
    15000ms dispatch r10/a#1 on t
    17097ms woken: an attempt is slow
    17097ms dispatch r10/a#2 on u
    18000ms > fail r10/a!2 unavailable
    18000ms > fail r10/a!1 permanent
    18000ms answer r10 failed permanent in a: no luck
    18000ms close r10
    18000ms   attempt of a: $0, 0 tokens: permanent: no luck
    18000ms     expected 1.07s
    18000ms     balanced gittins 15s, 0 ahead, 0 behind, t 1.07s, u 1.07s
    18000ms   attempt of a: $0, 0 tokens
    18000ms     expected 1.07s
    ");
}

#[test]
fn both_are_told_to_stop_and_both_are_lost() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        cancel r9
        submit r10 a
        wait 3s
        restart
        attempts r10
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > cancel r9
    15000ms stop r9/a#2
    15000ms stop r9/a#1
    15000ms answer r9 cancelled cancelled: cancelled by the caller
    15000ms dispatch r10/a#1 on t
    16048ms woken: an attempt is slow
    16048ms dispatch r10/a#2 on u
    18000ms restart
    18000ms close r9
    18000ms dispatch r10/a#3 on t
    18000ms   attempt of a: $0, 0 tokens
    18000ms     expected 1s
    18000ms     balanced gittins 15s, 0 ahead, 0 behind, t 1.05s, u 1.05s
    18000ms   attempt of a: $0, 0 tokens: unavailable: the process ended while it was out
    18000ms     expected 1s
    18000ms   attempt of a: $0, 0 tokens
    18000ms     balanced gittins 15s, 0 ahead, 0 behind, t 100ms, u 100ms
    ");
}

#[test]
fn there_is_none_where_others_wait_or_where_it_may_leave_an_effect() {
    assert_snapshot!(after("
        submit r9 a effect=once
        wait 3s
        submit r10 a; b; c; d; e; f; g; h; i
        wait 3s
    "), @"
    12000ms dispatch r9/a#1 on t
    15000ms dispatch r10/a#1 on u
    15000ms dispatch r10/b#1 on t
    15000ms dispatch r10/c#1 on u
    15000ms dispatch r10/d#1 on t
    15000ms dispatch r10/e#1 on u
    15000ms dispatch r10/f#1 on t
    15000ms dispatch r10/g#1 on u
    ");
}

/// Its key says something to the target that has it: no other will do. It leaves when its start is durable.
#[test]
fn what_is_idempotent_is_repeated_where_its_key_is_known() {
    let script = "a effect=idempotent";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent
        records on
        disk slow
        wait 3s
        durable
        ok r9/a!2
        fail r9/a!1 cancelled
        durable
        attempts r9
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms record 64 a dispatched #2 waited [] hold $0
    15000ms > durable
    15000ms dispatch r9/a#2 on t
    15000ms > ok r9/a!2
    15000ms record 65 a finished: Succeed
    15000ms stop r9/a#1
    15000ms record 66 Answered
    15000ms > fail r9/a!1 cancelled
    15000ms record 67 a abandoned, effect uncertain
    15000ms record 68 Done
    15000ms > durable
    15000ms answer r9 succeeded
    15000ms close r9
    15000ms   attempt of a: $0, 0 tokens: uncertain: it was not wanted any more, and may have taken effect
    15000ms     expected 1s
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 1s, u 1s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1s
    ");
}

/// The disk has not kept the start of the second: it was not sent, and nothing of it is left.
#[test]
fn a_crash_before_the_start_of_the_second_is_durable_loses_it() {
    let script = "a effect=idempotent";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent
        disk slow
        wait 3s
        restart
        durable
        ok r9/a
        durable
        attempts r9
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    15000ms restart
    15000ms > durable
    15000ms dispatch r9/a#2 on t
    15000ms > ok r9/a
    15000ms > durable
    15000ms answer r9 succeeded
    15000ms close r9
    15000ms   attempt of a: $0, 0 tokens: unavailable: the process ended while it was out
    15000ms     expected 1s
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 1s, u 1s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 100ms, u 100ms
    ");
}

/// Both may have taken effect, once: the next attempt has the same key.
#[test]
fn a_crash_while_both_are_out_repeats_under_the_same_key() {
    let script = "a effect=idempotent";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent
        wait 3s
        records on
        restart
        ok r9/a
        attempts r9
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on t
    15000ms restart
    15000ms record 65 Opened
    15000ms record 66 Crashed
    15000ms record 67 a ended Lost: Retry { at: Timestamp(15000000) }
    15000ms record 68 a abandoned, effect uncertain
    15000ms record 69 a dispatched #3 waited [] hold $0
    15000ms dispatch r9/a#3 on t
    15000ms > ok r9/a
    15000ms record 70 a finished: Succeed
    15000ms record 71 Answered
    15000ms record 72 Done
    15000ms answer r9 succeeded
    15000ms close r9
    15000ms   attempt of a: $0, 0 tokens: uncertain: the process ended while it was out: it may have taken effect
    15000ms     expected 1s
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 1s, u 1s
    15000ms   attempt of a: $0, 0 tokens: unavailable: the process ended while it was out
    15000ms     expected 1s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     balanced gittins 12s, 0 ahead, 0 behind, t 100ms, u 100ms
    ");
}

/// The effect is one, whatever becomes of the second: it is taken back once, with what the first gave, and not before both have ended.
#[test]
fn what_two_attempts_have_done_is_taken_back_once() {
    let script = "a effect=idempotent compensate; b needs a";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent compensate; b needs a
        wait 3s
        ok r9/a!1
        fail r9/b permanent
        records on
        ok r9/a!2
        ok r9/a/compensate
        submit r10 a effect=idempotent compensate; b needs a
        wait 4s
        ok r10/a!2
        fail r10/b permanent
        fail r10/a!1 cancelled
        ok r10/a/compensate
    "), @r#"
    24000ms dispatch r9/a#1 on t
    25048ms woken: an attempt is slow
    25048ms dispatch r9/a#2 on t
    27000ms > ok r9/a!1
    27000ms stop r9/a#2
    27000ms dispatch r9/b#1 on u
    27000ms > fail r9/b permanent
    27000ms answer r9 failed permanent in b: no luck
    27000ms > ok r9/a!2
    27000ms record 106 a abandoned, effect taken
    27000ms record 107 a/compensate entered
    27000ms record 108 a/compensate dispatched #1 waited [] hold $0
    27000ms dispatch r9/a/compensate#1 on t
    27000ms > ok r9/a/compensate
    27000ms record 109 a/compensate finished: Succeed
    27000ms record 110 Compensated 1, left 0
    27000ms record 111 Done
    27000ms close r9
    27000ms record 112 RunSubmitted
    27000ms record 113 a dispatched #1 waited [] hold $0
    27000ms dispatch r10/a#1 on t
    30145ms woken: an attempt is slow
    30145ms record 114 a dispatched #2 waited [] hold $0
    30145ms dispatch r10/a#2 on t
    31000ms > ok r10/a!2
    31000ms record 115 a finished: Succeed
    31000ms stop r10/a#1
    31000ms record 116 b entered
    31000ms record 117 b dispatched #1 waited [] hold $0
    31000ms dispatch r10/b#1 on u
    31000ms > fail r10/b permanent
    31000ms record 118 b finished: Fail(Failure { class: Permanent, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    31000ms record 119 Answered
    31000ms answer r10 failed permanent in b: no luck
    31000ms > fail r10/a!1 cancelled
    31000ms record 120 a abandoned, effect uncertain
    31000ms record 121 a/compensate entered
    31000ms record 122 a/compensate dispatched #1 waited [] hold $0
    31000ms dispatch r10/a/compensate#1 on t
    31000ms > ok r10/a/compensate
    31000ms record 123 a/compensate finished: Succeed
    31000ms record 124 Compensated 1, left 0
    31000ms record 125 Done
    31000ms close r10
    "#);
}

/// One comes to nothing and may have taken effect, the other certainly did not: that it may have stays.
#[test]
fn what_the_first_may_have_done_stays_in_doubt() {
    let script = "a effect=idempotent compensate";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent compensate
        wait 3s
        records on
        fail r9/a!1 timeout
        fail r9/a!2 permanent
    "), @r#"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on t
    15000ms > fail r9/a!1 timeout
    15000ms record 65 a abandoned, effect uncertain
    15000ms > fail r9/a!2 permanent
    15000ms record 66 a finished: Fail(Failure { class: Permanent, message: "no luck", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    15000ms record 67 Answered
    15000ms record 68 Compensated 0, left 1 a (uncertain: it may have taken effect, and nobody knows)
    15000ms record 69 Done
    15000ms answer r9 failed permanent in a: no luck
    15000ms close r9
    "#);
}

/// A target that has become another one knows no key.
#[test]
fn a_key_is_not_given_to_another_target_under_the_same_name() {
    let script = "a effect=idempotent";
    assert_snapshot!(after_many(script, "
        submit r9 a effect=idempotent
        targets t=4:digest=7 u=4
        wait 3s
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13572ms woken: an attempt is slow
    14359ms woken: an attempt is slow
    ");
}

/// What leaves no effect on one target may leave one on another: that is no place for a second attempt.
#[test]
fn what_may_be_repeated_here_may_not_be_repeated_there() {
    assert_snapshot!(after("
        targets t=4 u=4:effect=idempotent
        submit r9 a
        wait 3s
    "), @"
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on t
    ");
}

/// All goes where it was read before. A second attempt elsewhere reads it anew: 256 ms of a second are too much, 64 are not.
#[test]
fn what_would_have_to_be_read_for_long_is_not_sent_elsewhere() {
    let told = [8_192, 2_048].map(|bytes| {
        let before: String = (101..=112).map(|run| format!("submit r{run} a reads=inputs\ndrain 1s\n")).collect();
        let told = dialogue(&format!(
            "policy hedge=95 share=50\ntargets t=4:remembers=8192 u=4:remembers=8192\nsay a input={bytes}\nsay a begins=abcd\n{before}submit r9 a reads=inputs\nwait 1100ms"
        ));
        let sent = told.lines().filter(|line| line.contains("dispatch r9/")).map(str::trim);
        format!("{bytes}: {}", sent.collect::<Vec<_>>().join(", "))
    });
    assert_snapshot!(told.join("\n"), @"
    8192: 12000ms dispatch r9/a#1 on t
    2048: 12000ms dispatch r9/a#1 on t, 13048ms dispatch r9/a#2 on u
    ");
}
